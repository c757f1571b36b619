"""Whole agents decide together who leads: after crashes, cut cables, cold starts and orders."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents, agents_on, start_all
from rigs.fixtures import MakeHosts
from rigs.processes import wait_until
from rigs.raft_lab import (
    acts_in,
    assert_exclusive,
    leader_of,
    order,
    raft_status,
    statuses,
    wait_for_leader,
    wait_for_voters,
    with_writers,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

THREE = {"raft": {"bootstrap_expect": 3}}
ELECTION_TIMEOUT_S = 1.0  # the default; a wait for it is up to twice that
STEP_DOWN_S = ELECTION_TIMEOUT_S + 0.5  # and what it takes to see it


def status(agent: Agent) -> dict[str, Any]:
    """Return what the operator's command says on that node."""
    done = agent.run_command("status", "--json")
    return dict(json.loads(done.stdout)) if done.stdout else {"error": done.stderr}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Agent]]:
    """Three agents that begin a cluster, and an actor in each that acts on leases."""
    with agents(tmp_path, 3, settings=THREE, start=False) as nodes:
        with_writers(nodes, tmp_path / "acts")
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        yield nodes


@pytest.mark.scenario(1)
def test_leader_that_is_killed_is_replaced_and_the_log_goes_on(
    three: list[Agent], tmp_path: Path
) -> None:
    leader = wait_for_leader(three)
    others = [agent for agent in three if agent is not leader]
    before = raft_status(leader)
    assert before is not None

    leader.process.kill_session()
    killed_s = time.monotonic()
    wait_for_leader(others, timeout_s=3 * 2 * ELECTION_TIMEOUT_S)
    assert time.monotonic() - killed_s < 3 * 2 * ELECTION_TIMEOUT_S

    leader.start()
    wait_until(lambda: _are_equal(three), timeout_s=15, what="equal logs")
    after = raft_status(three[0])
    assert after is not None
    assert after.commit_index > before.commit_index
    assert_exclusive(acts_in(tmp_path / "acts"))


def _are_equal(nodes: Sequence[Agent]) -> bool:
    found = statuses(nodes)
    same = {(one.term, one.leader, one.applied_index) for one in found}
    return len(found) == len(nodes) and len(same) == 1


@pytest.mark.scenario(2)
@pytest.mark.needs("netns")
def test_leader_that_is_cut_off_steps_down_and_acts_on_no_lease(
    make_hosts: MakeHosts, tmp_path: Path
) -> None:
    hosts = make_hosts(3)
    with agents_on(hosts, tmp_path, THREE, start=False) as nodes:
        file = with_writers(nodes, tmp_path / "acts")
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        leader = wait_for_leader(nodes)
        wait_until(lambda: len(acts_in(file)) > 20, timeout_s=10, what="acts")

        hosts.cut(hosts[nodes.index(leader)])
        cut_s = time.monotonic()
        others = [agent for agent in nodes if agent is not leader]
        wait_for_leader(others)
        wait_until(
            lambda: {act.node for act in acts_in(file)[-10:]} <= {one.name for one in others},
            timeout_s=15,
            what="another holder",
        )

        late = [act.at_s - cut_s for act in acts_in(file) if act.node == leader.name][-1]
        assert late < STEP_DOWN_S
        assert_exclusive(acts_in(file))
        hosts.heal()
        wait_until(lambda: _are_equal(nodes), timeout_s=20, what="equal logs")


@pytest.mark.scenario(11)
def test_cluster_grows_automatically_and_loses_its_leader_and_a_dead_node(tmp_path: Path) -> None:
    settings = [{"raft": {"bootstrap_expect": 1}}] + [{}] * 4
    with agents(tmp_path, 5, settings=settings, start=False) as nodes:
        nodes[0].start()
        wait_for_voters(nodes[:1], ["alpha"])
        for size in (3, 5):
            for agent in nodes[:size]:
                if raft_status(agent) is None:
                    agent.start()
            wait_for_voters(nodes[:size], [agent.name for agent in nodes[:size]])
        for agent in nodes[1:]:
            assert len(agent.events("cluster_joined")) == 1

        old = wait_for_leader(nodes)
        done = order(old, "remove", old.name)
        assert done.is_done, done.text
        rest = [agent for agent in nodes if agent is not old]
        leader = wait_for_leader(rest)
        dead = next(agent for agent in rest if agent is not leader)
        dead.process.kill_session()
        done = order(leader, "remove", dead.name)
        assert done.is_done, done.text

        left = {agent.name for agent in rest} - {dead.name}
        wait_for_voters(rest, left)
        time.sleep(3)  # nobody who was removed comes back by itself
        wait_for_voters(rest, left)
        done = order(leader, "add", old.name)
        assert done.is_done, done.text
        wait_until(lambda: _is_member(leader, old.name), timeout_s=10, what="it to be a member")


def _is_member(leader: Agent, name: str) -> bool:
    found = raft_status(leader)
    return found is not None and name in (*found.voters, *found.learners)


@pytest.mark.scenario(12)
def test_all_start_at_once_into_one_cluster_again_and_again(tmp_path: Path) -> None:
    with agents(tmp_path, 3, settings=THREE) as nodes:
        names = [agent.name for agent in nodes]
        wait_for_voters(nodes, names)
        first = {found.cluster_id for found in statuses(nodes)}
        assert len(first) == 1
        for _ in range(2):
            for agent in nodes:
                agent.process.kill_session()
            start_all(nodes)
            wait_for_voters(nodes, names)
        again = {found.cluster_id for found in statuses(nodes)}
        assert again == first


@pytest.mark.scenario(12)
def test_two_clusters_that_meet_stay_two_and_say_so(tmp_path: Path) -> None:
    alone = {"gossip": {"seeds": []}, "raft": {"bootstrap_expect": 1}}
    with agents(tmp_path, 2, settings=[alone, alone], start=False) as nodes:
        for agent in nodes:
            agent.start()
            wait_for_voters([agent], [agent.name])
        ids = [found.cluster_id for found in statuses(nodes)]
        nodes[1].stop()
        seeds = {"seeds": [f"{nodes[0].address}:7946"]}
        nodes[1].configure({**nodes[1].settings, "gossip": seeds})
        nodes[1].start()
        nodes[1].wait_for_members(alive=2)

        wait_until(
            lambda: all("do not merge" in str(status(agent).get("degraded")) for agent in nodes),
            timeout_s=15,
            what=lambda: f"both to say so: {[status(agent).get('degraded') for agent in nodes]}",
        )
        assert [found.cluster_id for found in statuses(nodes)] == ids
        assert [found.voters for found in statuses(nodes)] == [("alpha",), ("beta",)]


@pytest.mark.scenario(13)
def test_preferred_node_leads_again_within_a_minute_of_its_return(tmp_path: Path) -> None:
    settings = [{**THREE, "priority": priority} for priority in (50, 10, 100)]
    with agents(tmp_path, 3, settings=settings) as nodes:
        preferred = nodes[1]
        assert wait_for_leader(nodes, among=[preferred], timeout_s=60) is preferred
        preferred.process.kill_session()
        others = [nodes[0], nodes[2]]
        wait_for_leader(others)

        preferred.start()
        back_s = time.monotonic()
        wait_for_leader(nodes, among=[preferred], timeout_s=60)
        assert time.monotonic() - back_s < 60
        time.sleep(10)
        assert leader_of(nodes) is preferred
        terms = {found.term for found in statuses(nodes)}
        assert len(terms) == 1


@pytest.mark.scenario(14)
def test_survivor_of_two_reports_no_quorum_and_keeps_routing(tmp_path: Path) -> None:
    service = {"name": "web", "address": "127.0.0.1:1", "check": "tcp"}
    two = {"raft": {"bootstrap_expect": 2}, "static_services": [service]}
    with agents(tmp_path, 2, settings=[two, two], start=False) as nodes:
        file = with_writers(nodes, tmp_path / "acts")
        start_all(nodes)
        wait_for_voters(nodes, ["alpha", "beta"])
        leader = wait_for_leader(nodes)
        survivor = next(agent for agent in nodes if agent is not leader)
        wait_until(lambda: survivor.get("/api/dynamic")[0] == 200, timeout_s=20, what="routes")

        leader.process.kill_session()
        wait_until(
            lambda: "no quorum: 1 of 2 voters" in str(status(survivor).get("degraded")),
            timeout_s=30,
            what=lambda: f"it to say so: {status(survivor)}",
        )
        assert survivor.get("/api/dynamic")[0] == 200
        acts = acts_in(file)
        assert {act.node for act in acts} == {leader.name}
        assert len(acts) == len(acts_in(file))
