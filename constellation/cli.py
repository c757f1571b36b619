"""The operator's command: `constellation status`, `nodes`, `services`, `keygen`.

Exit codes: 0 all is well; 1 the question was not answered, with one line that says why; 2 answered,
and something is degraded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import typer

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

R = TypeVar("R", bound=Message)

ANSWER_TIMEOUT_S = 5.0
DEFAULT_CONFIG = "/etc/constellation/agent.toml"
WIDTH_WITHOUT_TERMINAL = 120
EXIT_UNANSWERED = 1
EXIT_DEGRADED = 2

app = typer.Typer(
    help="Ask the agent of this host about its cluster.",
    epilog="Exit codes: 0 all is well; 1 not answered, or wrongly asked; 2 something is degraded.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
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

    report = _ask(StatusRequest(), StatusReport)
    _show(report, status_text, as_json=as_json)
    _end(degraded=bool(report.degraded))


@app.command()
def nodes(*, as_json: AsJson = False) -> None:
    """List the nodes of the cluster."""
    from constellation.admin.tables import nodes_text  # noqa: PLC0415 - as above

    report = _ask(NodesRequest(), NodesReport)
    _show(report, nodes_text, as_json=as_json)
    _end(degraded=any(row.state in {"dead", "suspect"} for row in report.nodes))


@app.command()
def services(*, as_json: AsJson = False) -> None:
    """List the services of all nodes, with their health."""
    from constellation.admin.tables import services_text  # noqa: PLC0415 - as above

    report = _ask(ServicesRequest(), ServicesReport)
    _show(report, services_text, as_json=as_json)
    wanted = (row for row in report.services if row.health != "stopped")
    _end(degraded=any(not row.routable for row in wanted))


@app.command()
def keygen() -> None:
    """Print a new cluster key; write it to the same file on every node."""
    from actors.adapters.cluster_key import new_cluster_key  # noqa: PLC0415 - as above

    sys.stdout.write(f"{new_cluster_key()}\n")


def _ask(request: Message, kind: type[R]) -> R:
    """Return the agent's answer, or end with one line that says why there is none."""
    from actors.adapters.cluster_key import load_cluster_key  # noqa: PLC0415 - as above
    from actors.operator_client import ask_agent  # noqa: PLC0415 - as above
    from constellation.log import configure_logging  # noqa: PLC0415 - as above
    from constellation.settings_source import load_settings  # noqa: PLC0415 - as above

    configure_logging(form="console", level="error", node="operator")
    try:
        settings = load_settings(
            config_file=_config_file(), assignments=asked.assignments, environ=os.environ
        )
        key = load_cluster_key(settings, make=False)
        answer = ask_agent(settings, key, request, timeout_s=ANSWER_TIMEOUT_S)
    except (ConfigError, AdapterError) as error:
        raise _unanswered(str(error)) from None
    if isinstance(answer, RequestRefused):
        raise _unanswered(f"{answer.what}: {answer.why}; {answer.fix}")
    if isinstance(answer, kind):
        return answer
    raise _unanswered(
        f"the agent answered with {type(answer).__name__}: it is of another version than this "
        "command; use the command that came with it"
    )


def _config_file() -> str | None:
    if asked.config or "CONSTELLATION_CONFIG" in os.environ:
        return asked.config
    return DEFAULT_CONFIG if os.access(DEFAULT_CONFIG, os.R_OK) else None


def _show(report: R, text: Callable[[R], Any], *, as_json: bool) -> None:
    from constellation.admin.documents import document  # noqa: PLC0415 - as above
    from constellation.admin.tables import render  # noqa: PLC0415 - as above

    if as_json:
        sys.stdout.write(document(report))
        return
    is_terminal = sys.stdout.isatty()
    width = os.get_terminal_size().columns if is_terminal else WIDTH_WITHOUT_TERMINAL
    color = is_terminal and "NO_COLOR" not in os.environ
    sys.stdout.write(render(text(report), width=width, color=color))


def _unanswered(text: str) -> typer.Exit:
    sys.stderr.write(f"constellation: {text}\n")
    return typer.Exit(EXIT_UNANSWERED)


def _end(*, degraded: bool) -> None:
    raise typer.Exit(EXIT_DEGRADED if degraded else 0)


def main() -> None:
    """Run the command that the command line names."""
    try:
        code = app(prog_name="constellation", standalone_mode=False)
    except typer.Abort:
        code = EXIT_UNANSWERED
    except Exception as error:
        # A wrong use is told by the library's exceptions, which know their one line.
        if not hasattr(error, "format_message"):
            raise
        sys.stderr.write(f"constellation: {error.format_message()}; --help says more\n")
        code = EXIT_UNANSWERED
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read has seen enough; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
