"""Start the agent and stay in the foreground: `python -m constellation.start --config FILE`.

Exit codes: 0 stopped as asked; 1 this machine does not let it run (a port or directory in use), or
its processes kept failing; 2 a setting or flag is wrong.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn

from actors import node
from actors.adapters.cluster_key import load_cluster_key
from actors.adapters.durable_file import disk_error
from actors.adapters.node_directory import NodeDirectories
from actors.adapters.node_identity import load_identity
from actors.adapters.parts import find_missing
from actors.adapters.tailnet_address import wait_for_tailnet_address
from actors.guardian import Guardian, end_earlier_run
from actors.start_checks import check_start, refuse_addresses, refuse_files
from constellation import __version__
from constellation.errors import AdapterError, ConfigError, ConstellationError
from constellation.log import configure_logging, get_logger
from constellation.settings.agent import LogSettings, Settings
from constellation.settings.source import load_settings

log = get_logger("constellation.start")  # its __name__ is that of a program

EXIT_CANNOT_RUN = 1
EXIT_WRONG_SETTINGS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; return its exit code."""
    flags = _flags(arguments)
    try:
        settings = load_settings(
            config_file=flags.config, assignments=flags.set, environ=os.environ
        )
        return _check(settings) if flags.check else _run(settings)
    except ConfigError as error:
        return _complain(error, EXIT_WRONG_SETTINGS)
    except AdapterError as error:
        return _complain(error, EXIT_CANNOT_RUN)
    except OSError as error:
        return _complain(_unexpected(error), EXIT_CANNOT_RUN)


def _check(settings: Settings) -> int:
    """Print every reason why a start would be refused."""
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


def _run(settings: Settings) -> int:
    os.umask(0o077)
    _limit_resources()
    configure_logging(form=_form(settings.log), level=settings.log.level, node=settings.node_name)
    refuse_files(settings)
    settings = wait_for_tailnet_address(settings, say=_say_waiting)
    directories = NodeDirectories(settings.data_dir, settings.runtime_dir)
    try:
        end_earlier_run(directories)
        refuse_addresses(settings)
        node.set_settings(settings)
        node.set_cluster_key(load_cluster_key(settings))
        load_identity(settings)  # made or refused here, where a person looks
        log.info("agent_starting", version=__version__, data_dir=settings.data_dir)
        for part in find_missing(settings):
            log.warning("part_missing", part=part.part, why=part.why, fix=part.fix)
        return Guardian(settings, directories).run()
    except (ConstellationError, OSError):
        directories.discard()
        raise
    finally:
        directories.unlock()


def _unexpected(error: OSError) -> AdapterError:
    """Return a failure that no adapter has described; the path, if any, is all that is known."""
    path = Path(error.filename) if isinstance(error.filename, str) else None
    what = f"{path} cannot be used" if path else "this agent does not start"
    return disk_error(what, error, path or Path.cwd())


def _say_waiting(why: str, fix: str) -> None:
    log.warning("tailnet_address_awaited", why=why, fix=fix)


def _limit_resources() -> None:
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = {
        resource.RLIMIT_CORE: (0, 0),  # a core file would hold the cluster key
        resource.RLIMIT_NOFILE: (files_max, files_max),
    }
    for limit, value in wanted.items():
        try:
            resource.setrlimit(limit, value)
        except (OSError, ValueError) as error:
            # A service manager may forbid the call; it sets both limits itself then.
            log.debug("limit_not_set", limit=limit, error=str(error))


def _form(settings: LogSettings) -> Literal["json", "console"]:
    if settings.form != "auto":
        return settings.form
    return "console" if sys.stderr.isatty() else "json"


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
