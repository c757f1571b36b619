"""What the start would refuse on this machine: found out without creating or changing anything.

The start runs the same checks.  A refusal leaves nothing behind: until all are passed, the start
has created only directories and their lock, which it removes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.adapters.cluster_key import check_cluster_key
from actors.adapters.dns_credentials import check_dns_credentials
from actors.adapters.docker_tls import check_docker_tls
from actors.adapters.listening import listening_problem
from actors.adapters.node_directory import (
    directory_problems,
    in_use,
    lock_holder,
    paths,
    space_problems,
)
from actors.adapters.node_identity import check_identity
from actors.adapters.tailnet_address import with_tailnet_address_here
from actors.transport.process import running_processes
from constellation.errors import AdapterError, ConfigError, ConstellationError
from constellation.settings.agent import Settings
from constellation.value import Value


class StartCheck(Value):
    """Why the agent would not start, each reason once; empty: it would.

    `holder` is the process of an agent that runs already with this data directory.
    """

    problems: tuple[ConstellationError, ...]
    holder: int | None


def check_start(settings: Settings) -> StartCheck:
    """Check everything that a start needs.

    While an agent with these settings runs, that is no problem, and its ports are not tried.
    """
    holder = lock_holder(settings.data_dir)
    found = [*file_problems(settings)]
    try:
        settings = with_tailnet_address_here(settings)
    except (AdapterError, ConfigError) as error:
        found.append(error)
    else:
        is_running = holder is not None or (not found and _has_leftovers(settings))
        found += address_problems(settings, with_ports=not is_running)
    return StartCheck(tuple(found), holder)


def _has_leftovers(settings: Settings) -> bool:
    """Return whether an earlier run has left processes, which the next start ends."""
    _, runtime_dir = paths(settings.data_dir, settings.runtime_dir)
    return runtime_dir.is_dir() and bool(running_processes(runtime_dir))


def refuse_files(settings: Settings) -> None:
    """Raise the first reason why the files of this node cannot be used.

    Raises:
        AdapterError: a directory cannot be used, or another agent uses it.
        ConfigError: a secret cannot be used.
    """
    if (holder := lock_holder(settings.data_dir)) is not None:
        raise in_use(settings.data_dir, str(holder))
    for problem in file_problems(settings):
        raise problem


def refuse_addresses(settings: Settings) -> None:
    """Raise the first reason why the agent cannot listen where its settings say.

    Raises:
        AdapterError: an address is not this machine's, or a port is not free.
    """
    for problem in address_problems(settings, with_ports=True):
        raise problem


def file_problems(settings: Settings) -> Iterator[ConstellationError]:
    """Yield what is wrong with the directories and the secrets of this node."""
    directories = [*directory_problems(settings.data_dir, settings.runtime_dir)]
    yield from directories
    has_key_elsewhere = settings.cluster_key is not None or settings.cluster_key_file is not None
    if not directories or has_key_elsewhere:
        yield from _refusals(check_cluster_key, settings)
    yield from _refusals(lambda given: check_docker_tls(given.docker), settings)
    yield from _refusals(check_dns_credentials, settings)
    if not directories:
        yield from _refusals(check_identity, settings)
        yield from space_problems(settings.data_dir, settings.runtime_dir)


def _refusals(
    check: Callable[[Settings], None], settings: Settings
) -> Iterator[ConstellationError]:
    try:
        check(settings)
    except ConfigError as error:
        yield error


def address_problems(settings: Settings, *, with_ports: bool) -> Iterator[AdapterError]:
    """Yield what is wrong with each address, once, and with each port."""
    foreign: set[str] = set()
    for listener in settings.listeners:
        if not listener.is_own or listener.address in foreign:
            continue
        problem = listening_problem(listener, with_port=False)
        if problem is not None:
            foreign.add(listener.address)
        elif with_ports:
            problem = listening_problem(listener)
        if problem is not None:
            yield problem
