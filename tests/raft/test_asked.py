"""Everybody who asks is answered, once."""

from __future__ import annotations

import pytest

from constellation.raft.asked import (
    ASKED_MAX,
    CHANGES,
    ORDER_TIMEOUT_S,
    Orders,
    Proposals,
    Reply,
    answer_to,
)
from messages.raft import RaftEntry
from messages.raft_member import (
    OrderAction,
    RaftCommitted,
    RaftOrder,
    RaftOrderDone,
    RaftRefused,
)


def entry(index: int, term: int = 1) -> RaftEntry:
    return RaftEntry(index=index, term=term)


def order(action: OrderAction, node: str = "b", number: int = 7) -> RaftOrder:
    return RaftOrder(action=action, node=node, number=number)


# Proposals.


def test_proposal_is_answered_when_its_entry_is_applied() -> None:
    proposals = Proposals()
    proposals.add_proposal(5, 1, "asker", 42)

    assert not proposals.applied([entry(4)])
    assert proposals.applied([entry(5), entry(6)]) == [
        Reply("asker", RaftCommitted(number=42, index=5))
    ]
    assert not proposals.applied([entry(5)])


def test_proposal_whose_entry_was_replaced_is_refused() -> None:
    proposals = Proposals()
    proposals.add_proposal(5, 1, "asker", 42)

    (reply,) = proposals.applied([entry(5, term=2)])

    assert isinstance(reply.message, RaftRefused)
    assert (reply.message.number, reply.message.why) == (
        42,
        "an entry of another leader replaced it",
    )


def test_proposals_of_a_lost_leadership_are_given_up_and_name_the_next_leader() -> None:
    proposals = Proposals()
    proposals.add_proposal(5, 1, "one", 1)
    proposals.add_proposal(6, 1, "other", 2)

    replies = proposals.give_up("b")

    assert [reply.asker for reply in replies] == ["one", "other"]
    assert {
        reply.message.leader for reply in replies if isinstance(reply.message, RaftRefused)
    } == {"b"}
    assert not proposals.applied([entry(5)])
    assert not proposals.give_up("b")


def test_oldest_proposal_is_refused_when_too_many_wait() -> None:
    proposals = Proposals()
    for index in range(1, ASKED_MAX + 1):
        assert not proposals.add_proposal(index, 1, "asker", index)

    (reply,) = proposals.add_proposal(ASKED_MAX + 1, 1, "asker", ASKED_MAX + 1)

    assert isinstance(reply.message, RaftRefused)
    assert (reply.message.number, reply.message.why) == (1, "too many proposals wait")


# Orders.


def test_order_is_answered_with_the_number_of_its_asker() -> None:
    orders = Orders()
    own = orders.add_order(order("add"), "asker", 0.0)

    assert orders.done(own, is_done=True, text="so be it") == [
        Reply("asker", RaftOrderDone(number=7, is_done=True, text="so be it"))
    ]
    assert not orders.done(own, is_done=True, text="again")


@pytest.mark.parametrize("action", sorted(CHANGES))
def test_change_is_answered_when_its_entry_is_committed(action: OrderAction) -> None:
    orders = Orders()
    orders.add_order(order(action), "asker", 0.0, index=5, term=1)

    assert not orders.committed([entry(4)])
    (reply,) = orders.committed([entry(5), entry(6)])
    assert isinstance(reply.message, RaftOrderDone)
    assert reply.message.is_done
    assert reply.message.text.startswith("b ")
    assert not orders.committed([entry(7)])


def test_transfer_is_answered_when_that_node_leads() -> None:
    orders = Orders()
    orders.add_order(order("transfer", "b"), "asker", 0.0)

    assert not orders.committed([entry(99)])
    assert not orders.leads("")
    assert not orders.leads("c")
    (reply,) = orders.leads("b")
    assert isinstance(reply.message, RaftOrderDone)
    assert reply.message.text == "b is now the leader"


def test_order_that_takes_too_long_is_answered_with_where_to_look() -> None:
    orders = Orders()
    orders.add_order(order("remove"), "asker", 10.0, index=5)

    assert not orders.tick(10.0 + ORDER_TIMEOUT_S - 0.1)
    (reply,) = orders.tick(10.0 + ORDER_TIMEOUT_S)
    assert isinstance(reply.message, RaftOrderDone)
    assert not reply.message.is_done
    assert "constellation raft" in reply.message.text
    assert not orders.committed([entry(5)])


def test_refusal_echoes_the_number_of_the_order() -> None:
    assert answer_to(order("add", number=3), "asker", "no", is_done=False) == Reply(
        "asker", RaftOrderDone(number=3, is_done=False, text="no")
    )


def test_order_whose_entry_was_replaced_is_answered_as_not_done() -> None:
    orders = Orders()
    orders.add_order(order("remove"), "asker", 0.0, index=5, term=1)

    (reply,) = orders.committed([entry(5, term=2)])

    assert isinstance(reply.message, RaftOrderDone)
    assert not reply.message.is_done


def test_changes_that_are_not_committed_when_leadership_is_lost_may_be_done_yet() -> None:
    orders = Orders()
    orders.add_order(order("remove"), "asker", 0.0, index=5, term=1)
    orders.add_order(order("transfer"), "other", 0.0)

    (reply,) = orders.give_up()

    assert reply.asker == "asker"
    assert isinstance(reply.message, RaftOrderDone)
    assert "may still be done" in reply.message.text
