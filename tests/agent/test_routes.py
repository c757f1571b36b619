"""Three agents, a Docker Engine for each, and a Traefik that polls one of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.availability import ComponentUnavailableError
from rigs.docker_engine import PrivateDocker, private_docker
from rigs.load import Load
from rigs.needs import give_up
from rigs.ports import free_port
from rigs.processes import wait_until
from rigs.prometheus import prometheus
from rigs.traefik import Traefik, traefik

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker", "traefik"),
    pytest.mark.timeout(300),
]

HOST = "whoami.localhost"
GONE_WITHIN_S = 1.0


@dataclass
class Rig:
    """The cluster and its containers."""

    agents: list[Agent]
    engines: list[PrivateDocker]
    traefik: Traefik
    containers: list[Any]

    def whole(self) -> bool:
        return all(len(agent.servers("whoami.localhost")) == 3 for agent in self.agents)

    def wait_until_whole(self) -> None:
        """Wait until every body has all three instances, and Traefik has applied it."""
        wait_until(self.whole, timeout_s=20, what="the whole cluster in every body")
        wait_until(self._whole_in_traefik, timeout_s=10, what=lambda: f"{self.traefik.servers()}")

    def _whole_in_traefik(self) -> bool:
        servers = self.traefik.servers()
        names = ["whoami.localhost", *(f"whoami.{agent.name}.localhost" for agent in self.agents)]
        return [len(servers.get(name, ())) for name in names] == [3, 1, 1, 1]

    def complaints(self) -> list[str]:
        """Return Traefik's error lines, without failed polls while the agent is down."""
        return [line for line in self.traefik.error_lines() if "Provider error" not in line]

    def whoami(self, number: int) -> Any:
        """Start one instance of the service; it answers with the name of its node."""
        agent = self.agents[number]
        page = f"mkdir /www; echo {agent.name} > /www/index.html; exec httpd -f -p 80 -h /www"
        return self.engines[number].run(
            "whoami",
            *("sh", "-c", page),
            labels={"traefik.enable": "true"},
            ports={"80/tcp": (agent.address, free_port(agent.address))},
        )


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    directory = tmp_path_factory.mktemp("rig")
    with contextlib.ExitStack() as stack:
        try:
            engines = [stack.enter_context(private_docker()) for _ in range(3)]
        except ComponentUnavailableError as error:
            give_up("docker", str(error))
        settings = [
            {
                "docker": {"enabled": True, "socket": str(engine.socket)},
                "traefik": {"version": "3.7"},
            }
            for engine in engines
        ]
        nodes = stack.enter_context(agents(directory, 3, settings=settings))
        polled = nodes[1].endpoint
        web = stack.enter_context(traefik(polled, directory / "traefik"))
        made = Rig(nodes, engines, web, [])
        made.containers = [made.whoami(number) for number in range(3)]
        made.wait_until_whole()
        yield made


def test_a_traefik_that_polls_one_node_reaches_the_instances_of_all_nodes(rig: Rig) -> None:
    served = {rig.traefik.get(HOST)[1].strip() for _ in range(12)}

    assert served == {b"alpha", b"beta", b"gamma"}
    for agent in rig.agents:
        status, body = rig.traefik.get(f"whoami.{agent.name}.localhost")
        assert (status, body.strip()) == (200, agent.name.encode())
    assert rig.complaints() == []


@pytest.mark.scenario(26)
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_dead_container_leaves_all_bodies_within_1_s_and_no_request_fails(
    rig: Rig, how: str
) -> None:
    with Load(rig.traefik, HOST).running() as load:
        wait_until(lambda: len(load.answers) > 20, timeout_s=10, what="some load")
        began_s = time.monotonic()
        if how == "kill":
            rig.containers[0].kill()
        else:
            rig.containers[0].stop(timeout=1)
        died_s = time.monotonic()
        wait_until(
            lambda: all(len(agent.servers("whoami.localhost")) == 2 for agent in rig.agents),
            timeout_s=10,
            what="it to be in no body",
        )
        gone_s = time.monotonic()
        wait_until(
            lambda: len(rig.traefik.servers()["whoami.localhost"]) == 2,
            timeout_s=5,
            what="Traefik to take that up",
        )
        rest_s = time.monotonic()
        wait_until(lambda: load.answers[-1].began_s > rest_s + 0.5, timeout_s=10, what="more load")

    rig.containers[0].remove(force=True)
    rig.containers[0] = rig.whoami(0)
    rig.wait_until_whole()

    assert gone_s - died_s < GONE_WITHIN_S
    assert load.failed(since_s=began_s) == []
    assert load.served_by(since_s=rest_s) == {"beta", "gamma"}


@pytest.mark.scenario(24)
def test_routes_stay_while_the_agent_is_down_and_after_it_restarts(rig: Rig) -> None:
    rig.wait_until_whole()
    polled = rig.agents[1]
    before = rig.traefik.servers()

    polled.process.kill()
    away_s = time.monotonic()
    while time.monotonic() < away_s + 60:
        assert rig.traefik.servers() == before
        assert rig.traefik.get(HOST)[0] == 200
        time.sleep(1)
    (polled.data_dir / "traefik-last-good.json").unlink()
    with Load(rig.traefik, HOST).running() as load:
        polled.start(wait=False)
        seen = []

        def settled() -> bool:
            seen.append(rig.traefik.servers())
            return polled.health().get("routes") == "settled"

        wait_until(settled, timeout_s=30, what=lambda: f"{polled.health()}")
        wait_until(rig.whole, timeout_s=10, what="the whole cluster in every body")

    assert [servers for servers in seen if servers != before] == []
    assert load.failed() == []
    assert rig.traefik.servers() == before


@pytest.mark.scenario(43)
def test_no_request_fails_while_all_agents_are_restarted_in_turn(rig: Rig) -> None:
    with Load(rig.traefik, HOST).running() as load:
        for agent in rig.agents:
            assert agent.stop() == 0
            agent.start()
            wait_until(rig.whole, timeout_s=20, what="every body to be whole again")

    assert len(load.answers) > 100
    assert load.failed() == []


@pytest.mark.scenario(25)
def test_only_the_container_with_a_broken_label_is_left_out(rig: Rig) -> None:
    rig.wait_until_whole()
    before = rig.traefik.servers()
    broken = rig.engines[2].run(
        "broken",
        labels={"traefik.enable": "true", "traefik.http.routers.broken.rule": "Host(`a`"},
        ports={"80/tcp": (rig.agents[2].address, free_port(rig.agents[2].address))},
    )
    try:
        wait_until(
            lambda: b"broken" in rig.agents[1].get("/api/rejected")[1],
            timeout_s=10,
            what="it to be listed",
        )
        time.sleep(1)  # Traefik polls what the agent now serves
        after = rig.traefik.servers()
        rejected = rig.agents[1].get("/api/rejected")[1]
        told = {
            words: rig.agents[1].run_command(*words)
            for words in (("rejected",), ("explain", "broken"), ("explain", HOST))
        }
    finally:
        broken.remove(force=True)

    assert {name: after[name] for name in before} == before
    assert b"rule" in rejected
    left_out, broken_one, well = told.values()
    assert "broken on gamma: traefik.http.routers.broken.rule" in left_out.stdout
    assert "no route leads to broken" in broken_one.stdout
    assert [ran.returncode for ran in told.values()] == [2, 2, 0]
    assert f"{HOST} has 1 route, 3 instances serving (as beta sees it)" in well.stdout
    assert rig.complaints() == []


@pytest.mark.needs("prometheus")
def test_prometheus_scrapes_every_actor_process(rig: Rig, tmp_path: Path) -> None:
    targets = [agent.endpoint.split("/")[2] for agent in rig.agents]
    with prometheus(targets, tmp_path) as server:
        server.wait_for_targets_up()
        wait_until(
            lambda: len(server.query('process_start_time_seconds{actor!=""}')) >= 3 * 6,
            timeout_s=15,
            what="a start time of each process",
        )
        found = {row["metric"]["actor"] for row in server.query("process_start_time_seconds")}

    assert found >= {
        "gossip", "http", "leases", "light", "raft", "supervisor",
    }  # fmt: skip
