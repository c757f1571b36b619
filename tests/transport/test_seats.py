"""Actors beside the main actor of this very process: how they fail, end, and what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from thespian.actors import ActorAddress, ActorExitRequest
from thespian.system.transport import TransmitIntent

from actors import node
from actors.async_shell import HOSTED_STOP_TIMEOUT_S, AsyncShell
from actors.host import HostActor
from actors.shell import ShellActor
from actors.transport.delivery import TransportSettings
from actors.transport.managers import (
    EXIT_FAILED,
    NO_LOGGER,
    HostedActorManager,
    NodeActorManager,
    _unused,
)
from actors.transport.transport import NODE_CAPABILITY, Endpoint, Transport
from constellation.settings.agent import Settings
from constellation.supervision.watch import END_TIMEOUT_S
from constellation.transport import envelope
from constellation.transport.address import ActorRef
from messages.lifecycle import ActorPing, ActorPong, ActorStart, ActorStarted
from tests.transport.ends import open_files

NODE = ("127.0.0.1", 7947)
TOGETHER = 20  # creations for each ping
WARM_UP = 20  # pings, after which the interpreter's own caches grow little
PINGS = 20
LEFT_MAX = 2  # blocks of memory for each creation; one address alone has more
PING = ActorPing(seq_no=1)


class Main(ShellActor):
    """Creates the others, and knows what became of them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.ended: list[str] = []
        self.pongs: list[str] = []

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        self.started.append(message.name)

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        self.pongs.append(message.name)

    def on_child_exited(self, address: ActorAddress) -> None:
        self.ended.append(self.address_text(address))


class Quiet(ShellActor):
    """Answers pings."""


class UnwatchableFile(ShellActor):
    """Watches a file that is not open."""

    def watched_files(self) -> list[int]:
        return [1 << 20]


class FailsToStart(AsyncShell):
    """Fails in its own thread, before it has said that it works."""

    async def run(self) -> None:
        raise ValueError("as planned")


class FailsLater(AsyncShell):
    """Fails in its own thread when it is pinged, in the way that its name says."""

    async def run(self) -> None:
        self.asked = asyncio.Event()
        self.started()
        await self.asked.wait()
        raise ValueError("as planned")

    def receiveMsg_ActorPing(self, message: ActorPing, sender: ActorAddress) -> None:
        assert self.loop is not None
        if self.name == "callback":
            self.loop.call_soon_threadsafe(int, "as planned")
        else:
            self.loop.call_soon_threadsafe(self.asked.set)


class EndsWithOthers(AsyncShell):
    """Ends only while two others do, and says so last."""

    others = threading.Barrier(3)

    async def run(self) -> None:
        self.started()
        try:
            await asyncio.Event().wait()
        finally:
            self.others.wait(HOSTED_STOP_TIMEOUT_S / 2)
            assert self.supervisor is not None
            self.send_soon(self.supervisor, ActorPong(name=self.name, seq_no=1))


class EndsLate(AsyncShell):
    """Ends when it is allowed to."""

    may_end = threading.Event()

    async def run(self) -> None:
        self.started()
        try:
            await asyncio.Event().wait()
        finally:
            self.may_end.wait()


class FailsAtItsEnd(ShellActor):
    """Has a neighbour of its own, whose end it cannot bear."""

    def on_start(self) -> None:
        self.child = self._myRef.create_neighbour(Quiet)

    def on_child_exited(self, address: ActorAddress) -> None:
        raise ValueError("as planned")


class Bearer(ShellActor):
    """Creates neighbours when it is pinged, and ends them; answers when all have ended."""

    def receiveMsg_ActorPing(self, message: ActorPing, sender: ActorAddress) -> None:
        self.asker, self.left = sender, TOGETHER
        start = ActorStart(name="child", supervisor=self.address_text(self.myAddress))
        for _ in range(TOGETHER):
            child = self._myRef.create_neighbour(Quiet)
            self.send(child, start)
            self.send(child, ActorExitRequest())

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        pass

    def on_child_exited(self, address: ActorAddress) -> None:
        self.left -= 1
        if not self.left:
            self.send(self.asker, ActorPong(name=self.name, seq_no=1))


class Nameless(ShellActor):
    """One of hundreds, such as a monitor."""

    is_addressable = False


class Crowd(ShellActor):
    """Creates as many neighbours as its name says."""

    def on_start(self) -> None:
        start = ActorStart(name="child", supervisor=self.address_text(self.myAddress))
        for _ in range(int(self.name)):
            self.send(self._myRef.create_neighbour(Nameless), start)

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        pass


class MainOfHost(HostActor):
    """The main actor of a host, without a parent that would wait for it."""

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        pass


class Process:
    """A main actor, run by the test, and seats beside it."""

    def __init__(self, directory: Path, main: type[ShellActor] = Main) -> None:
        node.set_settings(Settings(node_name="alpha", data_dir=str(directory)))
        settings = TransportSettings(*NODE, b"k" * 32, directory)
        self.transport = Transport(Endpoint(settings, "aaaaaa-1"))
        parent = ActorAddress(ActorRef(*NODE, "aaaaaa-9"))
        capabilities = {NODE_CAPABILITY: f"{NODE[0]}:{NODE[1]}"}
        unused = _unused(parent, capabilities)
        self.manager = NodeActorManager(main, None, self.transport, *unused)
        self.manager.asLogger = NO_LOGGER
        self.manager._createInstance()
        self.main = self.manager.actorInst
        self._number = 0

    def seat(self, kind: type[ShellActor], name: str) -> ActorAddress:
        self._number += 1
        ref = self.transport.ref.neighbour(self._number)
        self.manager.seat(ref, f"{kind.__module__}.{kind.__name__}", self.transport.myAddress)
        start = ActorStart(name=name, supervisor=str(self.transport.ref))
        self.manager.actor_send(ActorAddress(ref), start)
        return ActorAddress(ref)

    def tell(self, actor: ActorAddress, message: object) -> None:
        self.manager._send_intent(TransmitIntent(actor, message))

    def run_until(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s"
            self.transport.run(self.manager.handleMessages, timedelta(seconds=0.01))

    def ask(self, actor: ActorAddress) -> None:
        before = len(self.main.pongs)
        self.manager.actor_send(actor, PING)
        self.run_until(lambda: len(self.main.pongs) > before)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.manager.end_hosted()
    made.transport.close()


def has_ended(process: Process, actor: ActorAddress) -> bool:
    return str(actor.addressDetails) in process.main.ended


def test_actor_that_cannot_start_its_thread_keeps_no_neighbour_waiting(process: Process) -> None:
    quiet = process.seat(Quiet, "quiet")
    began_s = time.monotonic()

    failing = process.seat(FailsToStart, "failing")

    process.run_until(lambda: has_ended(process, failing), FailsToStart.start_timeout_s / 2)
    process.ask(quiet)
    assert time.monotonic() - began_s < FailsToStart.start_timeout_s / 2
    assert process.main.started == ["quiet"], "it never worked"


@pytest.mark.parametrize(
    ("kind", "name"), [(FailsToStart, "start"), (FailsLater, "run"), (FailsLater, "callback")]
)
def test_actor_that_fails_in_its_thread_ends_alone_and_leaves_nothing(
    process: Process, kind: type[ShellActor], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    quiet = process.seat(Quiet, "quiet")
    threads, files = threading.active_count(), 0
    for _ in range(3):
        failing = process.seat(kind, name)
        process.manager.actor_send(failing, PING)
        process.run_until(lambda failing=failing: has_ended(process, failing))  # type: ignore[misc]
        process.run_until(lambda: threading.active_count() == threads)
        files = files or open_files()  # with those that the first loop opens for all

    process.ask(quiet)
    assert len(process.main.ended) == 3, "each is reported once"
    assert open_files() == files
    assert "exception handler" not in capfd.readouterr().err, "it is logged once"


def test_actor_that_asks_for_the_impossible_ends_alone(process: Process) -> None:
    quiet = process.seat(Quiet, "quiet")

    failing = process.seat(UnwatchableFile, "failing")

    process.run_until(lambda: has_ended(process, failing))
    process.ask(quiet)


def test_actor_that_has_forked_processes_ends_with_its_own(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    process.manager.forks = True
    process.seat(UnwatchableFile, "failing")

    with pytest.raises(SystemExit, match=str(EXIT_FAILED)):
        process.run_until(lambda: process.main.ended)


def test_actor_that_fails_while_it_waits_for_its_neighbours_to_end_still_ends(
    process: Process,
) -> None:
    failing = process.seat(FailsAtItsEnd, "failing")
    process.run_until(lambda: process.main.started)

    process.tell(failing, ActorExitRequest())

    process.run_until(lambda: has_ended(process, failing))
    assert not process.manager.hosted
    assert len(process.main.ended) == 1


@pytest.mark.parametrize("ends", ["with its host", "alone"])
def test_actors_of_one_host_end_together_and_their_last_words_are_sent(
    process: Process, ends: str
) -> None:
    EndsWithOthers.others.reset()
    actors = [process.seat(EndsWithOthers, name) for name in "abc"]
    process.run_until(lambda: len(process.main.started) == len(actors))

    if ends == "alone":
        for actor in actors:
            process.tell(actor, ActorExitRequest())
    else:
        process.manager.end_hosted()

    process.run_until(lambda: len(process.main.ended) == len(actors))
    assert sorted(process.main.pongs) == ["a", "b", "c"]


def test_actor_that_does_not_end_keeps_no_neighbour_waiting_and_has_a_time_limit(
    process: Process,
) -> None:
    assert HOSTED_STOP_TIMEOUT_S < END_TIMEOUT_S
    EndsLate.may_end.clear()
    quiet, late = process.seat(Quiet, "quiet"), process.seat(EndsLate, "late")
    process.run_until(lambda: len(process.main.started) == 2)

    process.tell(late, ActorExitRequest())
    process.ask(quiet)
    was_waiting = not has_ended(process, late)
    process.run_until(lambda: has_ended(process, late))

    EndsLate.may_end.set()
    process.ask(quiet)
    assert was_waiting
    assert len(process.main.ended) == 1, "it is reported once"


@pytest.mark.parametrize("ends", ["with its host", "alone"])
def test_work_to_end_a_parent_grows_only_with_the_number_of_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr("actors.host.setproctitle", lambda _: None)
    lines: dict[int, float] = {}
    for size in (20, 200):
        process = Process(tmp_path, MainOfHost)
        crowd = process.seat(Crowd, str(size))
        hosted = process.manager.hosted
        process.run_until(lambda hosted=hosted, size=size: len(hosted) == size + 1)  # type: ignore[misc]
        process.run_until(lambda hosted=hosted: all(map(is_started, hosted.values())))  # type: ignore[misc]
        with counted_lines() as counted:
            if ends == "alone":
                process.tell(crowd, ActorExitRequest())
                process.run_until(lambda hosted=hosted: not hosted)  # type: ignore[misc]
            else:
                process.manager.end_hosted()
        lines[size] = counted.total() / size
        process.manager.end_hosted()
        process.transport.close()

    assert lines[200] < lines[20] * 1.2, f"lines of code run for each child: {lines}"


def is_started(manager: HostedActorManager) -> bool:
    return manager.actorInst.supervisor is not None


@contextlib.contextmanager
def counted_lines() -> Iterator[Counter[str]]:
    """Count the lines of Python that are run, those of comprehensions once for each item."""
    counted: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        counted["lines"] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield counted
    finally:
        sys.settrace(before)


def blocks_in_use() -> int:
    """Return how many blocks of memory are not garbage, without caches of a limited size."""
    for cached in (ActorRef.parse, envelope._head, envelope._addresses):
        cached.cache_clear()
    gc.collect()
    return sys.getallocatedblocks()


def test_actors_that_come_and_go_leave_nothing(process: Process) -> None:
    bearer = process.seat(Bearer, "bearer")
    for _ in range(WARM_UP):
        process.ask(bearer)
    process.main.pongs.clear()
    files, before = open_files(), blocks_in_use()

    for _ in range(PINGS):
        process.ask(bearer)
        process.main.pongs.clear()

    left = (blocks_in_use() - before) / (PINGS * TOGETHER)
    assert left < LEFT_MAX, f"{left:.2f} blocks of memory for each"
    assert open_files() == files
