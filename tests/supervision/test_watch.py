"""The watch over a node's actors: start in order, restart with back-off, end in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from constellation.effects import Note
from constellation.registry import ACTORS, ActorSpec
from constellation.supervision.policy import WatchPolicy
from constellation.supervision.process_effects import Create, End, Tell
from constellation.supervision.restart import RestartPolicy
from constellation.supervision.silence import EXCUSED_MAX
from constellation.supervision.watch import (
    RECOVERED_S,
    Announce,
    Effect,
    Report,
    Watch,
)
from messages.gossip import GossipLeave
from messages.lifecycle import ActorPing, ActorYield, SupervisorFailed, SupervisorStopped

T = TypeVar("T")
TICK_INTERVAL_S = 0.05
RESTART = RestartPolicy(backoff_min_s=0.2, backoff_max_s=4.0, count_max=3, period_s=60.0)
POLICY = WatchPolicy(RESTART, ping_interval_s=2.0, ping_timeout_s=10.0, start_timeout_s=15.0)
NAMES = ("gossip", "http", "docker")


def of_kind(kind: type[T], effects: list[Effect]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


def specs(names: tuple[str, ...] = NAMES) -> tuple[ActorSpec, ...]:
    return tuple(spec for name in names for spec in ACTORS if spec.name == name)


def running_watch(names: tuple[str, ...] = NAMES) -> Watch:
    watch = Watch(specs(names), POLICY)
    watch.tick(0.0)
    for name in names:
        watch.started(name, 1, 0.0)
    return watch


def states(watch: Watch) -> dict[str, str]:
    return {status.name: status.state for status in watch.status(0.0)}


def test_actors_are_created_in_order_and_then_receive_the_directory() -> None:
    watch = Watch(specs(), POLICY)

    assert watch.tick(0.0) == [
        Create("gossip"),
        Create("http"),
        Create("docker", "light"),
        Announce(),
    ]
    assert watch.tick(0.1) == []


def test_start_is_reported_once_when_the_last_actor_runs() -> None:
    watch = Watch(specs(), POLICY)
    watch.tick(0.0)

    assert watch.started("gossip", 11, 0.1) == []
    assert watch.started("docker", 13, 0.2) == []
    assert watch.started("http", 12, 0.3) == [Report(None)]
    watch.exited("http", 1.0)
    watch.tick(2.0)
    assert watch.started("http", 14, 2.1) == []


def test_dead_actor_is_restarted_after_the_back_off_and_the_directory_is_sent() -> None:
    watch = running_watch()

    exited = watch.exited("docker", 100.0)
    assert of_kind(Announce, exited)
    assert of_kind(Note, exited)[0].event == "actor_exited"
    assert states(watch)["docker"] == "backing_off"

    assert of_kind(Create, watch.tick(100.19)) == []
    again = watch.tick(100.2)
    assert of_kind(Create, again) == [Create("docker", "light")]
    assert of_kind(Announce, again)
    watch.started("docker", 2, 100.3)
    assert states(watch)["docker"] == "running"
    assert watch.status(0.0)[2].restart_count == 1


def test_actor_past_the_restart_limit_is_retried_slowly_and_loudly_while_others_run() -> None:
    watch = running_watch()
    now_s = 100.0
    for _ in range(RESTART.count_max):
        watch.exited("docker", now_s)
        now_s += 5.0
        assert Create("docker", "light") in watch.tick(now_s)

    for wait_s in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        note = of_kind(Note, watch.exited("docker", now_s))[0]
        assert (note.event, note.level) == ("actor_given_up", "error")
        assert states(watch) == {"gossip": "running", "http": "running", "docker": "given_up"}
        assert watch.status(now_s)[2].next_try_in_s == pytest.approx(wait_s)
        assert Create("docker") not in watch.tick(now_s + wait_s - 0.1)
        now_s += wait_s
        assert Create("docker", "light") in watch.tick(now_s)

    watch.started("docker", 2, now_s)
    assert states(watch)["docker"] == "running"


def crash_until(watch: Watch, name: str, end_s: float, *, ran_s: float) -> list[Report]:
    """Let `name` exit `ran_s` after each start, until `end_s`; return what was reported."""
    reports, exits_at_s = [], 100.0
    for tenth in range(1000, int(end_s * 10)):
        now_s = tenth / 10
        for other in set(NAMES) - {name}:
            watch.heard(other, now_s)
        effects = watch.tick(now_s)
        if Create(name) in effects:
            effects += watch.started(name, 1, now_s)
            exits_at_s = now_s + ran_s
        if now_s >= exits_at_s and states(watch)[name] == "running":
            effects += watch.exited(name, now_s)
        watch.heard(name, now_s)
        reports += of_kind(Report, effects)
    return reports


def test_essential_actor_that_stays_down_is_reported_once() -> None:
    watch = running_watch()
    timeout_s = POLICY.essential_down_timeout_s

    assert crash_until(watch, "gossip", 100.0 + timeout_s - 0.1, ran_s=1.0) == []
    (report,) = crash_until(running_watch(), "gossip", 100.0 + 3 * timeout_s, ran_s=1.0)

    assert isinstance(report.message, SupervisorFailed)
    assert report.message.actor == "gossip"
    assert report.message.why == "gossip has been down for 120 s: its process ended"


def test_essential_actor_that_hangs_at_each_start_is_reported() -> None:
    watch = Watch(specs(), POLICY)
    reports = []
    for tenth in range(3000):
        effects = watch.tick(tenth / 10)
        reports += of_kind(Report, effects)
        for end in of_kind(End, effects):
            watch.exited(end.name, tenth / 10)

    failures = [one.message for one in reports if isinstance(one.message, SupervisorFailed)]
    assert [failure.actor for failure in failures] == ["gossip"]


@pytest.mark.parametrize(("name", "ran_s"), [("docker", 1.0), ("gossip", RECOVERED_S + 1.0)])
def test_agent_survives_an_optional_actor_that_fails_and_an_essential_one_that_mostly_runs(
    name: str, ran_s: float
) -> None:
    assert crash_until(running_watch(), name, 700.0, ran_s=ran_s) == []


def test_status_shows_how_long_an_actor_is_down_and_when_it_is_restarted() -> None:
    watch = running_watch()
    watch.exited("docker", 100.0)

    status = watch.status(100.05)[2]

    assert status.down_for_s == pytest.approx(0.05)
    assert status.next_try_in_s == pytest.approx(0.15)


def test_actors_are_pinged_at_the_interval_and_those_that_answer_keep_running() -> None:
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


def test_actor_that_does_not_answer_is_killed_and_its_last_exit_gives_the_reason() -> None:
    watch = running_watch()
    watch.heard("gossip", 12.0)
    watch.heard("docker", 12.0)

    assert of_kind(End, watch.tick(11.9)) == []
    assert of_kind(End, watch.tick(12.0)) == [End("http", by_force=True)]
    watch.exited("http", 12.2)

    assert watch.status(0.0)[1].last_exit == "it did not answer for 12 s"


def test_actor_that_never_starts_is_killed_after_the_start_timeout() -> None:
    watch = Watch(specs(), POLICY)
    watch.tick(0.0)
    watch.started("gossip", 1, 0.1)
    watch.started("docker", 1, 0.1)
    watch.heard("gossip", 15.0)
    watch.heard("docker", 15.0)

    assert of_kind(End, watch.tick(14.9)) == []
    assert of_kind(End, watch.tick(15.0)) == [End("http", by_force=True)]


def test_stop_ends_http_first_then_leaves_then_ends_the_rest_in_reverse_order() -> None:
    watch = running_watch()

    assert watch.stop(10.0) == [End("http")]
    assert watch.stop(10.0) == []
    assert watch.tick(10.1) == []
    assert of_kind(Tell, watch.exited("http", 10.2)) == [Tell("gossip", GossipLeave())]
    assert watch.left(10.5) == [End("docker"), End("gossip")]
    assert of_kind(Report, watch.exited("docker", 10.6)) == []
    assert of_kind(Report, watch.exited("gossip", 10.7)) == [Report(SupervisorStopped())]
    assert watch.tick(20.0) == []


def test_every_stage_of_the_stop_has_a_timeout() -> None:
    watch = running_watch()
    watch.stop(10.0)

    assert watch.tick(11.0) == [Tell("gossip", GossipLeave())]
    assert watch.tick(13.1) == []
    assert of_kind(End, watch.tick(13.2)) == [End("docker"), End("http"), End("gossip")]
    assert watch.tick(14.1) == []
    assert watch.tick(14.2) == [
        Report(SupervisorStopped(unended=("gossip", "http", "docker"))),
    ]


def test_no_actor_is_created_after_the_stop_began() -> None:
    watch = running_watch()
    watch.exited("docker", 10.0)
    watch.stop(10.1)

    watch.exited("http", 10.2)
    effects = [effect for tenth in range(100, 400) for effect in watch.tick(tenth / 10)]

    assert of_kind(Create, effects) == []


def test_stop_is_reported_at_once_when_nothing_runs() -> None:
    watch = Watch(specs(), POLICY)

    assert watch.stop(0.0) == [Report(SupervisorStopped())]


def test_leases_and_leadership_are_handed_over_before_the_node_leaves() -> None:
    watch = running_watch(("gossip", "raft", "leases", "http"))

    assert watch.stop(10.0) == [End("http"), Tell("leases", ActorYield())]
    assert of_kind(Tell, watch.exited("http", 10.1)) == []
    assert watch.yielded("raft", 10.1) == []  # not its turn
    assert watch.yielded("leases", 10.2) == [Tell("raft", ActorYield())]
    assert watch.yielded("raft", 10.3) == [Tell("gossip", GossipLeave())]
    assert watch.yielded("raft", 10.4) == []


def test_actor_that_cannot_hand_over_does_not_prevent_the_node_from_leaving() -> None:
    silent = running_watch(("gossip", "raft", "leases"))
    silent.stop(10.0)
    assert silent.tick(10.9) == []
    assert of_kind(Tell, silent.tick(11.0)) == [Tell("gossip", GossipLeave())]

    dead = running_watch(("gossip", "raft", "leases"))
    dead.stop(10.0)
    assert of_kind(Tell, dead.exited("leases", 10.1)) == [Tell("raft", ActorYield())]
    assert of_kind(Tell, dead.exited("raft", 10.2)) == [Tell("gossip", GossipLeave())]


# A busy machine.


def starved_watch(waited_s: Callable[[int], float]) -> Watch:
    watch = Watch(specs(("http",)), POLICY, waited_s)
    watch.tick(0.0)
    watch.started("http", 7, 0.0)
    return watch


def killed_at_s(watch: Watch, until_s: float, clock: list[float] | None = None) -> float | None:
    """Return when the silent actor is killed; None: not until then.  `clock` follows the time."""
    for tick in range(1, int(until_s / TICK_INTERVAL_S)):
        now_s = tick * TICK_INTERVAL_S
        if clock is not None:
            clock[0] = now_s
        if of_kind(End, watch.tick(now_s)):
            return now_s
    return None


@pytest.mark.case("S13")
def test_an_actor_that_waits_for_the_processor_is_not_restarted() -> None:
    clock = [0.0]
    watch = starved_watch(lambda _: 0.9 * clock[0])

    assert killed_at_s(watch, until_s=60.0, clock=clock) is None


@pytest.mark.case("S13")
def test_an_actor_that_hangs_is_restarted_although_it_has_waited_for_the_processor_before() -> None:
    assert killed_at_s(starved_watch(lambda _: 100.0), until_s=60.0) == pytest.approx(12.0)


def test_an_actor_that_waits_for_the_processor_for_ever_is_restarted_in_the_end() -> None:
    clock = [0.0]
    watch = starved_watch(lambda _: 1000.0 * clock[0])
    at_s = killed_at_s(watch, until_s=200.0, clock=clock)

    assert at_s == pytest.approx((1 + EXCUSED_MAX) * 12.0, abs=0.1)


@pytest.mark.case("S13")
def test_a_supervisor_that_did_not_run_blames_nobody_for_the_silence() -> None:
    watch = running_watch()

    assert of_kind(End, watch.tick(60.0, late_s=59.9, patience=8)) == []
    assert of_kind(End, watch.tick(60.05, patience=8)) == []  # the answers may wait in its inbox


def test_a_supervisor_that_is_always_late_restarts_an_actor_that_hangs_in_the_end() -> None:
    watch = running_watch()
    now_s = 0.0
    while not of_kind(End, watch.tick(now_s, late_s=9.95, patience=8)):
        now_s += 10.0
        assert now_s < 1000.0

    assert now_s == pytest.approx(8 * (1 + EXCUSED_MAX) * 12.0, abs=10.1)
