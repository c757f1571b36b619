"""Two actors that talk, on this project's actor system or on Thespian's own; prints JSON.

    python -c "from bench.actor_pair import main; main()" SYSTEM  # a key of SYSTEMS

It must be imported, because actors of a module that is run as a program are not found again.

One actor asks, the other answers; the asker measures on its own clock, so that the program that
started both does not take part.  `neighbours` are two in one host, as the shells that real actors
are; elsewhere each has a process.  Run by `bench.actors`, each system in a process of its own.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from thespian.actors import ActorAddress, ActorSystem, ActorTypeDispatcher

from actors import node
from actors.parent_shell import ParentShell
from actors.shell import ShellActor
from actors.transport.delivery import TransportSettings
from actors.transport.system_base import NodeSystemBase
from constellation.settings.agent import Settings
from constellation.supervision.process_effects import Create
from constellation.transport.address import ActorRef
from messages.base import Message

ROUND_TRIPS = 3000
ONE_WAY_MESSAGES = 5000
# As many as Thespian's own transport takes before it begins to pause its sender.
BURST = 10
ANSWER_TIMEOUT_S = 120


class PairPing(Message):
    """Ask for `PairPong`."""

    seq_no: int
    text: str = "as long as a message between actors commonly is, a little under 100 bytes"


class PairPong(Message):
    """Answer to `PairPing`."""

    seq_no: int


class PairNews(Message):
    """Say something that is not answered, except the last of a burst."""

    seq_no: int
    is_last: bool
    text: str = "as long as a message between actors commonly is, a little under 100 bytes"


class PairStart(Message):
    """Ask the asker to measure with the actor at `address`.  Answered by `PairResult`."""

    round_trips: int
    one_way_messages: int
    answerer: str = ""  # its address; empty: the asker creates it


class PairResult(Message):
    """What was measured."""

    round_trips_s: tuple[float, ...]
    messages_per_s: float


class Answerer(ActorTypeDispatcher):
    """Answers pings, and the last news of a burst."""

    def receiveMsg_PairPing(self, message: PairPing, sender: ActorAddress) -> None:
        self.send(sender, PairPong(seq_no=message.seq_no))

    def receiveMsg_PairNews(self, message: PairNews, sender: ActorAddress) -> None:
        if message.is_last:
            self.send(sender, PairPong(seq_no=message.seq_no))


class Asker(ActorTypeDispatcher):
    """First single round trips, one after the other; then bursts of news."""

    def receiveMsg_PairStart(self, message: PairStart, sender: ActorAddress) -> None:
        self.task, self.boss = message, sender
        if message.answerer:
            self.answerer = ActorAddress(ActorRef.parse(message.answerer))
        else:
            self.answerer = self.createActor(Answerer)
        self.round_trips_s: list[float] = []
        self.sent_count = 0
        self._ping()

    def receiveMsg_PairPong(self, message: PairPong, sender: ActorAddress) -> None:
        if len(self.round_trips_s) < self.task.round_trips:
            self.round_trips_s.append(time.perf_counter() - self.sent_at_s)
            if len(self.round_trips_s) < self.task.round_trips:
                self._ping()
                return
            self.began_at_s = time.perf_counter()
        if self.sent_count < self.task.one_way_messages:
            self._burst()
            return
        duration_s = time.perf_counter() - self.began_at_s
        rate = self.sent_count / duration_s
        result = PairResult(round_trips_s=tuple(self.round_trips_s), messages_per_s=rate)
        self.send(self.boss, result)

    def _ping(self) -> None:
        self.sent_at_s = time.perf_counter()
        self.send(self.answerer, PairPing(seq_no=len(self.round_trips_s)))

    def _burst(self) -> None:
        for number in range(1, BURST + 1):
            self.send(self.answerer, PairNews(seq_no=number, is_last=number == BURST))
        self.sent_count += BURST


class NeighbourAnswerer(Answerer, ShellActor):
    """An answerer in a host."""


class NeighbourAsker(Asker, ShellActor):
    """An asker in a host."""


class NeighbourParent(ParentShell):
    """Creates both in one host, and passes on what is asked and answered."""

    def class_of(self, name: str) -> type[ShellActor]:
        return NeighbourAsker if name == "asker" else NeighbourAnswerer

    def receiveMsg_PairStart(self, message: PairStart, sender: ActorAddress) -> None:
        self.asker = sender
        for name in ("answerer", "asker"):
            self.perform_process(Create(name, "pair"))
        answerer = self.address_text(self.children["answerer"])
        start = message.model_copy(update={"answerer": answerer})
        self.send(self.children["asker"], start)

    def receiveMsg_PairResult(self, message: PairResult, sender: ActorAddress) -> None:
        self.send(self.asker, message)


def constellation_system(directory: Path) -> ActorSystem:
    """Start this project's actor system."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])
    settings = TransportSettings("127.0.0.1", port, b"k" * 32, directory, listener)
    base = NodeSystemBase(settings, title="bench", leaders=[])
    return ActorSystem(systemBase=base, transientUnique=True)


def thespian_system(_: Path) -> ActorSystem:
    """Start Thespian's own over TCP, the one of its bases that spans nodes."""
    return ActorSystem("multiprocTCPBase", transientUnique=True)


SYSTEMS: dict[str, Callable[[Path], ActorSystem]] = {
    "constellation": constellation_system,
    "neighbours": constellation_system,
    "thespian": thespian_system,
}


def measure(name: str) -> dict[str, Any]:
    """Run the pair on one system and return what it measured."""
    with tempfile.TemporaryDirectory() as directory:
        node.set_settings(Settings(node_name="bench", data_dir=directory))
        system = SYSTEMS[name](Path(directory))
        try:
            asker = system.createActor(NeighbourParent if name == "neighbours" else Asker)
            start = PairStart(round_trips=ROUND_TRIPS, one_way_messages=ONE_WAY_MESSAGES)
            result = system.ask(asker, start, ANSWER_TIMEOUT_S)
        finally:
            system.shutdown()
    assert isinstance(result, PairResult), f"{name} did not answer: {result}"
    return result.model_dump()


def main() -> None:
    """Measure the system that the command line names."""
    json.dump(measure(sys.argv[1]), sys.stdout)
