"""Whether this node's Traefik works: from its polls, and from the answers of its entry point."""

from __future__ import annotations

import asyncio

import pytest

from actors.adapters.entry_point import why_silent
from constellation.traefik.own_traefik import OwnTraefik
from messages.admin import PartState

INGRESS = "10.0.0.1:7948"


def polled(
    times: int, *, every_s: float = 5.0, ingress: str = "", served: bool = True
) -> OwnTraefik:
    traefik = OwnTraefik(ingress, 0.0)
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
    traefik = OwnTraefik(INGRESS, 0.0)

    assert state(traefik, 119.0) == "present"
    assert traefik.part(121.0).why == "it has never polled this agent"


@pytest.mark.case("O5")
def test_entry_point_must_fail_twice_in_a_row() -> None:
    traefik = polled(3, ingress=INGRESS)

    traefik.asked("connection refused")
    assert state(traefik, 11.0) == "present"
    traefik.asked("connection refused")
    assert traefik.part(11.0).why == (
        "its entry point at 10.0.0.1:7948 does not answer: connection refused"
    )
    traefik.asked("")
    assert state(traefik, 11.0) == "present"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", ""),
        (b"SSH-2.0-x\r\n", "what listens there does not speak HTTP"),
        (b"", "it closes the connection without an answer"),
        (None, "no answer within 0.2 s"),
    ],
    ids=["an error page", "another protocol", "closed", "silent"],
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
    assert asyncio.run(why_silent("127.0.0.1", 1)) == "connection refused"
