"""What a subscriber asks before each act."""

from __future__ import annotations

from constellation.leases.guard import LeaseGuard
from messages.leases import LeaseAcquired, LeaseLost


def acquired(token: int, until_s: float = 5.0, name: str = "lb") -> LeaseAcquired:
    return LeaseAcquired(name=name, fencing_token=token, valid_until_s=until_s)


def lost(token: int) -> LeaseLost:
    return LeaseLost(name="lb", fencing_token=token, why="test")


def guard(*heard: LeaseAcquired | LeaseLost) -> LeaseGuard:
    made = LeaseGuard("lb")
    for message in heard:
        made.hear(message)
    return made


def test_nothing_is_allowed_before_the_lease_is_held() -> None:
    assert guard().fencing_token(0.0) is None
    assert guard(acquired(7, name="dns")).fencing_token(0.0) is None


def test_held_lease_allows_acts_until_its_time_and_not_at_it() -> None:
    made = guard(acquired(7))

    assert made.fencing_token(4.9) == 7
    assert made.fencing_token(5.0) is None


def test_renewal_allows_them_for_longer() -> None:
    assert guard(acquired(7), acquired(7, 9.0)).fencing_token(8.0) == 7


def test_lost_lease_allows_nothing_more() -> None:
    assert guard(acquired(7), lost(7)).fencing_token(1.0) is None


def test_loss_of_an_older_grant_is_let_be() -> None:
    assert guard(acquired(9), lost(7)).fencing_token(1.0) == 9
    assert guard(acquired(9), acquired(7)).fencing_token(1.0) == 9
