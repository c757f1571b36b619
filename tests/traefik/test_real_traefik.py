"""A real Traefik: what it makes of bodies, and what it keeps while the agent is down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors import node
from actors.adapters.entry_point import why_refused, why_silent
from actors.http.actor import HttpActor
from constellation.cluster_view import ClusterView
from constellation.settings.agent import Settings
from constellation.settings.http import HttpSettings
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import ClusterChanged
from rigs.ports import free_ports
from tests.harness import Harness
from tests.traefik.builders import endpoint, member, on, snapshot, state
from tests.traefik.conftest import (
    Answering,
    Traefik,
    answering,
    connects,
    free_port,
    wait_until,
)

pytestmark = [pytest.mark.integration, pytest.mark.needs("traefik"), pytest.mark.slow]

RunTraefik = Callable[..., Traefik]
BUILDER = ConfigurationBuilder(settings=TraefikSettings(), domain="localhost")


@pytest.fixture(scope="module")
def polled(run_traefik: RunTraefik) -> Iterator[tuple[Answering, Traefik]]:
    with answering(BUILDER.build(ClusterView().apply(snapshot())).body) as source:
        yield source, run_traefik(f"http://127.0.0.1:{source.server_port}/")


def test_an_empty_body_removes_all_routes_without_an_error(
    polled: tuple[Answering, Traefik],
) -> None:
    source, traefik = polled
    source.body = BUILDER.build(ClusterView().apply(snapshot(on("alpha", state())))).body
    wait_until(lambda: len(traefik.routers()) == 2)

    source.body = BUILDER.build(ClusterView().apply(snapshot())).body

    wait_until(lambda: not traefik.routers())
    assert traefik.complaints() == []


def test_entry_points_with_and_without_tls_answer_a_plain_request_until_traefik_is_killed(
    run_traefik: RunTraefik, tmp_path: Path
) -> None:
    tls_port, redirecting_port = free_ports(2)
    access_log = tmp_path / "access.log"
    traefik = run_traefik(
        "http://127.0.0.1:9/",
        [
            f"--entrypoints.websecure.address=127.0.0.1:{tls_port}",
            "--entrypoints.websecure.http.tls=true",
            f"--entrypoints.plain.address=127.0.0.1:{redirecting_port}",
            "--entrypoints.plain.http.redirections.entrypoint.to=websecure",
            f"--accesslog.filepath={access_log}",
        ],
    )
    ports = (traefik.web_port, tls_port, redirecting_port)
    quiet = [line for line in traefik.complaints() if "127.0.0.1:9" not in line]

    knocks = {asyncio.run(why_refused("127.0.0.1", port)) for port in ports}
    asked = {asyncio.run(why_silent("127.0.0.1", port)) for port in ports}

    assert (knocks, asked) == ({""}, {""})
    wait_until(lambda: access_log.read_text().count("\n") >= 2)
    assert access_log.read_text().count("\n") <= len(ports)  # a knock is not logged
    assert [line for line in traefik.complaints() if "127.0.0.1:9" not in line] == quiet
    traefik.process.kill()
    assert {asyncio.run(why_refused("127.0.0.1", port)) for port in ports} == {"connection refused"}


class Agent:
    """The HTTP actor of one node, without the rest of the agent."""

    def __init__(self, data_dir: Path, port: int) -> None:
        settings = Settings(
            node_name="alpha",
            data_dir=str(data_dir),
            http=HttpSettings(port=port),
            traefik=TraefikSettings(settle_s=0.5, alone_s=30.0),
        )
        self.harness = Harness(HttpActor(), settings, name="http")
        wait_until(lambda: connects(node.settings().http.port))

    def stop(self) -> None:
        self.harness.stop()


def cluster(*backends: Answering, version: int = 1) -> ClusterChanged:
    names = ("alpha", "beta")
    return snapshot(
        *(
            on(name, state(endpoints=(endpoint(80, backend.server_port),)))
            for name, backend in zip(names, backends, strict=False)
        ),
        version=version,
        members=tuple(member(name) for name in names),
    )


@pytest.mark.scenario(24)
def test_routes_stay_while_the_agent_is_down(run_traefik: RunTraefik, tmp_path: Path) -> None:
    port, again_dir = free_port(), tmp_path / "again"
    again_dir.mkdir()
    with answering(b"alpha") as alpha, answering(b"beta") as beta:
        agent = Agent(tmp_path, port)
        agent.harness.deliver(cluster(alpha, beta))
        traefik = run_traefik(f"http://127.0.0.1:{port}/api/dynamic")
        wait_until(lambda: traefik.get("web.localhost")[0] == 200)

        served = [traefik.get("web.localhost") for _ in range(20)]
        only_beta = [traefik.get("web.beta.localhost") for _ in range(5)]
        assert {body for _, body in served} == {b"alpha", b"beta"}
        assert set(only_beta) == {(200, b"beta")}

        agent.stop()
        assert requests_for(traefik, 3.0) == {200}

        # An agent without a snapshot or a saved body: no body.
        forgetful = Agent(again_dir, port)
        forgetful.harness.deliver(snapshot())
        assert requests_for(traefik, 0.4) == {200}
        forgetful.stop()

        # An agent without a snapshot but with a saved body.
        mindful = Agent(tmp_path, port)
        mindful.harness.deliver(snapshot())
        assert requests_for(traefik, 2.0) == {200}
        mindful.harness.deliver(cluster(alpha, version=2))
        wait_until(lambda: "web.beta.localhost" not in traefik.routers())
        assert requests_for(traefik, 0.5) == {200}
        mindful.stop()


def test_a_refusing_backend_is_skipped_before_gossip_knows(
    run_traefik: RunTraefik, tmp_path: Path
) -> None:
    port = free_port()
    with answering(b"alpha") as alpha:
        beta = Answering(b"beta")
        agent = Agent(tmp_path, port)
        agent.harness.deliver(cluster(alpha, beta))
        traefik = run_traefik(f"http://127.0.0.1:{port}/api/dynamic")
        wait_until(lambda: traefik.get("web.localhost")[0] == 200)

        beta.stop()
        assert requests_for(traefik, 1.0) == {200}

        agent.harness.deliver(cluster(version=2))
        wait_until(lambda: not traefik.routers())
        agent.stop()


def test_a_service_without_a_healthy_instance_answers_503(
    run_traefik: RunTraefik, tmp_path: Path
) -> None:
    port = free_port()
    agent = Agent(tmp_path, port)
    agent.harness.deliver(snapshot(on("alpha", state(health="unhealthy"))))
    traefik = run_traefik(f"http://127.0.0.1:{port}/api/dynamic")

    wait_until(lambda: "web.localhost" in traefik.routers(), 10.0)

    assert traefik.get("web.localhost")[0] == 503
    agent.stop()


@pytest.mark.parametrize(
    "page", [b'[{"service": "bad"}]', b"[]", b'[{"name":"web","rule":"Host(`web.localhost`)"}]']
)
def test_traefik_never_reads_a_page_for_people_as_a_configuration(
    run_traefik: RunTraefik, page: bytes
) -> None:
    with answering(
        BUILDER.build(ClusterView().apply(snapshot(on("alpha", state())))).body
    ) as source:
        traefik = run_traefik(f"http://127.0.0.1:{source.server_port}/")
        wait_until(lambda: len(traefik.routers()) == 2)

        source.body = page
        asked_count = source.requests_count
        wait_until(lambda: source.requests_count > asked_count + 1, 10.0)

        assert len(traefik.routers()) == 2


def requests_for(traefik: Traefik, seconds: float) -> set[int]:
    """Return every status seen in a while of steady requests."""
    until_s, seen = time.monotonic() + seconds, set[int]()
    while time.monotonic() < until_s:
        seen.add(traefik.get("web.localhost")[0])
        time.sleep(0.005)
    return seen
