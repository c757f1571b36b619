"""Leases that follow the leader: who acquires them, who gives them back, and when."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from constellation.leases.effects import LeaseEffect
from constellation.leases.keeper import Leading, LeaseKeeper, Want
from messages.leases import LeaseClaim, LeaseLost, LeasesChanged, LeaseTableState
from tests.leases.commands import TTL_S, acquire, claim, held, release
from tests.leases.keepers import (
    BETA_LEADS,
    POLICY,
    WANT,
    WE_LEAD,
    asked,
    at,
    changed,
    holder,
    keeper,
    told,
)

# Preference for the leader.

FOLLOWS = Want(ttl_s=TTL_S)
PATIENCE_S = POLICY.patience_s
TAKEOVER_S = POLICY.takeover_after_s


def test_another_node_leaves_a_free_lease_to_the_leader_for_a_while() -> None:
    made = keeper()
    made.set_leading(BETA_LEADS, at(0.0))
    assert asked(made.want("lb", FOLLOWS, at(1.0))) == []

    assert asked(made.tick(at(1.0 + PATIENCE_S - 0.1))) == []
    assert made.next_due_s(at(1.0 + PATIENCE_S - 0.1)) == 1.0 + PATIENCE_S
    assert asked(made.tick(at(1.0 + PATIENCE_S))) == [acquire()]


def test_patience_begins_anew_with_each_leader_and_each_release() -> None:
    made = keeper()
    made.set_leading(BETA_LEADS, at(0.0))
    made.want("lb", FOLLOWS, at(0.0))
    made.set_leading(Leading("gamma"), at(1.5))
    assert asked(made.tick(at(1.5 + PATIENCE_S - 0.1))) == []
    made.change(changed(5, held(5, session="s2")), at(3.0))
    made.change(changed(6, freed=5), at(9.0))
    assert asked(made.tick(at(9.0 + PATIENCE_S - 0.1))) == []

    assert asked(made.tick(at(9.0 + PATIENCE_S))) == [acquire()]


def test_lease_that_a_whole_table_shows_as_free_is_left_to_the_leader_first() -> None:
    made = keeper()
    made.set_leading(BETA_LEADS, at(0.0))
    made.change(changed(5, held(5, session="s2")), at(0.0))
    made.want("lb", FOLLOWS, at(0.0))
    made.restore(LeaseTableState(index=6), at(9.0))

    assert asked(made.tick(at(9.0 + PATIENCE_S - 0.1))) == []
    assert asked(made.tick(at(9.0 + PATIENCE_S))) == [acquire()]


def test_without_a_known_leader_nothing_that_follows_it_is_acquired() -> None:
    made = keeper()
    made.want("lb", FOLLOWS, at(0.0))

    assert asked(made.tick(at(100.0))) == []


def test_leader_that_is_known_not_to_want_the_lease_is_not_waited_for() -> None:
    made = keeper()
    made.set_leading(BETA_LEADS, at(0.0))
    made.change(changed(5, held(5, session="s2")), at(0.0))
    made.want("lb", FOLLOWS, at(0.0))
    made.change(changed(6, freed=5), at(9.0))
    without_gamma = Want(ttl_s=TTL_S, unable=frozenset({"gamma"}))
    assert asked(made.want("lb", without_gamma, at(9.1))) == []

    without_beta = Want(ttl_s=TTL_S, unable=frozenset({"beta"}))

    assert asked(made.want("lb", without_beta, at(9.2))) == [acquire()]


def other_holder() -> LeaseKeeper:
    """Return a keeper that holds the lease although beta leads."""
    made = keeper()
    made.set_leading(BETA_LEADS, at(-PATIENCE_S))
    made.want("lb", FOLLOWS, at(-PATIENCE_S))
    assert asked(made.tick(at(0.0))) == [acquire()]
    made.change(changed(5, held(5)), at(0.1))
    assert made.held
    return made


def test_lease_is_kept_through_a_change_of_leader_by_a_node_that_did_not_lead() -> None:
    made = other_holder()

    assert told(made.set_leading(Leading(""), at(0.5))) == []
    assert told(made.set_leading(Leading("gamma"), at(1.0))) == []
    assert told(made.set_leading(WE_LEAD, at(1.5))) == []


def claimed(index: int, *claims: LeaseClaim) -> LeasesChanged:
    return LeasesChanged(index=index, claimed=claims)


def test_holder_gives_the_lease_back_when_the_leader_claims_it() -> None:
    made = other_holder()

    (message,) = told(made.change(claimed(6, claim(5)), at(1.0)))

    assert isinstance(message, LeaseLost)
    assert message.why == "beta, which leads, takes it over"
    assert asked(made.let_go(5, at(1.1))) == [release(5)]
    made.change(changed(7, freed=5), at(1.2))
    assert asked(made.tick(at(1.2 + PATIENCE_S - 0.1))) == []  # the leader comes first


@pytest.mark.parametrize(
    "unfit", [claim(4), claim(5, claimant="gamma")], ids=["an earlier grant", "not the leader"]
)
def test_claim_that_does_not_fit_is_ignored(unfit: LeaseClaim) -> None:
    made = other_holder()

    assert told(made.change(claimed(6, unfit), at(1.0))) == []


def test_claim_has_no_effect_on_a_lease_that_does_not_follow_the_leader() -> None:
    made = holder()

    assert told(made.change(claimed(6, claim(5)), at(1.0))) == []


def test_claim_has_no_effect_on_the_leader_itself() -> None:
    made = holder(want=FOLLOWS)

    assert told(made.change(claimed(6, claim(5, claimant="node of s1")), at(1.0))) == []


def claims(effects: Iterable[LeaseEffect]) -> list[LeaseClaim]:
    return [one for one in asked(effects) if isinstance(one, LeaseClaim)]


def leader_without(want: Want = FOLLOWS) -> LeaseKeeper:
    """Return a leader that wants the lease while another node holds it."""
    made = keeper()
    made.change(changed(5, held(5, session="s2", ttl_s=100.0)), at(0.0))
    made.set_leading(WE_LEAD, at(0.0))
    made.want("lb", want, at(1.0))
    return made


def test_leader_claims_a_lease_that_it_has_wanted_for_a_while() -> None:
    made = leader_without()
    assert claims(made.tick(at(1.0 + TAKEOVER_S - 0.1))) == []
    assert made.next_due_s(at(1.0 + TAKEOVER_S - 0.1)) == 1.0 + TAKEOVER_S

    assert claims(made.tick(at(1.0 + TAKEOVER_S))) == [claim(5, claimant="node of s1")]


def test_claim_is_repeated_slowly() -> None:
    made = leader_without()
    made.tick(at(1.0 + TAKEOVER_S))

    assert claims(made.tick(at(0.9 + 2 * TAKEOVER_S))) == []
    assert claims(made.tick(at(1.0 + 2 * TAKEOVER_S))) == [claim(5, claimant="node of s1")]


def test_leader_that_can_act_only_for_a_short_time_claims_nothing() -> None:
    made = leader_without()
    for second in range(2, 60, 4):
        made.unwant("lb", at(second))
        made.want("lb", FOLLOWS, at(second + 1))
        assert claims(made.tick(at(second + 3))) == []


def test_new_leader_waits_before_it_claims() -> None:
    made = leader_without()
    made.set_leading(BETA_LEADS, at(5.0))
    made.set_leading(WE_LEAD, at(8.0))

    assert claims(made.tick(at(7.9 + TAKEOVER_S))) == []
    assert claims(made.tick(at(8.0 + TAKEOVER_S))) == [claim(5, claimant="node of s1")]


def test_second_grant_to_another_node_is_claimed_no_sooner_than_the_first() -> None:
    made = leader_without()
    made.tick(at(1.0 + TAKEOVER_S))
    made.change(changed(6, held(6, session="s3", ttl_s=100.0), freed=5), at(12.0))

    assert claims(made.tick(at(0.9 + 2 * TAKEOVER_S))) == []
    assert claims(made.tick(at(1.0 + 2 * TAKEOVER_S))) == [claim(6, claimant="node of s1")]


def test_only_leases_that_follow_the_leader_are_claimed() -> None:
    assert claims(leader_without(WANT).tick(at(99.0))) == []


def test_lease_of_an_earlier_life_of_this_node_is_not_claimed() -> None:
    made = keeper()
    earlier = held(5, session="s0", ttl_s=100.0).model_copy(update={"holder": "node of s1"})
    made.change(changed(5, earlier), at(0.0))
    made.set_leading(WE_LEAD, at(0.0))
    made.want("lb", FOLLOWS, at(0.0))

    assert claims(made.tick(at(50.0))) == []


# Two clusters that see each other.

YIELDS = Leading("beta", yields=True)


def test_cluster_that_yields_acquires_nothing_that_follows_the_leader() -> None:
    made = keeper()
    made.set_leading(YIELDS, at(0.0))
    made.want("lb", FOLLOWS, at(0.0))
    assert asked(made.tick(at(50.0))) == []

    assert asked(made.want("other", WANT, at(50.0))) == [acquire("other")]


def test_node_of_a_cluster_that_yields_gives_back_what_follows_the_leader() -> None:
    (message,) = told(other_holder().set_leading(YIELDS, at(1.0)))

    assert isinstance(message, LeaseLost)
    assert told(holder().set_leading(YIELDS, at(1.0))) == []
