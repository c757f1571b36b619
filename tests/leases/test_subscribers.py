"""Who acts on a lease, and who has yet to stop."""

from __future__ import annotations

import pytest

from constellation.leases.subscribers import READERS_MAX, TOKENS_MAX, LeaseSubscribers


@pytest.fixture
def subscribers() -> LeaseSubscribers:
    known = LeaseSubscribers()
    known.add("lb-leader", "traefik")
    known.add("lb-leader", "dns")
    return known


def test_readers_are_told_once_each_in_the_order_they_came(subscribers: LeaseSubscribers) -> None:
    subscribers.add("lb-leader", "traefik")

    assert subscribers.readers("lb-leader") == ["traefik", "dns"]
    assert subscribers.readers("other") == []


def test_leases_of_a_reader_are_known(subscribers: LeaseSubscribers) -> None:
    subscribers.add("dns-writer", "dns")

    assert subscribers.leases_of("dns") == ["lb-leader", "dns-writer"]
    assert subscribers.leases_of("nobody") == []


def test_only_the_last_one_to_go_ends_the_wish(subscribers: LeaseSubscribers) -> None:
    assert not subscribers.remove("lb-leader", "traefik")
    assert not subscribers.remove("lb-leader", "traefik")
    assert subscribers.remove("lb-leader", "dns")
    assert not subscribers.remove("lb-leader", "dns")
    assert not subscribers.remove("other", "dns")


def test_too_many_readers_are_refused_but_known_ones_are_not(
    subscribers: LeaseSubscribers,
) -> None:
    for number in range(READERS_MAX - 2):
        subscribers.add("lb-leader", f"reader-{number}")

    with pytest.raises(ValueError, match="act on lb-leader already"):
        subscribers.add("lb-leader", "one-more")
    subscribers.add("lb-leader", "dns")
    subscribers.add("other", "one-more")


def test_grant_is_let_go_when_the_last_who_acted_has_stopped(
    subscribers: LeaseSubscribers,
) -> None:
    assert not subscribers.expect(7, ["traefik", "dns"])

    assert not subscribers.let_go(7, "traefik")
    assert not subscribers.let_go(7, "traefik")
    assert not subscribers.let_go(7, "nobody")
    assert not subscribers.let_go(8, "dns")
    assert subscribers.let_go(7, "dns")
    assert not subscribers.let_go(7, "dns")


def test_grant_on_which_nobody_acts_needs_no_waiting(subscribers: LeaseSubscribers) -> None:
    assert subscribers.expect(7, [])
    assert not subscribers.let_go(7, "dns")


def test_oldest_grants_are_forgotten(subscribers: LeaseSubscribers) -> None:
    for token in range(1, TOKENS_MAX + 2):
        subscribers.expect(token, ["dns"])

    assert not subscribers.let_go(1, "dns")
    assert subscribers.let_go(2, "dns")
