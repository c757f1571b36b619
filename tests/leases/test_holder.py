"""One actor's side of a lease: when it may write, and what it owes to the lease manager."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from constellation.effects import Note, Send
from constellation.leases import holder as lease_holder
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import (
    Confirmed,
    Gained,
    Gone,
    HolderEffect,
    Overdue,
    WritePermit,
)
from constellation.leases.holder import CONFIRM_TIMEOUT_S, WANT_RESEND_S, LeaseHolder
from messages.base import Message
from messages.leases import (
    Lease,
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeaseRefused,
    LeaseTableState,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.raft_member import LeasesRead, LeasesReadDone
from tests.leases.commands import held

MARGIN_S = 0.5
UNTIL_S = 10.0  # of the grants here, unless a test says otherwise


@dataclass
class Actor:
    """An actor that wants "lb", and everything that its holder asked for."""

    holder: LeaseHolder = field(default_factory=lambda: LeaseHolder(margin_s=MARGIN_S))
    effects: list[HolderEffect] = field(default_factory=list)
    now_s: float = 0.0

    def note(self, effects: Iterable[HolderEffect]) -> None:
        self.effects += effects

    def want(self) -> None:
        self.note(self.holder.want("lb", BootSeconds(self.now_s)))

    def unwant(self) -> None:
        self.note(self.holder.unwant("lb", BootSeconds(self.now_s)))

    def receive(self, message: LeaseAcquired | LeaseLost | LeaseRefused) -> None:
        self.note(self.holder.receive(message, BootSeconds(self.now_s)))

    def begin(self) -> WritePermit:
        permit = self.holder.begin_write("lb", BootSeconds(self.now_s))
        assert permit is not None
        return permit

    def end(self, permit: WritePermit) -> None:
        self.note(self.holder.end_write(permit, BootSeconds(self.now_s)))

    def stop(self) -> None:
        """Give back the permits that cover what the actor does to stop."""
        for effect in list(self.effects):
            if isinstance(effect, Gone):
                self.end(effect.permit)

    def tick(self, now_s: float) -> None:
        self.now_s = now_s
        self.note(self.holder.tick(BootSeconds(now_s)))

    def confirm(self) -> int:
        number, effects = self.holder.confirm("lb", BootSeconds(self.now_s))
        self.note(effects)
        return number

    def read(self, number: int, *leases: Lease, is_confirmed: bool = True) -> Confirmed:
        state = LeaseTableState(index=100, leases=leases)
        done = LeasesReadDone(number=number, state=state, is_confirmed=is_confirmed)
        self.note(self.holder.receive_read(done, BootSeconds(self.now_s)))
        return self.confirmed[-1]

    @property
    def may_write(self) -> bool:
        return self.holder.holds("lb", BootSeconds(self.now_s))

    @property
    def confirmed(self) -> list[Confirmed]:
        return [effect for effect in self.effects if isinstance(effect, Confirmed)]

    def given_back(self) -> list[Message]:
        """Return what was sent since the last call, but for wants."""
        return [message for message in self.sent() if not isinstance(message, LeaseWanted)]

    def sent(self) -> list[Message]:
        """Return what was sent since the last call."""
        found = [effect.message for effect in self.effects if isinstance(effect, Send)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, Send)]
        return found


def acquired(token: int = 7, until_s: float = UNTIL_S, number: int = 1) -> LeaseAcquired:
    return LeaseAcquired(name="lb", fencing_token=token, valid_until_s=until_s, number=number)


def lost(token: int = 7) -> LeaseLost:
    return LeaseLost(name="lb", fencing_token=token, why="test")


def let_go(token: int = 7) -> LeaseLetGo:
    return LeaseLetGo(name="lb", fencing_token=token)


def wanted(number: int) -> LeaseWanted:
    return LeaseWanted(name="lb", number=number)


@pytest.fixture
def actor() -> Actor:
    """Return one that holds the lease under token 7 until `UNTIL_S`."""
    made = Actor()
    made.want()
    made.receive(acquired())
    assert made.sent() == [wanted(1)]
    return made


# Permits.


def test_no_write_begins_before_the_lease_is_held() -> None:
    actor = Actor()
    assert actor.holder.begin_write("lb", BootSeconds(0.0)) is None
    actor.want()
    assert actor.holder.begin_write("lb", BootSeconds(0.0)) is None


def test_write_carries_the_fencing_token_of_the_grant(actor: Actor) -> None:
    assert actor.effects == [Gained("lb", 7)]
    assert actor.begin().fencing_token == 7


def test_no_write_begins_when_the_time_of_the_grant_is_over(actor: Actor) -> None:
    actor.now_s = UNTIL_S - 0.1
    actor.begin()
    actor.now_s = UNTIL_S
    assert actor.holder.begin_write("lb", BootSeconds(UNTIL_S)) is None


def test_renewal_allows_writes_for_longer_and_an_older_one_not_for_less(actor: Actor) -> None:
    actor.receive(acquired(until_s=15.0))
    actor.receive(acquired(until_s=12.0))

    actor.now_s = 14.0
    assert actor.may_write
    assert [effect for effect in actor.effects if isinstance(effect, Gained)] == [Gained("lb", 7)]


def test_no_write_begins_after_the_lease_was_lost(actor: Actor) -> None:
    actor.receive(lost())

    assert not actor.may_write


def test_grant_that_was_lost_is_never_acted_on_again(actor: Actor) -> None:
    actor.receive(lost())
    actor.receive(acquired(until_s=20.0))  # it was on its way
    assert not actor.may_write

    actor.receive(acquired(9, 20.0))
    assert actor.begin().fencing_token == 9


def test_loss_of_an_older_grant_does_not_end_the_current_one(actor: Actor) -> None:
    actor.receive(acquired(9, 20.0))
    actor.receive(lost(7))
    assert actor.may_write

    actor.receive(acquired(7, 30.0))
    actor.now_s = 25.0
    assert not actor.may_write


def test_grant_that_arrives_too_late_allows_nothing() -> None:
    actor = Actor(now_s=UNTIL_S)
    actor.want()
    actor.receive(acquired())

    assert not actor.may_write
    assert [effect for effect in actor.effects if isinstance(effect, Gained)] == []


def test_leases_do_not_mix(actor: Actor) -> None:
    assert actor.holder.begin_write("dns", BootSeconds(0.0)) is None
    actor.receive(LeaseLost(name="dns", fencing_token=7, why="another lease"))
    assert actor.may_write


def test_number_of_writes_in_progress_is_limited(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_holder, "WRITES_MAX", 1)
    permit = actor.begin()
    assert actor.holder.begin_write("lb", BootSeconds(0.0)) is None
    actor.end(permit)
    actor.begin()


# Letting go.


def test_lost_lease_is_let_go_when_the_last_write_has_ended(actor: Actor) -> None:
    first, second = actor.begin(), actor.begin()
    actor.receive(lost())
    actor.stop()
    assert actor.sent() == []

    actor.end(first)
    actor.end(first)
    assert actor.sent() == []
    actor.end(second)
    assert actor.sent() == [let_go()]


def test_lost_lease_is_not_let_go_before_the_actor_has_stopped(actor: Actor) -> None:
    actor.receive(lost())
    assert actor.sent() == []

    actor.stop()
    assert actor.sent() == [let_go()]


def test_loss_of_an_unknown_grant_is_answered_at_once() -> None:
    actor = Actor()
    actor.receive(lost())

    assert actor.sent() == [let_go()]


def test_nothing_is_let_go_when_only_the_time_is_over_here(actor: Actor) -> None:
    # This process may be late: the node may hold the lease, and this answer would release it.
    actor.tick(UNTIL_S)
    actor.stop()
    assert actor.given_back() == []
    assert [type(effect) for effect in actor.effects] == [Gained, Gone]

    actor.receive(acquired(until_s=20.0))
    assert actor.begin().fencing_token == 7


def test_write_must_end_by_the_margin_after_its_grant(actor: Actor) -> None:
    permit = actor.begin()
    actor.tick(UNTIL_S + MARGIN_S - 0.01)
    assert Overdue(permit) not in actor.effects
    assert actor.holder.next_due_s(BootSeconds(UNTIL_S + 0.4)) == UNTIL_S + MARGIN_S

    actor.tick(UNTIL_S + MARGIN_S)
    assert Overdue(permit) in actor.effects
    assert [effect.event for effect in actor.effects if isinstance(effect, Note)] == [
        "lease_write_overdue"
    ] * 2  # of the write, and of stopping
    assert not actor.holder.is_writing


def test_pause_past_the_margin_without_a_write_is_not_an_overdue_write(actor: Actor) -> None:
    actor.tick(UNTIL_S + MARGIN_S + 50.0)

    assert [effect for effect in actor.effects if isinstance(effect, Gone)]
    assert not [effect for effect in actor.effects if isinstance(effect, Overdue)]
    actor.stop()
    actor.tick(UNTIL_S + MARGIN_S + 51.0)
    assert not [effect for effect in actor.effects if isinstance(effect, Overdue)]


def test_repeated_unwant_does_not_claim_that_an_abandoned_write_has_ended(actor: Actor) -> None:
    actor.begin()
    actor.tick(UNTIL_S + MARGIN_S)
    actor.unwant()

    actor.receive(acquired(token=8))  # the manager did not receive that it is unwanted

    unwanted = [one for one in actor.sent() if isinstance(one, LeaseUnwanted)]
    assert [one.has_let_go for one in unwanted] == [False, False]


def test_nothing_is_let_go_while_an_abandoned_write_may_go_on(actor: Actor) -> None:
    permit = actor.begin()
    actor.receive(lost())
    actor.stop()
    actor.tick(UNTIL_S + MARGIN_S)
    actor.end(permit)
    assert actor.given_back() == []

    actor.receive(lost())  # it arrives twice
    assert actor.given_back() == []


def test_abandoned_write_does_not_hold_up_the_next_grant(actor: Actor) -> None:
    actor.begin()
    actor.tick(UNTIL_S + MARGIN_S)
    actor.receive(acquired(9, 30.0))
    actor.receive(lost(9))
    actor.stop()

    assert actor.given_back() == [let_go(9)]


# Wanting no more.


def test_lease_is_given_back_when_the_last_write_has_ended(actor: Actor) -> None:
    permit = actor.begin()
    actor.unwant()
    actor.stop()
    assert not actor.may_write
    assert actor.sent() == []

    actor.end(permit)
    assert actor.sent() == [LeaseUnwanted(name="lb")]


def test_lease_that_is_not_held_is_unwanted_at_once() -> None:
    actor = Actor()
    actor.want()
    actor.sent()

    actor.unwant()
    actor.unwant()

    assert actor.sent() == [LeaseUnwanted(name="lb")]


def test_renewals_do_not_prolong_a_write_of_a_lease_that_is_not_wanted(actor: Actor) -> None:
    permit = actor.begin()
    actor.unwant()
    actor.stop()
    actor.receive(acquired(until_s=30.0))
    actor.tick(UNTIL_S + MARGIN_S)

    assert Overdue(permit) in actor.effects
    assert actor.sent() == [LeaseUnwanted(name="lb", has_let_go=False)]


def test_lost_lease_that_is_not_wanted_either_is_let_go_once(actor: Actor) -> None:
    permit = actor.begin()
    actor.unwant()
    actor.receive(lost())
    actor.stop()
    actor.end(permit)

    assert actor.sent() == [let_go(), LeaseUnwanted(name="lb")]


def test_lease_is_wanted_again_only_after_it_was_given_back(actor: Actor) -> None:
    permit = actor.begin()
    actor.unwant()
    actor.want()
    actor.stop()
    assert actor.sent() == []

    actor.end(permit)
    assert actor.sent() == [LeaseUnwanted(name="lb"), wanted(2)]


def test_what_was_sent_before_the_lease_was_given_back_does_not_count(actor: Actor) -> None:
    actor.unwant()
    actor.stop()
    actor.want()
    actor.sent()

    actor.receive(acquired(until_s=20.0))  # of the want before
    assert not actor.may_write
    assert actor.sent() == [wanted(2)]  # in case it was lost

    actor.receive(acquired(until_s=20.0, number=2))  # another actor of the node wants it too
    assert actor.may_write


def test_want_that_was_taken_back_again_stays_so(actor: Actor) -> None:
    permit = actor.begin()
    actor.unwant()
    actor.want()
    actor.unwant()
    actor.stop()
    actor.end(permit)

    assert actor.sent() == [LeaseUnwanted(name="lb")]


# Messages that are lost, and managers that start again.


def test_want_is_repeated_until_the_lease_is_held() -> None:
    actor = Actor()
    actor.want()
    actor.tick(WANT_RESEND_S - 0.1)
    assert actor.sent() == [wanted(1)]
    assert actor.holder.next_due_s(BootSeconds(1.0)) == WANT_RESEND_S

    actor.tick(WANT_RESEND_S)
    assert actor.sent() == [wanted(1)]
    actor.receive(acquired())
    actor.tick(UNTIL_S - 0.1)
    assert actor.sent() == []


def test_lease_that_is_not_wanted_is_refused_when_it_comes(actor: Actor) -> None:
    actor.unwant()
    actor.stop()
    actor.sent()  # this is lost

    actor.receive(acquired(until_s=20.0))

    assert actor.sent() == [LeaseUnwanted(name="lb")]


def test_manager_that_starts_again_is_asked_again_and_the_old_grant_ends_in_time(
    actor: Actor,
) -> None:
    actor.note(actor.holder.manager_started(BootSeconds(1.0)))
    assert actor.sent() == [wanted(2)]

    actor.now_s = UNTIL_S - 0.1
    assert actor.may_write
    actor.now_s = UNTIL_S
    assert not actor.may_write


def test_restart_of_the_manager_is_no_reason_to_want_what_is_unwanted(actor: Actor) -> None:
    actor.unwant()
    actor.stop()
    actor.sent()

    actor.note(actor.holder.manager_started(BootSeconds(1.0)))

    assert actor.sent() == []


def test_refusal_is_logged_once_and_the_want_is_not_repeated() -> None:
    actor = Actor()
    actor.want()
    refused = LeaseRefused(name="lb", why="this node is a witness")
    actor.receive(refused)
    actor.receive(refused)
    actor.tick(3 * WANT_RESEND_S)

    assert actor.sent() == [wanted(1)]
    assert [effect.fields["why"] for effect in actor.effects if isinstance(effect, Note)] == [
        "this node is a witness"
    ]
    actor.note(actor.holder.manager_started(BootSeconds(20.0)))
    assert actor.sent() == [wanted(2)]


# Confirmed reads.


def test_confirmed_read_of_our_grant_gives_a_permit(actor: Actor) -> None:
    number = actor.confirm()
    assert actor.sent() == [LeasesRead(number=number)]

    answer = actor.read(number, held(7))

    assert answer.permit is not None
    assert answer.permit.fencing_token == 7
    assert actor.holder.is_writing


@pytest.mark.parametrize("leases", [(), (held(8),), (held(7, name="dns"),)])
def test_grant_that_the_cluster_has_ended_is_over_at_once(
    actor: Actor, leases: tuple[Lease, ...]
) -> None:
    answer = actor.read(actor.confirm(), *leases)

    assert answer.permit is None
    assert "ended" in answer.why
    assert not actor.may_write
    actor.receive(acquired(until_s=20.0))
    assert not actor.may_write


def test_read_that_no_leader_confirmed_allows_no_write_and_ends_nothing(actor: Actor) -> None:
    answer = actor.read(actor.confirm(), is_confirmed=False)

    assert answer.permit is None
    assert actor.may_write


def test_read_that_takes_too_long_allows_no_write(actor: Actor) -> None:
    number = actor.confirm()
    actor.tick(CONFIRM_TIMEOUT_S - 0.1)
    assert actor.confirmed == []

    actor.tick(CONFIRM_TIMEOUT_S)
    actor.read(number, held(7))

    assert [(one.number, one.permit) for one in actor.confirmed] == [(number, None)]


@pytest.mark.parametrize("loss", [lost(), acquired(9, 20.0)])
def test_lease_that_was_lost_during_the_read_allows_no_write(
    actor: Actor, loss: LeaseAcquired | LeaseLost
) -> None:
    number = actor.confirm()
    actor.receive(loss)

    assert actor.read(number, held(7)).permit is None


def test_lease_whose_time_ended_during_the_read_allows_no_write(actor: Actor) -> None:
    actor.now_s = UNTIL_S - 1
    number = actor.confirm()
    actor.now_s = UNTIL_S

    assert actor.read(number, held(7)).permit is None


def test_nothing_is_read_without_the_lease() -> None:
    actor = Actor()
    actor.want()
    actor.sent()
    actor.confirm()

    assert actor.sent() == []
    assert [one.permit for one in actor.confirmed] == [None]


def test_number_of_reads_under_way_is_limited(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_holder, "CONFIRMS_MAX", 1)
    actor.confirm()
    actor.confirm()

    assert len(actor.sent()) == 1
    assert [one.permit for one in actor.confirmed] == [None]
