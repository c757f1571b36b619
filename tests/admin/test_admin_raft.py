"""The admin actor's shell and Raft: whom it asks, what it passes on, and whose word it takes."""

from __future__ import annotations

from typing import Any

import pytest
from thespian.actors import ActorAddress

from constellation.transport.address import ActorRef
from messages import raft_reports
from messages.admin import NodeStatusRequest, StatusRequest
from messages.base import REGISTRY, Message
from messages.events import ChangeReported, EventsReport, EventsRequest
from messages.gossip import RecordPublish
from messages.leases import Lease, LeaseAcquired, LeaseLost, LeasesChanged, LeaseTableState
from messages.operator import RequestRefused
from messages.raft_member import (
    LeasesRead,
    LeasesReadDone,
    LeasesSubscribe,
    RaftLeading,
    RaftOrder,
    RaftOrderDone,
    RaftStatusRequest,
)
from messages.raft_reports import HeldLease, LeasesReport, LeasesRequest, RaftReport, RaftRequest
from tests.admin.builders import part, status
from tests.admin.raft_builders import follows, heard, leads, lease, read
from tests.admin.started_admin import BETA, GAMMA, Admin
from tests.harness import messages_of

QUESTIONS = [RaftRequest(), LeasesRequest(), RaftOrder(action="transfer", node="beta")]
LEADER = leads("beta", heard("alpha"), heard("gamma"))


@pytest.fixture
def admin() -> Admin:
    made = Admin(neighbours=("gossip", "raft"))
    made.know_three_nodes()
    return made


def of_raft(admin: Admin, kind: type[Message]) -> list[Any]:
    return [one for one in admin.harness.sent_to("raft") if isinstance(one, kind)]


def from_raft(admin: Admin, message: Message, host: str = "127.0.0.1") -> None:
    """Deliver what the Raft actor of this node says, or another's."""
    admin.harness.deliver(message, sender=ActorAddress(ActorRef(host, 7947, "a1-9")))


# Questions.


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_request_is_refused_at_once_without_a_raft_actor(question: Message) -> None:
    admin = Admin()
    admin.know_three_nodes()

    admin.ask(question)

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert "its Raft actor is not running" in refusal.why


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_raft_is_asked_without_a_view_of_the_cluster_too(question: Message) -> None:
    admin = Admin(neighbours=("raft",))

    admin.ask(question)

    assert admin.told() == []
    assert of_raft(admin, RaftStatusRequest) or of_raft(admin, LeasesRead)


def test_status_of_raft_is_this_nodes_alone_while_the_cluster_is_not_known() -> None:
    admin = Admin(neighbours=("raft",))

    admin.ask(RaftRequest())
    from_raft(admin, follows("alpha"))
    admin.supervisor_answers()

    (report,) = admin.told()
    assert isinstance(report, RaftReport)
    assert (report.leader, report.unanswered) == ("beta", ())
    assert [row.state for row in report.members] == [None, None, None]


def test_status_is_that_of_all_members(admin: Admin) -> None:
    admin.ask(RaftRequest())
    from_raft(admin, follows("alpha"))

    assert of_raft(admin, RaftStatusRequest) == [RaftStatusRequest()]
    assert len(admin.asked()) == 2
    assert admin.told() == []
    admin.all_answer(beta=LEADER)
    (report,) = admin.told()
    assert isinstance(report, RaftReport)
    assert (report.leader, report.counted_by, report.unanswered) == ("beta", "leader", ())


def test_report_without_the_leaders_answer_comes_after_the_timeout(admin: Admin) -> None:
    admin.ask(RaftRequest())
    from_raft(admin, follows("alpha"))
    admin.supervisor_answers()
    admin.node_answers(status("gamma"), GAMMA)

    admin.pass_time(0.9)
    before = admin.told()
    admin.pass_time(0.1)

    assert before == []
    (report,) = admin.told()
    assert report.unanswered == ("beta",)
    assert admin.metric("constellation_admin_unanswered_total") == 1


def test_answer_in_the_leaders_name_from_another_node_is_dropped_and_counted(admin: Admin) -> None:
    admin.ask(RaftRequest())
    from_raft(admin, follows("alpha"))

    from_raft(admin, LEADER, BETA)
    admin.node_answers(status("beta", raft=LEADER), GAMMA)

    assert admin.told() == []
    assert admin.metric("constellation_admin_unexpected_answers_total") == 2


def test_raft_actor_that_is_silent_does_not_make_its_node_silent(admin: Admin) -> None:
    admin.ask(NodeStatusRequest())
    admin.supervisor_answers()

    admin.pass_time(0.6)

    (told,) = admin.told()
    assert (told.node, told.raft) == ("alpha", None)


def test_leases_are_read_from_this_nodes_raft_actor(admin: Admin) -> None:
    admin.ask(LeasesRequest())
    from_raft(admin, read(lease("dns-writer", "beta")))
    admin.pass_time(1.0)

    assert of_raft(admin, LeasesRead) == [LeasesRead(number=1)]
    (report,) = admin.told()
    assert isinstance(report, LeasesReport)
    assert [(row.name, row.holder) for row in report.leases] == [
        ("dns-writer", "beta"), ("lb-leader", ""),
    ]  # fmt: skip


# Orders.


def test_order_is_passed_on_and_its_outcome_answered(admin: Admin) -> None:
    admin.ask(RaftOrder(action="remove", node="gamma"))
    from_raft(admin, follows("alpha"))
    admin.supervisor_answers()
    (order,) = of_raft(admin, RaftOrder)
    done = RaftOrderDone(number=order.number, is_done=True, text="gamma is out")

    from_raft(admin, done, BETA)
    before = admin.told()
    from_raft(admin, done)

    assert (order.action, order.node) == ("remove", "gamma")
    assert before == []
    assert admin.told() == [done]


def test_order_with_an_unknown_name_is_refused_with_the_known_ones(admin: Admin) -> None:
    admin.ask(RaftOrder(action="add", node="delta"))
    from_raft(admin, follows("alpha"))
    admin.supervisor_answers()

    (refusal,) = admin.told()
    assert (refusal.why, refusal.fix) == (
        "no node named delta", "the nodes are: alpha, beta, gamma",
    )  # fmt: skip
    assert of_raft(admin, RaftOrder) == []


# What Raft tells by itself.


def test_status_holds_the_leader_and_the_lease_holders(admin: Admin) -> None:
    from_raft(admin, LeaseTableState(index=1, leases=(lease("dns-writer", "alpha"),)))
    from_raft(admin, RaftLeading(is_leader=False, leader="beta", term=7))
    from_raft(admin, LeasesChanged(index=2, held=(lease("lb-leader", "beta"),)))
    admin.ask(StatusRequest())
    admin.pass_time(1.0)

    (report,) = admin.reports()
    assert of_raft(admin, LeasesSubscribe) == [LeasesSubscribe()]
    assert report.leader == "beta"
    assert report.leases == (
        HeldLease(name="dns-writer", holder="alpha"),
        HeldLease(name="lb-leader", holder="beta"),
    )


def test_leader_reported_by_a_raft_actor_that_ended_is_forgotten(admin: Admin) -> None:
    from_raft(admin, RaftLeading(is_leader=False, leader="beta", term=7))
    admin.harness.neighbours("gossip")
    admin.ask(StatusRequest())
    admin.pass_time(1.0)
    admin.harness.neighbours("gossip", "raft")
    admin.ask(StatusRequest())
    admin.pass_time(1.0)

    assert [report.leader for report in admin.reports()] == ["", ""]
    assert len(of_raft(admin, LeasesSubscribe)) == 2


def test_reported_changes_are_events(admin: Admin) -> None:
    from_raft(admin, ChangeReported(what="leader_elected", node="beta", reason="alpha is silent"))
    admin.now_s += 3.0
    admin.ask(EventsRequest())

    (report,) = admin.told()
    assert isinstance(report, EventsReport)
    (row,) = report.events
    assert (row.ago_s, row.node, row.what, row.reason) == (
        3.0, "beta", "leader_elected", "alpha is silent",
    )  # fmt: skip


def test_lost_quorum_is_degraded_and_not_in_the_published_record(admin: Admin) -> None:
    published = len(messages_of(RecordPublish, admin.harness.sent))
    lost = part("raft", "lost", "no quorum: 1 of 3 voters answers", "start beta and gamma")
    from_raft(admin, lost)
    admin.ask(StatusRequest())
    admin.supervisor_answers()
    admin.pass_time(1.0)

    assert (
        "raft on alpha does not work: no quorum: 1 of 3 voters answers; start beta and gamma"
        in admin.reports()[0].degraded
    )
    states = admin.published()[published:]
    assert all(state and state.capabilities == () for state in states)


def test_requests_and_reports_of_operators_cross_nodes() -> None:
    ours: list[type[Message]] = [
        one for one in REGISTRY.values() if one.__module__ == raft_reports.__name__
    ]

    assert len(ours) == 8
    ours += [RaftOrder, RaftOrderDone]
    assert all(one.crosses_nodes for one in ours)
    assert not ChangeReported.crosses_nodes


def test_no_other_node_can_report_who_holds_a_lease() -> None:
    inside = (Lease, LeaseTableState, LeasesChanged, LeasesReadDone, LeaseAcquired, LeaseLost)
    assert not any(kind.crosses_nodes for kind in inside)
