"""Whole actor systems of this process's own, for tests of them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from thespian.actors import ActorAddress, ActorSystem

from actors.transport.delivery import TransportSettings
from actors.transport.process import running_processes
from actors.transport.system_base import NodeSystemBase
from messages.base import Message
from rigs.loopback import loopback_addresses
from rigs.ports import free_port
from rigs.processes import wait_until

KEY = b"k" * 32


class PairAsk(Message):
    """Ask an actor something.  Answered by `PairTell`."""

    crosses_nodes = True

    what: str = ""


class PairTell(Message):
    """Answer to `PairAsk`."""

    crosses_nodes = True

    text: str = ""


class Node:
    """One actor system."""

    def __init__(self, directory: Path, host: str, port: int, leaders: list[str]) -> None:
        directory.mkdir(parents=True)
        self.directory, self.host, self.port = directory, host, port
        listener = socket.create_server((host, port))
        settings = TransportSettings(host, port, KEY, directory, listener, user_timeout_s=2.0)
        self.base = NodeSystemBase(settings, title=f"test {port}", leaders=leaders)
        self.system = ActorSystem(systemBase=self.base, transientUnique=True)

    def make(self, kind: type) -> ActorAddress:
        return self.system.createActor(kind)

    def ask(self, actor: ActorAddress, what: str = "", timeout_s: float = 5.0) -> str | None:
        answer = self.system.ask(actor, PairAsk(what=what), timeout_s)
        return answer.text if isinstance(answer, PairTell) else None


@contextlib.contextmanager
def nodes(directory: Path, count: int, leaders: int = 0) -> Iterator[list[Node]]:
    hosts, port = loopback_addresses(count), free_port()
    named = [f"{host}:{port}" for host in hosts[:leaders]]
    made: list[Node] = []
    try:
        for host in hosts:
            made.append(Node(directory / host, host, port, named))
        yield made
    finally:
        for one in made:
            one.base.close()
        for one in made:
            wait_until(
                lambda one=one: not running_processes(one.directory),  # type: ignore[misc]
                timeout_s=2,
                what="all its processes to end",
            )
