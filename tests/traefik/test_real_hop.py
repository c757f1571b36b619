"""A request that takes the hop to another node gets what it gets on the node itself."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from rigs.loopback import loopback_addresses
from tests.traefik import h2_stream
from tests.traefik.hop_rig import HopRig, hop_rig, unpublished
from tests.traefik.hop_service import Answer, Service, ask, service, talk

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(120),
]

LOAD_BALANCER = "traefik.http.services.{}.loadbalancer."
WORDS = [b"one\n", b"two\n", b"three\n"]
PAGES = {
    "traefik.http.routers.app.rule": "Host(`app.example.org`)",
    "traefik.http.routers.app.middlewares": "err",
    "traefik.http.middlewares.err.errors.status": "500-599",
    "traefik.http.middlewares.err.errors.service": "pages",
    "traefik.http.middlewares.err.errors.query": "/status/{status}",
}
# What an operator's own file refers to by name: services that may be behind the hop.
OTHER_PROVIDER: dict[str, Any] = {
    "http": {
        "serversTransports": {"anybody": {"insecureSkipVerify": True}},
        "routers": {
            name: {"rule": f"Host(`{name}.example.org`)", "service": name}
            for name in ("weighted", "mirroring", "failover")
        },
        "services": {
            "weighted": {"weighted": {"services": [{"name": "web.example.org@http"}]}},
            "mirroring": {
                "mirroring": {
                    "service": "web.example.org@http",
                    "mirrors": [{"name": "pages@http", "percent": 100}],
                }
            },
            "failover": {
                "failover": {
                    "service": "nothing",
                    "fallback": "web.example.org@http",
                    "errors": {"status": ["503"]},
                }
            },
            "nothing": {"loadBalancer": {"servers": []}},
        },
    }
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopRig]:
    """On beta `web`, `secure`, `talk` and `pages`; `app` on alpha; `held` on both."""
    directory = tmp_path_factory.mktemp("hop")
    with ExitStack() as stack:
        made = stack.enter_context(hop_rig(directory, file_provider=OTHER_PROVIDER))
        of_alpha, of_beta = loopback_addresses(2)

        def run(name: str, host: str, tls: ssl.SSLContext | None = None) -> Service:
            return stack.enter_context(service(name, host, tls))

        web, held = run("web", of_beta), (run("held-alpha", of_alpha), run("held-beta", of_beta))
        secure = run("secure", of_beta, _certified(directory))
        grpc_port = stack.enter_context(h2_stream.echo_server(of_beta))
        sticky = {LOAD_BALANCER.format("held") + "sticky.cookie.name": "session"}
        made.serve(
            [
                unpublished("beta", "web", of_beta, web.port),
                unpublished("beta", "pages", of_beta, web.port, _labels("pages", scheme="http")),
                unpublished("alpha", "app", of_alpha, held[0].port, PAGES),
                unpublished("beta", "talk", of_beta, grpc_port, _labels("talk", scheme="h2c")),
                unpublished(
                    "beta",
                    "secure",
                    of_beta,
                    secure.port,
                    _labels("secure", scheme="https")
                    | {LOAD_BALANCER.format("secure") + "serverstransport": "anybody@file"},
                ),
                unpublished("alpha", "held", of_alpha, held[0].port, sticky),
                unpublished("beta", "held", of_beta, held[1].port, sticky),
            ],
            awaited="web",
        )
        yield made


def _labels(name: str, **server: str) -> dict[str, str]:
    start = LOAD_BALANCER.format(name) + "server."
    return {start + option: value for option, value in server.items()}


def _certified(directory: Path) -> ssl.SSLContext:
    pem = directory / "server.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    files = ["-keyout", str(pem), "-out", str(pem.with_suffix(".crt"))]
    subprocess.run(["openssl", "req", *options, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.with_suffix(".crt"), pem)
    return context


def both(rig: HopRig, host: str, path: str, **options: Any) -> tuple[Answer, Answer]:
    """Ask through alpha and on beta itself; the time of day is not compared."""
    far, near = (ask(rig.nodes[name].web, host, path, **options) for name in ("alpha", "beta"))
    for answer in (far, near):
        answer.headers = [one for one in answer.headers if one[0] != "Date"]
    return far, near


FORGED = (
    "X-Forwarded-For: 8.8.8.8",
    "X_Forwarded_For: 8.8.8.8",
    "X-Real-Ip: 9.9.9.9",
    "X-Forwarded-Proto: https",
    "Forwarded: for=1.2.3.4",
    "Cookie: a=1; b=2",
    "Authorization: Basic eDp5",
    "Te: trailers",
    "X-Empty:",
)
CHUNKED = {"headers": ("Transfer-Encoding: chunked",), "body": b"3\r\nabc\r\n0\r\n\r\n"}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("/echo/a%2Fb//c/../d?x=1&y=%20;z", {}),
    ("/echo", {"headers": FORGED}),
    ("/echo", {"method": "HEAD"}),
    ("/echo", {"method": "OPTIONS"}),
    ("/echo", {"method": "PROPFIND"}),
    ("/echo", {"method": "POST", "headers": ("Content-Length: 5",), "body": b"hello"}),
    ("/echo", {"method": "PUT", **CHUNKED}),
    ("/echo", {"method": "POST", **CHUNKED}),
    ("/status/204", {}),
    ("/status/404", {}),
    ("/status/418", {"method": "POST", "headers": ("Content-Length: 0",)}),
    ("/status/503", {}),
    ("/redirect", {}),
    ("/stream", {}),
]


@pytest.mark.parametrize("host", ["web", "secure"])
@pytest.mark.parametrize(
    ("path", "options"), REQUESTS, ids=[f"{n}{path[:8]}" for n, (path, _) in enumerate(REQUESTS)]
)
def test_a_request_gets_the_same_through_another_node(
    rig: HopRig, host: str, path: str, options: dict[str, Any]
) -> None:
    far, near = both(rig, f"{host}.example.org", path, **options)

    assert far == near
    if path.startswith("/echo") and near.body:
        assert json.loads(near.body)["who"] == host
    if path == "/stream":
        assert (near.trailers, near.pieces >= 2) == ([("X-Sum", "3")], True)


@pytest.mark.parametrize("host", ["web", "secure"])
def test_an_upgraded_connection_takes_the_hop_in_both_directions(rig: HopRig, host: str) -> None:
    for node in rig.nodes.values():
        assert talk(node.web, f"{host}.example.org", WORDS) == (101, WORDS)


@pytest.mark.case("R13")
def test_the_page_for_an_error_comes_from_another_node(rig: HopRig) -> None:
    for node in rig.nodes.values():
        answer = ask(node.web, "app.example.org", "/status/503")

        assert (answer.status, answer.body) == (503, b"own page of web")


@pytest.mark.case("R13")
@pytest.mark.parametrize("kind", ["weighted", "mirroring", "failover"])
def test_a_service_of_another_provider_leads_over_the_hop(rig: HopRig, kind: str) -> None:
    far, near = both(rig, f"{kind}.example.org", "/echo")

    assert far == near
    assert json.loads(far.body)["who"] == "web"


@pytest.mark.case("R14")
def test_a_session_holds_while_its_client_changes_between_nodes(rig: HopRig) -> None:
    for first in (0, 1):
        nodes = list(rig.nodes.values())
        session: tuple[str, ...] = ()
        seen = set()
        for turn in range(10):
            answer = ask(nodes[(turn + first) % 2].web, "held.example.org", headers=session)
            given = [one for one in answer.header("Set-Cookie") if one.startswith("session=")]
            session = (f"Cookie: {given[0].partition(';')[0]}",) if given else session
            seen |= set(answer.header("X-Who"))

        assert len(seen) == 1


@pytest.mark.case("R15")
def test_a_stream_in_both_directions_takes_the_hop(rig: HopRig) -> None:
    far, near = (h2_stream.converse(n.web, "talk.example.org", WORDS) for n in rig.nodes.values())

    assert far == near
    assert far[0] == WORDS


def test_traefik_accepts_everything(rig: HopRig) -> None:
    for node in rig.nodes.values():
        lines = node.traefik.log_text().splitlines()
        # The file is read before the first body of the provider.
        errors = [one for one in lines if '"level":"error"' in one and "@file" not in one]
        assert errors == []
