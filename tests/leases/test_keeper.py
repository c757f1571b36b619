"""What one node does about leases; times are readings of its own clock."""

from __future__ import annotations

from itertools import pairwise

import pytest

from constellation.effects import Note
from constellation.leases import keeper as lease_keeper
from constellation.leases.keeper import LeaseKeeper, Want
from constellation.leases.table import LEASES_MAX
from messages.leases import (
    AS_LEADER,
    LeaseAcquire,
    LeaseLost,
    LeaseRenew,
    LeasesChanged,
    LeaseTableState,
)
from tests.leases.commands import TTL_S, acquire, expire, held, release, renew
from tests.leases.keepers import (
    BETA_LEADS,
    POLICY,
    VALID_S,
    WANT,
    WE_LEAD,
    acquired,
    asked,
    at,
    changed,
    holder,
    keeper,
    notes,
    proof,
    told,
)

# Acquiring.


def test_free_lease_is_proposed_again_until_it_is_granted() -> None:
    made = keeper()

    assert asked(made.want("lb", WANT, at(0.0))) == [acquire()]
    assert asked(made.tick(at(0.9))) == []
    assert asked(made.tick(at(1.0))) == [acquire(number=2)]


def test_holder_counts_its_time_from_before_it_sent_the_command() -> None:
    made = keeper()
    made.want("lb", WANT, at(10.0))

    effects = made.change(changed(5, held(5)), at(11.5))

    assert told(effects) == [acquired(5, 10.0 + VALID_S)]


def test_acquisition_is_logged_once_however_often_the_lease_is_renewed() -> None:
    made = keeper()
    made.want("lb", WANT, at(0.0))

    granted = made.change(changed(5, held(5)), at(0.2))
    made.tick(at(1.0))
    renewed = made.change(changed(6, held(5, renewed=6, number=2)), at(1.2))

    assert notes(granted) == [Note("lease_acquired", {"lease": "lb", "fencing_token": 5})]
    assert told(renewed) == [acquired(5, 1.0 + VALID_S)]
    assert notes(renewed) == []


def test_grant_that_arrives_after_its_time_is_released_unused() -> None:
    made = keeper()
    made.want("lb", WANT, at(0.0))

    effects = made.change(changed(5, held(5)), at(VALID_S))

    assert told(effects) == []
    assert asked(effects) == [release(5)]


def test_lease_of_an_earlier_life_of_this_node_is_not_held() -> None:
    made = keeper()
    made.want("lb", WANT, at(0.0))

    effects = made.change(changed(5, held(5, session="of the life before")), at(0.1))

    assert (told(effects), asked(effects), made.held) == ([], [], {})
    assert made.owns_none


def test_lease_is_acquired_at_once_when_another_node_releases_it() -> None:
    made = keeper()
    made.want("lb", WANT, at(0.0))
    made.change(changed(5, held(5, session="s2")), at(0.1))

    assert asked(made.change(changed(6, freed=5), at(0.2))) == [acquire(number=2)]


def test_leader_acquires_a_lease_that_follows_the_leader_at_once() -> None:
    made = keeper()
    assert asked(made.want("lb", Want(ttl_s=TTL_S), at(0.0))) == []

    assert asked(made.set_leading(WE_LEAD, at(0.1))) == [acquire(number=AS_LEADER + 1)]


# Holding.


def test_renewal_counts_from_when_it_was_sent() -> None:
    made = holder()

    assert asked(made.tick(at(1.0))) == [renew("s1", number=2)]
    effects = made.change(changed(6, held(5, renewed=6, number=2)), at(1.6))

    assert told(effects) == [acquired(5, 1.0 + VALID_S)]


def test_late_renewal_does_not_shorten_the_lease() -> None:
    made = holder()
    made.tick(at(1.0))
    made.tick(at(2.0))
    made.change(changed(6, held(5, renewed=6, number=3)), at(2.1))

    assert told(made.change(changed(7, held(5, renewed=7, number=2)), at(2.2))) == []

    assert made.held["lb"].valid_until_s == 2.0 + VALID_S


def test_holder_stops_when_no_renewal_arrives() -> None:
    made = holder()

    assert made.next_due_s(at(3.0)) <= VALID_S
    effects = made.tick(at(VALID_S))

    assert [one.fencing_token for one in told(effects) if isinstance(one, LeaseLost)] == [5]
    assert made.held == {}


def test_loss_is_logged_once_with_its_reason() -> None:
    made = holder()
    fields = {"lease": "lb", "fencing_token": 5, "why": "it was not renewed in time"}

    assert notes(made.tick(at(VALID_S))) == [Note("lease_lost", fields)]
    assert notes(made.tick(at(VALID_S + 1.0))) == []


def test_renewal_of_a_lost_grant_does_not_bring_it_back() -> None:
    made = holder()
    made.tick(at(3.0))
    made.tick(at(VALID_S))

    assert told(made.change(changed(6, held(5, renewed=6, number=2)), at(VALID_S + 0.1))) == []

    assert made.held == {}


@pytest.mark.parametrize(
    "change",
    [changed(6, freed=5), changed(6, held(6, session="s2"))],
    ids=["freed", "another's"],
)
def test_holder_stops_when_the_cluster_ends_its_grant(change: LeasesChanged) -> None:
    made = holder()

    (message,) = told(made.change(change, at(1.0)))

    assert isinstance(message, LeaseLost)
    assert message.fencing_token == 5


# Giving back.


def test_lost_lease_is_released_as_soon_as_it_is_let_go() -> None:
    made = holder()
    effects = made.unwant("lb", at(1.0))
    assert (len(told(effects)), asked(effects)) == (1, [])

    assert asked(made.let_go(5, at(1.1))) == [release(5)]

    made.change(changed(6, freed=5), at(1.2))
    assert made.owns_none


def test_lost_lease_that_is_not_let_go_is_released_after_its_time_and_the_margin() -> None:
    made = holder()
    made.unwant("lb", at(1.0))

    over_s = VALID_S + POLICY.margin_s
    assert asked(made.tick(at(over_s - 0.1))) == []
    assert made.next_due_s(at(over_s - 0.1)) == over_s
    assert asked(made.tick(at(over_s))) == [release(5)]


def test_release_is_proposed_again_until_it_is_applied() -> None:
    made = holder()
    made.unwant("lb", at(1.0))
    made.let_go(5, at(1.1))

    assert asked(made.tick(at(1.5))) == []
    assert asked(made.tick(at(2.1))) == [release(5)]


def test_letting_go_of_another_grant_has_no_effect() -> None:
    made = holder()

    made.let_go(5, at(0.5))  # it is held
    made.unwant("lb", at(1.0))

    assert asked(made.let_go(4, at(1.1))) == []


def test_leader_that_steps_down_stops_at_once() -> None:
    made = holder(want=Want(ttl_s=TTL_S))

    (message,) = told(made.set_leading(BETA_LEADS, at(1.0)))

    assert isinstance(message, LeaseLost)
    assert message.why == "this node does not lead any more"


def test_node_that_stops_releases_everything_and_acquires_nothing() -> None:
    made = holder()

    effects = made.close(at(1.0))
    made.let_go(5, at(1.0))

    assert [one.why for one in told(effects) if isinstance(one, LeaseLost)] == ["this node stops"]
    assert asked(made.change(changed(6, freed=5), at(1.5))) == []
    assert made.owns_none


def test_lease_that_is_wanted_again_is_held_under_a_new_grant() -> None:
    made = holder()
    made.unwant("lb", at(1.0))
    made.want("lb", WANT, at(1.1))
    assert made.held == {}
    made.let_go(5, at(1.2))

    assert asked(made.change(changed(6, freed=5), at(1.3))) == [acquire(number=2)]
    effects = made.change(changed(7, held(7, number=2)), at(1.4))

    assert told(effects) == [acquired(7, 1.3 + VALID_S)]


# Expiry.


def test_leader_expires_a_lease_after_its_time_and_the_clock_drift() -> None:
    made = keeper()
    made.set_leading(WE_LEAD, at(0.0))
    made.proved(proof(), at(0.1))
    made.change(changed(5, held(5, session="s2")), at(10.0))

    free_s = 10.0 + TTL_S * 1.01
    assert asked(made.tick(at(free_s - 0.01))) == []
    assert made.next_due_s(at(free_s - 0.01)) == free_s
    assert asked(made.tick(at(free_s))) == [expire(5, renewed_index=5)]


def test_only_the_leader_expires_leases() -> None:
    made = keeper()
    made.change(changed(5, held(5, session="s2")), at(0.0))

    assert asked(made.tick(at(100.0))) == []


def test_table_that_shows_no_renewal_keeps_the_time_at_which_the_lease_was_learned() -> None:
    made = keeper()
    made.restore(LeaseTableState(index=5, leases=(held(5, session="s2"),)), at(10.0))

    made.restore(LeaseTableState(index=6, leases=(held(5, session="s2"),)), at(12.0))
    made.set_leading(WE_LEAD, at(10.0))
    effects = made.proved(proof(), at(10.0 + TTL_S * 1.01))

    assert asked(effects) == [expire(5, renewed_index=5)]


# Renewals that are seen in a whole table.


def shown(index: int, renewed: int) -> LeaseTableState:
    """Return a whole table in which another node holds "lb", renewed at that index."""
    return LeaseTableState(index=index, leases=(held(5, session="s2", renewed=renewed),))


def expiry_of(made: LeaseKeeper) -> float:
    """Return when `made` expires the lease, looking every tenth of a second."""
    made.set_leading(WE_LEAD, at(0.0))
    made.proved(proof(), at(0.0))
    return next(tenth / 10 for tenth in range(10_000) if any(asked(made.tick(at(tenth / 10)))))


def test_whole_table_that_shows_a_renewal_counts_from_when_it_was_learned() -> None:
    made = keeper()
    made.restore(shown(5, renewed=5), at(10.0))

    made.restore(shown(9, renewed=9), at(12.0))  # the token is the same

    assert expiry_of(made) == pytest.approx(12.0 + TTL_S * 1.01, abs=0.1)


def test_every_further_table_counts_from_the_last_renewal_that_it_shows() -> None:
    made = keeper()
    made.restore(shown(5, renewed=5), at(10.0))
    made.restore(shown(9, renewed=9), at(12.0))
    made.restore(shown(12, renewed=9), at(13.0))  # nothing new about the lease
    made.restore(shown(15, renewed=14), at(14.0))
    made.restore(shown(16, renewed=14), at(17.0))

    assert expiry_of(made) == pytest.approx(14.0 + TTL_S * 1.01, abs=0.1)


def test_table_after_changes_counts_from_the_last_change() -> None:
    made = keeper()
    made.restore(shown(5, renewed=5), at(10.0))
    made.change(changed(8, held(5, session="s2", renewed=8)), at(11.0))
    made.restore(shown(9, renewed=8), at(13.0))

    assert expiry_of(made) == pytest.approx(11.0 + TTL_S * 1.01, abs=0.1)


def test_table_with_another_grant_of_the_lease_counts_anew() -> None:
    made = keeper()
    made.restore(shown(5, renewed=5), at(10.0))
    other = LeaseTableState(index=9, leases=(held(9, session="s3"),))
    made.restore(other, at(12.0))

    assert expiry_of(made) == pytest.approx(12.0 + TTL_S * 1.01, abs=0.1)


def test_table_that_shows_our_renewal_prolongs_what_we_hold() -> None:
    made = holder()
    made.tick(at(1.0))

    state = LeaseTableState(index=6, leases=(held(5, renewed=6, number=2),))
    effects = made.restore(state, at(1.5))

    assert told(effects) == [acquired(5, 1.0 + VALID_S)]


def test_table_that_comes_when_our_time_is_over_gives_nothing_back() -> None:
    made = keeper()
    made.want("lb", WANT, at(0.0))
    made.restore(LeaseTableState(index=5, leases=(held(5),)), at(VALID_S + 0.1))
    effects = made.restore(LeaseTableState(index=6, leases=(held(5),)), at(VALID_S + 0.2))

    assert told(effects) == []
    assert made.held == {}


def test_second_grant_of_this_session_is_renewed_and_lost_like_the_first() -> None:
    made = holder()
    made.unwant("lb", at(1.0))
    made.let_go(5, at(1.0))
    made.change(changed(6, freed=5), at(1.1))
    made.want("lb", WANT, at(2.0))  # number 2
    assert told(made.change(changed(7, held(7, number=2)), at(2.1))) == [acquired(7, 2.0 + VALID_S)]

    assert told(made.change(changed(8, held(5, renewed=8, number=2)), at(2.2)))  # lost
    assert made.held == {}


# The table.


def test_table_older_than_the_known_one_is_ignored() -> None:
    made = holder()
    made.change(changed(9, held(5, renewed=9, number=1)), at(0.5))

    assert made.restore(LeaseTableState(index=4), at(1.0)) == []
    assert made.change(changed(9, freed=5), at(1.0)) == []

    assert [seen.lease.renewed_index for seen in made._table.values()] == [9]
    assert made.held


def test_lease_that_a_whole_table_does_not_list_is_lost() -> None:
    made = holder()

    effects = made.restore(LeaseTableState(index=9), at(1.0))

    assert [type(one) for one in told(effects)] == [LeaseLost]
    assert asked(effects) == [acquire(number=2)]


def test_number_and_time_of_wanted_leases_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeper, "WANTED_MAX", 1)
    made = keeper()
    made.want("lb", WANT, at(0.0))

    with pytest.raises(ValueError, match="one too many"):
        made.want("dns", WANT, at(0.0))
    with pytest.raises(ValueError, match="ttl_s"):
        made.want("lb", Want(ttl_s=1.0), at(0.0))


def test_an_hour_of_renewals_keeps_the_lease_and_little_in_memory() -> None:
    made, index = holder(), 5
    for second in range(1, 3600):
        (command,) = asked(made.tick(at(float(second))))
        index += 1
        news = held(5, renewed=index, number=command.number)  # type: ignore[attr-defined]
        made.change(changed(index, news), at(second + 0.1))

    assert made.held["lb"].fencing_token == 5
    assert len(made._sent_at_s) <= 64


def test_grant_whose_release_was_proposed_is_never_held() -> None:
    made = keeper()
    made.want("lb", WANT, at(0.0))
    made.want("dns", WANT, at(0.0))
    made.change(changed(5, held(5, name="dns", number=2)), at(0.1))
    made.tick(at(1.0))  # a renewal is under way, number 3
    assert asked(made.change(changed(6, held(5, name="dns", renewed=6, number=3)), at(1.2))) == []
    made.tick(at(2.5))  # number 4

    late = made.change(changed(7, held(6)), at(VALID_S + 0.1))
    assert release(6) in asked(late)
    effects = made.change(changed(8, held(6, renewed=8, number=4)), at(VALID_S + 0.2))

    assert told(effects) == []
    assert "lb" not in made.held


def test_new_wants_do_not_postpone_renewals() -> None:
    made = holder()

    renewals = 0
    for tenth in range(1, 31):
        effects = made.want(f"other-{tenth}", WANT, at(tenth / 10))
        renewals += sum(isinstance(one, LeaseRenew) for one in asked(effects))

    assert renewals == 3


def test_refused_proposals_are_repeated_soon_and_once() -> None:
    made = holder()
    made.want("other", WANT, at(0.5))

    made.refused(at(0.6))
    assert made.next_due_s(at(0.6)) == pytest.approx(0.8)

    commands = asked(made.tick(at(0.8)))
    assert [type(one) for one in commands] == [LeaseAcquire, LeaseRenew]
    assert made.next_due_s(at(0.8)) > 1.0


@pytest.mark.parametrize("spacing", [1, 3, 10], ids=["10 ms", "30 ms", "100 ms"])
def test_refusals_without_end_postpone_neither_a_renewal_nor_an_acquisition(spacing: int) -> None:
    made = holder()
    made.want("other", WANT, at(0.1))
    renewals, acquisitions = list[float](), list[float]()
    due_s = 0.0

    for hundredth in range(0, 500, spacing):
        now_s = at(0.2 + hundredth / 100)
        if now_s >= due_s:
            commands = asked(made.tick(now_s))
            for command in commands:
                if isinstance(command, LeaseRenew):
                    renewals.append(now_s)
                    lease = held(5, renewed=6 + hundredth, number=command.number)
                    made.change(changed(6 + hundredth, lease), now_s)
                elif isinstance(command, LeaseAcquire):
                    acquisitions.append(now_s)
        made.refused(now_s)
        due_s = made.next_due_s(now_s)

    assert made.held
    for times_s in (renewals, acquisitions):
        gaps_s = [late - early for early, late in pairwise(times_s)]
        assert max(gaps_s) <= POLICY.renew_interval_s
        assert len(times_s) < 30


def test_full_table_is_reported_and_nothing_is_proposed() -> None:
    made = keeper()
    full = tuple(held(n, name=f"n-{n}", session="s2") for n in range(1, LEASES_MAX + 1))
    made.restore(LeaseTableState(index=LEASES_MAX, leases=full), at(0.0))

    effects = made.want("lb", WANT, at(0.1))
    again = made.tick(at(0.2))

    assert asked(effects) == []
    assert notes([*effects, *again]) == [
        Note("lease_table_full", {"lease": "lb", "leases": LEASES_MAX}, "warning")
    ]


def test_full_table_is_not_reported_by_a_node_that_leaves_the_lease_to_the_leader() -> None:
    made = keeper()
    full = tuple(held(n, name=f"n-{n}", session="s2") for n in range(1, LEASES_MAX + 1))
    made.restore(LeaseTableState(index=LEASES_MAX, leases=full), at(0.0))

    assert made.want("lb", Want(ttl_s=TTL_S), at(0.1)) == []
