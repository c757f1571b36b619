"""What is told to people of leaders, members and leases, and what is no news."""

from __future__ import annotations

from constellation.raft.chronicle import Chronicle
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import RoleChanged
from messages.events import ChangeReported
from messages.leases import Lease, LeaseFreed, LeasesChanged
from messages.raft import RaftEntry, RaftSnapshot


def configured(index: int, voters: str, learners: str = "") -> RaftEntry:
    data = Configuration(frozenset(voters), frozenset(learners)).encode()
    return RaftEntry(index=index, term=1, kind="configuration", data=data)


def lease(token: int, renewed: int) -> Lease:
    return Lease(
        name="lb-leader",
        holder="a",
        session="s",
        fencing_token=token,
        ttl_s=4.0,
        renewed_index=renewed,
        number=1,
    )


def applied(
    chronicle: Chronicle, entries: list[RaftEntry], changed: LeasesChanged, *, known_index: int = 0
) -> list[ChangeReported]:
    return chronicle.applied(entries, changed, leader_commit_index=known_index)


def said(reports: list[ChangeReported]) -> list[tuple[str, str, str]]:
    return [(one.what, one.node, one.reason) for one in reports]


def test_change_of_leader_is_reported_with_its_term_and_reason() -> None:
    chronicle = Chronicle()

    own = chronicle.role_changed(RoleChanged("leader", 3, "a", "elected"))
    lost = chronicle.role_changed(RoleChanged("follower", 3, "", "no majority answered"))
    other = chronicle.role_changed(RoleChanged("follower", 4, "b", "it leads"))

    assert said(own) == [("leader_elected", "a", "term 3, elected")]
    assert said(lost) == [("leader_lost", "a", "no majority answered")]
    assert said(other) == [("leader_elected", "b", "term 4")]


def test_roles_without_another_leader_are_no_news() -> None:
    chronicle = Chronicle()
    chronicle.role_changed(RoleChanged("follower", 1, "b", "it leads"))

    assert not chronicle.role_changed(RoleChanged("follower", 2, "b", "it leads"))
    assert chronicle.role_changed(RoleChanged("pre_candidate", 2, "", "heard no leader"))
    assert not chronicle.role_changed(RoleChanged("candidate", 3, "", "stands"))


def test_members_that_join_vote_and_leave_are_reported() -> None:
    chronicle = Chronicle()
    nothing = LeasesChanged(index=0)

    assert said(applied(chronicle, [configured(1, "a", "b")], nothing)) == [
        ("raft_voter", "a", "1 voters now"),
        ("raft_learner", "b", "1 voters now"),
    ]
    assert said(applied(chronicle, [configured(2, "ab")], nothing)) == [
        ("raft_voter", "b", "2 voters now")
    ]
    assert said(applied(chronicle, [configured(3, "b")], nothing)) == [
        ("raft_removed", "a", "1 voters now")
    ]


def test_grants_and_ends_of_leases_are_reported_and_renewals_are_not() -> None:
    chronicle = Chronicle()
    freed = LeaseFreed(name="lb-leader", fencing_token=3, holder="b", why="it was given back")

    granted = applied(chronicle, [], LeasesChanged(index=5, held=(lease(5, 5),), freed=(freed,)))
    renewed = applied(chronicle, [], LeasesChanged(index=6, held=(lease(5, 6),)))

    assert said(granted) == [
        ("lease_freed", "b", "it was given back"),
        ("lease_granted", "a", "fencing token 5"),
    ]
    assert {one.subject for one in granted} == {"lb-leader"}
    assert not renewed


def test_entries_of_an_earlier_life_are_not_reported_again() -> None:
    chronicle = Chronicle()
    chronicle.begin_at(RaftDisk(entries=(configured(1, "a"), configured(2, "ab"))))

    assert not applied(chronicle, [configured(1, "a")], LeasesChanged(index=1, held=(lease(1, 1),)))
    assert not applied(chronicle, [configured(2, "ab")], LeasesChanged(index=2))
    assert said(applied(chronicle, [configured(3, "abc")], LeasesChanged(index=2))) == [
        ("raft_voter", "c", "3 voters now")
    ]


def test_members_of_a_snapshot_are_no_news() -> None:
    snapshot = RaftSnapshot(
        last_index=9, last_term=1, configuration=Configuration.of_voters("ab").message(), data=b""
    )
    chronicle = Chronicle()
    chronicle.begin_at(RaftDisk(snapshot=snapshot))

    assert not applied(chronicle, [], LeasesChanged(index=9, held=(lease(9, 9),)))
    assert said(applied(chronicle, [configured(10, "a", "b")], LeasesChanged(index=9))) == [
        ("raft_learner", "b", "1 voters now")
    ]


def test_member_far_behind_reports_nothing_of_what_it_catches_up_on() -> None:
    chronicle = Chronicle()

    behind = applied(chronicle, [configured(1, "a")], LeasesChanged(index=0), known_index=1000)
    news = applied(chronicle, [configured(990, "ab")], LeasesChanged(index=0), known_index=1000)

    assert behind == []
    assert said(news) == [("raft_voter", "b", "2 voters now")]
