"""The watch over a node's actors: start in order, restart with back-off, end in order."""

from __future__ import annotations

from typing import TypeVar

import pytest

from constellation.effects import Note
from constellation.supervision.process_effects import Create, End, Tell
from constellation.supervision.restart import RestartPolicy
from constellation.supervision.watch import Announce, Effect, Report, Watch, WatchPolicy
from messages.gossip import GossipLeave
from messages.lifecycle import ActorPing, ActorYield, SupervisorStopped

T = TypeVar("T")
RESTART = RestartPolicy(backoff_min_s=0.2, backoff_max_s=4.0, count_max=3, period_s=60.0)
POLICY = WatchPolicy(RESTART, ping_interval_s=2.0, ping_timeout_s=10.0, start_timeout_s=15.0)
NAMES = ("gossip", "http", "docker")


def of_kind(kind: type[T], effects: list[Effect]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


def running_watch(names: tuple[str, ...] = NAMES) -> Watch:
    watch = Watch(names, POLICY)
    watch.tick(0.0)
    for name in names:
        watch.started(name, 1, 0.0)
    return watch


def states(watch: Watch) -> dict[str, str]:
    return {status.name: status.state for status in watch.status()}


def test_actors_are_created_in_order_and_then_told_of_each_other() -> None:
    watch = Watch(NAMES, POLICY)

    assert watch.tick(0.0) == [Create("gossip"), Create("http"), Create("docker"), Announce()]
    assert watch.tick(0.1) == []


def test_start_is_reported_once_when_the_last_actor_works() -> None:
    watch = Watch(NAMES, POLICY)
    watch.tick(0.0)

    assert watch.started("gossip", 11, 0.1) == []
    assert watch.started("docker", 13, 0.2) == []
    assert watch.started("http", 12, 0.3) == [Report(None)]
    watch.exited("http", 1.0)
    watch.tick(2.0)
    assert watch.started("http", 14, 2.1) == []


def test_dead_actor_is_created_again_after_the_backoff_and_the_others_are_told() -> None:
    watch = running_watch()

    exited = watch.exited("docker", 100.0)
    assert of_kind(Announce, exited)
    assert of_kind(Note, exited)[0].event == "actor_exited"
    assert states(watch)["docker"] == "backing_off"

    assert of_kind(Create, watch.tick(100.19)) == []
    again = watch.tick(100.2)
    assert of_kind(Create, again) == [Create("docker")]
    assert of_kind(Announce, again)
    watch.started("docker", 2, 100.3)
    assert states(watch)["docker"] == "running"
    assert watch.status()[2].restart_count == 1


def test_actor_that_keeps_dying_is_given_up_for_a_period_and_the_others_live_on() -> None:
    watch = running_watch()
    now_s = 100.0
    for _ in range(RESTART.count_max):
        watch.exited("docker", now_s)
        now_s += 5.0
        assert Create("docker") in watch.tick(now_s)

    note = of_kind(Note, watch.exited("docker", now_s))[0]

    assert (note.event, note.level) == ("actor_given_up", "error")
    assert states(watch) == {"gossip": "running", "http": "running", "docker": "given_up"}
    assert Create("docker") not in watch.tick(now_s + RESTART.period_s - 0.1)
    assert Create("docker") in watch.tick(now_s + RESTART.period_s)


def test_living_actors_are_asked_at_the_interval_and_kept() -> None:
    watch = running_watch()
    asked: list[float] = []
    for tenth in range(1, 400):
        now_s = tenth / 10
        effects = watch.tick(now_s)
        asked += [now_s for effect in effects if effect == Tell("http", ActorPing(seq_no=0))]
        for name in NAMES:
            watch.heard(name, now_s)

    assert asked == pytest.approx([2.0 * number for number in range(1, 20)], abs=0.11)
    assert set(states(watch).values()) == {"running"}


def test_actor_that_does_not_answer_is_killed_by_force_and_its_exit_says_why() -> None:
    watch = running_watch()
    watch.heard("gossip", 12.0)
    watch.heard("docker", 12.0)

    assert of_kind(End, watch.tick(12.0)) == []
    assert of_kind(End, watch.tick(12.1)) == [End("http", by_force=True)]
    watch.exited("http", 12.2)

    assert watch.status()[1].last_exit == "it did not answer for 12 s"


def test_actor_that_never_starts_is_killed_after_the_start_timeout() -> None:
    watch = Watch(NAMES, POLICY)
    watch.tick(0.0)
    watch.started("gossip", 1, 0.1)
    watch.started("docker", 1, 0.1)
    watch.heard("gossip", 15.0)
    watch.heard("docker", 15.0)

    assert of_kind(End, watch.tick(15.0)) == []
    assert of_kind(End, watch.tick(15.1)) == [End("http", by_force=True)]


def test_at_the_end_http_goes_first_then_the_node_leaves_then_the_rest_in_reverse() -> None:
    watch = running_watch()

    assert watch.stop(10.0) == [End("http")]
    assert watch.stop(10.0) == []
    assert watch.tick(10.1) == []
    assert of_kind(Tell, watch.exited("http", 10.2)) == [Tell("gossip", GossipLeave())]
    assert watch.left(10.5) == [End("docker"), End("gossip")]
    assert of_kind(Report, watch.exited("docker", 10.6)) == []
    assert of_kind(Report, watch.exited("gossip", 10.7)) == [Report(SupervisorStopped())]
    assert watch.tick(20.0) == []


def test_end_waits_for_nobody_for_ever() -> None:
    watch = running_watch()
    watch.stop(10.0)

    assert watch.tick(11.0) == [Tell("gossip", GossipLeave())]
    assert watch.tick(13.1) == []
    assert of_kind(End, watch.tick(13.2)) == [End("docker"), End("http"), End("gossip")]
    assert watch.tick(14.1) == []
    assert watch.tick(14.2) == [
        Report(SupervisorStopped(unended=("gossip", "http", "docker"))),
    ]


def test_nothing_is_created_any_more_once_it_ends() -> None:
    watch = running_watch()
    watch.exited("docker", 10.0)
    watch.stop(10.1)

    watch.exited("http", 10.2)
    effects = [effect for tenth in range(100, 400) for effect in watch.tick(tenth / 10)]

    assert of_kind(Create, effects) == []


def test_end_is_reported_at_once_when_nothing_runs() -> None:
    watch = Watch(NAMES, POLICY)

    assert watch.stop(0.0) == [Report(SupervisorStopped())]


def test_what_others_can_do_is_handed_over_before_the_node_leaves() -> None:
    watch = running_watch(("gossip", "raft", "leases", "http"))

    assert watch.stop(10.0) == [End("http"), Tell("leases", ActorYield())]
    assert of_kind(Tell, watch.exited("http", 10.1)) == []
    assert watch.yielded("raft", 10.1) == []  # not its turn
    assert watch.yielded("leases", 10.2) == [Tell("raft", ActorYield())]
    assert watch.yielded("raft", 10.3) == [Tell("gossip", GossipLeave())]
    assert watch.yielded("raft", 10.4) == []


def test_who_cannot_hand_over_does_not_keep_the_node_from_leaving() -> None:
    silent = running_watch(("gossip", "raft", "leases"))
    silent.stop(10.0)
    assert silent.tick(10.9) == []
    assert of_kind(Tell, silent.tick(11.0)) == [Tell("gossip", GossipLeave())]

    dead = running_watch(("gossip", "raft", "leases"))
    dead.stop(10.0)
    assert of_kind(Tell, dead.exited("leases", 10.1)) == [Tell("raft", ActorYield())]
    assert of_kind(Tell, dead.exited("raft", 10.2)) == [Tell("gossip", GossipLeave())]
