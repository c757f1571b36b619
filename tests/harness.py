"""Drive one shell without an actor system: deliver messages, and inspect what it sends."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, NoReturn, TypeVar

from thespian.actors import ActorAddress, ActorExitRequest, WakeupMessage, WatchMessage

from actors import node
from actors.host import HostActor
from actors.shell import ShellActor
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from messages.base import Message
from messages.lifecycle import ActorDirectory, ActorStart, DirectoryEntry

A = TypeVar("A", bound=ShellActor)
M = TypeVar("M", bound=Message)

SELF = ActorAddress(ActorRef("127.0.0.1", 7947, "self"))
SENDER = ActorAddress(ActorRef("127.0.0.1", 7947, "sender"))
SUPERVISOR = ActorAddress(ActorRef("127.0.0.1", 7947, "supervisor"))


class EndedError(Exception):
    """Stands where the process of an actor that failed would end."""


class _Runtime:
    """Takes the place of Thespian's ActorManager, which an actor knows as `_myRef`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.address = SELF
        self.children: list[tuple[type, ActorAddress]] = []  # hosts are not among them
        self.hosts: list[ActorAddress] = []
        self.killed: list[str] = []
        self.wakes_at_s = math.inf  # when the shell asked to be woken
        self.host = None  # an actor in a process of its own
        self.has_more_arrived = False
        self.names: list[str] = []

    def claim_name(self, name: str) -> None:
        self.names.append(name)

    def actor_send(self, to: ActorAddress, message: Any) -> None:
        details = to.addressDetails  # of an actor without a process, no `ActorRef`
        name = details.actor_id if isinstance(details, ActorRef) else str(details)
        self.sent.append((name, message))

    def kill_child(self, address: ActorAddress) -> None:
        self.killed.append(address.addressDetails.actor_id)

    def wake_at(self, at_s: float) -> None:
        self.wakes_at_s = at_s

    def createActor(self, actor_class: type, *_: Any) -> ActorAddress:
        if actor_class is HostActor:
            host = ActorAddress(ActorRef("127.0.0.1", 7947, f"host-{len(self.hosts)}"))
            self.hosts.append(host)
            return host
        child = ActorAddress(ActorRef("127.0.0.1", 7947, f"child-{len(self.children)}"))
        self.children.append((actor_class, child))
        return child

    def create_in_host(self, host: ActorAddress, actor_class: type) -> ActorAddress:
        assert host in self.hosts
        return self.createActor(actor_class)

    def create_neighbour(self, actor_class: type) -> ActorAddress:
        return self.createActor(actor_class)

    def has_waited_for(self, thread: threading.Thread, timeout_s: float) -> bool:
        thread.join(timeout_s)
        return True

    def thread_ended(self) -> None:
        """Nothing waits for it."""

    def fail(self) -> NoReturn:
        raise EndedError


class Harness(Generic[A]):
    """One started shell.  `sent` lists (actor id, message); ids of neighbours are their names."""

    def __init__(
        self, actor: A, settings: Settings, *, name: str, neighbours: tuple[str, ...] = ()
    ) -> None:
        node.set_settings(settings)
        node.set_cluster_key(b"the harness shares this one with nobody")
        self.actor = actor
        actor.fail = _raise  # type: ignore[method-assign]  # a test sees the error itself
        self.runtime = _Runtime()
        actor._myRef = self.runtime
        self.deliver(ActorStart(name=name, supervisor=str(SUPERVISOR.addressDetails)))
        self.neighbours(*neighbours)

    @property
    def sent(self) -> list[tuple[str, Any]]:
        return self.runtime.sent

    def sent_to(self, name: str) -> list[Any]:
        return [message for to, message in list(self.sent) if to == name]

    def deliver(self, message: Any, sender: ActorAddress = SENDER) -> None:
        self.actor.receiveMessage(message, sender)

    def neighbours(self, *names: str, generation: int = 0) -> None:
        """Announce the running neighbours; another `generation` means that they were restarted."""
        entries = tuple(
            DirectoryEntry(name=name, address=f"127.0.0.1:{7947 + generation}/{name}")
            for name in names
        )
        self.deliver(ActorDirectory(entries=entries))

    def tick(self) -> None:
        """Deliver a wakeup, whether it is due or not."""
        self.deliver(WakeupMessage(timedelta(0)))

    def pump_until(self, condition: Callable[[], bool], *, timeout_s: float = 15.0) -> None:
        """For shells with an event loop: deliver what it posts until `condition` holds."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {timeout_s} s; sent: {self.sent}"
            files = self.actor.watched_files()
            if files:
                # Not readable: nothing was posted.
                with contextlib.suppress(BlockingIOError):
                    self.deliver(WatchMessage(files))
            time.sleep(0.005)

    def stop(self) -> None:
        self.deliver(ActorExitRequest())


def _raise(what: str, error: BaseException | None) -> NoReturn:
    raise error or RuntimeError(what)


def messages_of(kind: type[M], sent: list[tuple[str, Any]]) -> list[M]:
    """Return the sent messages of one class."""
    return [message for _, message in sent if isinstance(message, kind)]
