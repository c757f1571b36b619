"""Every event, also of a library, is one line with its context."""

from __future__ import annotations

import json
import logging
from io import StringIO
from pathlib import Path

import pytest

from constellation.log import bind_log_context, configure_logging, get_logger


@pytest.fixture
def out() -> StringIO:
    stream = StringIO()
    configure_logging(form="json", level="info", node="alpha", stream=stream)
    return stream


def lines(out: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_fields_and_the_context_of_its_process(out: StringIO) -> None:
    bind_log_context(actor="gossip")

    get_logger("somewhere").warning("member_failed", member="beta", age_s=1.5)

    (line,) = lines(out)
    assert [*line][:5] == ["timestamp", "level", "event", "node", "actor"]
    assert line.pop("timestamp")
    assert line == {
        "event": "member_failed",
        "level": "warning",
        "node": "alpha",
        "actor": "gossip",
        "module": "somewhere",
        "member": "beta",
        "age_s": 1.5,
    }


def test_events_below_the_level_are_not_written(out: StringIO) -> None:
    get_logger("somewhere").debug("packet_sent")

    assert lines(out) == []


def test_an_exception_is_part_of_its_line(out: StringIO) -> None:
    try:
        int("no such thing")
    except ValueError:
        get_logger("somewhere").exception("work_failed")

    (line,) = lines(out)
    assert "no such thing" in str(line["exception"])


def test_a_log_record_of_a_library_is_an_event(out: StringIO) -> None:
    logging.getLogger("thespian").error("actor %s failed", "x")
    logging.getLogger("thespian").info("idle talk")

    (line,) = lines(out)
    assert (line["event"], line["text"], line["level"], line["module"]) == (
        "library_said",
        "actor x failed",
        "error",
        "thespian",
    )


def test_log_on_a_full_disk_ends_nobody() -> None:
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails, too
    configure_logging(form="json", level="info", node="alpha", stream=full)

    for number in range(1000):  # more than a stream keeps in its buffer
        get_logger("somewhere").error("member_failed", member="beta", number=number)

    with pytest.raises(OSError, match="No space left"):
        full.close()
