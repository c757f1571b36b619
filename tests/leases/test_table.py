"""The state machine: one holder for each lease, growing tokens, the same result everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import WireError
from constellation.leases import table as lease_table
from constellation.leases.table import LeaseTable
from constellation.wire import encode
from messages.base import Message
from messages.leases import LeasesChanged
from messages.raft import RaftHardState
from tests.leases.commands import acquire, applied, claim, expire, held, release, renew


def freed(changed: LeasesChanged) -> list[str]:
    """Return the names of the freed leases."""
    return [one.name for one in changed.freed]


def test_first_acquire_in_the_log_gets_the_lease_and_its_index_is_the_token() -> None:
    table = LeaseTable()

    changed = applied(table, 7, acquire(session="s1"), acquire(session="s2"))

    assert changed == LeasesChanged(index=8, held=(held(7),))


def test_acquire_by_the_holder_changes_nothing() -> None:
    table = LeaseTable()
    applied(table, 7, acquire())

    assert applied(table, 8, acquire(number=2)) == LeasesChanged(index=8)


def test_renewal_renews_all_leases_of_the_session_and_keeps_their_tokens() -> None:
    table = LeaseTable()
    applied(table, 1, acquire("lb"), acquire("dns"), acquire("other", session="s2"))

    changed = applied(table, 9, renew("s1", number=5))

    assert changed.held == (
        held(1, renewed=9, number=5),
        held(2, name="dns", renewed=9, number=5),
    )


def test_release_frees_the_named_grant_and_no_later_one() -> None:
    table = LeaseTable()
    applied(table, 1, acquire())
    assert freed(applied(table, 2, release(1))) == ["lb"]
    applied(table, 3, acquire(session="s2"))

    assert applied(table, 4, release(1)) == LeasesChanged(index=4)

    assert table.state.leases == (held(3, session="s2"),)


def test_expiry_has_no_effect_on_a_lease_that_was_renewed_since() -> None:
    table = LeaseTable()
    applied(table, 1, acquire(), renew())

    assert applied(table, 3, expire(1, renewed_index=1)).freed == ()
    assert applied(table, 4, expire(9, renewed_index=2)).freed == ()

    assert freed(applied(table, 5, expire(1, renewed_index=2))) == ["lb"]


def test_lease_freed_and_granted_again_in_one_batch_is_reported_as_held() -> None:
    table = LeaseTable()
    applied(table, 1, acquire())

    changed = applied(table, 2, release(1), acquire(session="s2"))

    assert changed.held == (held(3, session="s2"),)
    assert [one.fencing_token for one in changed.freed] == [1]


def test_entry_that_is_not_a_command_changes_nothing() -> None:
    table = LeaseTable()

    changed = applied(table, 5, b"", b"nonsense", encode(RaftHardState(term=1)))

    assert changed == LeasesChanged(index=7)


def test_number_of_leases_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_table, "LEASES_MAX", 2)
    table = LeaseTable()

    applied(table, 1, acquire("a"), acquire("b"), acquire("c"))

    assert [one.name for one in table.state.leases] == ["a", "b"]


def test_claim_of_the_current_grant_is_reported_and_changes_nothing() -> None:
    table = LeaseTable()
    applied(table, 1, acquire())
    before = table.state.leases

    assert applied(table, 2, claim(1)) == LeasesChanged(index=2, claimed=(claim(1),))
    assert applied(table, 3, claim(2)) == LeasesChanged(index=3)
    assert applied(table, 4, claim(1, "other")) == LeasesChanged(index=4)

    assert table.state.leases == before


def test_snapshot_that_is_not_a_table_is_refused() -> None:
    with pytest.raises(WireError, match="no snapshot of leases"):
        LeaseTable.decode(encode(RaftHardState(term=1)))


sessions, names = st.sampled_from(["s1", "s2"]), st.sampled_from(["a", "b"])
indexes = st.integers(1, 30)
commands = st.one_of(
    st.builds(acquire, names, session=sessions),
    st.builds(renew, sessions),
    st.builds(release, indexes, names, sessions),
    st.builds(expire, indexes, indexes, names),
    st.builds(claim, indexes, names),
)


@given(st.lists(commands, max_size=30), st.integers(0, 30))
def test_snapshot_makes_no_difference_and_tokens_only_grow(log: list[Message], at: int) -> None:
    whole, first = LeaseTable(), LeaseTable()
    tokens: dict[str, int] = {}
    for index, command in enumerate(log, 1):
        for lease in applied(whole, index, command).held:
            assert lease.fencing_token >= tokens.get(lease.name, 0)
            tokens[lease.name] = lease.fencing_token

    applied(first, 1, *log[:at])
    second = LeaseTable.decode(first.encode())
    applied(second, 1 + len(log[:at]), *log[at:])

    assert second.encode() == whole.encode()
