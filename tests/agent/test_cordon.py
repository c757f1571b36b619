"""Whole agents: a cordoned node gets no requests from any of them, until it is uncordoned."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.http_backend import __file__ as backend_file
from rigs.ports import free_port
from rigs.processes import running, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

SEEN_WITHIN_S = 1.0
STAYS_S = 2.0
WEB, SOLO = "web.localhost", "solo.localhost"
POLL_S = 0.01
WHY = "kernel upgrade"


def json_of(agent: Agent, *words: str) -> dict[str, Any]:
    done = agent.run_command(*words, "--json")
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def bodies(cluster: Sequence[Agent], service: str = WEB) -> list[list[str]]:
    return [agent.servers(service) for agent in cluster]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[Agent]]:
    """Three agents with an instance of `web` each; beta has the only one of `solo`."""
    with contextlib.ExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        for port in ports:
            command = ["python3", backend_file, "--name", f"web-{port}", "--port", str(port)]
            log_file = tmp_path / f"web-{port}.log"
            stack.enter_context(running(command, log_file=log_file)).wait_for_port(port)
        checks = [
            {"address": f"127.0.0.1:{port}", "check": "http", "interval_s": 0.3} for port in ports
        ]
        served: list[list[dict[str, Any]]] = [[{"name": "web", **check}] for check in checks]
        served[1].append({"name": "solo", **checks[1]})
        settings = [{"static_services": services} for services in served]
        made = stack.enter_context(agents(tmp_path, 3, settings=settings))
        for agent in made:
            agent.wait_for_servers(WEB, 3)
            agent.wait_for_servers(SOLO, 1)
        yield made


def server_of(agent: Agent) -> str:
    return f"http://{agent.settings['static_services'][0]['address']}"


def seconds_until_seen(
    cluster: Sequence[Agent], command: list[str], about: Agent, *, count: int
) -> tuple[subprocess.CompletedProcess[str], dict[str, float]]:
    """Run a command; return when each body had `count` servers, from its node's word on."""
    known = len(about.events("cordon_changed"))
    seen_at: dict[str, datetime] = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline_s = time.monotonic() + 20
        while len(seen_at) < len(cluster) and time.monotonic() < deadline_s:
            for agent in cluster:
                if agent.name not in seen_at and len(agent.servers(WEB)) == count:
                    seen_at[agent.name] = datetime.now(UTC)
            time.sleep(POLL_S)
        out, err = run.communicate(timeout=20)
    done = subprocess.CompletedProcess(command, run.returncode, out, err)
    (said,) = about.events("cordon_changed")[known:]
    said_at = datetime.fromisoformat(said["timestamp"])
    return done, {name: (at - said_at).total_seconds() for name, at in seen_at.items()}


def events_of(agent: Agent) -> list[tuple[str, str, str]]:
    """Return what that node tells of cordons, the latest first."""
    rows = json_of(agent, "events")["events"]
    return [(row["what"], row["node"], row["reason"]) for row in rows if "cordoned" in row["what"]]


def test_cordoned_node_gets_no_requests_within_1_s_and_after_a_crash(
    cluster: list[Agent],
) -> None:
    alpha, beta, gamma = cluster
    rest = sorted(server_of(agent) for agent in (alpha, gamma))

    command = alpha.command("cordon", "beta", "--reason", WHY)
    done, seen_s = seconds_until_seen(cluster, command, beta, count=2)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        "beta is cordoned (kernel upgrade): 2 service instances take no requests; 1 of them has no "
        "other healthy instance: solo (503 now)"
    )
    assert sorted(seen_s) == ["alpha", "beta", "gamma"]
    assert max(seen_s.values()) < SEEN_WITHIN_S, seen_s
    assert bodies(cluster) == [rest] * 3
    assert bodies(cluster, SOLO) == bodies(cluster, "web.beta.localhost") == [[]] * 3
    _assert_people_see_it(cluster)

    # Nobody hears of the end: the agent is away at once, as after a power cut.
    beta.process.kill_session()
    beta.start()
    until_s = time.monotonic() + STAYS_S
    while beta.health().get("routes") != "settled" or time.monotonic() < until_s:
        assert all(server_of(beta) not in body for body in bodies(cluster))
        assert time.monotonic() < until_s + 20, beta.health()
    for agent in cluster:
        agent.wait_for_members(alive=3)
    assert bodies(cluster) == [rest] * 3
    again = json_of(gamma, "cordon", "beta")
    assert (again["was_already"], again["reason"]) == (True, WHY)

    done, seen_s = seconds_until_seen(cluster, gamma.command("uncordon", "beta"), beta, count=3)

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "beta is uncordoned: 2 service instances take requests; 1 of them has no other healthy "
        "instance: solo\n"
    )
    assert len(seen_s) == 3
    assert max(seen_s.values()) < SEEN_WITHIN_S, seen_s
    wait_until(
        lambda: all(len(body) == 1 for body in bodies(cluster, SOLO)), timeout_s=2, what="solo"
    )
    for agent in (alpha, gamma):
        assert events_of(agent) == [("uncordoned", "beta", ""), ("cordoned", "beta", WHY)]
    assert events_of(beta) == [("uncordoned", "beta", "")]  # it was started in between
    assert not list(beta.data_dir.glob("*cordon*"))


def _assert_people_see_it(cluster: Sequence[Agent]) -> None:
    for agent in cluster:
        status = json_of(agent, "status")
        assert [text for text in status["notes"] if "cordoned" in text] == [
            (
                "node beta is cordoned: kernel upgrade; 2 service instances there get no requests; "
                "`constellation uncordon beta` ends it"
            )
        ]
        assert [text for text in status["degraded"] if "cordoned" in text] == [
            ("service solo is down: healthy on beta (its node is cordoned: kernel upgrade)")
        ]
        rows = {row["node"]: row for row in json_of(agent, "nodes")["nodes"]}
        assert (rows["beta"]["cordoned"], rows["beta"]["cordon_reason"]) == (True, WHY)
        assert not rows["alpha"]["cordoned"]
        assert events_of(agent) == [("cordoned", "beta", WHY)]
    wait_until(lambda: _gauge(cluster[1]) == "1.0", timeout_s=10, what="the metric of beta")
    assert _gauge(cluster[0]) == "0.0"


def _gauge(agent: Agent) -> str:
    _, body = agent.get("/metrics")
    lines = [line for line in body.decode().splitlines() if "admin_cordoned{" in line]
    return lines[0].rpartition(" ")[2] if lines else ""


def test_cordon_survives_its_actor_and_impossible_orders_are_refused_in_one_line(
    cluster: list[Agent],
) -> None:
    alpha, beta, gamma = cluster
    assert beta.run_command("cordon", "beta").returncode == 0  # its own operator
    for agent in cluster:
        agent.wait_for_servers(WEB, 2, timeout_s=2)

    before = beta.process_id_of("admin")
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: beta.process_id_of("admin") not in {0, before}, timeout_s=5, what="another admin"
    )
    until_s = time.monotonic() + STAYS_S
    while time.monotonic() < until_s:
        assert all(len(body) == 2 for body in bodies(cluster))

    unknown = alpha.run_command("cordon", "delta")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == (
        "constellation: cannot cordon delta: no node named delta; the nodes are: alpha, "
        "beta, gamma\n"
    )
    assert gamma.stop() == 0
    wait_until(
        lambda: "it has left the cluster" in alpha.run_command("cordon", "gamma").stderr,
        timeout_s=10,
        what="gamma to have left",
    )
    os.kill(beta.process_id_of("admin"), signal.SIGSTOP)
    silent = alpha.run_command("uncordon", "beta")
    assert silent.returncode == 1
    assert "took effect: uncordon beta: its agent did not answer" in silent.stderr
