"""Whether this node's Traefik works: from its polls, and from the answers of its entry point."""

from __future__ import annotations

import asyncio

import pytest

from actors.adapters.entry_point import why_refused, why_silent
from constellation.traefik.own_traefik import OwnTraefik
from messages.admin import PartState
from tests.traefik.test_entry_points import answers, is_refused

INGRESS = "10.0.0.1:7948"


def polled(
    times: int, *, every_s: float = 5.0, ingress: str = "", served: bool = True
) -> OwnTraefik:
    traefik = OwnTraefik.at(0.0, ingress)
    for number in range(times):
        traefik.polled(number * every_s, was_served=served)
    return traefik


def state(traefik: OwnTraefik, now_s: float) -> PartState:
    return traefik.part(now_s).state


def test_traefik_that_nobody_configured_and_that_never_polled_is_absent() -> None:
    assert state(polled(0), 1000.0) == "absent"
    assert state(polled(1), 1000.0) == "absent"  # one read may be anyone's


@pytest.mark.case("O5")
def test_traefik_whose_polls_stop_is_lost_until_they_come_again() -> None:
    traefik = polled(3)

    assert state(traefik, 10.0 + 20.0) == "present"
    assert state(traefik, 10.0 + 20.1) == "lost"
    traefik.polled(40.0, was_served=True)
    assert state(traefik, 41.0) == "present"


def test_slow_polls_are_waited_for() -> None:
    traefik = polled(3, every_s=60.0)

    assert state(traefik, 120.0 + 240.0) == "present"
    assert state(traefik, 120.0 + 241.0) == "lost"


def test_traefik_that_got_an_error_backs_off_and_is_waited_for() -> None:
    assert state(polled(3, served=False), 10.0 + 119.0) == "present"
    assert state(polled(3, served=False), 10.0 + 121.0) == "lost"


@pytest.mark.case("O5")
def test_configured_traefik_that_never_polls_is_lost() -> None:
    traefik = OwnTraefik.at(0.0, INGRESS)

    assert state(traefik, 119.0) == "present"
    assert traefik.part(121.0).why == "it has never polled this agent"


@pytest.mark.case("O5")
def test_entry_point_for_other_nodes_that_does_not_answer_is_a_lost_traefik() -> None:
    traefik = OwnTraefik.at(0.0, INGRESS, ["127.0.0.1:80"])
    for point in traefik.entry_points:
        answers(point, 1.0)
    assert (state(traefik, 1.0), traefik.ingress_state(1.0)) == ("present", "works")

    is_refused(traefik.entry_points[0], from_s=2.0)

    assert traefik.part(4.0).why == (
        "its entry point at 10.0.0.1:7948 does not answer: connection refused"
    )
    assert traefik.ingress_state(4.0) == "fails"
    answers(traefik.entry_points[0], 5.0)
    assert (state(traefik, 5.0), traefik.ingress_state(5.0)) == ("present", "works")


PROBE = ["127.0.0.1:80", "127.0.0.1:443"]


def test_one_probed_entry_point_that_does_not_answer_is_a_trouble_and_the_ingress_fails() -> None:
    traefik = OwnTraefik.at(0.0, probe=PROBE)
    http, https = traefik.entry_points
    answers(http, 1.0)
    assert traefik.ingress_state(1.0) == "unknown"

    is_refused(https, from_s=1.0)

    assert (state(traefik, 3.0), traefik.ingress_state(3.0)) == ("present", "fails")
    (trouble,) = traefik.troubles(3.0)
    assert (trouble.what, trouble.why) == (
        "entry point 127.0.0.1:443 of Traefik does not answer", "connection refused",
    )  # fmt: skip


def test_traefik_of_which_no_entry_point_answers_is_lost_and_told_of_once() -> None:
    traefik = OwnTraefik.at(0.0, probe=PROBE)
    for point in traefik.entry_points:
        is_refused(point, from_s=1.0)

    assert traefik.part(3.0).why == (
        "its entry points at 127.0.0.1:443, 127.0.0.1:80 do not answer: connection refused"
    )
    assert traefik.troubles(3.0) == ()
    assert traefik.why_ingress_fails(3.0) == traefik.part(3.0).why


def test_ingress_of_a_traefik_that_only_polls_is_not_known_until_its_polls_stop() -> None:
    traefik = polled(3)

    assert polled(1).ingress_state(1000.0) == "unknown"
    assert traefik.ingress_state(10.0 + 20.0) == "unknown"
    assert traefik.ingress_state(10.0 + 20.1) == "fails"


def test_entry_points_decide_on_the_ingress_although_polls_have_stopped() -> None:
    traefik = OwnTraefik.at(0.0, probe=PROBE)
    for point in traefik.entry_points:
        answers(point, 1.0)

    assert (state(traefik, 200.0), traefik.ingress_state(200.0)) == ("lost", "works")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", ""),
        (b"\x15\x03\x03\x00\x02\x02\x46", ""),
        (b"SSH-2.0-x\r\n", "what listens there does not speak HTTP"),
        (b"", "it closes the connection without an answer"),
        (None, "no answer within 0.2 s"),
    ],
    ids=["an error page", "a TLS alert", "another protocol", "closed", "silent"],
)
def test_any_http_answer_of_an_entry_point_counts(answer: bytes | None, why: str) -> None:
    served: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            writer.close()

    async def ask() -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        told = await why_silent("127.0.0.1", port, timeout_s=0.2)
        server.close()
        for writer in served:
            writer.close()
            await writer.wait_closed()
        return told

    assert asyncio.run(ask()) == why


def test_entry_point_that_nobody_listens_on_is_refused() -> None:
    for ask in (why_silent, why_refused):
        assert asyncio.run(ask("127.0.0.1", 1)) == "connection refused"
