"""What one node does about leases; times are of its own clock."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from constellation.effects import Note
from constellation.leases import keeper as lease_keeper
from constellation.leases.effects import LeaseEffect, Propose, Tell
from constellation.leases.keeper import LeaseKeeper, Want
from constellation.leases.policy import LeasePolicy
from constellation.leases.table import LEASES_MAX
from messages.base import Message
from messages.leases import (
    Lease,
    LeaseAcquired,
    LeaseFreed,
    LeaseLost,
    LeaseRenew,
    LeasesChanged,
    LeaseTableState,
)
from tests.leases.commands import TTL_S, acquire, expire, held, release, renew

POLICY = LeasePolicy(ttl_s=TTL_S, renew_interval_s=1.0, margin_s=0.5, clock_drift=0.01)
WANT = Want(ttl_s=TTL_S, follows_leader=False)
VALID_S = TTL_S - POLICY.margin_s


def keeper() -> LeaseKeeper:
    return LeaseKeeper(node_name="node of s1", session="s1", policy=POLICY)


def holder(sent_s: float = 0.0, learnt_s: float = 0.2, *, want: Want = WANT) -> LeaseKeeper:
    """Return one that has just got the lease, at log index 5."""
    made = keeper()
    made.set_leader(is_leader=want.follows_leader, now_s=sent_s)
    made.want("lb", want, sent_s)
    made.change(changed(5, held(5)), learnt_s)
    assert made.held
    return made


def changed(index: int, *leases: Lease, freed: int = 0) -> LeasesChanged:
    """Return a change; `freed` is the token of a grant of "lb" that has ended, 0: of none."""
    ended = LeaseFreed(name="lb", fencing_token=freed or 1, holder="n", why="it is over")
    return LeasesChanged(index=index, held=leases, freed=(ended,) if freed else ())


def asked(effects: Iterable[LeaseEffect]) -> list[Message]:
    return [command for one in effects if isinstance(one, Propose) for command in one.commands]


def told(effects: Iterable[LeaseEffect]) -> list[Message]:
    return [one.message for one in effects if isinstance(one, Tell)]


def acquired(token: int, until_s: float) -> LeaseAcquired:
    return LeaseAcquired(name="lb", fencing_token=token, valid_until_s=until_s)


# Acquiring.


def test_wanted_lease_that_nobody_has_is_asked_for_and_again_after_a_while() -> None:
    made = keeper()

    assert asked(made.want("lb", WANT, 0.0)) == [acquire()]
    assert asked(made.tick(0.9)) == []
    assert asked(made.tick(1.0)) == [acquire(number=2)]


def test_time_counts_from_before_the_command_was_sent() -> None:
    made = keeper()
    made.want("lb", WANT, 10.0)

    effects = made.change(changed(5, held(5)), 11.5)

    assert told(effects) == [acquired(5, 10.0 + VALID_S)]


def test_grant_that_comes_when_its_time_is_over_is_given_back_unused() -> None:
    made = keeper()
    made.want("lb", WANT, 0.0)

    effects = made.change(changed(5, held(5)), VALID_S)

    assert told(effects) == []
    assert asked(effects) == [release(5)]


def test_lease_of_another_session_is_not_ours_even_of_this_node() -> None:
    made = keeper()
    made.want("lb", WANT, 0.0)

    effects = made.change(changed(5, held(5, session="of the life before")), 0.1)

    assert (told(effects), asked(effects), made.held) == ([], [], {})
    assert made.owns_none


def test_lease_that_another_frees_is_asked_for_at_once() -> None:
    made = keeper()
    made.want("lb", WANT, 0.0)
    made.change(changed(5, held(5, session="s2")), 0.1)

    assert asked(made.change(changed(6, freed=5), 0.2)) == [acquire(number=2)]


def test_lease_that_follows_the_leader_is_asked_for_by_the_leader_only() -> None:
    made = keeper()
    assert asked(made.want("lb", Want(ttl_s=TTL_S), 0.0)) == []

    assert asked(made.set_leader(is_leader=True, now_s=0.1)) == [acquire()]


# Holding.


def test_held_lease_is_renewed_and_for_longer_from_when_that_was_sent() -> None:
    made = holder()

    assert asked(made.tick(1.0)) == [renew("s1", number=2)]
    effects = made.change(changed(6, held(5, renewed=6, number=2)), 1.6)

    assert told(effects) == [acquired(5, 1.0 + VALID_S)]


def test_renewal_that_comes_after_a_later_one_makes_nothing_shorter() -> None:
    made = holder()
    made.tick(1.0)
    made.tick(2.0)
    made.change(changed(6, held(5, renewed=6, number=3)), 2.1)

    assert told(made.change(changed(7, held(5, renewed=7, number=2)), 2.2)) == []

    assert made.held["lb"].valid_until_s == 2.0 + VALID_S


def test_holder_stops_in_time_by_itself() -> None:
    made = holder()

    assert made.next_due_s(3.0) <= VALID_S
    effects = made.tick(VALID_S)

    assert [one.fencing_token for one in told(effects) if isinstance(one, LeaseLost)] == [5]
    assert made.held == {}


def test_renewal_that_comes_too_late_brings_a_lost_grant_not_back() -> None:
    made = holder()
    made.tick(3.0)
    made.tick(VALID_S)

    assert told(made.change(changed(6, held(5, renewed=6, number=2)), VALID_S + 0.1)) == []

    assert made.held == {}


@pytest.mark.parametrize(
    "change",
    [changed(6, freed=5), changed(6, held(6, session="s2"))],
    ids=["freed", "another's"],
)
def test_holder_hears_that_the_cluster_took_it(change: LeasesChanged) -> None:
    made = holder()

    (message,) = told(made.change(change, 1.0))

    assert isinstance(message, LeaseLost)
    assert message.fencing_token == 5


# Giving back.


def test_lease_is_given_back_as_soon_as_everybody_let_go() -> None:
    made = holder()
    effects = made.unwant("lb", 1.0)
    assert (len(told(effects)), asked(effects)) == (1, [])

    assert asked(made.let_go(5, 1.1)) == [release(5)]

    made.change(changed(6, freed=5), 1.2)
    assert made.owns_none


def test_without_a_word_it_is_given_back_when_what_was_begun_in_time_is_over() -> None:
    made = holder()
    made.unwant("lb", 1.0)

    over_s = VALID_S + POLICY.margin_s
    assert asked(made.tick(over_s - 0.1)) == []
    assert made.next_due_s(over_s - 0.1) == over_s
    assert asked(made.tick(over_s)) == [release(5)]


def test_release_is_asked_for_until_it_is_done() -> None:
    made = holder()
    made.unwant("lb", 1.0)
    made.let_go(5, 1.1)

    assert asked(made.tick(1.5)) == []
    assert asked(made.tick(2.1)) == [release(5)]


def test_letting_go_of_another_grant_means_nothing() -> None:
    made = holder()

    made.let_go(5, 0.5)  # it is held
    made.unwant("lb", 1.0)

    assert asked(made.let_go(4, 1.1)) == []


def test_leader_that_leads_no_more_stops_at_once() -> None:
    made = holder(want=Want(ttl_s=TTL_S))

    (message,) = told(made.set_leader(is_leader=False, now_s=1.0))

    assert isinstance(message, LeaseLost)
    assert message.why == "this node leads no more"


def test_node_that_ends_gives_all_back_and_takes_nothing() -> None:
    made = holder()

    effects = made.close(1.0)
    made.let_go(5, 1.0)

    assert [one.why for one in told(effects) if isinstance(one, LeaseLost)] == ["this node ends"]
    assert asked(made.change(changed(6, freed=5), 1.5)) == []
    assert made.owns_none


def test_lease_wanted_again_is_held_under_a_new_grant() -> None:
    made = holder()
    made.unwant("lb", 1.0)
    made.want("lb", WANT, 1.1)
    assert made.held == {}
    made.let_go(5, 1.2)

    assert asked(made.change(changed(6, freed=5), 1.3)) == [acquire(number=2)]
    effects = made.change(changed(7, held(7, number=2)), 1.4)

    assert told(effects) == [acquired(7, 1.3 + VALID_S)]


# Expiry.


def test_leader_takes_a_lease_whose_time_is_over_and_clocks_may_differ() -> None:
    made = keeper()
    made.set_leader(is_leader=True, now_s=0.0)
    made.change(changed(5, held(5, session="s2")), 10.0)

    free_s = 10.0 + TTL_S * 1.01
    assert asked(made.tick(free_s - 0.01)) == []
    assert made.next_due_s(free_s - 0.01) == free_s
    assert asked(made.tick(free_s)) == [expire(5, renewed_index=5)]


def test_who_does_not_lead_takes_nothing() -> None:
    made = keeper()
    made.change(changed(5, held(5, session="s2")), 0.0)

    assert asked(made.tick(100.0)) == []


def test_new_leader_counts_from_when_it_learnt_of_the_lease() -> None:
    made = keeper()
    made.restore(LeaseTableState(index=5, leases=(held(5, session="s2"),)), 10.0)

    made.restore(LeaseTableState(index=6, leases=(held(5, session="s2"),)), 12.0)
    effects = made.set_leader(is_leader=True, now_s=10.0 + TTL_S * 1.01)

    assert asked(effects) == [expire(5, renewed_index=5)]


# The table.


def test_what_is_older_than_what_is_known_changes_nothing() -> None:
    made = holder()
    made.change(changed(9, held(5, renewed=9, number=1)), 0.5)

    assert made.restore(LeaseTableState(index=4), 1.0) == []
    assert made.change(changed(9, freed=5), 1.0) == []

    assert [one.renewed_index for one in made.table] == [9]
    assert made.held


def test_whole_table_takes_what_is_not_in_it() -> None:
    made = holder()

    effects = made.restore(LeaseTableState(index=9), 1.0)

    assert [type(one) for one in told(effects)] == [LeaseLost]
    assert asked(effects) == [acquire(number=2)]


def test_only_so_many_are_wanted_and_for_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeper, "WANTED_MAX", 1)
    made = keeper()
    made.want("lb", WANT, 0.0)

    with pytest.raises(ValueError, match="one too many"):
        made.want("dns", WANT, 0.0)
    with pytest.raises(ValueError, match="ttl_s"):
        made.want("lb", Want(ttl_s=1.0), 0.0)


def test_renewals_for_an_hour_keep_little_in_memory_and_the_lease() -> None:
    made, index = holder(), 5
    for second in range(1, 3600):
        (command,) = asked(made.tick(float(second)))
        index += 1
        news = held(5, renewed=index, number=command.number)  # type: ignore[attr-defined]
        made.change(changed(index, news), second + 0.1)

    assert made.held["lb"].fencing_token == 5
    assert len(made._sent_at_s) <= 64


def test_grant_that_came_too_late_is_never_held_once_its_release_is_asked_for() -> None:
    made = keeper()
    made.want("lb", WANT, 0.0)
    made.want("dns", WANT, 0.0)
    made.change(changed(5, held(5, name="dns", number=2)), 0.1)
    made.tick(1.0)  # a renewal is under way, number 3
    assert asked(made.change(changed(6, held(5, name="dns", renewed=6, number=3)), 1.2)) == []
    made.tick(2.5)  # number 4

    late = made.change(changed(7, held(6)), VALID_S + 0.1)
    assert release(6) in asked(late)
    effects = made.change(changed(8, held(6, renewed=8, number=4)), VALID_S + 0.2)

    assert told(effects) == []
    assert "lb" not in made.held


def test_leases_wanted_again_and_again_put_off_no_renewal() -> None:
    made = holder()

    renewals = 0
    for tenth in range(1, 31):
        effects = made.want(f"other-{tenth}", WANT, tenth / 10)
        renewals += sum(isinstance(one, LeaseRenew) for one in asked(effects))

    assert renewals == 3


def test_full_table_is_noted_and_nothing_is_asked_for() -> None:
    made = keeper()
    full = tuple(held(n, name=f"n-{n}", session="s2") for n in range(1, LEASES_MAX + 1))
    made.restore(LeaseTableState(index=LEASES_MAX, leases=full), 0.0)

    effects = made.want("lb", WANT, 0.1)
    again = made.tick(0.2)

    assert asked(effects) == []
    (note,) = [one for one in [*effects, *again] if isinstance(one, Note)]
    assert (note.event, note.fields) == (
        "lease_table_full",
        {"lease": "lb", "leases": LEASES_MAX},
    )


def test_full_table_is_nothing_to_who_may_not_hold_the_lease() -> None:
    made = keeper()
    full = tuple(held(n, name=f"n-{n}", session="s2") for n in range(1, LEASES_MAX + 1))
    made.restore(LeaseTableState(index=LEASES_MAX, leases=full), 0.0)

    assert made.want("lb", Want(ttl_s=TTL_S), 0.1) == []
