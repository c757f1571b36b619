"""One request of an operator's command to the agent, and its answer on the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from constellation.admin.words import plain
from constellation.cli.manual import DEFAULT_CONFIG
from constellation.errors import AdapterError, ConfigError

if TYPE_CHECKING:
    from messages.base import Message


class Report(Protocol):
    """A message that says whether something is degraded, and what."""

    @property
    def degraded(self) -> tuple[str, ...]:
        """What to act on, for people; empty: nothing."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return the fields of the message."""


Answer = TypeVar("Answer", bound="Message")
AnyReport = TypeVar("AnyReport", bound=Report)

ANSWER_TIMEOUT_S = 5.0
WIDTH_WITHOUT_TERMINAL = 1000  # one line for each row, for grep; rows are not padded
EXIT_UNANSWERED = 1
EXIT_DEGRADED = 2


class Ended(Exception):  # noqa: N818 - no error: most commands end so
    """The command has printed what there is to say."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


@dataclass
class Asked:
    """The options before the command: where the agent's settings are."""

    config: str | None = None
    assignments: list[str] = field(default_factory=list)


asked = Asked()


def ask(
    request: Message | Callable[[bytes], Message],
    kind: type[Answer],
    *,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> Answer:
    """Return the agent's answer, or end with one line that says why there is none.

    `request` may be a function that makes the request from the cluster key.
    """
    try:
        answer = _answer(request, timeout_s)
    except (ConfigError, AdapterError) as error:
        raise unanswered(f"{_unread_config()}{error}") from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise unanswered(
            f"cannot ask the agent: {error.strerror or error}{where}; run this command as the user "
            "of the agent, or as root"
        ) from None
    from messages.operator import RequestRefused  # noqa: PLC0415 - as above

    if isinstance(answer, RequestRefused):
        raise unanswered(f"{answer.what}: {answer.why}; {answer.fix}")
    if isinstance(answer, kind):
        return answer
    raise unanswered(
        f"the agent answered with {type(answer).__name__}: it has another version than this "
        "command; use the command that came with the agent"
    )


def _answer(request: Message | Callable[[bytes], Message], timeout_s: float) -> Message:
    from constellation.log import log_errors_only  # noqa: PLC0415 - loads slowly
    from constellation.settings.source import load_settings  # noqa: PLC0415 - loads slowly

    log_errors_only("operator")
    try:
        return _answer_of_node(request, timeout_s)
    except (ConfigError, AdapterError):
        # No agent starts with a setting that is wrong, and a misspelt one may be what lacks here.
        load_settings(config_file=_config_file(), assignments=asked.assignments, environ=os.environ)
        raise


def _answer_of_node(request: Message | Callable[[bytes], Message], timeout_s: float) -> Message:
    from actors.adapters.cluster_key import load_cluster_key  # noqa: PLC0415 - loads slowly
    from actors.operator_client import ask_agent  # noqa: PLC0415 - loads slowly
    from constellation.settings.addresses import TAILSCALE  # noqa: PLC0415 - loads slowly
    from constellation.settings.source import load_node_settings  # noqa: PLC0415 - loads slowly

    settings = load_node_settings(
        config_file=_config_file(), assignments=asked.assignments, environ=os.environ
    )
    if settings.bind_address == TAILSCALE:
        from actors.adapters.tailnet_address import (  # noqa: PLC0415 - loads slowly
            with_tailnet_address,
        )

        settings = with_tailnet_address(settings)
    try:
        key = load_cluster_key(settings, make=False)
    except ConfigError as error:
        raise ConfigError(f"{error}{_others()}") from None
    made = request(key) if callable(request) else request
    return ask_agent(settings, key, made, timeout_s=timeout_s)


def _others() -> str:
    """Return a hint at the agents of other users; empty: none runs."""
    from actors.adapters.running_agents import other_agents  # noqa: PLC0415 - loads slowly

    others = other_agents()
    return f"; {others}: run this command as its user, or as root" if others else ""


def _config_file() -> str | None:
    if asked.config or os.environ.get("CONSTELLATION_CONFIG"):
        return asked.config
    return DEFAULT_CONFIG if os.access(DEFAULT_CONFIG, os.R_OK) else None


def _unread_config() -> str:
    """Return why the agent's default settings file was not read, if this user may not read it."""
    if asked.config or os.environ.get("CONSTELLATION_CONFIG"):
        return ""
    directory = Path(DEFAULT_CONFIG).parent
    if not os.access(directory, os.F_OK) or os.access(DEFAULT_CONFIG, os.R_OK):
        return ""
    if os.access(directory, os.X_OK) and not os.access(DEFAULT_CONFIG, os.F_OK):
        return ""
    return (
        f"this user cannot read {DEFAULT_CONFIG}, the settings of the agent: run this command as "
        "root, e.g. with sudo; without them: "
    )


def show(report: AnyReport, text: Callable[[AnyReport], Any], *, as_json: bool) -> None:
    """Print the report, and end with the exit code for it."""
    from constellation.admin.documents import document  # noqa: PLC0415 - loads slowly
    from constellation.admin.tables import render  # noqa: PLC0415 - loads slowly

    if as_json:
        write(document(report))
    else:
        is_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if is_terminal else WIDTH_WITHOUT_TERMINAL
        color = is_terminal and not os.environ.get("NO_COLOR")
        write(render(text(report), width=width, color=color))
    raise Ended(EXIT_DEGRADED if report.degraded else 0)


def write(text: str) -> None:
    """Print `text`, whatever the terminal can show."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        # A terminal with another character set shows '?' for what it lacks.
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()  # the reader has closed it


def forget_output() -> None:
    """Keep Python from flushing to a closed output, and from failing, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def unanswered(text: str) -> Ended:
    """Print why there is no answer; raise what this returns."""
    sys.stderr.write(f"constellation: {plain(text)}\n")
    return Ended(EXIT_UNANSWERED)
