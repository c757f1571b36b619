"""The room of each author, and what waits to be merged."""

from __future__ import annotations

import pytest

from constellation.gossip.backlog import AUTHOR_WAITING_MAX, STRANGERS_WAITING_MAX, Backlog
from constellation.gossip.backlog import ExchangeEnd as End
from constellation.gossip.cluster_state import ClusterState
from constellation.gossip.member import Address
from constellation.gossip.policy import StatePolicy
from constellation.gossip.record_codec import SignedRecord, sign_record
from constellation.gossip.record_room import (
    AUTHOR_BYTES_MAX,
    AUTHOR_RECORDS_MAX,
    MEMBERS_BYTES_MAX,
    STRANGERS_BYTES_MAX,
    STRANGERS_MAX,
    STRANGERS_RECORDS_MAX,
    RecordRoom,
)
from constellation.gossip.record_table import RecordId
from messages.gossip import StateRecord
from messages.monitor import ServiceState
from tests.identities import identity_of

LIVING = frozenset(f"n{number}" for number in range(8))
SHARE = MEMBERS_BYTES_MAX // len(LIVING)


def room() -> RecordRoom:
    made = RecordRoom("own")
    made.set_living(LIVING)
    return made


def fill(made: RecordRoom, *authors: str, each: int) -> None:
    for author in authors:
        assert made.fits(author, each, 1)
        made.grow(author, each, 1)


@pytest.mark.case("S1")
def test_living_member_has_its_share_when_others_have_filled_everything() -> None:
    made = room()
    fill(made, "n0", "n1", "n2", "n3", each=AUTHOR_BYTES_MAX)

    assert made.fits("n4", SHARE, 1)
    assert not made.fits("n4", SHARE + 1, 1)
    assert not made.fits("n0", 1, 1)
    assert not made.fits("nobody", STRANGERS_BYTES_MAX + 1, 1)


@pytest.mark.case("S1")
def test_own_records_always_fit() -> None:
    made = room()
    fill(made, "n0", "n1", "n2", "n3", each=AUTHOR_BYTES_MAX)

    assert made.fits("own", 10 * MEMBERS_BYTES_MAX, 10 * AUTHOR_RECORDS_MAX)


@pytest.mark.case("S1")
def test_authors_that_are_no_members_have_little_room_and_take_none_from_members() -> None:
    made = room()
    for number in range(STRANGERS_MAX):
        assert made.has_any(f"nobody{number}")
        fill(made, f"nobody{number}", each=STRANGERS_BYTES_MAX // STRANGERS_MAX)

    assert not made.has_any("nobody")
    assert not made.fits("nobody0", 1, 1)
    made = room()
    for number in range(STRANGERS_RECORDS_MAX):
        assert made.fits("talker", 1, number + 1)
        made.grow("talker", 1, 1)
    assert not made.fits("talker", 1, STRANGERS_RECORDS_MAX + 1)
    assert made.fits("talker", 1, STRANGERS_RECORDS_MAX)  # a change of one that it has
    fill(made, "n0", "n1", "n2", "n3", each=AUTHOR_BYTES_MAX)


def test_author_that_becomes_a_member_moves_with_its_records() -> None:
    made = room()
    fill(made, "late", each=STRANGERS_BYTES_MAX)

    made.add_living("late")

    fill(made, "nobody", each=STRANGERS_BYTES_MAX)
    assert made.fits("late", AUTHOR_BYTES_MAX - STRANGERS_BYTES_MAX, 1)
    made.set_living(LIVING)  # it is lost, and its records stay those of a member
    assert made.is_member("late")
    assert not made.fits("other", 1, 1)


# A table.


def service_record(author: str, key: str, counter: int, *, gone: bool = False) -> SignedRecord:
    value = ServiceState(service=key, health="healthy", source="static", instance="x")
    record = StateRecord(
        kind="service",
        node=author,
        key=key,
        incarnation=1,
        counter=counter,
        service_state=None if gone else value,
    )
    return sign_record(record, identity_of(author))


@pytest.mark.case("S1")
def test_oldest_tombstones_make_way_when_an_author_has_too_many_records() -> None:
    """A host that starts and ends containers all day must not run out of records."""
    policy = StatePolicy()
    state = ClusterState(identity=identity_of("alpha"), policy=policy, incarnation=1, now_s=0.0)
    state.expire(frozenset({"alpha", "beta"}), 0.0)
    gone = [
        service_record("beta", f"s{number}", number + 1, gone=True)
        for number in range(AUTHOR_RECORDS_MAX)
    ]
    state.merge(gone, 1.0)
    assert state.table.count == AUTHOR_RECORDS_MAX

    outcome = state.merge([service_record("beta", "new", AUTHOR_RECORDS_MAX + 1)], 2.0)

    assert outcome.refused == ()
    assert state.table.get("beta", RecordId("service", "new")) is not None
    assert state.table.get("beta", RecordId("service", "s0")) is None
    assert state.table.get("beta", RecordId("service", "s1")) is not None


# What waits.


def test_authors_take_turns_and_an_exchange_ends_with_its_last_record() -> None:
    backlog = Backlog(lambda author: True)
    many = [service_record("beta", f"s{number}", 1) for number in range(5)]
    few = [service_record("gamma", "web", 1)]
    ends = [End(Address(f"10.0.0.{number}", 7946), {}) for number in range(3)]
    backlog.put(many, ends[0])
    backlog.put(few, ends[1])
    backlog.put([], ends[2])

    first, ended = backlog.take(3)
    rest, ended_later = backlog.take(9)

    assert [one.node for one in first] == ["beta", "gamma", "beta"]
    assert ended == [ends[2], ends[1]]
    assert (len(rest), ended_later, len(backlog)) == (3, [ends[0]], 0)


@pytest.mark.case("S1")
def test_records_of_no_member_do_not_take_the_place_of_others_that_wait() -> None:
    backlog = Backlog(lambda author: author == "beta")
    lie, truth = service_record("nobody", "x", 1), service_record("beta", "web", 1)

    assert backlog.put([lie] * (STRANGERS_WAITING_MAX + 5)) == 5
    assert backlog.put([truth] * (AUTHOR_WAITING_MAX + 5)) == 5
