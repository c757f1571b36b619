"""A file that cannot be saved is reported once, retried, and reported once when it works again."""

from __future__ import annotations

from constellation.effects import Note, Send
from constellation.errors import AdapterError
from constellation.saving import RETRY_S, Saving
from messages.admin import PartReported


def full(why: str = "no space") -> AdapterError:
    return AdapterError("/data/routes cannot be written", why=why, fix="free space on /data")


def saving() -> Saving:
    return Saving("routes", consequence="a restart begins with older ones")


def test_new_file_has_no_problem_and_nothing_to_retry() -> None:
    one = saving()

    assert not one.is_failing
    assert not one.is_due(1e9)
    assert one.succeeded() == []
    assert one.part == PartReported(part="routes", state="present")


def test_failure_is_reported_with_cause_consequence_and_remedy() -> None:
    one = saving()

    note, send = one.failed(full(), now_s=10.0)

    assert one.is_failing
    assert isinstance(note, Note)
    assert (note.event, note.level) == ("file_not_saved", "error")
    assert note.fields == {
        "file": "routes",
        "error": "/data/routes cannot be written",
        "why": "no space",
        "fix": "free space on /data",
    }
    assert send == Send("admin", one.part)
    assert one.part == PartReported(
        part="routes",
        state="lost",
        why="/data/routes cannot be written: no space; a restart begins with older ones",
        fix="free space on /data; saving is retried",
    )


def test_same_failure_is_reported_once_and_another_cause_again() -> None:
    one = saving()
    one.failed(full(), now_s=10.0)

    assert one.failed(full(), now_s=12.0) == []
    (note, _) = one.failed(full("read-only"), now_s=14.0)

    assert isinstance(note, Note)
    assert note.fields["why"] == "read-only"


def test_retry_is_due_some_seconds_after_each_failure() -> None:
    one = saving()
    for now_s in (10.0, 50.0):
        one.failed(full(), now_s)
        assert not one.is_due(now_s + RETRY_S - 0.1)
        assert one.is_due(now_s + RETRY_S)


def test_recovery_is_reported_once_and_a_later_failure_anew() -> None:
    one = saving()
    one.failed(full(), now_s=10.0)

    note, send = one.succeeded()

    assert note == Note("file_saved_again", {"file": "routes"})
    assert send == Send("admin", PartReported(part="routes", state="present"))
    assert one.succeeded() == []
    assert not one.is_due(1e9)
    assert len(one.failed(full(), now_s=60.0)) == 2


def test_long_texts_are_cut_to_what_a_message_carries() -> None:
    one = saving()
    one.failed(AdapterError("x" * 999, why="y", fix="z" * 999), now_s=0.0)

    assert (len(one.part.why), len(one.part.fix)) == (512, 512)
