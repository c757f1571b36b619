"""Structured logging: an event name in past tense, then key=value fields.

`log.info("lease_acquired", term=7)`.  `configure_logging` is called once by `start.py`; actor
processes inherit it by fork.  What writes the lines, `log_output`, is loaded by then, or else by
the first event: an operator's command, which seldom logs any, starts without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

if TYPE_CHECKING:
    import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class EventLogger:
    """The logger of one module, with structlog's methods."""

    lowest = 0  # of the levels that are worth loading structlog for
    node = ""  # configure the log for a command on this node before the first event

    def __init__(self, name: str) -> None:
        self._name = name
        self._loaded: Any = None

    def __getattr__(self, method: str) -> Any:
        if LEVELS.get(method, EventLogger.lowest) < EventLogger.lowest:
            return _discard
        if EventLogger.node:
            node, EventLogger.node = EventLogger.node, ""
            configure_logging(form="console", level="error", node=node)
        if self._loaded is None:
            from constellation.log_output import logger_of  # noqa: PLC0415 - loads slowly

            self._loaded = logger_of(self._name)
        return getattr(self._loaded, method)


def _discard(_event: str, **_fields: object) -> None:
    """Log nothing: the event is below the level of an operator's command."""


def configure_logging(
    *, form: Literal["json", "console"], level: str, node: str, stream: TextIO | None = None
) -> None:
    """Send every event of level `level` and above to `stream` (standard error) as one line."""
    from constellation.log_output import configure  # noqa: PLC0415 - loads slowly

    EventLogger.lowest, EventLogger.node = 0, ""
    configure(form=form, level=LEVELS[level], node=node, stream=stream)


def log_errors_only(node: str) -> None:
    """Send errors to standard error for people, and load what writes them with the first."""
    EventLogger.lowest, EventLogger.node = LEVELS["error"], node


def bind_log_context(**fields: str | int) -> None:
    """Add fields to every later event of this process, e.g. `actor="gossip"`."""
    from constellation.log_output import bind  # noqa: PLC0415 - loads slowly

    bind(**fields)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the event logger of one module, named after it."""
    return cast("structlog.typing.FilteringBoundLogger", EventLogger(name))
