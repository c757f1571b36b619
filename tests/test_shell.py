"""What every shell shares: the followed cluster, messages to other nodes, readers, and failure."""

from __future__ import annotations

import math
from io import StringIO
from typing import Any, Literal

import pytest
from thespian.actors import ActorAddress

from actors.shell import (
    CALL_SPACING_S,
    READERS_MAX,
    SUBSCRIBE_SPACING_S,
    YIELD_TIMEOUT_S,
    ShellActor,
)
from constellation.cluster_view import ClusterView
from constellation.log import configure_logging
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from messages.gossip import ClusterChanged, ClusterSubscribe, NamedNodeState, NodeState
from messages.lifecycle import ActorPing, ActorPong, ActorYield, ActorYielded
from messages.metrics import MetricsReport, MetricsRequest
from messages.monitor import ServiceState
from tests.harness import SENDER, SUPERVISOR, EndedError, Harness, messages_of

SETTINGS = Settings(node_name="alpha", data_dir="/nowhere")
PING = ActorPing(seq_no=7)


class Follower(ShellActor):
    """Follows the cluster, and hands over when a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[ClusterView, ClusterChanged]] = []
        self.clock_s = 100.0
        self.is_done = False

    def now_s(self) -> float:
        return self.clock_s

    def on_start(self) -> None:
        self.follow_cluster()

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        self.changes.append((before, change))

    def has_yielded(self, now_s: float) -> bool:
        return self.is_done

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        raise ValueError("a handler that fails")


def follower(*neighbours: str) -> Harness[Follower]:
    return Harness(Follower(), SETTINGS, name="follower", neighbours=neighbours)


def change(version: int, *, snapshot: bool = False, host: str = "127.0.0.2") -> ClusterChanged:
    state = NodeState(address=host, gossip_port=7946, actor_port=7947, agent_version="1")
    items = (NamedNodeState(node="beta", state=state),)
    return ClusterChanged(version=version, self_node="alpha", snapshot=snapshot, nodes=items)


def subscriptions(harness: Harness[Follower]) -> int:
    return harness.sent_to("gossip").count(ClusterSubscribe())


def test_follower_subscribes_whenever_gossip_starts() -> None:
    harness = follower()
    assert subscriptions(harness) == 0

    harness.neighbours("gossip")
    assert subscriptions(harness) == 1
    harness.neighbours("gossip", "http")
    assert subscriptions(harness) == 1
    harness.neighbours("gossip", "http", generation=1)
    assert subscriptions(harness) == 2


def test_missed_change_is_followed_by_one_new_subscription_and_reported_to_nobody() -> None:
    harness = follower("gossip")
    harness.deliver(change(1, snapshot=True))

    for version in (3, 4):
        harness.deliver(change(version))
    assert subscriptions(harness) == 2
    assert len(harness.actor.changes) == 1

    harness.deliver(change(5, snapshot=True))
    assert [one.version for _, one in harness.actor.changes] == [1, 5]
    assert harness.actor.changes[0][0] == ClusterView()


def test_snapshot_that_does_not_arrive_is_requested_again() -> None:
    harness = follower("gossip")
    for _ in range(3):
        harness.actor.clock_s += SUBSCRIBE_SPACING_S
        harness.tick()
    assert subscriptions(harness) == 4

    harness.deliver(change(1, snapshot=True))
    harness.actor.clock_s += SUBSCRIBE_SPACING_S
    harness.tick()
    assert subscriptions(harness) == 4

    harness.neighbours("gossip", generation=1)
    harness.actor.clock_s += SUBSCRIBE_SPACING_S
    harness.tick()
    assert subscriptions(harness) == 6


def test_message_to_a_node_goes_to_the_address_in_its_latest_record() -> None:
    harness = follower("gossip", "raft")
    assert not harness.actor.send_to("beta", "raft", PING)

    harness.deliver(change(1, snapshot=True))
    harness.deliver(change(2, host="127.0.0.9"))

    assert harness.actor.send_to("beta", "raft", PING)
    assert harness.sent[-1] == ("@raft", PING)
    assert harness.actor.is_at("beta", ActorAddress(ActorRef("127.0.0.9", 7947, "x")))
    assert not harness.actor.is_at("beta", ActorAddress(ActorRef("127.0.0.2", 7947, "x")))
    assert harness.actor.registry.get_sample_value(
        "constellation_actor_unsent_total", {"to": "raft"}
    ) == pytest.approx(1)


def test_message_to_the_own_node_stays_on_it() -> None:
    harness = follower("raft")

    assert harness.actor.send_to("alpha", "raft", PING)
    assert not harness.actor.send_to("alpha", "leases", PING)
    assert harness.sent_to("raft") == [PING]


def test_reader_is_forgotten_when_its_actor_ends_and_readers_are_limited() -> None:
    harness = follower("http")
    (address,) = harness.actor.directory.values()
    assert harness.actor.add_reader(address)
    harness.actor.send_to_readers(PING)
    harness.neighbours("admin")
    harness.actor.send_to_readers(PING)
    assert harness.sent_to("http") == [PING]

    for number in range(READERS_MAX):
        assert harness.actor.add_reader(ActorAddress(ActorRef("127.0.0.1", 7947, f"r{number}")))
    assert not harness.actor.add_reader(SENDER)
    assert harness.actor.add_reader(ActorAddress(ActorRef("127.0.0.1", 7947, "r0")))


@pytest.mark.parametrize("passed_s", [None, YIELD_TIMEOUT_S + 0.1])
def test_yield_is_answered_once_when_it_is_done_or_takes_too_long(passed_s: float | None) -> None:
    harness = follower()
    harness.deliver(ActorYield())
    harness.tick()
    assert harness.sent_to("supervisor") == []

    harness.actor.is_done = passed_s is None
    harness.actor.clock_s += passed_s or 0.0
    harness.tick()
    harness.tick()

    assert harness.sent_to("supervisor") == [ActorYielded(name="follower")]
    assert SUPERVISOR.addressDetails.actor_id == "supervisor"


class Sleeper(ShellActor):
    """Has a deadline that a test moves, and does what is due."""

    def __init__(self) -> None:
        super().__init__()
        self.clock_s = 100.0
        self.due_s = math.inf
        self.interval_s = math.inf
        self.calls: list[tuple[float, float]] = []  # when, and how late

    def now_s(self) -> float:
        return self.clock_s

    def next_due_s(self) -> float:
        return self.due_s

    def on_due(self, now_s: float) -> None:
        self.calls.append((now_s, self.late_s))
        if now_s >= self.due_s:
            self.due_s = now_s + self.interval_s

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        self.due_s = float(message.seq_no)


def sleeper() -> Harness[Sleeper]:
    return Harness(Sleeper(), SETTINGS, name="sleeper")


def move(harness: Harness[Sleeper], due_s: int) -> float:
    """Move the deadline by a message; return when the shell asks to be woken."""
    harness.deliver(ActorPong(name="x", seq_no=due_s))
    return harness.runtime.wakes_at_s


def test_shell_is_woken_at_its_deadline_wherever_a_message_moves_it() -> None:
    harness = sleeper()
    assert harness.runtime.wakes_at_s == math.inf

    assert move(harness, 110) == 110.0
    assert move(harness, 105) == 105.0
    assert move(harness, 120) == 120.0


def test_shell_without_a_further_deadline_asks_for_no_wakeup() -> None:
    harness = sleeper()
    move(harness, 110)
    harness.actor.clock_s = 110.0
    harness.tick()

    assert harness.actor.calls == [(110.0, 0.0)]
    assert harness.runtime.wakes_at_s == 110.0  # this one; no other was asked for


def test_deadline_that_has_passed_is_not_moved_while_its_wakeup_is_on_the_way() -> None:
    harness = sleeper()
    move(harness, 110)
    harness.actor.clock_s = 113.0  # the process did not run, and hears messages first

    assert move(harness, 130) == 110.0
    harness.tick()

    assert harness.actor.calls == [(113.0, 3.0)]
    assert harness.actor.lateness.patience > 1
    assert harness.runtime.wakes_at_s == 130.0


def test_core_that_stays_due_does_not_keep_its_process_busy() -> None:
    harness = sleeper()
    harness.actor.interval_s = 0.0
    move(harness, 90)
    assert harness.runtime.wakes_at_s == 100.0  # at once

    harness.tick()

    assert harness.runtime.wakes_at_s == pytest.approx(100.0 + CALL_SPACING_S)


def test_shell_that_ends_asks_for_no_wakeup() -> None:
    harness = sleeper()
    harness.stop()

    assert move(harness, 110) == math.inf


def test_metrics_are_told_to_this_node_alone() -> None:
    harness = follower()
    request = MetricsRequest(number=3)

    harness.deliver(request, sender=ActorAddress(ActorRef("127.0.0.9", 7947, "http")))
    assert messages_of(MetricsReport, harness.sent) == []
    harness.deliver(request)

    (report,) = messages_of(MetricsReport, harness.sent)
    assert (report.actor, report.number) == ("follower", 3)


def end_by_exception(harness: Harness[Follower]) -> None:
    del harness.actor.fail  # what the harness put in its place

    with pytest.raises(EndedError):
        harness.deliver(ActorPong(name="x", seq_no=1))


def test_exception_in_a_handler_ends_the_actor() -> None:
    end_by_exception(follower())


@pytest.mark.parametrize("form", ["json", "console"])
def test_log_of_an_invalid_message_shows_where_it_is_invalid_and_not_what_it_contains(
    monkeypatch: pytest.MonkeyPatch, form: Literal["json", "console"]
) -> None:
    out = StringIO()
    configure_logging(form=form, level="info", node="alpha", stream=out)
    label: Any = ["admin:$apr1$a-hash"]  # in no line of code that the traceback shows
    fields = {"service": "web", "labels": ({"name": "auth", "value": label},)}

    def publish(message: ActorPong, sender: ActorAddress) -> None:
        ServiceState.model_validate(fields)

    harness = follower()
    harness.actor.receiveMsg_ActorPong = publish  # type: ignore[method-assign]
    end_by_exception(harness)

    text = out.getvalue()
    assert "actor_failed" in text
    assert "validation errors for ServiceState" in text
    assert "labels.0.value" in text
    assert "Traceback" in text
    assert "$apr1$" not in text
