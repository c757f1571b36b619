"""One view of the Raft cluster, from what the asked node and its leader say."""

from __future__ import annotations

from typing import Any

import pytest

from messages.raft_member import RaftStatus
from messages.raft_reports import RaftReport
from tests.admin.raft_builders import (
    follows,
    heard,
    leads,
    lease,
    leases_report,
    raft_report,
    read,
    three_nodes,
)

LEADER = leads("beta", heard("alpha", 1041), heard("gamma", ago_s=0.2))


def report(*statuses: RaftStatus, unanswered: tuple[str, ...] = (), **states: Any) -> RaftReport:
    by_node = {one.node: one for one in statuses}
    return raft_report(three_nodes(**states), "alpha", by_node, unanswered)


def test_progress_of_followers_comes_from_the_leader() -> None:
    told = report(follows("alpha"), LEADER)

    assert [(one.node, one.role, one.match_index, one.behind) for one in told.members] == [
        ("beta", "leader", 1042, 0),
        ("alpha", "follower", 1041, 1),
        ("gamma", "follower", 1042, 0),
    ]
    assert (told.leader, told.term, told.has_quorum) == ("beta", 7, True)
    assert (told.voters_answering, told.voters_total, told.voters_needed) == (3, 3, 2)
    assert (told.counted_by, told.degraded, told.notes) == ("leader", (), ())


def test_rows_hold_the_gossip_state_and_mark_learners() -> None:
    fields = {"voters": ("alpha", "beta"), "learners": ("omega", "gamma")}
    told = report(leads("alpha", heard("beta"), **fields), gamma="suspect")

    rows = [(one.node, one.is_self, one.is_voter, one.state, one.priority) for one in told.members]
    assert rows == [
        ("alpha", True, True, "alive", 10),
        ("beta", False, True, "alive", 100),
        ("gamma", False, False, "suspect", 100),
        ("omega", False, False, None, None),
    ]


def test_progress_of_a_follower_that_never_answered_is_unknown() -> None:
    told = report(leads("alpha", heard("beta", 0, None), heard("gamma")))

    row = told.members[1]
    assert (row.node, row.match_index, row.behind, row.heard_ago_s) == ("beta", None, None, None)


def test_silent_voter_is_named_with_the_consequence_and_the_remedy() -> None:
    told = report(leads("alpha", heard("beta"), heard("gamma", ago_s=40.0)), gamma="dead")

    assert told.voters_answering == 2
    (line,) = told.degraded
    assert line == (
        "voter gamma does not answer the leader (2 of 3 do, 2 are needed; one more failure loses "
        "the quorum): it is dead; start its agent, or, if the node is lost for good, run "
        "`constellation raft remove gamma`"
    )


def test_silent_leader_is_reported_and_gossip_counts_the_voters() -> None:
    told = report(follows("alpha"), unanswered=("beta",), gamma="dead")

    (line,) = told.degraded
    assert line.startswith("beta leads, but did not report its status in time")
    assert (told.leader, told.counted_by, told.voters_answering) == ("beta", "gossip", 2)
    assert {one.behind for one in told.members} == {None}


def test_lost_quorum_is_reported_with_numbers_consequence_and_remedy() -> None:
    alone = follows("alpha", leader="", role="pre_candidate")
    told = report(alone, beta="dead", gamma="dead")

    (line,) = told.degraded
    assert line == (
        "no quorum: 1 of 3 voters is alive, 2 are needed; until then there is no leader, no "
        "lease is granted or renewed, and members cannot change, but routing continues: beta is "
        "dead, gamma is dead; start the agents of beta, gamma, or make them reachable"
    )
    assert [one.role for one in told.members] == ["candidate", "unknown", "unknown"]


def test_leader_without_answers_has_no_quorum() -> None:
    silent = (heard("beta", ago_s=9.0), heard("gamma", ago_s=9.0))
    told = report(leads("alpha", *silent, has_quorum=False))

    assert not told.has_quorum
    assert told.degraded[0].startswith("no quorum: 1 of 3 voters answers")


def test_election_in_progress_is_not_reported_as_missing_nodes() -> None:
    told = report(follows("alpha", leader=""))

    (line,) = told.degraded
    assert line.startswith(
        "no leader, although 3 of 3 voters are alive: an election takes some seconds"
    )


def test_leader_that_stepped_down_is_reported_as_a_change_of_leader() -> None:
    told = report(follows("alpha"), follows("beta", leader="", term=8))

    assert told.degraded == ("the leader is changing: beta does not lead now; retry",)
    assert told.term == 8


def test_of_two_leaders_the_later_term_counts() -> None:
    told = report(leads("alpha", term=6), leads("beta", heard("alpha"), heard("gamma"), term=7))

    assert (told.leader, told.term) == ("beta", 7)


@pytest.mark.parametrize(
    ("condition", "trouble", "begin"),
    [
        ("waiting", "waiting", "no Raft cluster yet on alpha"),
        ("refuses", "disk", "Raft does not work on alpha"),
    ],
)
def test_node_outside_the_cluster_reports_why_and_the_remedy(
    condition: Any, trouble: Any, begin: str
) -> None:
    fields = {"node": "alpha", "condition": condition, "trouble": trouble}
    status = RaftStatus(**fields, why="because", fix="do this")

    assert report(status).degraded == (f"{begin}: because; do this",)


def test_member_that_does_not_know_the_members_yet_reports_it() -> None:
    told = report(RaftStatus(node="alpha", condition="member", cluster_id="3f9a52d0"))

    assert told.degraded == ("Raft has no log yet on alpha: no leader has reached it so far",)


def test_removed_nodes_and_foreign_clusters_are_notes() -> None:
    told = report(follows("alpha", foreign_cluster_ids=("beef",)), LEADER)
    gone = report(leads("alpha", voters=("alpha",), removed=("gamma",)))

    (foreign,) = told.notes
    assert "another Raft cluster, beef; the two never merge" in foreign
    assert gone.notes == ("gamma was removed; `constellation raft add gamma` lets it join again",)
    assert (told.degraded, gone.degraded) == ((), ())


def test_node_that_is_not_a_member_yet_is_a_note() -> None:
    told = report(follows("alpha", voters=("beta", "gamma")))

    assert told.notes == ("alpha is not a member yet: the leader adds it in some seconds",)


# Leases.


def test_default_leases_are_listed_without_a_holder_too() -> None:
    told = leases_report(three_nodes(beta="dead"), "alpha", read(lease("dns-writer", "beta")))

    assert [(row.name, row.holder, row.holder_state, row.fencing_token) for row in told.leases] == [
        ("dns-writer", "beta", "dead", 812),
        ("lb-leader", "", None, None),
    ]
    assert (told.is_confirmed, told.index, told.degraded) == (True, 1042, ())


def test_unconfirmed_leases_are_reported_as_possibly_old() -> None:
    told = leases_report(three_nodes(), "alpha", read(is_confirmed=False))

    assert "not confirmed: no leader answers" in told.degraded[0]
