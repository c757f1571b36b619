"""What the other node sees of containers: lent networks, renames, and what is not watched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.agents import Agent, agents
from rigs.docker_engine import PrivateDocker
from rigs.ports import free_port
from rigs.processes import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker"),
    pytest.mark.xdist_group("docker engine"),
]

PORT = {"traefik.http.services.seeds.loadbalancer.server.port": "8080"}


@pytest.fixture
def nodes(docker_engine: PrivateDocker, tmp_path: Path) -> Iterator[list[Agent]]:
    """Two nodes; only the first has Docker."""
    docker = {"docker": {"enabled": True, "socket": f"unix://{docker_engine.socket}"}}
    with agents(tmp_path, 2, settings=[docker, {"docker": {"enabled": False}}]) as made:
        for agent in made:
            agent.wait_for_members(alive=2)
        yield made


@pytest.mark.case("D1", "D2", "D4", "R10", "O6")
def test_other_node_follows_lenders_names_and_mistakes(
    docker_engine: PrivateDocker, nodes: list[Agent]
) -> None:
    here, there = nodes
    port = free_port(here.address)
    published = {"8080/tcp": (here.address, port)}
    vpn = docker_engine.run("vpn", labels={"constellation.enable": "false"}, ports=published)
    docker_engine.run("torrent", labels=PORT, network_mode=f"container:{vpn.id}")
    docker_engine.run("typo", labels={"constellation.enable": "ture"})

    wait_until(
        lambda: there.servers("seeds") == [f"http://{here.address}:{port}"],
        timeout_s=10,
        what="the port of the lender",
    )
    vpn.kill()
    killed_s = time.monotonic()
    there.wait_for_servers("seeds", 0, timeout_s=10)
    gone_s = time.monotonic() - killed_s
    explained = there.run_command("explain", "torrent").stdout
    rejected = there.run_command("rejected").stdout
    found = there.run_command("explain", "typo.localhost").stdout

    container = docker_engine.run("before", ports={"80/tcp": (here.address, free_port())})
    there.wait_for_servers("before.localhost", 1)
    container.rename("after")
    renamed_s = time.monotonic()
    there.wait_for_servers("after.localhost", 1)
    followed_s = time.monotonic() - renamed_s

    assert gone_s < 2.0
    assert "network of vpn, which does not run" in explained
    for text in (rejected, found):
        assert "container typo is not watched" in " ".join(text.split())
        assert "'ture', which is neither true nor false" in " ".join(text.split())
    assert followed_s < 1.5  # a second, on a machine that is not busy with tests
