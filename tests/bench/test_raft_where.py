"""The path of a commit is followed from note to note, of the leader and of one follower."""

from __future__ import annotations

from bench.raft_peers.where import FOLLOWER, LEADER, SPANS, Notes, path_of

BEFORE_NS, STEP_NS = 1000, 10


def noted() -> dict[str, Notes]:
    """Return the notes of a commit whose every span takes `STEP_NS`."""
    notes: dict[str, Notes] = {LEADER: [(1, "send begins")], FOLLOWER: [(1, "store ends")]}
    for place, (who, what, _) in enumerate(SPANS, 1):
        notes[who].append((BEFORE_NS + place * STEP_NS, what))
    return notes


def test_every_span_ends_at_the_next_note_of_its_kind() -> None:
    answered_ns = BEFORE_NS + STEP_NS * (len(SPANS) + 1)

    path = path_of(noted(), BEFORE_NS, answered_ns)

    assert path == [STEP_NS] * (len(SPANS) + 1)


def test_commit_without_a_note_on_the_way_has_no_path() -> None:
    notes = noted()
    notes[FOLLOWER] = [one for one in notes[FOLLOWER] if one[1] != "store ends" or one[0] == 1]

    assert path_of(notes, BEFORE_NS, BEFORE_NS + 10_000) == []


def test_notes_after_the_answer_are_of_the_next_commit() -> None:
    assert path_of(noted(), BEFORE_NS, BEFORE_NS + 5 * STEP_NS) == []
