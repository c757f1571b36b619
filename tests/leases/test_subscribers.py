"""Which actors act on a lease, and which still have to let go."""

from __future__ import annotations

import pytest

from constellation.leases.subscribers import READERS_MAX, TOKENS_MAX, LeaseSubscribers

LEASE = "lb-leader"


@pytest.fixture
def subscribers() -> LeaseSubscribers:
    known = LeaseSubscribers()
    known.subscribe(LEASE, "traefik", 1)
    known.subscribe(LEASE, "dns", 1)
    return known


def test_each_reader_is_listed_once_with_its_latest_number(subscribers: LeaseSubscribers) -> None:
    subscribers.subscribe(LEASE, "traefik", 2)

    assert list(subscribers.readers(LEASE).items()) == [("traefik", 2), ("dns", 1)]
    assert subscribers.readers("other") == {}


def test_leases_of_a_reader_are_known(subscribers: LeaseSubscribers) -> None:
    subscribers.subscribe("dns-writer", "dns", 1)

    assert subscribers.leases_of("dns") == [LEASE, "dns-writer"]
    assert subscribers.leases_of("nobody") == []


def test_only_the_last_reader_to_go_ends_the_want(subscribers: LeaseSubscribers) -> None:
    assert not subscribers.unsubscribe(LEASE, "traefik")
    assert not subscribers.unsubscribe(LEASE, "traefik")
    assert subscribers.unsubscribe(LEASE, "dns")
    assert not subscribers.unsubscribe(LEASE, "dns")
    assert not subscribers.unsubscribe("other", "dns")


def test_too_many_readers_are_refused_but_known_ones_are_not(
    subscribers: LeaseSubscribers,
) -> None:
    for number in range(READERS_MAX - 2):
        subscribers.subscribe(LEASE, f"reader-{number}", 1)

    with pytest.raises(ValueError, match="act on lb-leader already"):
        subscribers.subscribe(LEASE, "one-more", 1)
    subscribers.subscribe(LEASE, "dns", 2)
    subscribers.subscribe("other", "one-more", 1)


def test_grant_is_let_go_when_the_last_reader_lets_go(subscribers: LeaseSubscribers) -> None:
    assert not subscribers.end_grant(LEASE, 7)
    assert subscribers.tokens_awaited(LEASE, "dns") == [7]

    assert not subscribers.let_go(LEASE, 7, "traefik")
    assert not subscribers.let_go(LEASE, 7, "traefik")
    assert not subscribers.let_go(LEASE, 7, "nobody")
    assert not subscribers.let_go(LEASE, 8, "dns")
    assert not subscribers.let_go("other", 7, "dns")
    assert subscribers.let_go(LEASE, 7, "dns")
    assert not subscribers.let_go(LEASE, 7, "dns")
    assert subscribers.tokens_awaited(LEASE, "dns") == []


def test_grant_without_readers_needs_no_waiting(subscribers: LeaseSubscribers) -> None:
    assert subscribers.end_grant("other", 7)
    assert not subscribers.let_go("other", 7, "dns")


def test_grant_under_which_a_reader_died_is_never_let_go(subscribers: LeaseSubscribers) -> None:
    subscribers.note_death(LEASE)
    subscribers.unsubscribe(LEASE, "dns")

    assert not subscribers.end_grant(LEASE, 7)
    assert not subscribers.let_go(LEASE, 7, "traefik")


def test_death_under_an_earlier_grant_does_not_matter_later(subscribers: LeaseSubscribers) -> None:
    subscribers.note_death(LEASE)
    subscribers.unsubscribe(LEASE, "dns")
    subscribers.end_grant(LEASE, 7)

    assert not subscribers.end_grant(LEASE, 9)
    assert subscribers.let_go(LEASE, 9, "traefik")


def test_oldest_lost_grants_are_forgotten(subscribers: LeaseSubscribers) -> None:
    for token in range(1, TOKENS_MAX + 2):
        subscribers.end_grant(LEASE, token)

    assert not {subscribers.let_go(LEASE, 1, one) for one in ("traefik", "dns")} - {False}
    subscribers.let_go(LEASE, 2, "traefik")
    assert subscribers.let_go(LEASE, 2, "dns")


def test_passive_reader_makes_nobody_hold_the_lease_and_must_let_go_of_it() -> None:
    known = LeaseSubscribers()
    known.subscribe(LEASE, "hooks", 1, is_passive=True)
    assert not known.is_wanted(LEASE)
    known.subscribe(LEASE, "traefik", 1)
    assert known.is_wanted(LEASE)

    assert known.unsubscribe(LEASE, "traefik")  # the last one that wants it
    assert not known.end_grant(LEASE, 7)
    assert known.let_go(LEASE, 7, "hooks")
    assert not known.unsubscribe(LEASE, "hooks")
