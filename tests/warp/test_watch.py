"""What is published of gateways, when they are probed, and which events concern them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.effects import Note, Send
from constellation.monitor.docker_event import read_event
from constellation.warp.gateways import GATEWAYS_MAX, moved_gateway
from constellation.warp.probe import unhealthy
from constellation.warp.schedule import GAP_S, Schedule
from constellation.warp.watch import Effect, Watch, limited, not_found
from messages.base import Message
from messages.gossip import RecordPublish, RecordWithdraw
from messages.warp import WarpState
from messages.wellness import TroublesReported

WELL = WarpState(gateway="gate", health="healthy", egress_ip="104.28.1.2")
ILL = unhealthy("gate", "warp", "it says warp=off")


def sent(effects: list[Effect], to: str) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, Send) and effect.to == to]


def test_first_result_is_published_and_then_only_what_changes() -> None:
    for first in (WELL, ILL):
        watch = Watch("warp", ("gate",))

        assert sent(watch.judged([first]), "gossip") == [RecordPublish(warp_states=(first,))]
        assert watch.judged([first]) == []
        assert watch.actor_up("gossip") == [Send("gossip", RecordPublish(warp_states=(first,)))]


def test_unhealthy_gateway_is_a_trouble_until_it_is_healthy() -> None:
    watch = Watch("warp", ("gate",))

    (ill,) = sent(watch.judged([ILL]), "admin")
    (well,) = sent(watch.judged([WELL]), "admin")

    assert isinstance(ill, TroublesReported)
    (trouble,) = ill.troubles
    assert (trouble.kind, trouble.subject, trouble.why) == ("warp", "gate", "it says warp=off")
    assert trouble.fix
    assert well == TroublesReported(actor="warp", troubles=())
    assert watch.actor_up("admin") == [Send("admin", well)]


def test_gateway_that_is_gone_is_withdrawn() -> None:
    watch = Watch("warp", ("role=warp",))
    watch.judged([WELL])

    effects = watch.judged([not_found("role=warp")])

    assert RecordWithdraw(kind="warp", key="gate") in sent(effects, "gossip")
    assert list(watch.states) == ["role=warp"]
    assert watch.states["role=warp"].reason == "no container has the label role=warp"


def test_docker_that_is_away_changes_no_verdict() -> None:
    watch = Watch("warp", ("gate", "other"))

    unknown = watch.docker_away("nobody listens there")
    watch.judged([WELL, not_found("other")])

    assert {state.health for one in sent(unknown, "gossip") for state in one.warp_states} == {  # type: ignore[attr-defined]
        "unknown"
    }
    assert watch.docker_away("nobody listens there") == []
    assert watch.states["gate"] == WELL


def test_change_of_health_or_step_is_logged_once() -> None:
    watch = Watch("warp", ("gate",))
    other_words = ILL.model_copy(update={"reason": "it says warp=off, still"})

    logged = [
        [effect.event for effect in watch.judged([state]) if isinstance(effect, Note)]
        for state in (WELL, ILL, other_words, WELL)
    ]

    assert logged == [["warp_healthy"], ["warp_unhealthy"], [], ["warp_healthy"]]


def test_number_of_gateways_is_limited_and_each_counts_once() -> None:
    names = [f"gate{number}" for number in range(GATEWAYS_MAX)]

    assert limited([(name, name) for name in (*names, *names, "other")]) == names


@pytest.mark.parametrize(
    ("targets", "action", "attributes", "gateway"),
    [
        (("gate",), "die", {"name": "gate"}, "gate"),
        (("gate",), "start", {"name": "gateway"}, ""),
        (("gate",), "exec_die", {"name": "gate"}, ""),
        (("role=warp",), "start", {"name": "any", "role": "warp"}, "any"),
        (("role=warp",), "start", {"name": "any", "role": "warped"}, ""),
        (("gate",), "rename", {"name": "new", "oldName": "/gate"}, "new"),
        ((), "die", {"name": "gate"}, ""),
    ],
)
def test_which_events_move_a_gateway(
    targets: tuple[str, ...], action: str, attributes: dict[str, str], gateway: str
) -> None:
    event = read_event(
        {"Type": "container", "Action": action, "Actor": {"ID": "c1", "Attributes": attributes}}
    )

    assert (moved_gateway(targets, event) if event else "") == gateway


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 3.0), st.booleans(), st.lists(st.floats(0.0, 40.0), max_size=3)
        ),
        max_size=30,
    )
)  # fmt: skip
def test_rounds_never_crowd_and_are_never_late(
    rounds: list[tuple[float, bool, list[float]]],
) -> None:
    """Each round takes a time, has a result, and containers move some seconds after its begin."""
    schedule, now_s, began_s = Schedule(30.0, 0.0), 0.0, -GAP_S
    for takes_s, is_well, moves in rounds:
        assert schedule.next_s >= began_s + GAP_S - 1e-9
        began_s = now_s = max(now_s, schedule.next_s)
        schedule.began(now_s)
        ends_s = began_s + takes_s
        for moved_s in sorted(began_s + one for one in moves):
            if moved_s <= ends_s:
                schedule.moved()
        schedule.ended(ends_s, is_well=is_well)
        assert schedule.next_s <= ends_s + 30.0
        for moved_s in sorted(began_s + one for one in moves):
            if ends_s < moved_s < schedule.next_s:
                schedule.moved()
                assert schedule.next_s <= max(moved_s, began_s + GAP_S)
                now_s = moved_s
                break


def test_unhealthy_gateway_is_probed_sooner_but_not_for_ever() -> None:
    schedule, waits = Schedule(30.0, 0.0), []
    for _ in range(8):
        schedule.began(0.0)
        schedule.ended(0.0, is_well=False)
        waits.append(schedule.next_s)

    assert waits == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
