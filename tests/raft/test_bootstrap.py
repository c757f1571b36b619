"""Nodes of no cluster begin one: who asks whom, and when a promise gives way."""

from __future__ import annotations

from random import Random
from typing import TypeVar

import pytest
from pydantic import ValidationError

from constellation.raft.bootstrap import (
    EARLIER_MAX,
    FRESH_S,
    GONE_S,
    OFFER_INTERVAL_S,
    SETTLE_S,
    Begin,
    Bootstrap,
    BootstrapEffect,
)
from constellation.raft.effects import SaveIdentity, SendTo
from constellation.raft.roster import RosterNode
from messages.raft import NODE_CHARACTERS_MAX, RaftIdentity
from messages.raft_member import RaftOffer, RaftPromise

T = TypeVar("T")
FREE = RosterNode(is_living=True)
ABSENT = RosterNode(is_living=False)
THREE = {"a": FREE, "b": FREE, "c": FREE}
FIVE = THREE | {"d": FREE, "e": FREE}


def node(
    name: str, *, expect: int = 3, identity: RaftIdentity | None = None, now_s: float = 0.0
) -> Bootstrap:
    return Bootstrap(
        node_name=name,
        expect=expect,
        settle_s=SETTLE_S if expect > 1 else 0.0,
        identity=identity or RaftIdentity(),
        random=Random(name),
        now_s=now_s,
    )


def of_kind(kind: type[T], effects: list[BootstrapEffect]) -> list[T]:
    return [one for one in effects if isinstance(one, kind)]


def sent(kind: type[T], effects: list[BootstrapEffect]) -> list[tuple[str, T]]:
    return [
        (one.node, one.message) for one in of_kind(SendTo, effects) if isinstance(one.message, kind)
    ]


def offer(
    initiator: str, voters: str = "abc", *, cluster_id: str = "", instead_of: str = ""
) -> RaftOffer:
    return RaftOffer(
        cluster_id=cluster_id or f"of-{initiator}",
        initiator=initiator,
        voters=tuple(voters),
        instead_of=instead_of,
    )


def promised(initiator: str, voters: str = "abc", *earlier: str) -> RaftIdentity:
    return RaftIdentity(
        promised_to=f"of-{initiator}",
        promised_by=initiator,
        promised_with=(tuple(voters), *(tuple(one) for one in earlier)),
    )


def settled(first: Bootstrap, roster: dict[str, RosterNode]) -> list[BootstrapEffect]:
    """Return what a node does once the same nodes have been there for a while."""
    assert not first.tick(roster, 0.0)
    return first.tick(roster, SETTLE_S)


# Asking.


def test_node_that_is_expected_alone_begins_at_once() -> None:
    effects = node("a", expect=1).tick({"a": FREE}, 0.0)

    assert of_kind(Begin, effects) == [Begin(("a",))]
    saved = of_kind(SaveIdentity, effects)[-1].identity
    assert saved.cluster_id
    assert not saved.promised_to


def test_most_preferred_node_offers_once_the_same_nodes_are_visible_for_a_while() -> None:
    first = node("a")

    effects = settled(first, THREE)

    assert [to for to, _ in sent(RaftOffer, effects)] == ["b", "c"]
    (saved,) = of_kind(SaveIdentity, effects)
    assert saved.identity.promised_by == "a"
    assert first.why == "a, b, c will begin a cluster: a asks the others"
    assert not node("b").tick(THREE, 9.0)


def test_own_promise_is_saved_before_the_offer_is_sent() -> None:
    effects = settled(node("a"), THREE)

    assert isinstance(effects[0], SaveIdentity)


def test_node_of_the_best_rank_makes_the_offer() -> None:
    roster = {
        "a": RosterNode(is_living=True, is_witness=True, priority=1),
        "b": RosterNode(is_living=True, priority=20),
        "c": RosterNode(is_living=True, priority=10),
    }

    assert not settled(node("a"), roster)
    assert not settled(node("b"), roster)
    (saved,) = of_kind(SaveIdentity, settled(node("c"), roster))
    assert saved.identity.promised_with == (("c", "b", "a"),)


def test_cluster_begins_when_all_have_promised() -> None:
    first = node("a")
    settled(first, THREE)
    cluster_id = first.identity.promised_to

    first.on_promise(RaftPromise(cluster_id=cluster_id, node="b"), 1.0)
    first.on_promise(RaftPromise(cluster_id="another", node="c"), 1.0)
    assert not of_kind(Begin, first.tick(THREE, 1.0))
    first.on_promise(RaftPromise(cluster_id=cluster_id, node="c"), 1.1)
    effects = first.tick(THREE, 1.1)

    assert of_kind(Begin, effects) == [Begin(("a", "b", "c"))]
    assert of_kind(SaveIdentity, effects)[-1].identity == RaftIdentity(cluster_id=cluster_id)


def test_promise_that_is_not_repeated_does_not_count_for_long() -> None:
    first = node("a")
    settled(first, THREE)
    cluster_id = first.identity.promised_to
    first.on_promise(RaftPromise(cluster_id=cluster_id, node="b"), 1.0)

    first.on_promise(RaftPromise(cluster_id=cluster_id, node="c"), 1.0 + FRESH_S)

    effects = first.tick(THREE, 1.0 + FRESH_S)
    assert not of_kind(Begin, effects)
    assert [to for to, _ in sent(RaftOffer, effects)] == ["b"]


def test_offer_is_repeated_only_to_nodes_that_have_not_promised() -> None:
    first = node("a")
    settled(first, THREE)
    cluster_id = first.identity.promised_to
    first.on_promise(RaftPromise(cluster_id=cluster_id, node="b"), 1.1)

    assert not sent(RaftOffer, first.tick(THREE, 1.2))
    again = first.tick(THREE, 1.0 + OFFER_INTERVAL_S)
    assert [(to, one.cluster_id) for to, one in sent(RaftOffer, again)] == [("c", cluster_id)]


def test_offer_to_others_than_before_is_another_one() -> None:
    first = node("a", identity=promised("a", "abc"))

    effects = settled(first, {"a": FREE, "b": FREE, "d": FREE})

    assert first.identity.promised_to != "of-a"
    assert {one.cluster_id for _, one in sent(RaftOffer, effects)} == {first.identity.promised_to}
    assert first.identity.promised_with == (("a", "b", "d"),)


def test_offer_goes_on_in_the_next_life() -> None:
    again = node("a", identity=promised("a"))

    effects = settled(again, THREE)

    assert not of_kind(SaveIdentity, effects)
    assert {one.cluster_id for _, one in sent(RaftOffer, effects)} == {"of-a"}


# Waiting.


@pytest.mark.parametrize(
    ("expect", "roster", "why"),
    [
        (0, THREE, "raft.bootstrap_expect is not set"),
        (3, {"a": FREE, "b": FREE, "c": ABSENT}, "2 of 3 nodes that begin the cluster are up"),
        (3, THREE | {"d": RosterNode(is_living=True, cluster_id="x")}, "cluster x exists"),
    ],
)
def test_waiting_node_reports_what_it_waits_for(
    expect: int, roster: dict[str, RosterNode], why: str
) -> None:
    first = node("a", expect=expect)

    assert not settled(first, roster)
    assert first.why.startswith(why)
    assert first.fix or "cluster x" in why


def test_nodes_that_come_and_go_are_waited_for() -> None:
    first = node("a")
    first.tick(THREE, 0.0)
    first.tick({"a": FREE, "b": FREE}, 0.9)

    assert not first.tick(THREE, 1.1)
    assert first.tick(THREE, 2.2)


def test_cluster_whose_nodes_are_all_unreachable_does_not_block_a_new_one() -> None:
    roster = THREE | {"d": RosterNode(is_living=False, cluster_id="x")}

    assert sent(RaftOffer, settled(node("a"), roster))


# Promising.


def test_promise_is_saved_and_then_given() -> None:
    effects = node("b").on_offer(offer("a"), THREE, 1.0)

    assert effects == [
        SaveIdentity(promised("a")),
        SendTo("a", RaftPromise(cluster_id="of-a", node="b")),
    ]


def test_same_offer_is_promised_again_without_a_write() -> None:
    second = node("b", identity=promised("a"))

    effects = second.on_offer(offer("a"), THREE, 1.0)

    assert effects == [SendTo("a", RaftPromise(cluster_id="of-a", node="b"))]


def test_initiator_that_has_forgotten_its_offer_is_promised_the_next() -> None:
    second = node("b", identity=promised("a"))

    second.on_offer(offer("a", cluster_id="anew"), THREE, 1.0)

    assert second.identity.promised_to == "anew"


def test_second_offer_is_not_promised_while_the_first_may_begin() -> None:
    third = node("c", identity=promised("b"))

    assert third.on_offer(offer("a"), THREE, 1.0) == []
    assert third.identity == promised("b")


@pytest.mark.parametrize(
    "roster",
    [
        {"b": FREE, "c": FREE},
        THREE | {"d": RosterNode(is_living=True, cluster_id="x")},
    ],
    ids=["unknown initiator", "a cluster is there"],
)
def test_offer_is_not_promised(roster: dict[str, RosterNode]) -> None:
    assert node("b").on_offer(offer("a"), roster, 1.0) == []


def test_own_offer_yields_only_to_a_better_one() -> None:
    second = node("b", identity=promised("b"))

    assert second.on_offer(offer("c"), THREE, 1.0) == []
    assert sent(RaftPromise, second.on_offer(offer("a"), THREE, 1.0))
    assert second.identity == promised("a")


def test_node_that_promised_itself_to_a_dropped_offer_learns_of_the_better_one() -> None:
    third = node("c", identity=promised("b"))
    second = node("b", identity=promised("b"))
    second.on_offer(offer("a"), THREE, 1.0)

    ((to, reminder),) = sent(RaftPromise, third.tick(THREE, 1.0))
    assert to == "b"
    ((to, instead),) = sent(RaftOffer, second.on_promise(reminder, 1.1))
    assert (to, instead) == ("c", offer("a", instead_of="of-b"))
    effects = third.on_offer(instead, THREE, 1.2)

    assert sent(RaftPromise, effects) == [("a", RaftPromise(cluster_id="of-a", node="c"))]


def test_word_of_a_given_up_offer_that_came_late_changes_nothing() -> None:
    third = node("c", identity=promised("b"))

    assert third.on_offer(offer("a", instead_of="an-older-one"), THREE, 1.0) == []


def test_promise_is_repeated_while_its_initiator_is_up() -> None:
    second = node("b", identity=promised("a"))

    told = [bool(sent(RaftPromise, second.tick(THREE, at_s))) for at_s in (0.0, 0.5, 1.0, 1.5)]

    assert told == [True, False, True, False]
    assert not second.tick(THREE | {"a": ABSENT}, 9.0)


# Initiators that are gone.


def gone(
    name: str, identity: RaftIdentity, *, away: str = "a"
) -> tuple[Bootstrap, dict[str, RosterNode]]:
    """Return a node of five that has not seen who has its promise for long."""
    roster = FIVE | {away: ABSENT}
    one = node(name, identity=identity)
    one.tick(roster, 0.0)
    return one, roster


def test_promise_to_an_absent_initiator_holds_until_another_replaces_it() -> None:
    second, roster = gone("c", promised("a"))
    second.tick(roster, GONE_S + 1)

    assert second.identity == promised("a")
    assert second.on_offer(offer("b", "bcd"), roster, GONE_S - 1) == []
    assert sent(RaftPromise, second.on_offer(offer("b", "bcd"), roster, GONE_S + 1))


def test_offer_that_leaves_the_earlier_cluster_a_majority_is_not_promised() -> None:
    third, roster = gone("c", promised("a"))

    assert third.on_offer(offer("d", "cde"), roster, GONE_S + 1) == []


def test_node_bound_by_a_promise_offers_nothing_and_reports_why() -> None:
    roster = {"a": ABSENT, "b": ABSENT, "c": FREE, "d": FREE, "e": FREE}
    third = node("c", identity=promised("a"))
    third.tick(roster, 0.0)

    effects = third.tick(roster, GONE_S + 1)

    assert not of_kind(SendTo, effects)
    assert "it has promised a to begin a cluster with a and b" in third.why
    assert third.fix.startswith("start a and b")


def test_node_whose_initiator_is_gone_offers_together_with_the_others() -> None:
    second, roster = gone("b", promised("a"))

    effects = second.tick(roster, GONE_S + 1)

    assert [to for to, _ in sent(RaftOffer, effects)] == ["c", "d"]
    assert second.identity.promised_with == (("b", "c", "d"), ("a", "b", "c"))


def test_earlier_offers_bind_on_after_a_promise_that_took_their_place() -> None:
    third, roster = gone("c", promised("b", "bcd", "abc"), away="b")

    assert third.on_offer(offer("d", "cde"), roster, GONE_S + 1) == []  # a and b may decide
    assert sent(RaftPromise, third.on_offer(offer("a", "acd"), roster, GONE_S + 1))
    assert third.identity.promised_with == (("a", "c", "d"), ("b", "c", "d"), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("latest", "next_offer"),
    [
        (promised("d", "bcd", "abc"), offer("d", "cde", cluster_id="anew")),
        (promised("d", "bcd", "abc"), offer("e", "cde", instead_of="of-d")),
        (promised("c", "bcd", "abc"), offer("a", "cde")),
    ],
    ids=["its initiator offers anew", "its initiator yields to another", "it was our own"],
)
def test_earlier_offers_bind_on_when_the_latest_one_is_over(
    latest: RaftIdentity, next_offer: RaftOffer
) -> None:
    third = node("c", identity=latest)

    assert third.on_offer(next_offer, FIVE, 1.0) == []  # a and b may have begun a-b-c
    assert third.identity == latest
    fitting = next_offer.model_copy(update={"voters": ("b", "c", "d")})
    assert sent(RaftPromise, third.on_offer(fitting, FIVE, 1.0))
    assert third.identity.promised_with == (("b", "c", "d"), ("a", "b", "c"))


def test_initiator_that_offers_again_is_bound_by_its_earlier_promises() -> None:
    third = node("c", identity=promised("c", "bcd", "abc"))
    roster = {"c": FREE, "d": FREE, "e": FREE}

    effects = settled(third, roster)

    assert not sent(RaftOffer, effects)
    assert third.identity == promised("c", "bcd", "abc")


def test_memory_of_earlier_offers_is_limited() -> None:
    third, roster = gone("c", promised("a", "abc", *["bcd"] * (EARLIER_MAX - 1)))

    assert third.on_offer(offer("b", "bcd"), roster, GONE_S + 1) == []


def test_offer_on_the_disk_with_names_that_are_too_long_is_never_repeated() -> None:
    long = "x" * (NODE_CHARACTERS_MAX + 1)
    kept = RaftIdentity(promised_to="of-b", promised_by="b", promised_with=(("b", long),))
    second = node("a", identity=kept)

    assert second.on_promise(RaftPromise(cluster_id="of-a", node="c"), 1.0) == []


def test_offer_with_a_name_that_is_too_long_is_invalid() -> None:
    with pytest.raises(ValidationError, match="at most 128 characters"):
        RaftOffer(cluster_id="c", initiator="a", voters=("a", "x" * (NODE_CHARACTERS_MAX + 1)))
