"""The operator's command, `constellation`: its options, its exit codes, and all its commands.

The commands of a feature come from the entry of its actor in `constellation.registry`.

Exit codes: 0 all is well; 1 the request was wrong or not answered, with one line that says why;
2 answered, and something is degraded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from constellation import __version__
from constellation.admin.words import plain
from constellation.cli import cluster, cordon
from constellation.cli.session import (
    DEFAULT_CONFIG,
    EXIT_UNANSWERED,
    asked,
    forget_output,
    write,
)
from constellation.registry import ACTORS, load

app = typer.Typer(
    help="Ask the agent of this host about its cluster.",
    epilog="\b\nExit codes:\n"
    "  0  all is well\n"
    "  1  not answered, or a wrong request; one line on standard error says why\n"
    "  2  answered, and something is degraded",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich loads slowly
)


def _show_version(is_asked: bool) -> None:  # noqa: FBT001 - the library's signature
    if is_asked:
        write(f"constellation {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    *,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The agent's settings.  Default: the file that CONSTELLATION_CONFIG names, else "
            f"{DEFAULT_CONFIG} if it exists.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One setting; may be repeated."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """Ask the agent of this host about its cluster."""
    asked.config, asked.assignments = config, assignments or []


cluster.add_commands(app)
cordon.add_commands(app)
for spec in ACTORS:
    if spec.commands:
        load(spec.commands)(app)


@app.command(short_help="Print a new cluster key.")
def keygen() -> None:
    """Print a new cluster key; write it to the same file on every node."""
    from actors.adapters.cluster_key import new_cluster_key  # noqa: PLC0415 - loads slowly

    write(f"{new_cluster_key()}\n")


def main() -> None:
    """Run the command that the command line names."""
    _open_closed_streams()
    try:
        code = app(prog_name="constellation", standalone_mode=False)
    except typer.Abort:
        code = EXIT_UNANSWERED
    except OSError as error:  # of the output only: requests are answered or refused before
        forget_output()
        sys.stderr.write(f"constellation: the answer cannot be written: {error.strerror}\n")
        code = EXIT_UNANSWERED
    except Exception as error:
        # The library reports wrong usage by exceptions that format their own line.
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            write(f"{error.format_message()}\n")  # nothing was asked for: this is no error
            sys.exit(0)
        problem = plain(error.format_message()).rstrip(".")
        sys.stderr.write(f"constellation: {problem}; see --help\n")
        code = EXIT_UNANSWERED
    sys.exit(code)


def _open_closed_streams() -> None:
    """Open /dev/null for an output that is closed (`>&-`); the exit code is still of use."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            opened = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, opened)


if __name__ == "__main__":
    main()
