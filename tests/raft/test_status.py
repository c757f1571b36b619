"""What `constellation raft` shows of one member."""

from __future__ import annotations

from constellation.raft.health import WELL, MemberHealth, refusing
from constellation.raft.roster import RosterNode
from constellation.raft.status import status_of
from messages.raft_member import RaftPacket, RaftStatus
from tests.raft.members import blank, led


def test_status_of_a_node_that_refuses_has_the_reason() -> None:
    status = status_of("a", None, refusing(None), now_s=0.0, journal_bytes=0)

    assert status == RaftStatus(
        node="a", condition="refuses", trouble="starting", why="it is starting"
    )


def test_node_without_a_cluster_reports_what_it_waits_for() -> None:
    member = blank("a")
    member.tick(0.0)

    status = status_of("a", member, WELL, now_s=0.0, journal_bytes=9)

    assert (status.condition, status.trouble) == ("waiting", "off")
    assert status.why.startswith("raft.bootstrap_expect is not set")
    assert status.fix
    assert not status.has_quorum


def test_leader_shows_its_log_its_members_and_how_far_each_is() -> None:
    group = led()
    leader = group.members[group.leader]

    status = status_of(
        group.leader, leader, MemberHealth("", "w", "f"), now_s=group.now_s, journal_bytes=9
    )

    assert (status.condition, status.role, status.leader) == ("member", "leader", group.leader)
    assert (status.cluster_id, status.voters) == ("ours", ("a", "b", "c"))
    assert (status.commit_index, status.applied_index, status.last_index) == (2, 2, 2)
    assert (status.why, status.fix, status.journal_bytes) == ("w", "f", 9)
    assert status.has_quorum
    assert [one.match_index for one in status.followers] == [2, 2]
    assert all(one.confirmed_ago_s is not None for one in status.followers)


def test_follower_that_never_answered_has_no_age() -> None:
    group = led()
    group.members["d"] = blank("d", now_s=group.now_s)
    group.gossip()
    group.run(1.0, without="d")

    status = status_of(
        group.leader, group.members[group.leader], WELL, now_s=group.now_s, journal_bytes=0
    )

    (new,) = [one for one in status.followers if one.node == "d"]
    assert (new.match_index, new.confirmed_ago_s) == (0, None)
    assert status.learners == ("d",)


def test_other_clusters_are_shown_by_gossip_and_by_what_they_sent() -> None:
    group = led()
    leader = group.members[group.leader]
    foreign = RaftPacket(cluster_id="of packets", source="x", frames=())
    leader.on_packet(foreign, group.now_s)
    leader.set_roster({"x": RosterNode(is_living=True, cluster_id="of gossip")})

    status = status_of(group.leader, leader, WELL, now_s=group.now_s, journal_bytes=0)

    assert status.foreign_cluster_ids == ("of gossip", "of packets")
