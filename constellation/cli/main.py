"""The operator's command: `constellation status`, `nodes`, `services`, `events`, and so on.

Exit codes: 0 all is well; 1 the question was not answered, or wrongly asked, with one line that
says why; 2 answered, and something is degraded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from constellation.admin.words import plain
from constellation.cli.cordon import cordon, uncordon
from constellation.cli.keys import keys
from constellation.cli.raft import leases, raft, transfer
from constellation.cli.routes import explain, rejected
from constellation.cli.session import (
    DEFAULT_CONFIG,
    EXIT_UNANSWERED,
    AsJson,
    ask,
    asked,
    forget_output,
    show,
    write,
)
from messages.admin import (
    NodesReport,
    NodesRequest,
    ServicesReport,
    ServicesRequest,
    StatusReport,
    StatusRequest,
)
from messages.events import EventsReport, EventsRequest

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
app.add_typer(keys, name="keys")
app.add_typer(raft, name="raft")


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

    show(ask(StatusRequest(), StatusReport), status_text, as_json=as_json)


@app.command()
def nodes(*, as_json: AsJson = False) -> None:
    """List the nodes of the cluster."""
    from constellation.admin.tables import nodes_text  # noqa: PLC0415 - as above

    show(ask(NodesRequest(), NodesReport), nodes_text, as_json=as_json)


@app.command()
def services(*, as_json: AsJson = False) -> None:
    """List the services of all nodes, with their health."""
    from constellation.admin.tables import services_text  # noqa: PLC0415 - as above

    show(ask(ServicesRequest(), ServicesReport), services_text, as_json=as_json)


@app.command()
def events(*, as_json: AsJson = False) -> None:
    """List what happened lately, the latest first."""
    from constellation.admin.tables import events_text  # noqa: PLC0415 - as above

    show(ask(EventsRequest(), EventsReport), events_text, as_json=as_json)


app.command()(leases)
app.command()(transfer)
app.command()(explain)
app.command()(rejected)
app.command(short_help="Keep requests away from a node.")(cordon)
app.command(short_help="Let requests go to a node again.")(uncordon)


@app.command(short_help="Print a new cluster key.")
def keygen() -> None:
    """Print a new cluster key; write it to the same file on every node."""
    from actors.adapters.cluster_key import new_cluster_key  # noqa: PLC0415 - as above

    write(f"{new_cluster_key()}\n")


def main() -> None:
    """Run the command that the command line names."""
    _open_closed_streams()
    try:
        code = app(prog_name="constellation", standalone_mode=False)
    except typer.Abort:
        code = EXIT_UNANSWERED
    except OSError as error:  # of the output only: what was asked is answered or refused before
        forget_output()
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
