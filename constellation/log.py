"""Structured logging: an event name in past tense, then key=value fields.

`log.info("lease_acquired", term=7)`.  `configure_logging` is called once by `start.py`; actor
processes inherit it by fork.  Each line is written by one `write` call, so that lines of
several processes do not mix.  Secrets are `SecretStr` in the settings: their text is stars.
Each kind of event has a budget, and an exception a length: a client that provokes errors fills no
disk.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog

from constellation.log_budget import Kind, LogBudget

EXCEPTION_CHARACTERS_MAX = 4096  # of a traceback, the end of which says most
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logging(
    *, form: Literal["json", "console"], level: str, node: str, stream: TextIO | None = None
) -> None:
    """Send every event of level `level` and above to `stream` (standard error) as one line."""
    renderer: Any = structlog.processors.JSONRenderer(default=str)
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=(stream or sys.stderr).isatty(), sort_keys=False
        )
    structlog.configure(
        processors=[
            _Limit(),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _shorten_exception,
            _what_happened_first,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(
            file=cast("TextIO", _LossyStream(stream or sys.stderr))
        ),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(node=node)
    # What libraries say through `logging`, Thespian's report of a failed handler for instance.
    logging.root.handlers[:] = [_LibraryHandler(level=logging.WARNING)]


class _Limit:
    """Drops what exceeds the budget of its kind; the next line of the kind says how many.

    Two threads that log at the same moment may miscount by a line.
    """

    def __init__(self) -> None:
        self._budget = LogBudget()

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        kind = Kind(str(event.get("module", "")), str(event.get("event", "")))
        suppressed = self._budget.spend(kind, time.monotonic())
        if suppressed is None:
            raise structlog.DropEvent
        if suppressed:
            event["suppressed_before"] = suppressed
        return event


def _shorten_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    text = event.get("exception")
    if isinstance(text, str) and len(text) > EXCEPTION_CHARACTERS_MAX:
        end = text[-EXCEPTION_CHARACTERS_MAX:].encode("ascii", "backslashreplace").decode()
        event["exception"] = f"...{end[-EXCEPTION_CHARACTERS_MAX:]}"
    return event


class _LossyStream:
    """A stream whose failures end nobody: the log may be on a full disk, or its reader gone.

    What the stream keeps in its own buffer is written when it works again; the rest is lost.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def _what_happened_first(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Order an event as a person reads it: when, how bad, what, where; the code's name last."""
    first = ("timestamp", "level", "event", "node", "actor")
    ordered = {key: event.pop(key) for key in first if key in event}
    last = {key: event.pop(key) for key in ("module",) if key in event}
    return {**ordered, **event, **last}


class _LibraryHandler(logging.Handler):
    """Makes an event of a library's log record."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = record.exc_info if record.exc_info and record.exc_info[0] else None
        get_logger(record.name).log(
            record.levelno, "library_said", text=record.getMessage(), exc_info=trace
        )


def bind_log_context(**fields: str | int) -> None:
    """Add fields to every later event of this process, e.g. `actor="gossip"`."""
    structlog.contextvars.bind_contextvars(**fields)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the event logger of one module, named after it."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(module=name))
