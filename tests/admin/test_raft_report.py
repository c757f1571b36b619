"""One view of the Raft cluster, from what the asked node and its leader say."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.admin.leases_report import leases_report
from constellation.admin.raft_news import RaftNews
from constellation.admin.raft_report import raft_report
from messages.leases import LeaseFreed, LeasesChanged, LeaseTableState
from messages.raft_member import RaftStatus
from messages.raft_reports import LeaseHolder, RaftReport
from tests.admin.raft_builders import follows, heard, leads, lease, read, three_nodes

LEADER = leads("beta", heard("alpha", 1041), heard("gamma", ago_s=0.2))


def report(*statuses: RaftStatus, unanswered: tuple[str, ...] = (), **states: Any) -> RaftReport:
    by_node = {one.node: one for one in statuses}
    return raft_report(three_nodes(**states), "alpha", by_node, unanswered)


def test_leader_knows_how_far_each_follower_is() -> None:
    told = report(follows("alpha"), LEADER)

    assert [(one.node, one.role, one.match_index, one.behind) for one in told.members] == [
        ("beta", "leader", 1042, 0),
        ("alpha", "follower", 1041, 1),
        ("gamma", "follower", 1042, 0),
    ]
    assert (told.leader, told.term, told.has_quorum) == ("beta", 7, True)
    assert (told.voters_answering, told.voters_total, told.voters_needed) == (3, 3, 2)
    assert (told.counted_by, told.degraded, told.notes) == ("leader", (), ())


def test_rows_say_what_gossip_knows_and_who_only_learns() -> None:
    fields = {"voters": ("alpha", "beta"), "learners": ("omega", "gamma")}
    told = report(leads("alpha", heard("beta"), **fields), gamma="suspect")

    rows = [(one.node, one.is_self, one.is_voter, one.state, one.priority) for one in told.members]
    assert rows == [
        ("alpha", True, True, "alive", 10),
        ("beta", False, True, "alive", 100),
        ("gamma", False, False, "suspect", 100),
        ("omega", False, False, None, None),
    ]


def test_follower_that_never_answered_is_not_known_rather_than_far_behind() -> None:
    told = report(leads("alpha", heard("beta", 0, None), heard("gamma")))

    row = told.members[1]
    assert (row.node, row.match_index, row.behind, row.heard_ago_s) == ("beta", None, None, None)


def test_silent_voter_is_named_with_what_it_means_and_what_to_do() -> None:
    told = report(leads("alpha", heard("beta"), heard("gamma", ago_s=40.0)))

    assert told.voters_answering == 2
    (line,) = told.degraded
    assert line == (
        "voter gamma does not answer the leader (2 of 3 do, 2 are needed; if one more fails, "
        "nobody leads): start its agent, or, if it is lost for good, `constellation raft remove "
        "gamma`"
    )


def test_silent_leader_is_said_and_gossip_counts_the_voters() -> None:
    told = report(follows("alpha"), unanswered=("beta",), gamma="dead")

    (line,) = told.degraded
    assert line.startswith("beta leads, but did not say in time how it is")
    assert (told.leader, told.counted_by, told.voters_answering) == ("beta", "gossip", 2)
    assert {one.behind for one in told.members} == {None}


def test_no_quorum_says_numbers_consequence_and_whom_to_start() -> None:
    alone = follows("alpha", leader="", role="pre_candidate")
    told = report(alone, beta="dead", gamma="dead")

    (line,) = told.degraded
    assert line == (
        "no quorum: 1 of 3 voters is alive, 2 are needed; until then nobody leads, no lease is "
        "granted or renewed, and no member changes: start the agents of beta, gamma, or see why "
        "they are not reached"
    )
    assert [one.role for one in told.members] == ["candidate", "unknown", "unknown"]


def test_leader_that_nobody_answers_has_no_quorum() -> None:
    silent = (heard("beta", ago_s=9.0), heard("gamma", ago_s=9.0))
    told = report(leads("alpha", *silent, has_quorum=False))

    assert not told.has_quorum
    assert told.degraded[0].startswith("no quorum: 1 of 3 voters answers")


def test_election_under_way_is_no_lack_of_nodes() -> None:
    told = report(follows("alpha", leader=""))

    (line,) = told.degraded
    assert line.startswith(
        "nobody leads, though 3 of 3 voters are alive: one is elected in some seconds"
    )


def test_leader_that_leads_no_more_is_no_contradiction() -> None:
    told = report(follows("alpha"), follows("beta", leader="", term=8))

    assert told.degraded == ("the leadership is changing: beta does not lead now; ask again",)
    assert told.term == 8


def test_of_two_that_lead_the_later_term_counts() -> None:
    told = report(leads("alpha", term=6), leads("beta", heard("alpha"), heard("gamma"), term=7))

    assert (told.leader, told.term) == ("beta", 7)


@pytest.mark.parametrize(
    ("condition", "begin"),
    [("waiting", "alpha is of no Raft cluster yet"), ("refuses", "alpha takes no part in Raft")],
)
def test_node_outside_says_why_and_what_to_do_and_nothing_else(condition: Any, begin: str) -> None:
    status = RaftStatus(node="alpha", condition=condition, why="because", fix="do this")

    assert report(status).degraded == (f"{begin}: because; do this",)


def test_member_that_knows_no_members_yet_says_so() -> None:
    told = report(RaftStatus(node="alpha", condition="member", cluster_id="3f9a52d0"))

    assert told.degraded == ("alpha does not know its cluster's members yet: no leader reaches it",)


def test_removed_nodes_and_foreign_clusters_are_notes() -> None:
    told = report(follows("alpha", foreign_cluster_ids=("beef",)), LEADER)
    gone = report(leads("alpha", voters=("alpha",), removed=("gamma",)))

    (foreign,) = told.notes
    assert "another Raft cluster, beef; the two never merge" in foreign
    assert gone.notes == ("gamma was removed and stays out until `constellation raft add gamma`",)
    assert (told.degraded, gone.degraded) == ((), ())


def test_node_that_is_no_member_yet_says_so() -> None:
    told = report(follows("alpha", voters=("beta", "gamma")))

    assert told.notes == ("alpha is not a member yet: the leader adds it in some seconds",)


# Leases.


def test_well_known_leases_are_listed_also_when_nobody_holds_them() -> None:
    told = leases_report(three_nodes(beta="dead"), "alpha", read(lease("dns-writer", "beta")))

    assert [(row.name, row.holder, row.holder_state, row.fencing_token) for row in told.leases] == [
        ("dns-writer", "beta", "dead", 812),
        ("lb-leader", "", None, None),
    ]
    assert (told.is_confirmed, told.index, told.degraded) == (True, 1042, ())


def test_unconfirmed_answer_says_that_it_may_be_old() -> None:
    told = leases_report(three_nodes(), "alpha", read(is_confirmed=False))

    assert "not confirmed: no leader answers" in told.degraded[0]


def test_news_follow_the_table_and_its_changes() -> None:
    news = RaftNews()
    news.take_table(LeaseTableState(index=1, leases=(lease("a", "beta"), lease("b", "beta"))))
    freed = tuple(
        LeaseFreed(name=name, fencing_token=812, holder="beta", why="late") for name in ("a", "b")
    )
    again = lease("b", "gamma", fencing_token=1050)

    news.take_change(LeasesChanged(index=2, held=(again,), freed=freed))

    assert news.holders == (LeaseHolder(name="b", holder="gamma"),)
