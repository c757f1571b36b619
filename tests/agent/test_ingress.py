"""A service that publishes no port is reached from every node, through the Traefik of its node."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from rigs.availability import ComponentUnavailableError
from rigs.needs import give_up
from rigs.shipped_traefik import INGRESS_PORT
from tests.agent.ingress_rig import SHOW, Rig, ask_from, ingress_rig

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker", "netns", "traefik"),
    pytest.mark.timeout(300),
]

SERVICE_HEADER = "X-Constellation-Service"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: echo.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """`web` and `prefixed`, which has a middleware, run on beta; `both` runs on alpha and beta."""
    try:
        with ingress_rig(
            tmp_path_factory.mktemp("ingress"), traefik_settings={"local_preference": "failover"}
        ) as made:
            alpha, beta, _ = made.nodes
            beta.run_web("web")
            beta.run_web(
                "prefixed",
                {
                    "traefik.http.routers.prefixed.rule": "Host(`prefixed.localhost`)",
                    "traefik.http.routers.prefixed.middlewares": "show,passed",
                    "traefik.http.middlewares.passed.headers.customresponseheaders.X-Passed": "yes",
                    "traefik.http.middlewares.show.addprefix.prefix": SHOW,
                },
            )
            alpha.run_web("both")
            beta.run_web("both")
            beta.run_echo("echo")
            for service, count in (("web", 1), ("prefixed", 1), ("both", 2), ("echo", 1)):
                made.wait_for(service, count)
            yield made
    except ComponentUnavailableError as error:
        give_up("docker", str(error))


@pytest.mark.parametrize("port", [80, 443])
def test_a_service_without_a_published_port_is_reached_from_every_node(rig: Rig, port: int) -> None:
    for node in rig.nodes:
        shown = node.show("web.localhost", f"{SHOW}/{port}", port=port)

        assert shown == {
            "node": "beta",
            "path": f"/{port}",
            "proto": "https" if port == 443 else "http",
            "host": "web.localhost",
            "client": rig.observer,
        }
    outer = "websecure" if port == 443 else "web"
    passed_on = [outer, "constellation", "constellation"]
    of_alpha, of_beta, of_gamma = rig.entry_points(f"{SHOW}/{port}")
    assert (of_alpha, sorted(of_beta), of_gamma) == ([outer], sorted(passed_on), [outer])


def test_no_other_node_reaches_the_container_directly(rig: Rig) -> None:
    alpha, beta, _ = rig.nodes
    (server,) = beta.servers("web")

    assert ask_from(beta.host, server, {})[0] == 200
    assert ask_from(alpha.host, server, {})[0] == 0


def test_middlewares_are_applied_once(rig: Rig) -> None:
    for node in rig.nodes:
        shown = node.show("prefixed.localhost", "/once")

        assert (shown["node"], shown["path"]) == ("beta", "/once")
        headers = node.headers("prefixed.localhost", "/once")
        assert headers.get_all("X-Passed") == ["yes"]


def test_the_service_header_has_no_effect_at_public_entry_points(rig: Rig) -> None:
    header = {SERVICE_HEADER: "web.localhost"}
    for node in rig.nodes:
        for port in (80, 443):
            assert node.get("other.localhost", SHOW, headers=header, port=port)[0] == 404
            shown = node.show("prefixed.localhost", "/lured", headers=header, port=port)
            assert (shown["node"], shown["path"]) == ("beta", "/lured")
    assert rig.nodes[0].show("both.localhost", headers=header)["node"] == "alpha"


def test_the_ingress_entry_point_accepts_only_members(rig: Rig) -> None:
    alpha, beta, gamma = rig.nodes
    named = {SERVICE_HEADER: "web.localhost", "Host": "web.localhost"}
    url = f"http://{beta.host.address}:{INGRESS_PORT}{SHOW}"

    for forged in ({}, {"X-Forwarded-For": alpha.host.address, "X-Real-Ip": alpha.host.address}):
        assert beta.get("x", SHOW, headers={**named, **forged}, port=INGRESS_PORT)[0] == 404
    assert ask_from(alpha.host, url, named)[0] == 200
    assert ask_from(gamma.host, url, named)[0] == 200
    assert ask_from(alpha.host, url, {"Host": "web.localhost"})[0] == 404
    assert ask_from(alpha.host, url, {**named, SERVICE_HEADER: "none.localhost"})[0] == 502


def test_a_passed_on_request_is_not_passed_on_again(rig: Rig) -> None:
    alpha, _, gamma = rig.nodes
    named = {SERVICE_HEADER: "web.localhost", "Host": "web.localhost"}
    url = f"http://{gamma.host.address}:{INGRESS_PORT}/again"

    assert ask_from(alpha.host, url, named)[0] == 502
    assert rig.entry_points("/again") == [[], [], ["constellation"]]


def test_the_local_instance_is_preferred(rig: Rig) -> None:
    alpha, beta, gamma = rig.nodes

    for node, own in ((alpha, "alpha"), (beta, "beta")):
        assert {node.show("both.localhost")["node"] for _ in range(10)} == {own}
    assert {gamma.show("both.localhost")["node"] for _ in range(10)} == {"alpha", "beta"}


def test_a_chunked_answer_is_streamed(rig: Rig) -> None:
    connection = http.client.HTTPConnection(rig.nodes[0].host.address, timeout=15)
    with closing(connection):
        connection.request("GET", "/cgi-bin/slow", headers={"Host": "web.localhost"})
        response = connection.getresponse()
        first = response.readline()
        first_s = time.monotonic()
        rest = response.read()
        rest_s = time.monotonic()

    assert (first, rest) == (b"first\n", b"last\n")
    assert rest_s - first_s > 1.0


def test_a_slow_service_is_waited_for(rig: Rig) -> None:
    assert rig.nodes[0].get("web.localhost", "/cgi-bin/late") == (200, b"late\n")


def test_an_upgraded_connection_works_in_both_directions(rig: Rig) -> None:
    with socket.create_connection((rig.nodes[0].host.address, 80), timeout=15) as connection:
        connection.sendall(UPGRADE)
        head = connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 "), head
        for word in (b"one\n", b"two\n"):
            connection.sendall(word)
            assert connection.recv(4096) == word


def test_a_route_answers_503_without_a_loop_after_its_only_container_stops(
    rig: Rig,
) -> None:
    stopped = rig.nodes[1].run_web("brief")
    rig.wait_for("brief", 1)
    stopped.stop(timeout=1)
    rig.wait_for("brief", 0)

    for node in rig.nodes:
        assert node.get("brief.localhost", "/stopped")[0] == 503
    assert rig.entry_points("/stopped") == [["web"], ["web"], ["web"]]
    stopped.remove(force=True)


def test_no_request_loops_while_the_container_dies(rig: Rig) -> None:
    dying = rig.nodes[1].run_web("dying")
    rig.wait_for("dying", 1)
    asked: list[tuple[str, int]] = []
    dying.kill()
    deadline_s = time.monotonic() + 4
    while time.monotonic() < deadline_s:
        path = f"/dying-{len(asked)}"
        asked.append((path, rig.nodes[0].get("dying.localhost", path)[0]))

    assert {status for _, status in asked} <= {502, 503, 504}
    assert asked[-1][1] == 503
    retries_max = 7  # the first attempt and the retries of the middleware
    for path, _ in asked:
        of_alpha, of_beta, of_gamma = rig.entry_points(path)
        assert (of_alpha, of_gamma) == (["web"], [])
        assert set(of_beta) <= {"constellation"}
        assert len(of_beta) <= retries_max
    dying.remove(force=True)


def test_traefik_logs_no_error(rig: Rig) -> None:
    for node in rig.nodes:
        lines = [json.loads(line) for line in node.traefik.log_text().splitlines()]
        assert [line for line in lines if line["level"] in {"error", "fatal", "panic"}] == []
