"""The operator's command, `constellation`: finds the command, runs it, and ends with its exit code.

The commands of a feature come from the entry of its actor in `constellation.registry`.

Exit codes: 0 all is well; 1 the request was wrong or not answered, with one line that says why;
2 answered, and something is degraded.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from constellation import __version__
from constellation.cli.command import NAME, Command
from constellation.cli.manual import CLUSTER, CORDON, HERE
from constellation.cli.parser import Parsed, parse
from constellation.cli.session import EXIT_UNANSWERED, Ended, asked, forget_output, write
from constellation.registry import ACTORS, load


def all_commands() -> tuple[Command, ...]:
    """Return the commands of the program, in the order of its help."""
    brought = (one for spec in ACTORS if spec.commands for one in load(spec.commands))
    return (*CLUSTER, *CORDON, *brought, *HERE)


def main() -> None:
    """Run the command that the command line names, and end this process."""
    gc.disable()  # it ends before there is garbage worth collecting
    _open_closed_streams()
    # Nothing is left to do: all is written.  Tearing down the modules one by one takes long.
    os._exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command that the command line names; return the exit code."""
    try:
        return _run(arguments)
    except Ended as ended:
        return ended.exit_code
    except KeyboardInterrupt:
        return EXIT_UNANSWERED
    except OSError as error:  # of the output only: requests are answered or refused before
        forget_output()
        sys.stderr.write(f"{NAME}: the answer cannot be written: {error.strerror}\n")
        return EXIT_UNANSWERED


def _run(arguments: Sequence[str]) -> int:
    parsed = parse(arguments, all_commands())
    if parsed.of_program.version:
        write(f"{NAME} {__version__}\n")
    else:
        _perform(parsed)
    return 0


def _perform(parsed: Parsed) -> None:
    asked.config = parsed.of_program.config
    asked.assignments = parsed.of_program.assignments
    load(parsed.command.run)(**parsed.values)


def _open_closed_streams() -> None:
    """Open /dev/null for an output that is closed (`>&-`); the exit code is still of use."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            opened = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, opened)


if __name__ == "__main__":
    main()
