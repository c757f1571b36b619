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
from typing import Literal, NoReturn

from actors import node
from actors.adapters.cluster_key import load_cluster_key
from actors.adapters.docker_tls import check_docker_tls
from actors.adapters.node_directory import NodeDirectories
from actors.adapters.node_identity import load_identity
from actors.adapters.parts import find_missing
from actors.adapters.tailnet_address import wait_for_tailnet_address
from actors.guardian import Guardian
from constellation import __version__
from constellation.errors import AdapterError, ConfigError
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
    except ConfigError as error:
        return _complain(error, EXIT_WRONG_SETTINGS)
    if flags.check:
        sys.stdout.write(f"the settings are good: node {settings.node_name}\n")
        return 0
    try:
        return _run(settings)
    except ConfigError as error:
        return _complain(error, EXIT_WRONG_SETTINGS)
    except AdapterError as error:
        return _complain(error, EXIT_CANNOT_RUN)


def _run(settings: Settings) -> int:
    os.umask(0o077)
    _limit_resources()
    configure_logging(form=_form(settings.log), level=settings.log.level, node=settings.node_name)
    directories = NodeDirectories(settings.data_dir, settings.runtime_dir)
    try:
        settings = wait_for_tailnet_address(settings, say=_say_waiting)
        node.set_settings(settings)
        node.set_cluster_key(load_cluster_key(settings))
        check_docker_tls(settings.docker)
        load_identity(settings)  # made or refused here, where a person looks
        log.info("agent_starting", version=__version__, data_dir=settings.data_dir)
        for part in find_missing(settings):
            log.warning("part_missing", part=part.part, why=part.why, fix=part.fix)
        return Guardian(settings, directories).run()
    finally:
        directories.unlock()


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
        epilog="Every setting is described in docs/settings.md.",
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
    parser.add_argument("--check", action="store_true", help="check the settings, start nothing")
    parser.add_argument("--version", action="version", version=__version__)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
