"""What no journal may say is refused before it is written, and changes nothing."""

from __future__ import annotations

import pytest

from constellation.raft.effects import Save, SaveEntries, SaveIdentity, SaveSnapshot
from constellation.raft.journal import disk_of
from constellation.raft.journal_state import ChangeRefusedError
from messages.raft import RaftIdentity
from tests.raft.journals import SNAPSHOT, entries, hard, state_of


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ([hard(2)], "term 2 cannot follow 3"),
        ([hard(3, "b")], "the vote of term 3"),
        ([hard(3)], "the vote of term 3"),
        ([entries(3, after=10)], "cannot follow 7 to 9"),
        ([entries(3, after=6)], "cannot follow 7 to 9"),
        ([entries(1, after=9)], "of term 1 cannot follow 9 of term 3"),
        ([entries(1, after=7)], "of term 1 cannot follow 7 of term 2"),
        ([entries(3, 2, after=8)], "of term 2 cannot follow 9 of term 3"),
        ([entries(4, after=9)], "the log is of term 4, the node of term 3"),
        ([SaveEntries((*entries(3, after=9).entries,) * 2)], "entry 10 of term 3 cannot follow 10"),
        ([SaveSnapshot(SNAPSHOT, entries(2, after=8).entries)], "cannot follow 7 to 7"),
        (
            [SaveSnapshot(SNAPSHOT.model_copy(update={"last_index": 6}), ())],
            "a snapshot at 6 cannot follow 7",
        ),
        ([SaveIdentity(RaftIdentity(cluster_id="two"))], "of cluster one cannot change"),
        ([hard(4), entries(4, after=9), entries(3, after=10)], "of term 3 cannot follow 10"),
    ],
)
def test_what_breaks_an_invariant_is_refused_and_changes_nothing(
    wrong: list[Save], why: str
) -> None:
    steps: list[list[Save]] = [
        [SaveIdentity(RaftIdentity(cluster_id="one")), hard(3, "a")],
        [SaveSnapshot(SNAPSHOT, entries(2, 3, after=7).entries)],
    ]
    state = state_of(*steps)
    before = disk_of(state, torn_bytes=0)

    with pytest.raises(ChangeRefusedError, match=why):
        state.prepare(wrong)

    assert disk_of(state, torn_bytes=0) == before
