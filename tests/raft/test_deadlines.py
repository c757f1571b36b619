"""A Raft host says when it must be called: three of them, with faults, and one that is alone."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.raft.disk import RaftDisk
from constellation.raft.host import LATENESS_LOOK_S, LOOK_S, RaftHost
from constellation.raft.member import STEWARD_INTERVAL_S, MemberInput, MemberPolicy
from constellation.raft.policy import RaftPolicy
from constellation.raft.roster import RosterNode
from constellation.raft.steward import StewardPolicy
from constellation.wire import encode
from messages.leases import LeaseAcquire
from messages.raft_member import LeasesRead, RaftOrder, RaftPropose
from tests.simulation.raft_disk import saved

STEP_S = 0.01
NAMES = ("a", "b", "c")
POLICY = RaftPolicy()
STEWARD = StewardPolicy(replace_after_s=5.0, preferred_stable_s=3.0)

Event = tuple[str, str]


class Cluster:
    """Hosts on one clock; a message takes one step."""

    def __init__(
        self, seed: int, *, at_each_step: bool, names: tuple[str, ...] = NAMES, expect: int = 0
    ) -> None:
        self.at_each_step = at_each_step
        self.now_s = 100.0
        self.calls = 0
        self.trace: list[tuple[int, str, Any]] = []
        self.cut: set[str] = set()
        self.cluster_ids = dict.fromkeys(names, "")
        self.disks = dict.fromkeys(names, RaftDisk())
        self.hosts = {
            name: RaftHost(
                node_name=name,
                policy=MemberPolicy(POLICY, STEWARD, bootstrap_expect=expect or len(names)),
                random=Random(f"{seed} {name}"),
                utc_s=1.0,
            )
            for name in names
        }
        self._coming: list[tuple[str, str, Any]] = []
        self._number = 0
        self._touched: set[str] = set()  # hosts to which something has happened
        for name, host in self.hosts.items():
            assert host.begin(self.disks[name], self.now_s)
        self._tell_roster()

    def _tell_roster(self) -> None:
        roster = {
            name: RosterNode(name not in self.cut, cluster_id, 10 * NAMES.index(name))
            for name, cluster_id in self.cluster_ids.items()
        }
        for host in self.hosts.values():
            host.set_roster(roster)
        self._touched |= self.hosts.keys()

    def happen(self, event: Event) -> None:
        """Do what a test asks for."""
        kind, name = event
        host = self.hosts[name]
        self._touched.add(name)
        self._number += 1
        match kind:
            case "cut":
                self.cut ^= {name}
                self._tell_roster()
            case "propose":
                lease = LeaseAcquire(
                    name=f"lease-{self._number}", holder=name, session="s", ttl_s=4.0, number=1
                )
                host.receive(RaftPropose(commands=(encode(lease),), number=self._number), name)
            case "read":
                host.receive(LeasesRead(number=self._number), name)
            case "transfer":
                host.receive(RaftOrder(number=self._number, action="transfer", node=name), name)
            case _:
                assert kind == "yield", f"unknown event {kind}"
                host.begin_to_yield(self.now_s)

    def step(self, step: int, events: list[Event]) -> None:
        self.now_s = 100.0 + step * STEP_S
        coming, self._coming = self._coming, []
        for source, to, message in coming:
            if not {source, to} & self.cut and isinstance(message, get_args(MemberInput)):
                self.hosts[to].receive(message, source)
                self._touched.add(to)
        for event in events:
            self.happen(event)
        touched, self._touched = self._touched, set()
        for name, host in self.hosts.items():
            if name in touched:
                self._work(step, name, host)
            if self.at_each_step or host.next_due_s <= self.now_s:
                self.calls += 1
                host.tick(self.now_s)
                self._work(step, name, host)
        ids = {name: disk.identity.cluster_id for name, disk in self.disks.items()}
        if ids != self.cluster_ids:
            self.cluster_ids = ids
            self._tell_roster()

    def _work(self, step: int, name: str, host: RaftHost) -> None:
        while (batch := host.next_batch(self.now_s)) is not None:
            for save in batch.saves:
                self.disks[name] = saved(self.disks[name], save)
            self.trace.append((step, name, (batch, host.saved(batch))))
            self._coming += [
                (name, send.node, send.message) for send in (*batch.early_sends, *batch.sends)
            ]

    @property
    def leaders(self) -> list[str]:
        return [name for name, host in self.hosts.items() if host.leading.is_leader]


def run(seed: int, events: Mapping[int, list[Event]], steps: int, *, at_each_step: bool) -> Cluster:
    cluster = Cluster(seed, at_each_step=at_each_step)
    for step in range(steps):
        cluster.step(step, events.get(step, []))
    return cluster


EVENTS = st.dictionaries(
    st.integers(100, 1400),
    st.lists(
        st.tuples(
            st.sampled_from(["cut", "propose", "read", "transfer", "yield"]),
            st.sampled_from(NAMES),
        ),
        max_size=2,
    ),
    max_size=12,
)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), EVENTS)
def test_hosts_do_nothing_between_their_deadlines(
    seed: int, events: dict[int, list[Event]]
) -> None:
    expected = run(seed, events, 1500, at_each_step=True)
    cluster = run(seed, events, 1500, at_each_step=False)

    assert cluster.trace == expected.trace
    assert cluster.calls < expected.calls / 3


def test_leader_is_called_for_its_heartbeats_and_followers_to_see_that_they_are_on_time() -> None:
    cluster = run(1, {}, 600, at_each_step=False)
    assert len(cluster.leaders) == 1
    before = cluster.calls

    for step in range(600, 1600):  # 10 s
        cluster.step(step, [])

    heartbeats, steward = 10.0 / POLICY.heartbeat_interval_s, 10.0 / STEWARD_INTERVAL_S
    looks = 3 * 10.0 / min(LATENESS_LOOK_S, LOOK_S)  # of three hosts
    assert cluster.calls - before <= heartbeats + steward + looks


def test_member_that_hears_its_leader_is_called_often_enough_to_see_that_it_is_late() -> None:
    cluster = run(1, {}, 600, at_each_step=False)
    (leader,) = cluster.leaders
    followers = [host for name, host in cluster.hosts.items() if name != leader]
    longest_s = 0.0

    for step in range(600, 1200):  # 6 s, in which heartbeats put every election off
        cluster.step(step, [])
        longest_s = max(longest_s, *(host.next_due_s - cluster.now_s for host in followers))

    assert cluster.leaders == [leader]
    assert longest_s <= LATENESS_LOOK_S < POLICY.election_timeout_s


def test_node_that_is_alone_and_leads_is_not_called_at_all() -> None:
    cluster = Cluster(1, at_each_step=False, names=("a",))
    for step in range(300):
        cluster.step(step, [])
    assert cluster.leaders == ["a"]
    before = cluster.calls, len(cluster.trace)

    for step in range(300, 3000):
        cluster.step(step, [])

    assert (cluster.calls, len(cluster.trace)) == before


def test_node_that_waits_for_others_says_so_in_time_and_is_called_seldom() -> None:
    traces = []
    for at_each_step in (True, False):
        cluster = Cluster(1, at_each_step=at_each_step, names=("a",), expect=3)
        for step in range(1500):
            cluster.step(step, [])
        traces.append(cluster.trace)

    assert traces[0] == traces[1]
    (part,) = [one for _, _, (_, rest) in traces[1] for one in rest.local if "1 of 3" in str(one)]
    assert part.message.state == "lost"
    assert cluster.calls <= 15.0 / LOOK_S + 2


@pytest.mark.parametrize("seed", range(3))
def test_follower_without_a_leader_is_called_when_its_election_is_due(seed: int) -> None:
    cluster = run(seed, {}, 600, at_each_step=False)
    (leader,) = cluster.leaders

    for step in range(600, 1200):
        cluster.step(step, [("cut", leader)] if step == 600 else [])

    assert set(cluster.leaders) - {leader}
