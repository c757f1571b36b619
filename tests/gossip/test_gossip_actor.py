"""Gossip actors over loopback: they join, records spread, a silent one is declared dead."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors import node
from actors.adapters.gossip_memory import GossipMemory, Remembered
from actors.adapters.keyring_file import KeyringFile
from actors.gossip import GossipActor
from constellation.errors import AdapterError
from constellation.gossip.keyring_seal import key_id, seal_keyring
from constellation.gossip.security import Keyring
from constellation.settings.agent import Settings
from constellation.settings.gossip import GossipSettings
from messages.admin import PartReported
from messages.events import ChangeReported
from messages.gossip import (
    ClusterChanged,
    ClusterSubscribe,
    GossipLeave,
    GossipLeft,
    RecordPublish,
    RecordWithdraw,
)
from messages.keyring import KeyringOrder, KeyringOrderDone
from messages.monitor import Label, ServiceState
from messages.tailscale import SeedsFound
from messages.wellness import TroublesReported
from tests.harness import Harness, messages_of

Start = Callable[..., Harness[GossipActor]]


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Harness[GossipActor]] = []

    def start(
        name: str,
        port: int,
        *seeds: int,
        wait_s: float = 0.2,
        label: str = "",
        address: str = "127.0.0.1",
    ) -> Harness[GossipActor]:
        gossip = GossipSettings(
            port=port,
            seeds=tuple(f"127.0.0.1:{seed}" for seed in seeds),
            probe_interval_s=wait_s,
            probe_timeout_s=wait_s / 2,
            rejoin_interval_s=0.2,
            dead_reclaim_s=0.5,
            label=label,
        )
        data_dir = str(tmp_path / name)
        settings = Settings(node_name=name, data_dir=data_dir, bind_address=address, gossip=gossip)
        harness = Harness(GossipActor(), settings, name="gossip", neighbours=("admin",))
        running.append(harness)
        return harness

    yield start
    for harness in running:
        end(harness)


def end(harness: Harness[GossipActor]) -> None:
    """End it as if the process were killed: peers are not notified.  Idempotent."""
    if harness.actor.loop is not None and not harness.actor.loop.is_closed():
        harness.stop()


def service(name: str, *, labels: int = 0) -> ServiceState:
    return ServiceState(
        service=name,
        health="healthy",
        source="static",
        instance="127.0.0.1:80",
        labels=tuple(
            Label(name=f"label-{i * 7919}", value=f"{i * 104729:x}") for i in range(labels)
        ),
    )


def services(harness: Harness[GossipActor]) -> set[tuple[str, str]]:
    known: set[tuple[str, str]] = set()
    for change in messages_of(ClusterChanged, harness.sent):
        known |= {(item.node, item.state.service) for item in change.services}
        known -= {(item.node, item.key) for item in change.removed if item.kind == "service"}
    return known


def states(harness: Harness[GossipActor]) -> dict[str, str]:
    known: dict[str, str] = {}
    for change in messages_of(ClusterChanged, harness.sent):
        known.update({member.node: member.state for member in change.members})
    return known


def pair(start: Start) -> tuple[Harness[GossipActor], Harness[GossipActor]]:
    alpha_port, beta_port = free_port("127.0.0.1"), free_port("127.0.0.1")
    alpha, beta = start("alpha", alpha_port), start("beta", beta_port, alpha_port)
    for harness in (alpha, beta):
        harness.deliver(ClusterSubscribe())
    both = {"alpha": "alive", "beta": "alive"}
    alpha.pump_until(lambda: states(alpha) == both)
    beta.pump_until(lambda: states(beta) == both)
    return alpha, beta


def test_records_of_any_size_spread_and_are_withdrawn(start: Start) -> None:
    alpha, beta = pair(start)

    alpha.deliver(RecordPublish(service_states=(service("web"), service("big", labels=400))))
    beta.pump_until(lambda: services(beta) == {("alpha", "web"), ("alpha", "big")})
    alpha.deliver(RecordWithdraw(kind="service", key="web"))
    beta.pump_until(lambda: services(beta) == {("alpha", "big")})

    versions = [change.version for change in messages_of(ClusterChanged, beta.sent)]
    assert versions == list(range(versions[0], versions[0] + len(versions)))


def test_discovered_seeds_are_used_until_discovery_drops_them(
    start: Start,
) -> None:
    port = free_port("127.0.0.1")
    start("alpha", port)
    beta = start("beta", port, address="127.0.0.2")
    beta.deliver(ClusterSubscribe())

    beta.deliver(SeedsFound(hosts=("127.0.0.1", "127.0.0.3")))

    beta.pump_until(lambda: states(beta) == {"alpha": "alive", "beta": "alive"})
    assert beta.actor.transport is not None
    node = beta.actor.transport.node
    assert [seed.ip for seed in node.seeds] == ["127.0.0.1", "127.0.0.3"]
    beta.deliver(SeedsFound(hosts=()))
    beta.pump_until(lambda: node.seeds == ())


def test_killed_member_is_declared_dead(start: Start) -> None:
    alpha, beta = pair(start)

    end(beta)

    alpha.pump_until(lambda: states(alpha)["beta"] == "dead", timeout_s=10)


@pytest.mark.scenario(18)
def test_leave_is_not_a_failure(start: Start) -> None:
    alpha, beta = pair(start)

    beta.deliver(GossipLeave())
    beta.pump_until(lambda: bool(messages_of(GossipLeft, beta.sent)))
    end(beta)

    alpha.pump_until(lambda: states(alpha)["beta"] == "left", timeout_s=10)
    seen = [
        m.state
        for c in messages_of(ClusterChanged, alpha.sent)
        for m in c.members
        if m.node == "beta"
    ]
    assert "dead" not in seen


def test_order_about_keys_is_answered_with_its_number(start: Start) -> None:
    alpha = start("alpha", free_port("127.0.0.1"))
    alpha.pump_until(lambda: alpha.actor.keys is not None)

    alpha.deliver(KeyringOrder(action="use", key_id="ffff", number=7))

    alpha.pump_until(lambda: bool(messages_of(KeyringOrderDone, alpha.sent)))
    (done,) = messages_of(KeyringOrderDone, alpha.sent)
    assert (done.number, done.state.node) == (7, "alpha")
    assert "install it on all nodes first" in done.state.problem


@pytest.mark.case("O2")
def test_each_change_of_the_keys_is_an_event(start: Start) -> None:
    alpha = start("alpha", free_port("127.0.0.1"))
    alpha.pump_until(lambda: alpha.actor.keys is not None)
    ring = seal_keyring(Keyring((b"x" * 32,)), node.cluster_key(), nonce=b"n" * 12)
    install = KeyringOrder(action="install", sealed_keys=ring)

    for order in (install, install, KeyringOrder(action="list")):
        alpha.deliver(order)
    alpha.pump_until(lambda: len(messages_of(KeyringOrderDone, alpha.sent)) == 3)

    (event,) = messages_of(ChangeReported, alpha.sent)
    assert (event.what, event.node) == ("keys_changed", "alpha")
    assert key_id(b"x" * 32) in event.reason


@pytest.mark.case("O14")
def test_members_report_a_second_node_of_one_name_also_to_an_admin_that_starts(
    start: Start,
) -> None:
    alpha, _ = pair(start)
    assert alpha.actor.transport is not None
    start("beta", free_port("127.0.0.2"), alpha.actor.transport.node.address.port,
          address="127.0.0.2")  # fmt: skip

    def reported() -> list[str]:
        reports = messages_of(TroublesReported, alpha.sent)
        return [one.what for one in reports[-1].troubles] if reports else []

    alpha.pump_until(lambda: reported() == ["two nodes are called beta"])
    alpha.pump_until(lambda: bool(messages_of(ChangeReported, alpha.sent)))  # sent after the report
    assert [one.what for one in messages_of(ChangeReported, alpha.sent)] == ["name_conflict"]
    before = len(alpha.sent)
    alpha.neighbours("admin", generation=1)
    alpha.pump_until(lambda: bool(messages_of(TroublesReported, alpha.sent[before:])))
    assert reported() == ["two nodes are called beta"]


def test_node_without_its_data_directory_reports_why_it_waits_and_then_joins(
    start: Start, tmp_path: Path
) -> None:
    alpha, beta = pair(start)
    port = beta.actor.transport.node.address.port if beta.actor.transport else 0
    end(beta)
    for file in (tmp_path / "beta").iterdir():
        file.unlink()

    again = start("beta", port, *seeds_of(beta))
    again.deliver(ClusterSubscribe())

    again.pump_until(lambda: parts(again) == ["lost"])
    alpha.pump_until(lambda: states(alpha)["beta"] == "dead", timeout_s=10)
    again.pump_until(lambda: states(again).get("alpha") == "alive", timeout_s=20)
    alpha.pump_until(lambda: states(alpha)["beta"] == "alive", timeout_s=20)
    assert parts(again) == ["lost", "present"]


def seeds_of(harness: Harness[GossipActor]) -> tuple[int, ...]:
    assert harness.actor.transport is not None
    return tuple(seed.port for seed in harness.actor.transport.node.seeds)


def parts(harness: Harness[GossipActor]) -> list[str]:
    return [part.state for part in messages_of(PartReported, harness.sent)]


def test_packets_of_another_label_are_dropped(start: Start) -> None:
    alpha_port = free_port("127.0.0.1")
    alpha = start("alpha", alpha_port, label="home")
    other = start("other", free_port("127.0.0.1"), alpha_port, label="work")
    friend = start("friend", free_port("127.0.0.1"), alpha_port, label="home")
    alpha.deliver(ClusterSubscribe())

    alpha.pump_until(lambda: states(alpha) == {"alpha": "alive", "friend": "alive"})
    assert alpha.actor.transport is not None
    alpha.pump_until(lambda: drops(alpha)["label"] > 0)
    assert states(alpha) == {"alpha": "alive", "friend": "alive"}
    assert friend.actor.transport is not None
    assert drops(friend) == {}
    assert other.actor.transport is not None


def drops(harness: Harness[GossipActor]) -> Counter[str]:
    assert harness.actor.transport is not None
    return harness.actor.transport.drops


# A full disk.


class Disk:
    """The data directories of all actors of a test: they refuse every save while `full` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.saved: list[Remembered] = []
        save, save_keys = GossipMemory.save, KeyringFile.save

        def guarded(memory: GossipMemory, remembered: Remembered) -> None:
            self.refuse_if_full()
            save(memory, remembered)
            self.saved.append(remembered)

        def guarded_keys(file: KeyringFile, keyring: Keyring) -> None:
            self.refuse_if_full()
            save_keys(file, keyring)

        monkeypatch.setattr(GossipMemory, "save", guarded)
        monkeypatch.setattr(KeyringFile, "save", guarded_keys)

    def refuse_if_full(self) -> None:
        if self.full:
            what = "gossip.json cannot be written"
            raise AdapterError(what, why="the file system at /d is full", fix="free space on /d")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def counts(harness: Harness[GossipActor]) -> Counter[str]:
    assert harness.actor.transport is not None
    return harness.actor.transport.counts


def incarnation_of(harness: Harness[GossipActor]) -> int:
    assert harness.actor.transport is not None
    return harness.actor.transport.node.highest_incarnation


def test_node_with_a_full_disk_stays_a_member_through_a_join_and_reports_it_once(
    start: Start, disk: Disk
) -> None:
    alpha, beta = pair(start)

    disk.full = True
    gamma = start("gamma", free_port("127.0.0.1"), *seeds_of(beta))
    gamma.deliver(ClusterSubscribe())
    three = dict.fromkeys(("alpha", "beta", "gamma"), "alive")
    for one in (alpha, beta, gamma):
        one.pump_until(lambda: states(one) == three)  # noqa: B023 - called before the next
        one.pump_until(lambda: parts(one) == ["lost"])  # noqa: B023
    alpha.pump_until(lambda: counts(alpha)["saves_failed"] >= 2)

    disk.full = False
    for one in (alpha, beta, gamma):
        one.pump_until(lambda: parts(one) == ["lost", "present"], timeout_s=10)  # noqa: B023
    (lost, _) = messages_of(PartReported, alpha.sent)
    assert "the file system at /d is full" in lost.why
    assert lost.fix == "free space on /d"
    assert {one.incarnation for one in disk.saved} >= {
        incarnation_of(one) for one in (alpha, gamma)
    }


def test_lives_on_a_full_disk_use_ever_higher_incarnations(start: Start, disk: Disk) -> None:
    port, beta_port = free_port("127.0.0.1"), free_port("127.0.0.1")
    alpha = start("alpha", port)
    first = start("beta", beta_port, port)
    alpha.deliver(ClusterSubscribe())
    alpha.pump_until(lambda: states(alpha).get("beta") == "alive")
    taken = [incarnation_of(first)]
    end(first)

    disk.full = True
    for number in range(3):
        life = start("beta", beta_port, port)
        life.deliver(RecordPublish(service_states=(service(f"web{number}"),)))
        wanted = ("beta", f"web{number}")
        alpha.pump_until(lambda: wanted in services(alpha), timeout_s=10)  # noqa: B023
        taken.append(incarnation_of(life))
        end(life)
    disk.full = False
    last = start("beta", beta_port, port)
    last.deliver(RecordPublish(service_states=(service("last"),)))
    alpha.pump_until(lambda: ("beta", "last") in services(alpha), timeout_s=10)
    # It learns from alpha what its unsaved lives used, and goes above that.
    last.pump_until(lambda: incarnation_of(last) > taken[-1], timeout_s=10)

    assert taken == sorted(set(taken))
    assert states(alpha)["beta"] == "alive"


def test_admin_that_restarts_is_told_what_is_not_saved(start: Start, disk: Disk) -> None:
    disk.full = True
    alpha = start("alpha", free_port("127.0.0.1"))
    alpha.pump_until(lambda: parts(alpha) == ["lost"])

    alpha.neighbours("admin", generation=1)

    alpha.pump_until(lambda: parts(alpha) == ["lost", "lost"])
