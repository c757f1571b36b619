"""Which services have a monitor, for any order of sources, monitors and gossip."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from constellation.effects import Note, Send
from constellation.monitor.roster import (
    CREATED_PER_TICK_MAX,
    RETIRE_TIMEOUT_S,
    Effect,
    MonitorRoster,
)
from constellation.supervision.process_effects import Create, End, Tell
from constellation.supervision.restart import RestartPolicy
from messages.gossip import ClusterChanged, NodeServiceState, RecordName, RecordWithdraw
from messages.monitor import MonitorStop, ServicesObserved, ServiceState
from tests.monitor.builders import observation

Source = Literal["docker", "static"]
WITHDRAW = Send("gossip", RecordWithdraw(kind="service", key="web"))


def roster(**fields: Any) -> MonitorRoster:
    return MonitorRoster(RestartPolicy(), **fields)


def observed(
    *services: str,
    source: Source = "docker",
    complete: bool = False,
    vanished: tuple[str, ...] = (),
    **fields: Any,
) -> ServicesObserved:
    return ServicesObserved(
        source=source,
        complete=complete,
        observations=tuple(
            observation(service, source=source, instance=f"{source}-{service}", **fields)
            for service in services
        ),
        vanished=vanished,
    )


def state(service: str = "web", source: Source = "docker") -> ServiceState:
    return ServiceState(service=service, health="healthy", source=source, instance="1")


def events(effects: list[Effect]) -> list[str]:
    return [effect.event for effect in effects if isinstance(effect, Note)]


def running(*services: str) -> MonitorRoster:
    created = roster()
    created.observed(observed(*services), 0.0)
    created.tick(0.0)
    return created


def test_unchanged_container_is_not_sent_again() -> None:
    assert running("web").observed(observed("web"), 1.0) == []


def test_each_check_of_a_static_service_that_counts_is_told() -> None:
    watched = roster()
    watched.observed(observed("web", source="static", check="failing"), 0.0)
    watched.tick(0.0)

    further = observed("web", source="static", check="failing", results_count=2)
    effects = watched.observed(further, 1.0)
    again = watched.observed(further, 2.0)

    assert (effects, again) == ([Tell("web", further.observations[0])], [])


def test_successor_of_a_monitor_is_told_the_last_observation() -> None:
    watched = roster()
    last = observed("web", source="static", check="failing", results_count=2)
    watched.observed(observed("web", source="static", check="failing"), 0.0)
    watched.tick(0.0)
    watched.exited("web", 1.0)
    assert watched.observed(last, 1.1) == []  # nobody runs who could be told

    assert Tell("web", last.observations[0]) in watched.tick(2.0)


def test_service_missing_from_a_complete_report_has_vanished() -> None:
    watched = running("web", "db")

    effects = watched.observed(observed("db", complete=True), 1.0)

    assert effects == [Tell("web", MonitorStop(name="web"))]


def test_service_of_another_source_has_not_vanished() -> None:
    assert running("web").observed(observed(source="static", complete=True), 1.0) == []


def test_first_running_claim_keeps_the_name_and_the_other_is_reported_once() -> None:
    watched = running("web")

    first = watched.observed(observed("web", source="static"), 1.0)
    again = watched.observed(observed("web", source="static"), 2.0)

    assert (events(first), again) == (["instance_claim_ignored"], [])
    assert watched.entries["web"].sent == observed("web").observations[0]


def test_other_claim_takes_over_from_one_that_vanished() -> None:
    watched = running("web")
    static = observed("web", source="static")
    watched.observed(static, 1.0)

    effects = watched.observed(observed(vanished=("web",)), 2.0)

    assert effects == [Tell("web", static.observations[0])]


def test_limit_of_monitors_holds_and_is_reported() -> None:
    watched = roster(monitors_max=2)

    first = watched.observed(observed("a", "b", "c"), 0.0)
    again = watched.observed(observed("c"), 1.0)

    assert (events(first), again) == (["monitor_refused"], [])
    assert sorted(watched.entries) == ["a", "b"]


def test_place_of_a_vanished_service_is_reused() -> None:
    watched = roster(monitors_max=1)
    watched.observed(observed("a", "b"), 0.0)

    watched.observed(observed("b", complete=True), 1.0)
    watched.observed(observed("b", complete=True), 2.0)

    assert sorted(watched.entries) == ["b"]


def test_restarts_of_a_monitor_back_off_and_past_the_limit_are_slow() -> None:
    watched = running("web")
    now_s, exited_at_s, said = 0.0, 0.0, []
    for _ in range(11):
        exited_at_s = now_s
        said += events(watched.exited("web", now_s))
        now_s = watched.entries["web"].due_at_s
        assert Create("web") in watched.tick(now_s)

    assert said == ["monitor_exited"] * 10 + ["monitor_given_up"]
    assert now_s - exited_at_s == RestartPolicy().retry_min_s


def test_no_monitor_is_created_before_its_back_off_has_passed() -> None:
    watched = running("web")
    watched.exited("web", 1.0)

    assert watched.tick(1.1) == []


def test_record_of_a_monitor_that_dies_while_retiring_is_withdrawn() -> None:
    watched = running("web")
    watched.observed(observed(vanished=("web",)), 1.0)

    assert watched.exited("web", 1.1) == [WITHDRAW]
    assert watched.entries == {}


def test_record_of_a_monitor_that_does_not_retire_is_withdrawn_and_it_is_told_again_to_end() -> (
    None
):
    watched = running("web")
    watched.observed(observed(vanished=("web",)), 1.0)

    first = watched.tick(1.0 + RETIRE_TIMEOUT_S)
    then = watched.tick(1.0 + 2 * RETIRE_TIMEOUT_S)

    assert first[:2] == [WITHDRAW, End("web")]
    assert End("web") in then


def test_service_that_reappears_while_its_monitor_ends_gets_a_new_one() -> None:
    watched = running("web")
    watched.observed(observed(vanished=("web",)), 1.0)
    watched.observed(observed("web"), 1.1)
    assert watched.done("web", 1.2) == [End("web")]

    watched.exited("web", 1.3)
    effects = watched.tick(1.3)

    assert effects == [Create("web"), Tell("web", observed("web").observations[0])]


def held(*states: ServiceState, snapshot: bool = True, version: int = 1) -> ClusterChanged:
    return ClusterChanged(
        version=version,
        snapshot=snapshot,
        self_node="alpha",
        services=(
            *(NodeServiceState(node="alpha", state=item) for item in states),
            NodeServiceState(node="beta", state=state("foreign")),
        ),
    )


def test_left_over_record_is_withdrawn_once_its_source_is_complete() -> None:
    watched = roster()
    watched.cluster_changed(held(state("web"), state("kept", "static")))
    before = watched.tick(0.0)
    watched.observed(observed(complete=True), 1.0)

    assert (before, watched.tick(1.0)) == (
        [],
        [Note("instance_left_over", {"instance": "web"}), WITHDRAW],
    )
    assert watched.tick(2.0) == []


def test_only_a_lost_withdrawal_is_repeated() -> None:
    watched = roster()
    watched.observed(observed(complete=True), 0.0)
    watched.cluster_changed(held(state("web")))
    watched.tick(0.0)
    assert WITHDRAW in watched.tick(10.0)

    gone = RecordName(kind="service", node="alpha", key="web")
    change = ClusterChanged(version=2, snapshot=False, self_node="alpha", removed=(gone,))
    watched.cluster_changed(change)

    assert watched.tick(20.0) == []


class Story:
    """A roster, and the processes that its effects would have made."""

    def __init__(self) -> None:
        self.roster = roster()
        self.now_s = 0.0
        self.alive: set[str] = set()
        self.claims: set[tuple[str, str]] = set()

    def seen(self, service: str, source: Source) -> None:
        self.claims.add((service, source))
        self.follow(self.roster.observed(observed(service, source=source), self.now_s))

    def gone(self, service: str, source: Source) -> None:
        self.claims.discard((service, source))
        news = observed(source=source, vanished=(service,))
        self.follow(self.roster.observed(news, self.now_s))

    def done(self, service: str, _: Source) -> None:
        if service in self.alive:
            self.follow(self.roster.done(service, self.now_s))

    def exited(self, service: str, _: Source) -> None:
        if service in self.alive:
            self.alive.discard(service)
            self.follow(self.roster.exited(service, self.now_s))

    def tick(self, service: str, _: Source) -> None:
        self.follow(self.roster.tick(self.now_s))

    def follow(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Create):
                assert effect.name not in self.alive
                self.alive.add(effect.name)
            if isinstance(effect, Tell):
                assert effect.name in self.alive

    def end(self) -> None:
        """Let time pass while every monitor does as requested."""
        for _ in range(40):
            self.now_s += 5.0
            effects = self.roster.tick(self.now_s)
            self.follow(effects)
            for effect in effects:
                if isinstance(effect, End):
                    self.exited(effect.name, "docker")


STEPS = st.lists(
    st.tuples(
        st.sampled_from([Story.seen, Story.gone, Story.done, Story.exited, Story.tick]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["docker", "static"]),
    ),
    max_size=60,
)


@given(STEPS)
def test_exactly_the_claimed_services_end_with_one_live_monitor(
    steps: list[tuple[Any, str, Source]],
) -> None:
    story = Story()
    for step, service, source in steps:
        story.now_s += 0.5
        step(story, service, source)

    story.end()

    assert story.alive == {service for service, _ in story.claims}
    assert story.roster.entries.keys() == story.alive


def test_creation_is_spread_over_ticks() -> None:
    watched = roster()
    watched.observed(observed(*[f"s{number}" for number in range(100)]), 0.0)

    effects = watched.tick(0.0)

    assert sum(isinstance(effect, Create) for effect in effects) == CREATED_PER_TICK_MAX


def test_monitor_waits_for_the_records_of_its_node_and_goes_on_from_them() -> None:
    watched = roster(records_due_s=2.0)
    watched.observed(observed("web"), 0.0)
    before = watched.tick(1.0)
    watched.cluster_changed(held(state("web")))

    assert (before, watched.tick(1.1)[:2]) == ([], [Create("web"), Tell("web", state("web"))])


def test_monitors_are_created_without_gossip_after_a_while() -> None:
    watched = roster(records_due_s=2.0)
    watched.observed(observed("web"), 0.0)

    assert watched.next_due_s == 2.0
    assert Create("web") in watched.tick(2.0)
