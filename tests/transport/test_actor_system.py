"""The actor system of one node and of several: processes, children, names, and lost peers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystemConventionUpdate,
    ActorTypeDispatcher,
    ChildActorExited,
    InvalidActorSpecification,
)

from actors.transport.process import running_processes, start_time_ticks
from constellation.transport.address import ActorRef
from messages.base import Message
from rigs.processes import wait_until
from tests.transport.systems import Node, PairAsk, PairTell, nodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class PairInside(Message):
    """Only for actors of one node."""


class Worker(ActorTypeDispatcher):
    """Answers with its process id; remembers how often it was asked from inside."""

    inside_count = 0

    def receiveMsg_PairAsk(self, message: PairAsk, sender: ActorAddress) -> None:
        if message.what == "name":
            self._myRef.claim_name("worker")
        if message.what == "inside":
            self.send(sender, PairTell(text=str(self.inside_count)))
            return
        self.send(sender, PairTell(text=str(os.getpid())))

    def receiveMsg_PairInside(self, message: PairInside, sender: ActorAddress) -> None:
        self.inside_count += 1


class Boss(ActorTypeDispatcher):
    """Makes a worker, asks it at once, and tells of its end."""

    worker: ActorAddress

    def receiveMsg_PairAsk(self, message: PairAsk, sender: ActorAddress) -> None:
        self.asker = sender
        if message.what == "kill":
            self._myRef.kill_child(self.worker)
            return
        if message.what == "end":
            self.send(self.worker, ActorExitRequest())
            return
        self.worker = self.createActor(Worker)
        for _ in range(100):
            self.send(self.worker, PairInside())
        self.send(self.worker, PairAsk(what="inside"))

    def receiveMsg_PairTell(self, message: PairTell, sender: ActorAddress) -> None:
        assert sender.actorAddressString == self.worker.actorAddressString
        self.send(self.asker, message)

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, sender: ActorAddress) -> None:
        if message.childAddress == self.worker:
            self.send(self.asker, PairTell(text="ended"))


class Family(ActorTypeDispatcher):
    """Creates three workers; each death that it is notified of brings the next one about."""

    def receiveMsg_PairAsk(self, message: PairAsk, sender: ActorAddress) -> None:
        self.asker = sender
        self.living = [self.createActor(Worker) for _ in range(3)]
        self.dead: list[ActorAddress] = []
        for worker in self.living:
            self.send(worker, PairAsk())

    def receiveMsg_PairTell(self, message: PairTell, sender: ActorAddress) -> None:
        self.process_ids = {**getattr(self, "process_ids", {}), str(sender): int(message.text)}
        if len(self.process_ids) == len(self.living):
            self._kill_next()

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, sender: ActorAddress) -> None:
        self.dead.append(message.childAddress)
        if self.living:
            self._kill_next()
        else:
            self.send(self.asker, PairTell(text=f"{len(self.dead)} ended"))

    def _kill_next(self) -> None:
        worker = self.living.pop()
        process_id = self.process_ids[str(worker)]
        os.kill(process_id, signal.SIGKILL)
        wait_until(lambda: start_time_ticks(process_id) is None, timeout_s=2, what="its death")


class Caller(ActorTypeDispatcher):
    """Asks whoever is named in the question, 'host:port/id', and passes the answer on."""

    def receiveMsg_PairAsk(self, message: PairAsk, sender: ActorAddress) -> None:
        self.asker = sender
        self.send(ActorAddress(ActorRef.parse(message.what)), PairAsk())

    def receiveMsg_PairTell(self, message: PairTell, sender: ActorAddress) -> None:
        self.send(self.asker, message)


class Watcher(ActorTypeDispatcher):
    """Tells which nodes of the convention it has heard of."""

    def receiveMsg_PairAsk(self, message: PairAsk, sender: ActorAddress) -> None:
        if message.what == "start":
            self.known: list[str] = []
            self.notifyOnSystemRegistrationChanges(True)
        self.send(sender, PairTell(text=" ".join(sorted(self.known))))

    def receiveMsg_ActorSystemConventionUpdate(
        self, message: ActorSystemConventionUpdate, sender: ActorAddress
    ) -> None:
        node = ":".join(map(str, message.remoteAdminAddress.addressDetails.node))
        if message.remoteAdded:
            self.known.append(node)
        else:
            self.known.remove(node)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with nodes(tmp_path, 1) as (one,):
        yield one


def test_messages_to_a_new_actor_arrive_complete_and_in_order(node: Node) -> None:
    boss = node.make(Boss)

    assert node.ask(boss) == "100"


def test_parent_is_notified_of_a_killed_or_ended_child(node: Node) -> None:
    boss = node.make(Boss)

    for how in ("kill", "end"):
        node.ask(boss)
        assert node.ask(boss, how) == "ended"


def test_parent_is_notified_of_children_that_die_while_it_handles_a_death(node: Node) -> None:
    family = node.make(Family)

    assert node.ask(family) == "3 ended"


def test_ended_actor_leaves_no_file(node: Node) -> None:
    boss = node.make(Boss)
    node.ask(boss)
    before = sorted(path.name for path in node.directory.iterdir())

    for _ in range(3):
        node.ask(boss, "kill")
        node.ask(boss)

    kinds = [name.rpartition(".")[2] for name in before]
    after = [path.name.rpartition(".")[2] for path in node.directory.iterdir()]
    assert sorted(after) == sorted(kinds)


def test_sockets_are_accessible_to_this_user_only(node: Node) -> None:
    node.make(Worker)

    modes = {path.stat().st_mode & 0o777 for path in node.directory.glob("*.sock")}

    assert modes == {0o600}


def test_processes_end_with_their_parent_even_when_that_is_killed(node: Node) -> None:
    boss = node.make(Boss)
    node.ask(boss)
    below = running_processes(node.directory)
    assert len(below) == 3

    os.kill(node.base.admin_process.process_id, signal.SIGKILL)

    wait_until(
        lambda: all(start_time_ticks(one) is None for one in below), timeout_s=2, what="their end"
    )


def test_shutdown_ends_every_process(node: Node) -> None:
    boss = node.make(Boss)
    node.ask(boss)

    node.system.shutdown()

    wait_until(lambda: not running_processes(node.directory), timeout_s=2, what="their end")


def test_request_does_not_import_a_class(node: Node) -> None:
    with pytest.raises(InvalidActorSpecification):
        node.system.createActor("antigravity.Actor")


def test_actor_of_another_node_is_reached_by_name_and_after_its_restart(tmp_path: Path) -> None:
    with nodes(tmp_path, 2) as (one, other):
        caller = one.make(Caller)
        name = f"{other.host}:{other.port}/@worker"
        for _ in range(2):
            worker = other.make(Worker)
            process_id = other.ask(worker, "name")

            assert one.ask(caller, name) == process_id

            other.system.tell(worker, ActorExitRequest())
            wait_until(
                lambda: start_time_ticks(int(process_id or 0)) is None,  # noqa: B023
                timeout_s=2,
                what="it to end",
            )


def test_node_internal_message_is_refused_from_another_node(tmp_path: Path) -> None:
    with nodes(tmp_path, 2) as (one, other):
        worker = other.make(Worker)
        other.ask(worker, "name")
        named = ActorAddress(ActorRef(other.host, other.port, "@worker"))

        one.system.tell(named, PairInside())
        other.system.tell(worker, PairInside())
        # Over the same connection and so after it, whatever became of it.
        assert one.ask(named) is not None

        assert other.ask(worker, "inside") == "1"


def test_unreachable_peer_delays_no_other(tmp_path: Path) -> None:
    with nodes(tmp_path, 3) as (one, other, lost):
        worker = other.make(Worker)
        other.ask(worker, "name")
        caller = one.make(Caller)
        away = one.make(Caller)
        living, dead = (f"{at.host}:{at.port}/@worker" for at in (other, lost))
        os.kill(lost.base.admin_process.process_id, signal.SIGSTOP)  # accepts, and never answers
        try:
            times_s = []
            for _ in range(100):
                one.system.tell(away, PairAsk(what=dead))
                began_s = time.monotonic()
                assert one.ask(caller, living) is not None
                times_s.append(time.monotonic() - began_s)
        finally:
            os.kill(lost.base.admin_process.process_id, signal.SIGCONT)

        assert sorted(times_s)[94] < 0.1


def test_convention_forms_and_a_lost_leader_does_not_matter(tmp_path: Path) -> None:
    with nodes(tmp_path, 3, leaders=2) as (first, second, third):
        watcher = second.make(Watcher)
        second.ask(watcher, "start")
        others = sorted(f"{one.host}:{one.port}" for one in (first, third))
        wait_until(
            lambda: second.ask(watcher) == " ".join(others), timeout_s=10, what="the convention"
        )

        first.base.close()
        worker = third.make(Worker)
        third.ask(worker, "name")
        caller = second.make(Caller)

        assert second.ask(caller, f"{third.host}:{third.port}/@worker") is not None
