"""The operator's command against whole agents: well, degraded, locked out, and alone."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import ROOT, Agent, agents
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Ran = subprocess.CompletedProcess[str]


def ask(agent: Agent, *words: str) -> Ran:
    return subprocess.run(
        agent.command(*words), cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )


def document(agent: Agent, command: str) -> tuple[int, dict[str, Any]]:
    ran = ask(agent, command, "--json")
    assert ran.stderr == ""
    return ran.returncode, json.loads(ran.stdout)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Agent]]:
    with agents(tmp_path_factory.mktemp("pair"), 2) as made:
        wait_until(
            lambda: document(made[0], "nodes")[1]["nodes"][1]["agent_version"] != "",
            timeout_s=10,
            what="the other node's record",
        )
        yield made


def test_healthy_cluster_gives_exit_code_0(pair: list[Agent]) -> None:
    for command in ("status", "nodes", "services"):
        ran = ask(pair[0], command)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout


def test_status_holds_each_nodes_own_report(pair: list[Agent]) -> None:
    code, report = document(pair[0], "status")

    assert (code, report["degraded"], report["unanswered"]) == (0, [], [])
    assert [node["node"] for node in report["nodes"]] == ["alpha", "beta"]
    for node, agent in zip(report["nodes"], pair, strict=True):
        running = {one["name"]: one["process_id"] for one in node["actors"]}
        assert running["admin"] == agent.process_id_of("admin")


@pytest.mark.case("O10")
def test_command_with_another_key_is_refused_with_the_reason(
    pair: list[Agent], tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("x" * 40)
    (tmp_path / "key").chmod(0o600)
    content = json.loads(pair[0].config.read_text())
    del content["cluster_key"]
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps({**content, "cluster_key_file": str(tmp_path / "key")}))
    command = [str(other) if word == str(pair[0].config) else word for word in pair[0].command()]

    ran = subprocess.run(
        [*command, "status"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert "another cluster_key" in ran.stderr


def test_command_without_an_agent_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    with agents(tmp_path, 1, start=False) as (agent,):
        ran = ask(agent, "status")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert f"no agent answers at {agent.address}:7947" in ran.stderr
    assert "start it" in ran.stderr
    assert not agent.data_dir.exists()


def test_failed_service_and_dead_node_are_degraded(tmp_path: Path) -> None:
    web = {"name": "web", "address": "127.0.0.1:9", "check": "tcp"}
    with agents(tmp_path, 2, settings=[{"static_services": [web]}, {}]) as (alpha, beta):
        wait_until(
            lambda: "unhealthy" in ask(beta, "services").stdout, timeout_s=15, what="web's failure"
        )
        services_code, of_services = document(beta, "services")
        assert document(beta, "nodes")[0] == 0
        began_s = time.monotonic()
        document(alpha, "status")
        usual_s = time.monotonic() - began_s

        beta.process.kill()
        began_s = time.monotonic()
        silent_code, silent = document(alpha, "status")
        took_s = time.monotonic() - began_s
        wait_until(
            lambda: (
                "node beta is dead: it does not respond" in document(alpha, "status")[1]["degraded"]
            ),
            timeout_s=40,
            what="beta's death",
        )
        dead = ask(alpha, "nodes")

    (row,) = of_services["services"]
    assert (row["node"], row["health"], row["routable"]) == ("alpha", "unhealthy", False)
    assert services_code == 2
    assert (silent_code, silent["unanswered"]) == (2, ["beta"])
    assert took_s < usual_s + 3  # it waits 2 s for beta, whatever else the machine does
    assert dead.returncode == 2
    assert dead.stdout.splitlines()[1].split()[:2] == ["beta", "dead"]


def test_node_that_left_is_a_note_and_not_degraded(tmp_path: Path) -> None:
    with agents(tmp_path, 2) as (alpha, beta):
        beta.stop()
        wait_until(
            lambda: "node beta has left the cluster" in document(alpha, "status")[1]["notes"],
            timeout_s=10,
            what="beta's leave",
        )

        code, report = document(alpha, "status")

    assert (code, report["degraded"], report["nodes_total"]) == (0, [], 1)
