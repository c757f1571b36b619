"""Actors that share a process: each has its own address and end; the process ends with all."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from thespian.actors import ActorAddress

from actors import node as this_node
from actors.parent_shell import ParentShell
from actors.shell import ShellActor
from constellation.settings.agent import Settings
from constellation.supervision.process_effects import Create, End, EndHost
from constellation.transport.address import ActorRef
from messages.base import Message
from messages.lifecycle import ActorStart, ActorStarted
from tests.transport.systems import Node, PairAsk, PairTell, nodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HOST = "crowd"


class HostedAsk(Message):
    """Ask a hosted actor something.  Answered by `HostedTell`."""

    what: str


class HostedTell(Message):
    """Answer to `HostedAsk`, or what an actor says by itself."""

    text: str


class HostedLetter(Message):
    """Passed from a hosted actor to its neighbour, and back."""

    body: tuple[str, ...]


class Hosted(ShellActor):
    """Answers, fails, hangs, and writes to a neighbour."""

    def on_start(self) -> None:
        self.letter: HostedLetter | None = None
        self.asker: ActorAddress | None = None
        self.text = "fresh"

    def on_stop(self) -> None:
        if self.supervisor is not None and self.name != "child":
            self.send(self.supervisor, HostedTell(text=f"{self.name} stops"))

    def receiveMsg_HostedAsk(self, message: HostedAsk, sender: ActorAddress) -> None:
        match message.what.split():
            case ["fail"]:
                raise ValueError("as asked")
            case ["remember", text]:
                self.text = text
            case ["chatter"]:
                self.send(self.myAddress, message)
            case ["bear"]:
                self.child = self._myRef.create_neighbour(Hosted)
                start = ActorStart(name="child", supervisor=self.address_text(self.myAddress))
                self.send(self.child, start)
                self.asker = sender
            case ["kill-child"]:
                self.send(self.child, HostedAsk(what="fail"))
            case ["write", address]:
                self.asker, self.letter = sender, HostedLetter(body=("unchanged",))
                self.send(self.address_of(address), self.letter)
            case _:
                self.send(sender, HostedTell(text=f"{self.name} {os.getpid()} {self.text}"))

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        self.tell_asker(f"{message.name} {message.process_id}")

    def on_child_exited(self, address: ActorAddress) -> None:
        self.tell_asker("child ended")

    def tell_asker(self, text: str) -> None:
        if self.asker is not None:
            self.send(self.asker, HostedTell(text=text))

    def receiveMsg_HostedLetter(self, message: HostedLetter, sender: ActorAddress) -> None:
        if self.asker is None:
            self.send(sender, message)
        else:
            self.send(self.asker, HostedTell(text=f"{message is self.letter}"))


class Parent(ParentShell):
    """Creates hosted actors, and tells the test what happened, one line at a time."""

    def on_start(self) -> None:
        self.asker: ActorAddress | None = None
        self.started: set[str] = set()
        self.told: list[str] = []

    def class_of(self, name: str) -> type[ShellActor]:
        return Hosted

    def receiveMsg_PairAsk(self, message: PairAsk, sender: ActorAddress) -> None:
        self.asker = sender
        match message.what.split():
            case ["create", *names]:
                for name in names:
                    self.perform_process(Create(name, HOST))
            case ["address", name]:
                self.tell(self.address_text(self.children[name]))
            case ["end", name]:
                self.perform_process(End(name))
            case ["end-host"]:
                self.perform_process(EndHost(HOST))
            case ["kill", name]:
                self.perform_process(End(name, by_force=True))
            case ["wait"]:
                self.tell_next()
            case words:
                self.send(self.children[words[0]], HostedAsk(what=" ".join(words[1:])))

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        super().receiveMsg_ActorStarted(message, sender)
        name = self.child_named(sender)
        if name is not None:
            self.tell(f"{name} started")

    def receiveMsg_HostedTell(self, message: HostedTell, sender: ActorAddress) -> None:
        self.tell(message.text)

    def on_child_ended(self, name: str) -> None:
        self.tell(f"{name} ended")

    def tell(self, text: str) -> None:
        self.told.append(text)
        self.tell_next()

    def tell_next(self) -> None:
        if self.asker is not None and self.told:
            self.send(self.asker, PairTell(text=self.told.pop(0)))
            self.asker = None


class Family:
    """A parent in an actor system, and the answers of it and its children."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.parent = node.make(Parent)
        start = ActorStart(name="parent", supervisor="127.0.0.1:1/ext-1-1")
        assert isinstance(node.system.ask(self.parent, start, 5.0), ActorStarted)

    def ask(self, what: str) -> str:
        return self.node.ask(self.parent, what) or "no answer"

    def lines(self, count: int) -> set[str]:
        """Return the next lines that the parent tells."""
        return {self.ask("wait") for _ in range(count)}

    def create(self, *names: str) -> None:
        told = {self.ask("create " + " ".join(names)), *self.lines(len(names) - 1)}
        assert told == {f"{name} started" for name in names}

    def titles(self) -> list[str]:
        """Return the actors that the title of the process names."""
        command = Path(f"/proc/{self.process_of('b')}/cmdline").read_bytes()
        return re.findall(r"\w+", command.decode())

    def process_of(self, name: str) -> int:
        return int(self.ask(f"{name} who").split()[1])


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    this_node.set_settings(Settings(node_name="alpha", data_dir=str(tmp_path)))
    with nodes(tmp_path / "nodes", 1) as (one,):
        made = Family(one)
        made.create("a", "b", "c")
        yield made


def test_hosted_actors_share_a_process_and_have_addresses_of_their_own(family: Family) -> None:
    addresses = {family.ask(f"address {name}") for name in "abc"}

    assert len(addresses) == 3
    assert len({ActorRef.parse(address).process_id for address in addresses}) == 1
    assert len({family.process_of(name) for name in "abc"}) == 1
    assert family.process_of("a") != os.getpid()
    assert [family.ask(f"{name} who").split()[0] for name in "abc"] == ["a", "b", "c"]


def test_neighbours_receive_the_very_object_that_was_sent(family: Family) -> None:
    assert family.ask(f"a write {family.ask('address b')}") == "True"


def test_actor_that_raises_ends_alone_and_can_be_created_again(family: Family) -> None:
    before = family.process_of("a")
    family.node.system.tell(family.parent, PairAsk(what="b remember this"))

    assert family.ask("a fail") == "a ended"

    assert family.ask("b who") == f"b {before} this"
    family.create("a")
    assert family.ask("a who") == f"a {before} fresh"


def test_actor_that_always_has_a_message_keeps_no_neighbour_waiting(family: Family) -> None:
    family.node.system.tell(family.parent, PairAsk(what="a chatter"))

    for _ in range(20):
        assert family.ask("b who").startswith("b ")


def test_actor_ends_alone_when_it_is_told_to(family: Family) -> None:
    assert {family.ask("end a"), family.ask("wait")} == {"a stops", "a ended"}
    assert family.ask("b who").startswith("b ")


@pytest.mark.parametrize("how", ["kill", "signal"])
def test_end_of_the_process_is_the_end_of_each_actor_in_it(family: Family, how: str) -> None:
    before = family.process_of("a")
    if how == "kill":
        family.node.system.tell(family.parent, PairAsk(what="kill b"))
    else:
        os.kill(before, signal.SIGKILL)

    assert family.lines(3) == {"a ended", "b ended", "c ended"}

    family.create("a", "b")
    assert family.process_of("a") == family.process_of("b") != before


def test_host_that_ends_lets_its_actors_stop_first(family: Family) -> None:
    family.node.system.tell(family.parent, PairAsk(what="end-host"))

    told = [family.ask("wait") for _ in range(6)]

    assert {*told} == {f"{name} {how}" for name in "abc" for how in ("stops", "ended")}
    for name in "abc":
        assert told.index(f"{name} stops") < told.index(f"{name} ended")


def test_process_shows_who_lives_in_it(family: Family) -> None:
    command = Path(f"/proc/{family.process_of('a')}/cmdline").read_bytes()

    assert command.rstrip(b"\0") == b"constellation: alpha crowd (a b c)"


def test_actor_in_a_host_creates_neighbours_and_is_notified_of_their_ends(family: Family) -> None:
    assert family.ask("a bear") == f"child {family.process_of('b')}"

    assert family.ask("a kill-child") == "child ended"

    assert family.ask("a who").startswith("a ")


@pytest.mark.parametrize("end", ["a fail", "end a"])
def test_neighbours_end_with_the_actor_that_created_them(family: Family, end: str) -> None:
    family.ask("a bear")
    before = family.titles()
    assert "child" in before

    told = {family.ask(end)}
    while "a ended" not in told:
        told.add(family.ask("wait"))

    assert "child" not in family.titles()
    assert family.ask("b who").startswith("b ")
