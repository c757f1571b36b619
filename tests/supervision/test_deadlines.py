"""The watch over the actors and the roster of monitors say when they must be called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.monitor.roster import MonitorRoster
from constellation.registry import ACTORS
from constellation.supervision.policy import WatchPolicy
from constellation.supervision.process_effects import Create
from constellation.supervision.restart import RestartPolicy
from constellation.supervision.watch import Watch
from messages.gossip import ClusterChanged, NodeServiceState
from messages.monitor import ServicesObserved, ServiceState
from tests.deadlines import Driver
from tests.monitor.builders import observation

STEPS = 360  # 90 s: everything times out in them
POLICY = WatchPolicy(RestartPolicy(count_max=3), essential_down_timeout_s=40.0)
NAMES = ("gossip", "http", "docker")
SPECS = tuple(spec for spec in ACTORS if spec.name in NAMES)

Input = tuple[str, str]  # what happens, and to whom


def inputs_of(*kinds: str, names: Sequence[str] = NAMES) -> st.SearchStrategy[Any]:
    """Return up to 40 inputs at any steps."""
    one = st.tuples(st.sampled_from(kinds), st.sampled_from(names))
    return st.dictionaries(st.integers(0, STEPS - 1), st.lists(one, max_size=3), max_size=40)


def watch_act(watch: Watch, happens: Input, now_s: float) -> Sequence[Any]:
    kind, name = happens
    phase = watch.entries[name].phase
    match kind:
        case "started" if phase == "starting":
            return watch.started(name, 1, now_s)
        case "heard" if phase == "running":
            watch.heard(name, now_s)
            return ()
        case "exited" if phase in {"starting", "running"}:
            return watch.exited(name, now_s)
        case "stop" if now_s > 60.0:
            return watch.stop(now_s)
        case "left":
            return watch.left(now_s)
        case "yielded":
            return watch.yielded(name, now_s)
        case _:
            return ()


WATCH = Driver[Watch, Input](
    make=lambda: Watch(SPECS, POLICY, lambda _: 0.5),
    act=watch_act,
    tick=lambda watch, now_s: watch.tick(now_s),
    due_s=lambda watch, _: watch.next_due_s,
)


@settings(max_examples=40, deadline=None)
@given(inputs_of("started", "started", "heard", "heard", "exited", "stop", "left", "yielded"))
def test_watch_does_nothing_between_its_deadlines(inputs: dict[int, list[Input]]) -> None:
    WATCH.check(inputs, STEPS)


def test_watch_over_actors_that_answer_is_called_once_for_each_round_of_pings() -> None:
    seconds = STEPS * WATCH.step_s
    inputs = {0: [], 1: [("started", name) for name in NAMES]}
    inputs |= {step: [("heard", name) for name in NAMES] for step in range(2, STEPS, 2)}

    assert WATCH.check(inputs, STEPS) <= seconds / POLICY.ping_interval_s + 5


def roster_act(roster: MonitorRoster, happens: Input, now_s: float) -> Sequence[Any]:
    kind, name = happens
    entry = roster.entries.get(name)
    phase = entry.phase if entry else ""
    match kind:
        case "seen" | "complete":
            seen = observation(name, instance=f"{name}-{int(now_s) % 3}")
            is_complete = kind == "complete"
            report = ServicesObserved(source="docker", complete=is_complete, observations=(seen,))
            return roster.observed(report, now_s)
        case "gone":
            gone = ServicesObserved(
                source="docker", complete=False, observations=(), vanished=(name,)
            )
            return roster.observed(gone, now_s)
        case "published":
            state = ServiceState(service=name, health="healthy", source="docker", instance="x")
            item = NodeServiceState(node="alpha", state=state)
            roster.cluster_changed(
                ClusterChanged(version=1, self_node="alpha", snapshot=True, services=(item,))
            )
            return ()
        case "done":
            return roster.done(name, now_s)
        case "exited" if phase not in {"", "waiting"}:
            return roster.exited(name, now_s)
        case _:
            return ()


ROSTER = Driver[MonitorRoster, Input](
    make=lambda: MonitorRoster(POLICY.restart),
    act=roster_act,
    tick=lambda roster, now_s: roster.tick(now_s),
    due_s=lambda roster, _: roster.next_due_s,
)


@settings(max_examples=40, deadline=None)
@given(inputs_of("seen", "seen", "complete", "gone", "published", "done", "exited"))
def test_roster_does_nothing_between_its_deadlines(inputs: dict[int, list[Input]]) -> None:
    ROSTER.check(inputs, STEPS)


def test_roster_whose_monitors_run_is_not_called() -> None:
    inputs = {3 * number: [("seen", name)] for number, name in enumerate(NAMES)}

    assert ROSTER.check(inputs, STEPS) == len(NAMES)
    effects, _ = ROSTER.run(inputs, STEPS, at_each_step=False)
    assert sum(isinstance(effect, Create) for _, effect in effects) == len(NAMES)
