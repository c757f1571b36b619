"""The operator's command: `constellation status`, `nodes`, `services`, `keygen`.

Exit codes: 0 all is well; 1 the question was not answered, or wrongly asked, with one line that
says why; 2 answered, and something is degraded.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from constellation.admin.words import plain
from constellation.errors import AdapterError, ConfigError
from messages.admin import (
    NodesReport,
    NodesRequest,
    RequestRefused,
    ServicesReport,
    ServicesRequest,
    StatusReport,
    StatusRequest,
)
from messages.base import Message

Report = TypeVar("Report", StatusReport, NodesReport, ServicesReport)

ANSWER_TIMEOUT_S = 5.0
DEFAULT_CONFIG = "/etc/constellation/agent.toml"
WIDTH_WITHOUT_TERMINAL = 1000  # a row stays one line for grep; nothing is padded to it
EXIT_UNANSWERED = 1
EXIT_DEGRADED = 2

app = typer.Typer(
    help="Ask the agent of this host about its cluster.",
    epilog="\b\nExit codes:\n"
    "  0  all is well\n"
    "  1  not answered, or wrongly asked; one line on standard error says why\n"
    "  2  answered, and something is degraded",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich takes its time
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


@dataclass
class Asked:
    """Where the agent's settings are; set by the options before the command."""

    config: str | None = None
    assignments: list[str] = field(default_factory=list)


asked = Asked()


@app.callback()
def options(
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The agent's settings.  Default: what CONSTELLATION_CONFIG names, else "
            f"{DEFAULT_CONFIG} if it is there.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One setting; may be repeated."),
    ] = None,
) -> None:
    """Ask the agent of this host about its cluster."""
    asked.config, asked.assignments = config, assignments or []


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say how the cluster is, and what is wrong with it."""
    from constellation.admin.tables import status_text  # noqa: PLC0415 - rich takes its time

    _show(_ask(StatusRequest(), StatusReport), status_text, as_json=as_json)


@app.command()
def nodes(*, as_json: AsJson = False) -> None:
    """List the nodes of the cluster."""
    from constellation.admin.tables import nodes_text  # noqa: PLC0415 - as above

    _show(_ask(NodesRequest(), NodesReport), nodes_text, as_json=as_json)


@app.command()
def services(*, as_json: AsJson = False) -> None:
    """List the services of all nodes, with their health."""
    from constellation.admin.tables import services_text  # noqa: PLC0415 - as above

    _show(_ask(ServicesRequest(), ServicesReport), services_text, as_json=as_json)


@app.command(short_help="Print a new cluster key.")
def keygen() -> None:
    """Print a new cluster key; write it to the same file on every node."""
    from actors.adapters.cluster_key import new_cluster_key  # noqa: PLC0415 - as above

    _write(f"{new_cluster_key()}\n")


def _ask(request: Message, kind: type[Report]) -> Report:
    """Return the agent's answer, or end with one line that says why there is none."""
    try:
        answer = _answer(request)
    except ConfigError as error:
        raise _unanswered(f"{error}{_unread_config()}") from None
    except AdapterError as error:
        raise _unanswered(str(error)) from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise _unanswered(
            f"the agent cannot be asked: {error.strerror or error}{where}; run this command as the "
            "user that the agent runs as, or as root"
        ) from None
    if isinstance(answer, RequestRefused):
        raise _unanswered(f"{answer.what}: {answer.why}; {answer.fix}")
    if isinstance(answer, kind):
        return answer
    raise _unanswered(
        f"the agent answered with {type(answer).__name__}: it is of another version than this "
        "command; use the command that came with it"
    )


def _answer(request: Message) -> Message:
    from actors.adapters.cluster_key import load_cluster_key  # noqa: PLC0415 - as above
    from actors.operator_client import ask_agent  # noqa: PLC0415 - as above
    from constellation.log import configure_logging  # noqa: PLC0415 - as above
    from constellation.settings_source import load_settings  # noqa: PLC0415 - as above

    configure_logging(form="console", level="error", node="operator")
    settings = load_settings(
        config_file=_config_file(), assignments=asked.assignments, environ=os.environ
    )
    key = load_cluster_key(settings, make=False)
    return ask_agent(settings, key, request, timeout_s=ANSWER_TIMEOUT_S)


def _config_file() -> str | None:
    if asked.config or os.environ.get("CONSTELLATION_CONFIG"):
        return asked.config
    return DEFAULT_CONFIG if os.access(DEFAULT_CONFIG, os.R_OK) else None


def _unread_config() -> str:
    """Return what to add where the agent's usual settings are, but this user may not read them."""
    if asked.config or os.environ.get("CONSTELLATION_CONFIG"):
        return ""
    directory = Path(DEFAULT_CONFIG).parent
    if not os.access(directory, os.F_OK) or os.access(DEFAULT_CONFIG, os.R_OK):
        return ""
    if os.access(directory, os.X_OK) and not os.access(DEFAULT_CONFIG, os.F_OK):
        return ""
    return f"; this user cannot read {DEFAULT_CONFIG}: run it as root, e.g. with sudo"


def _show(report: Report, text: Callable[[Report], Any], *, as_json: bool) -> None:
    """Print the report, and end with the exit code that it deserves."""
    from constellation.admin.documents import document  # noqa: PLC0415 - as above
    from constellation.admin.tables import render  # noqa: PLC0415 - as above

    if as_json:
        _write(document(report))
    else:
        is_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if is_terminal else WIDTH_WITHOUT_TERMINAL
        color = is_terminal and not os.environ.get("NO_COLOR")
        _write(render(text(report), width=width, color=color))
    raise typer.Exit(EXIT_DEGRADED if report.degraded else 0)


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        # A terminal of another character set gets '?' for what it cannot show.
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()  # who read has seen enough


def _forget_output() -> None:
    """Python would try, and complain, once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unanswered(text: str) -> typer.Exit:
    sys.stderr.write(f"constellation: {plain(text)}\n")
    return typer.Exit(EXIT_UNANSWERED)


def main() -> None:
    """Run the command that the command line names."""
    _open_closed_streams()
    try:
        code = app(prog_name="constellation", standalone_mode=False)
    except typer.Abort:
        code = EXIT_UNANSWERED
    except OSError as error:  # of the output only: what was asked is answered or refused before
        _forget_output()
        sys.stderr.write(f"constellation: the answer cannot be written: {error.strerror}\n")
        code = EXIT_UNANSWERED
    except Exception as error:
        # A wrong use is told by the library's exceptions, which know their one line.
        if not hasattr(error, "format_message"):
            raise
        problem = plain(error.format_message()).rstrip(".")
        sys.stderr.write(f"constellation: {problem}; --help says more\n")
        code = EXIT_UNANSWERED
    sys.exit(code)


def _open_closed_streams() -> None:
    """Give output that nobody wants (`>&-`) somewhere to go; the exit code still tells."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            opened = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, opened)


if __name__ == "__main__":
    main()
