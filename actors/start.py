"""The start of an agent, or its check, once the settings are loaded."""

from __future__ import annotations

import os
import resource
import sys
from typing import Literal

from actors import node
from actors.adapters.cluster_key import load_cluster_key
from actors.adapters.environment import remove_variables
from actors.adapters.node_directory import NodeDirectories
from actors.adapters.node_identity import load_identity
from actors.adapters.parts import find_missing
from actors.adapters.tailnet_address import wait_for_tailnet_address
from actors.guardian import Guardian, end_earlier_run
from actors.start_checks import refuse_addresses, refuse_files
from constellation import __version__
from constellation.errors import ConstellationError
from constellation.log import configure_logging, get_logger
from constellation.settings.agent import LogSettings, Settings
from constellation.settings.source import CLOUDFLARE_VARIABLES, PREFIX

log = get_logger("constellation.start")  # the program that people start


def start_agent(settings: Settings) -> int:
    """Run the agent; return its exit code.

    Raises:
        AdapterError: this machine does not let it run.
        ConfigError: a setting is wrong.
    """
    os.umask(0o077)
    # No program that the agent runs, and nobody who looks at its processes, may find secrets there.
    remove_variables(_is_in_settings)
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


def _is_in_settings(variable: str) -> bool:
    return variable.startswith(PREFIX) or variable in CLOUDFLARE_VARIABLES


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
