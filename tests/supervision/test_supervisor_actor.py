"""The supervisor's shell: processes for names, and the watch's words to whom they are for."""

from __future__ import annotations

from typing import Any

import pytest
from thespian.actors import ActorAddress, ActorExitRequest, ChildActorExited
from thespian.system.addressManager import ActorLocalAddress

from actors.gossip import GossipActor
from actors.supervisor import SupervisorActor
from constellation.registry import enabled_actors
from constellation.settings.agent import Settings
from constellation.settings.docker import DockerSettings
from constellation.transport.address import ActorRef
from messages.gossip import GossipLeave, GossipLeft
from messages.lifecycle import (
    ActorDirectory,
    ActorPing,
    ActorPong,
    ActorStart,
    ActorStarted,
    ActorYield,
    ActorYielded,
    SupervisorFailed,
    SupervisorStart,
    SupervisorStarted,
    SupervisorStatus,
    SupervisorStatusRequest,
    SupervisorStop,
    SupervisorStopped,
)
from tests.harness import SELF, Harness

SETTINGS = Settings(node_name="alpha", data_dir="/nowhere", docker=DockerSettings(enabled=False))
NAMES = tuple(spec.name for spec in enabled_actors(SETTINGS))
GOSSIP, RAFT, LEASES, HTTP = (NAMES.index(name) for name in ("gossip", "raft", "leases", "http"))


class Tree:
    """A started supervisor on a clock of its own."""

    def __init__(self) -> None:
        actor = SupervisorActor()
        self.now_s = 1000.0
        actor.now_s = lambda: self.now_s  # type: ignore[method-assign]
        self.harness = Harness(actor, SETTINGS, name="supervisor")
        self.harness.deliver(SupervisorStart())

    def child(self, number: int) -> ActorAddress:
        return self.harness.runtime.children[number][1]

    def sent_to(self, number: int) -> list[Any]:
        return self.harness.sent_to(f"child-{number}")

    def all_start(self) -> None:
        for number, (_, child) in enumerate(self.harness.runtime.children):
            started = ActorStarted(name="any", process_id=100 + number)
            self.harness.deliver(started, sender=child)

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps that are not late."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + 0.2)
            self.harness.tick()

    def reported(self, kind: type) -> list[Any]:
        return [one for one in self.harness.sent_to("sender") if isinstance(one, kind)]


@pytest.fixture
def tree() -> Tree:
    return Tree()


def test_supervisor_creates_each_actor_and_sends_it_its_name_and_the_directory(tree: Tree) -> None:
    kinds = [kind for kind, _ in tree.harness.runtime.children]
    assert len(kinds) == len(NAMES)
    assert kinds[0] is GossipActor

    start, directory = tree.sent_to(0)

    assert start == ActorStart(name="gossip", supervisor="127.0.0.1:7947/self")
    assert isinstance(directory, ActorDirectory)
    assert [entry.name for entry in directory.entries] == list(NAMES)


def test_supervisor_reports_once_when_all_actors_run(tree: Tree) -> None:
    tree.all_start()

    assert tree.reported(SupervisorStarted) == [SupervisorStarted(actors=NAMES)]


def test_supervisor_restarts_a_dead_actor_and_sends_the_others_its_new_address(tree: Tree) -> None:
    tree.all_start()
    before = len(tree.harness.runtime.children)
    dead = tree.child(HTTP)

    for _ in range(2):  # by itself, and by the kernel
        tree.harness.deliver(ChildActorExited(dead))
    tree.pass_time(0.3)

    assert len(tree.harness.runtime.children) == before + 1
    assert tree.sent_to(before)[0].name == "http"
    news = tree.sent_to(0)[-1]
    assert {entry.name: entry.address for entry in news.entries}["http"].endswith(
        f"/child-{before}"
    )


def test_directory_leaves_out_an_actor_whose_process_could_not_be_created(tree: Tree) -> None:
    tree.all_start()
    unborn = ActorAddress(ActorLocalAddress(SELF, 99, None))
    tree.harness.runtime.createActor = lambda *_: unborn  # type: ignore[method-assign]
    tree.harness.deliver(ChildActorExited(tree.child(HTTP)))
    tree.pass_time(0.3)

    news = tree.sent_to(0)[-1]
    assert {entry.name for entry in news.entries} == set(NAMES) - {"http"}
    for entry in news.entries:
        ActorRef.parse(entry.address)  # an actor that cannot read it ends

    tree.harness.deliver(ChildActorExited(unborn))
    (http,) = [one for one in tree.harness.actor.watch.status(tree.now_s) if one.name == "http"]
    assert (http.state, http.restart_count) == ("backing_off", 2)


def test_supervisor_kills_an_actor_that_does_not_answer_pings(tree: Tree) -> None:
    tree.all_start()

    tree.pass_time(2.1)
    assert ActorPing(seq_no=0) in tree.sent_to(2)
    tree.pass_time(12.1)

    assert "child-2" in tree.harness.runtime.killed


def test_supervisor_reports_an_essential_actor_that_stays_down_to_the_guardian(tree: Tree) -> None:
    tree.all_start()
    tree.harness.deliver(ChildActorExited(tree.child(RAFT)))
    for _ in range(20):  # it is created again, and never says that it works
        tree.pass_time(10.0)
        for _, child in tree.harness.runtime.children:
            tree.harness.deliver(ActorPong(name="any", seq_no=0), sender=child)

    (failed,) = tree.reported(SupervisorFailed)
    assert failed == SupervisorFailed(
        actor="raft", why="raft has been down for 120 s: its process ended"
    )


def test_status_names_every_actor_with_its_process(tree: Tree) -> None:
    tree.all_start()

    tree.harness.deliver(SupervisorStatusRequest())

    (status,) = tree.reported(SupervisorStatus)
    assert [(one.name, one.state) for one in status.actors] == [(name, "running") for name in NAMES]
    assert [one.process_id for one in status.actors] == [100 + n for n in range(len(NAMES))]


def test_stop_ends_http_hands_over_leaves_the_cluster_and_ends_the_rest_in_this_order(
    tree: Tree,
) -> None:
    tree.all_start()

    tree.harness.deliver(SupervisorStop())
    assert isinstance(tree.sent_to(HTTP)[-1], ActorExitRequest)
    assert tree.sent_to(LEASES)[-1] == ActorYield()
    tree.harness.deliver(ActorYielded(name="leases"), sender=tree.child(LEASES))
    assert tree.sent_to(RAFT)[-1] == ActorYield()
    tree.harness.deliver(ActorYielded(name="raft"), sender=tree.child(RAFT))
    assert GossipLeave() not in tree.sent_to(GOSSIP)
    tree.harness.deliver(ChildActorExited(tree.child(HTTP)))
    assert tree.sent_to(GOSSIP)[-1] == GossipLeave()
    tree.harness.deliver(GossipLeft(), sender=tree.child(GOSSIP))
    for number in sorted({*range(len(NAMES))} - {HTTP}, reverse=True):
        assert any(isinstance(one, ActorExitRequest) for one in tree.sent_to(number))
        tree.harness.deliver(ChildActorExited(tree.child(number)))

    assert tree.reported(SupervisorStopped) == [SupervisorStopped()]
