"""What a member says of itself to people."""

from __future__ import annotations

from random import Random

import pytest

from constellation.errors import AdapterError
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import RoleChanged
from constellation.raft.health import GRACE_S, WELL, health_of
from constellation.raft.member import MemberPolicy, RaftMember
from constellation.raft.policy import RaftPolicy
from constellation.raft.roster import RosterNode
from constellation.raft.steward import StewardPolicy
from messages.raft import RaftEntry, RaftIdentity

HERE = RosterNode(is_living=True, cluster_id="ours")
ABSENT = RosterNode(is_living=False, cluster_id="ours")
BLANK = RosterNode(is_living=True, cluster_id="")
LATE_S = GRACE_S + 1


def member(
    configuration: Configuration | None = None,
    *,
    cluster_id: str = "ours",
    expect: int = 0,
    **roster: RosterNode,
) -> RaftMember:
    entry = RaftEntry(
        index=1,
        term=1,
        kind="configuration",
        data=(configuration or Configuration.of_voters("abc")).encode(),
    )
    one = RaftMember(
        node_name="a",
        policy=MemberPolicy(RaftPolicy(), StewardPolicy(), bootstrap_expect=expect),
        disk=RaftDisk(
            identity=RaftIdentity(cluster_id=cluster_id), entries=(entry,) if cluster_id else ()
        ),
        random=Random(1),
        now_s=0.0,
    )
    one.set_roster({"a": RosterNode(is_living=True, cluster_id=cluster_id), **roster})
    return one


def test_disk_that_failed_comes_before_everything_else() -> None:
    failed = AdapterError("the log", why="it is full", fix="make room")

    condition = health_of(member(), failed, LATE_S)

    assert not condition.is_well
    assert condition.why == "the log: it is full"
    assert condition.fix == "make room"


def test_member_that_is_only_starting_is_not_well_yet() -> None:
    assert health_of(None, None, 0.0).why == "it is starting"


def test_election_may_take_a_while() -> None:
    assert health_of(member(b=ABSENT, c=ABSENT), None, GRACE_S - 1) == WELL


def test_no_quorum_names_the_missing_voters_and_how_many_are_needed() -> None:
    condition = health_of(member(b=ABSENT), None, LATE_S)

    assert condition.why.startswith("no quorum: 1 of 3 voters are up, 2 are needed")
    assert "routing continues" in condition.why
    assert condition.fix == "start b and c again, or make them reachable"


def test_no_quorum_of_nodes_that_all_live_points_to_the_network() -> None:
    condition = health_of(member(b=HERE, c=HERE), None, LATE_S)

    assert "gossip reports 3 of 3 voters alive" in condition.why
    assert "actors.port" in condition.fix


def test_missing_leader_is_reported_even_during_endless_elections() -> None:
    one = member(b=HERE, c=ABSENT)
    for now_s in range(20):
        one._take([RoleChanged("pre_candidate", 1, "", "heard no leader")], float(now_s))
        one._take([RoleChanged("follower", 1, "", "refused")], float(now_s))

    assert health_of(one, None, 20.0).why.startswith("no leader")


def test_time_without_a_leader_counts_from_when_the_last_one_was_lost() -> None:
    one = member(b=HERE, c=HERE)
    one._take([RoleChanged("follower", 1, "b", "it leads")], 50.0)
    one._take([RoleChanged("pre_candidate", 1, "", "heard no leader")], 100.0)

    assert health_of(one, None, 100.0 + GRACE_S - 1) == WELL
    assert health_of(one, None, 100.0 + GRACE_S) != WELL


def test_two_clusters_are_reported_even_with_a_leader() -> None:
    other = RosterNode(is_living=True, cluster_id="theirs")
    one = member(b=other, d=other)
    assert one.raft is not None
    one.raft.state.leader = "b"

    condition = health_of(one, None, 0.0)

    assert condition.why == (
        "b, d belong to another Raft cluster (theirs), this node to ours: they do not merge"
    )
    assert "delete `raft`" in condition.fix


def test_dead_node_of_another_cluster_is_ignored() -> None:
    other = RosterNode(is_living=False, cluster_id="theirs")

    assert health_of(member(b=HERE, d=other), None, 0.0) == WELL


def test_removed_node_reports_how_to_add_it_again() -> None:
    without_a = Configuration(frozenset("bc"), removed=frozenset("a"))

    condition = health_of(member(without_a), None, 0.0)

    assert condition.fix == "`constellation raft add a` takes it back"


def test_member_that_has_no_log_yet_waits_for_the_leader() -> None:
    one = member()
    assert one.raft is not None
    one.raft.state._configurations = one.raft.state._configurations[:1]

    assert health_of(one, None, GRACE_S - 1) == WELL
    condition = health_of(one, None, LATE_S)
    assert condition.why == "it waits for the leader of cluster ours to send the log"


@pytest.mark.parametrize(("now_s", "is_well"), [(GRACE_S - 1, True), (LATE_S, False)])
def test_node_without_a_cluster_reports_what_it_waits_for(now_s: float, is_well: bool) -> None:
    waiting = member(cluster_id="", expect=3)
    waiting.tick(0.0)

    condition = health_of(waiting, None, now_s)

    assert condition.is_well == is_well
    if not is_well:
        assert condition.why == "1 of 3 nodes that begin the cluster are up"


def test_node_without_bootstrap_expect_reports_at_once_that_raft_is_off() -> None:
    waiting = member(cluster_id="")
    waiting.tick(0.0)

    condition = health_of(waiting, None, 0.1)

    assert condition.is_off
    assert condition.fix.startswith("set it on every node")


def test_voter_without_the_log_does_not_count_and_the_fix_names_the_absent_voter() -> None:
    condition = health_of(member(b=BLANK, c=ABSENT), None, LATE_S)

    assert condition.why.startswith(
        "no quorum: 1 of 3 voters are up, 2 are needed; b is up but has no log of this cluster"
    )
    assert condition.fix == "start c again, or make it reachable"


def test_new_cluster_is_advised_only_if_a_majority_has_lost_its_log() -> None:
    condition = health_of(member(b=BLANK, c=BLANK), None, LATE_S)

    assert "b and c are up but have no log of this cluster" in condition.why
    assert condition.fix.startswith("a majority has lost its log: begin a new cluster")


def test_node_without_a_leader_among_living_voters_may_have_been_removed() -> None:
    condition = health_of(member(b=HERE, c=ABSENT), None, LATE_S)

    assert "gossip reports 2 of 3 voters alive" in condition.why
    assert "or this node was removed" in condition.why
