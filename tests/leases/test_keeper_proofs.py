"""What proofs of leadership renew, and when the leader may end what an earlier leader renewed."""

from __future__ import annotations

import pytest

from constellation.leases.effects import Propose, ProposeAsLeader
from constellation.leases.keeper import Leading, LeaseKeeper, Want
from constellation.leases.policy import PROVED_SHARE
from constellation.leases.table import LeaseTable
from messages.base import Message
from messages.leases import AS_LEADER, Lease, LeaseRenew
from tests.leases.commands import TTL_S, acquire, applied, expire, held, renew
from tests.leases.keepers import (
    POLICY,
    TERM,
    WANT,
    WE_LEAD,
    acquired,
    asked,
    at,
    changed,
    holder,
    keeper,
    proof,
    questions,
    told,
)

PROVED_S = TTL_S * PROVED_SHARE
FOLLOWS = Want(ttl_s=TTL_S)


def leading_holder() -> tuple[LeaseKeeper, int]:
    """Return the keeper of a leader that holds the lease, and the number of its question of 1.0."""
    made = holder(want=FOLLOWS)
    made.proved(proof(1), at(0.3))
    (question,) = questions(made.tick(at(1.0)))
    return made, question.number


def test_proof_renews_from_before_it_was_asked_for() -> None:
    made, _ = leading_holder()
    (question,) = questions(made.tick(at(2.0)))

    effects = made.proved(proof(question.number, 5), at(2.4))

    assert told(effects) == [acquired(5, 2.0 + PROVED_S - POLICY.margin_s)]


def test_late_proof_does_not_shorten_the_lease() -> None:
    made, first = leading_holder()
    (second,) = questions(made.tick(at(2.0)))
    made.proved(proof(second.number, 5), at(2.1))

    assert told(made.proved(proof(first, 5), at(2.2))) == []
    assert made.held["lb"].valid_until_s == 2.0 + PROVED_S - POLICY.margin_s


def test_proof_of_another_grant_renews_nothing() -> None:
    made, _ = leading_holder()
    (question,) = questions(made.tick(at(2.0)))

    assert told(made.proved(proof(question.number, 6), at(2.1))) == []


def test_proof_does_not_bring_back_what_was_lost() -> None:
    made, _ = leading_holder()
    (question,) = questions(made.tick(at(2.0)))
    made.unwant("lb", at(2.1))
    made.want("lb", FOLLOWS, at(2.2))

    made.proved(proof(question.number, 5), at(2.3))

    assert not made.held


def test_while_proofs_come_the_log_is_left_alone() -> None:
    made, number = leading_holder()
    made.proved(proof(number, 5), at(1.1))
    now_s, commands = 1.1, list[Message]()
    while now_s < 60:
        effects = made.tick(at(now_s))
        commands += asked(effects)
        for question in questions(effects):
            now_s += 0.1
            commands += asked(made.proved(proof(question.number, 5), at(now_s)))
        now_s = made.next_due_s(at(now_s))

    assert made.held
    assert commands == []


def test_when_no_proof_comes_the_log_renews_before_the_time_is_over() -> None:
    made, number = leading_holder()
    made.proved(proof(number, 5), at(1.1))
    until_s = made.held["lb"].valid_until_s

    now_s, commands = 1.1, list[Message]()
    while not commands:
        now_s = made.next_due_s(at(now_s))
        commands = asked(made.tick(at(now_s)))

    assert [type(one) for one in commands] == [LeaseRenew]
    assert now_s < until_s - POLICY.margin_s


def test_node_that_steps_down_renews_by_the_log_at_once() -> None:
    made = holder(want=WANT)
    made.set_leading(WE_LEAD, at(0.3))
    made.proved(proof(2, 5), at(0.4))

    effects = made.set_leading(Leading("beta", term=TERM + 1), at(0.5))

    assert [type(one) for one in asked(effects)] == [LeaseRenew]


# Acquiring as the leader.


def test_leader_acquires_in_its_own_term_alone() -> None:
    made = keeper()
    made.want("lb", FOLLOWS, at(0.0))

    effects = made.set_leading(WE_LEAD, at(0.1))

    (proposal,) = [one for one in effects if isinstance(one, Propose | ProposeAsLeader)]
    assert proposal == ProposeAsLeader((acquire(number=AS_LEADER + 1),), TERM)


def test_grant_to_the_leader_lasts_as_long_as_a_proof_from_before_it_was_sent() -> None:
    made = holder(sent_s=1.0, learned_s=1.3, want=FOLLOWS)

    assert made.held["lb"].valid_until_s == 1.0 + PROVED_S - POLICY.margin_s
    (question,) = questions(made.tick(at(2.0)))
    made.proved(proof(question.number, 5), at(2.1))
    assert made.held["lb"].valid_until_s == 2.0 + PROVED_S - POLICY.margin_s


def test_leader_proves_a_short_grant_sooner_than_what_it_holds_already() -> None:
    made, number = leading_holder()
    made.proved(proof(number, 5), at(1.1))  # the next question would be due at 2.0
    effects = made.want("short", Want(ttl_s=2.5), at(1.2))
    (command,) = asked(effects)
    short = held(6, name="short", ttl_s=2.5, number=command.number)  # type: ignore[attr-defined]
    made.change(changed(6, short), at(1.3))

    due_s = made.next_due_s(at(1.3))

    assert due_s < 1.2 + 0.5 * (2.5 * PROVED_SHARE - POLICY.margin_s)
    assert questions(made.tick(at(due_s)))


# Renewing by the log, as the leader.


def renewed_while_proofs_renew_nothing(
    made: LeaseKeeper, until_s: float
) -> list[tuple[float, bool]]:
    """Let every question be answered, and every proposal be committed.

    Return when it renewed, and whether that was as the leader.
    """
    now_s, index, renewals = 0.3, 5, list[tuple[float, bool]]()
    while (now_s := max(now_s, made.next_due_s(at(now_s)))) < until_s:
        effects = made.tick(at(now_s))
        for question in questions(effects):
            effects += made.proved(proof(question.number), at(now_s + 0.02))
        for command in asked(effects):
            assert isinstance(command, LeaseRenew)
            index += 1
            made.change(changed(index, held(5, renewed=index, number=command.number)), at(now_s))
            renewals.append((now_s, command.number >= AS_LEADER))
        now_s += 0.05
    return renewals


def test_while_proofs_renew_nothing_the_log_renews_for_as_long_as_a_proof() -> None:
    made = holder(want=FOLLOWS)

    renewals = renewed_while_proofs_renew_nothing(made, 20.0)

    assert len(renewals) >= 15
    assert all(as_leader for _, as_leader in renewals)
    assert 20.0 < made.held["lb"].valid_until_s < 20.0 + PROVED_S - POLICY.margin_s


def test_new_leader_shortens_no_renewal_that_it_has_sent_before() -> None:
    made = holder(want=WANT)  # it does not lead yet
    made.set_leading(WE_LEAD, at(0.3))

    renewals = renewed_while_proofs_renew_nothing(made, 20.0)

    whole_s = [now_s for now_s, as_leader in renewals if not as_leader]
    shorter_s = [now_s for now_s, as_leader in renewals if as_leader]
    assert whole_s
    assert len(shorter_s) >= 15
    assert min(shorter_s) - max(whole_s) >= TTL_S - PROVED_S


def test_leader_shortens_no_renewal_unless_its_time_would_be_over_before() -> None:
    sent_s = 10.0
    from_s = POLICY.as_leader_from_s(sent_s, TTL_S)

    whole_s = POLICY.valid_until_s(sent_s, TTL_S)
    assert POLICY.proved_until_s(from_s, TTL_S) == pytest.approx(whole_s)


# Ending what others held.


def leader_that_sees(
    seen_s: float, lease: Lease | None = None, *, want: Want | None = None
) -> LeaseKeeper:
    """Return the keeper of a leader that knows of another session's grant since then."""
    made = keeper()
    made.set_leading(WE_LEAD, at(0.0))
    if want is not None:
        made.want("lb", want, at(0.0))
    made.change(changed(5, lease or held(5, session="s2")), at(seen_s))
    return made


def ends_at_s(made: LeaseKeeper, from_s: float) -> float:
    """Return when it ends the lease, looking every hundredth of a second."""
    hundredths = range(int(from_s * 100), 10_000)
    return next(one / 100 for one in hundredths if asked(made.tick(at(one / 100))))


def test_leader_ends_nothing_before_it_knows_of_earlier_proofs() -> None:
    made = leader_that_sees(1.0)

    assert asked(made.tick(at(1000.0))) == []
    assert made.next_due_s(at(1000.0)) < 1100.0


def test_leader_waits_for_what_an_earlier_one_may_have_proved() -> None:
    made = leader_that_sees(1.0)
    made.proved(proof(earlier_ago_s=2.0), at(30.0))

    assert ends_at_s(made, 25.0) == pytest.approx(28.0 + PROVED_S * 1.01, abs=0.011)


def test_leader_waits_for_the_last_renewal_in_the_log() -> None:
    made = leader_that_sees(30.0)
    made.proved(proof(earlier_ago_s=20.0), at(30.1))

    assert ends_at_s(made, 30.1) == pytest.approx(30.0 + TTL_S * 1.01, abs=0.011)


def test_leader_does_not_wait_for_when_it_learned_what_an_earlier_leader_acquired() -> None:
    made = leader_that_sees(30.0, held(5, session="s2", number=AS_LEADER + 7))
    made.proved(proof(earlier_ago_s=2.0), at(30.1))

    assert ends_at_s(made, 30.1) == pytest.approx(28.1 + PROVED_S * 1.01, abs=0.011)


def test_leader_waits_for_the_log_if_that_has_renewed_what_an_earlier_leader_acquired() -> None:
    table = LeaseTable()
    applied(table, 5, acquire(session="s2", number=AS_LEADER + 7), renew("s2", number=8))
    made = leader_that_sees(30.0, *table.state.leases)
    made.proved(proof(earlier_ago_s=20.0), at(30.1))

    assert ends_at_s(made, 30.1) == pytest.approx(30.0 + TTL_S * 1.01, abs=0.011)


def test_leader_waits_for_what_it_acquired_itself_before_its_lease_manager_started_again() -> None:
    before = held(5, session="s2", number=AS_LEADER + 7)
    made = leader_that_sees(30.0, before.model_copy(update={"holder": "node of s1"}))
    made.proved(proof(earlier_ago_s=20.0), at(30.1))

    assert ends_at_s(made, 30.1) == pytest.approx(30.0 + TTL_S * 1.01, abs=0.011)


def test_what_was_known_in_an_earlier_term_counts_no_more() -> None:
    made = leader_that_sees(1.0)
    made.proved(proof(), at(3.0))
    made.set_leading(Leading("beta", term=TERM + 1), at(4.0))
    made.set_leading(Leading("node of s1", is_leader=True, term=TERM + 2), at(5.0))

    assert asked(made.proved(proof(), at(20.0))) == []  # of the earlier term, late
    assert asked(made.tick(at(100.0))) == []


def test_lease_is_ended_and_acquired_together_as_the_leader_of_one_term() -> None:
    made = leader_that_sees(1.0, want=FOLLOWS)

    effects = made.proved(proof(), at(20.0))

    (ended,) = [one for one in effects if isinstance(one, ProposeAsLeader)]
    assert ended.term == TERM
    ends, acquires = ended.commands
    assert ends == expire(5, renewed_index=5)
    assert acquires == acquire(number=AS_LEADER + 4)


def test_leader_does_not_end_what_its_own_session_holds() -> None:
    made, _ = leading_holder()
    made.unwant("lb", at(1.5))
    made.want("lb", FOLLOWS, at(1.6))

    effects = [one for tenth in range(20, 200) for one in made.tick(at(tenth / 10))]

    assert not [one for one in effects if isinstance(one, ProposeAsLeader)]
