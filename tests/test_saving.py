"""A file that cannot be saved is reported once, and once more when it works again."""

from __future__ import annotations

from constellation.effects import Note, Send
from constellation.errors import AdapterError
from constellation.saving import Saving, is_saving
from messages.admin import PartReported


def full(why: str = "no space") -> AdapterError:
    return AdapterError("/data/routes cannot be written", why=why, fix="free space on /data")


def saving() -> Saving:
    return Saving("routes", consequence="a restart begins with older ones")


def test_new_file_has_no_problem_and_nothing_to_report() -> None:
    one = saving()

    assert not one.is_failing
    assert one.succeeded() == []
    assert one.part == PartReported(part="saving routes", state="present")


def test_failure_is_reported_with_cause_consequence_and_remedy() -> None:
    one = saving()

    note, send = one.failed(full())

    assert one.is_failing
    assert isinstance(note, Note)
    assert (note.event, note.level) == ("file_not_saved", "error")
    assert note.fields == {
        "what": "routes",
        "error": "/data/routes cannot be written",
        "why": "no space",
        "fix": "free space on /data",
    }
    assert send == Send("admin", one.part)
    assert one.part == PartReported(
        part="saving routes",
        state="lost",
        why="/data/routes cannot be written: no space; a restart begins with older ones",
        fix="free space on /data; saving is retried",
    )


def test_same_failure_is_reported_once_and_another_cause_again() -> None:
    one = saving()
    one.failed(full())

    assert one.failed(full()) == []
    (note, _) = one.failed(full("read-only"))

    assert isinstance(note, Note)
    assert note.fields["why"] == "read-only"


def test_recovery_is_reported_once_and_a_later_failure_anew() -> None:
    one = saving()
    one.failed(full())

    note, send = one.succeeded()

    assert note == Note("file_saved_again", {"what": "routes"})
    assert send == Send("admin", PartReported(part="saving routes", state="present"))
    assert one.succeeded() == []
    assert len(one.failed(full())) == 2


def test_long_texts_are_cut_to_what_a_message_carries() -> None:
    one = saving()
    one.failed(AdapterError("x" * 999, why="y", fix="z" * 999))

    assert (len(one.part.why), len(one.part.fix)) == (512, 512)


def test_part_is_recognised_by_its_name() -> None:
    assert is_saving(saving().part.part)
    assert not is_saving("docker")
