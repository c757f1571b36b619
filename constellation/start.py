"""Start the agent and stay in the foreground: `python -m constellation.start --config FILE`.

Exit codes: 0 stopped as asked; 1 this machine does not let it run (a port or directory in use), or
its processes kept failing; 2 a setting or flag is wrong.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from constellation import __version__
from constellation.errors import AdapterError, ConfigError

if TYPE_CHECKING:
    from constellation.settings.agent import Settings

EXIT_CANNOT_RUN = 1
EXIT_WRONG_SETTINGS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; return its exit code."""
    flags = _flags(arguments)
    # Loading creates much that stays, and hardly any garbage.  The guardian enables it again.
    gc.disable()
    try:
        return _start(flags)
    except ConfigError as error:
        return _complain(error, EXIT_WRONG_SETTINGS)
    except AdapterError as error:
        return _complain(error, EXIT_CANNOT_RUN)
    except OSError as error:
        return _complain(_unexpected(error), EXIT_CANNOT_RUN)
    finally:
        gc.enable()


def _start(flags: argparse.Namespace) -> int:
    # Not above: help, a wrong flag and a wrong setting need little of it, and it takes long.
    from constellation.settings.source import load_settings  # noqa: PLC0415

    settings = load_settings(config_file=flags.config, assignments=flags.set, environ=os.environ)
    if flags.check:
        return _check(settings)
    from actors.start import start_agent  # noqa: PLC0415

    return start_agent(settings)


def _check(settings: Settings) -> int:
    """Print every reason why a start would be refused."""
    from actors.start_checks import check_start  # noqa: PLC0415 - as above

    checked = check_start(settings)
    for problem in checked.problems:
        _complain(problem, EXIT_CANNOT_RUN)
    if any(isinstance(problem, ConfigError) for problem in checked.problems):
        return EXIT_WRONG_SETTINGS
    if checked.problems:
        return EXIT_CANNOT_RUN
    sys.stdout.write(f"the settings are good: node {settings.node_name}\n")
    if checked.holder is not None:
        sys.stdout.write(
            f"the agent runs (process {checked.holder}): its ports were not tried; a restart "
            "applies settings that have changed\n"
        )
    return 0


def _unexpected(error: OSError) -> AdapterError:
    """Return a failure that no adapter has described; the path, if any, is all that is known."""
    from actors.adapters.durable_file import disk_error  # noqa: PLC0415 - as above

    path = Path(error.filename) if isinstance(error.filename, str) else None
    what = f"{path} cannot be used" if path else "this agent does not start"
    return disk_error(what, error, path or Path.cwd())


def _complain(error: Exception, exit_code: int) -> int:
    sys.stderr.write(f"constellation: {error}\n")
    return exit_code


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_WRONG_SETTINGS, f"constellation: {message}; --help lists the flags\n")


def _flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _OneLineParser(
        prog="python -m constellation.start",
        description="Run the agent of this node in the foreground.",
        epilog="Every setting is described in docs/settings.md.  Exit codes: 0 stopped by a "
        "signal, 1 it cannot run on this machine, 2 a setting or flag is wrong.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="settings, as TOML or YAML")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="one setting, e.g. gossip.port=7946; may be repeated; wins over file and environment",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="start nothing: check all that a start would refuse (settings, files, addresses, "
        "ports); exit codes: 0 it would start, 1 this machine does not let it, 2 a setting is "
        "wrong",
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
