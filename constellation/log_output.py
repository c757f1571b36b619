"""What `log` writes with: the form of a line, its limits, and the stream.

Each line is written by one `write` call, so that lines of several processes do not mix.  Secrets
are `SecretStr` in the settings: their text is stars.  Each kind of event has a budget, and an
exception a length: a client that provokes errors fills no disk.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import MutableMapping, Sequence
from importlib import import_module
from typing import Any, Literal, TextIO, cast

from constellation.log_budget import Kind, LogBudget

EXCEPTION_CHARACTERS_MAX = 4096  # of a traceback, the end of which says most
# What structlog draws tracebacks with where it is installed.  Here they are text: without these,
# every process of a node is megabytes smaller.
_NOT_NEEDED = ("rich", "better_exceptions")


def _without(names: Sequence[str], module: str) -> Any:
    """Import `module` as if the optional packages `names` were not installed."""
    modules: dict[str, Any] = sys.modules
    hidden = {name: modules.pop(name) for name in names if name in modules}
    modules.update(dict.fromkeys(names))  # None: it cannot be imported
    try:
        return import_module(module)
    finally:
        for name in names:
            del modules[name]
        modules.update(hidden)


structlog: Any = sys.modules.get("structlog") or _without(_NOT_NEEDED, "structlog")


def configure(
    *, form: Literal["json", "console"], level: int, node: str, stream: TextIO | None
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
        wrapper_class=structlog.make_filtering_bound_logger(level),
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
        logger_of(record.name).log(
            record.levelno, "library_said", text=record.getMessage(), exc_info=trace
        )


def bind(**fields: str | int) -> None:
    """Add fields to every later event of this process."""
    structlog.contextvars.bind_contextvars(**fields)


def logger_of(name: str) -> Any:
    """Return structlog's logger of one module."""
    return structlog.get_logger(module=name)
