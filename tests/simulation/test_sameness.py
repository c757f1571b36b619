"""A regular push/pull is skipped exactly if both sides have the same state."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from constellation.gossip import sameness
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.outbox import OpenPushPull
from constellation.gossip.policy import GossipPolicy, SwimPolicy
from messages.gossip import RecordPublish
from messages.monitor import ServiceState
from tests.gossip.serf_guest import SERF_VERSIONS
from tests.simulation.network import SimNetwork

IPS = [f"10.0.0.{number}" for number in range(1, 7)]
REGULAR_S = 40.0  # longer than the push/pull interval
GUEST = GossipPolicy(SwimPolicy(versions=SERF_VERSIONS), records=False)


class Counting(SimNetwork):
    """Counts push/pull exchanges by initiator."""

    def __init__(self, *, seed: int, loss: float = 0.0) -> None:
        super().__init__(seed=seed, loss=loss, trip_s=0.002)
        self.exchanges: Counter[str] = Counter()

    def _push_pull(self, ip: str, to: Address, join: bool) -> None:
        self.exchanges[ip] += 1
        super()._push_pull(ip, to, join)


def settled(seed: int, *, loss: float = 0.0) -> Counting:
    net = Counting(seed=seed, loss=loss)
    for ip in IPS:
        net.start(f"n{ip}", ip, IPS[0])
    net.run(60)
    net.exchanges.clear()
    return net


def spared(net: SimNetwork) -> int:
    return sum(node.sameness.spared for node in net.nodes.values())


@pytest.mark.parametrize("seed", range(3))
def test_equal_nodes_skip_push_pull(seed: int) -> None:
    net = settled(seed)
    before = spared(net)

    net.run(300)

    assert net.exchanges.total() == 0
    assert spared(net) - before >= 9 * len(IPS)  # ten intervals, each node


def lose_news(net: SimNetwork, node: GossipNode) -> None:
    """Give a node a record that it does not broadcast."""
    state = ServiceState(service="web", health="healthy", source="static", instance="x")
    node.publish(RecordPublish(service_states=(state,)), net.now_s)
    node.swim.outbox.user._news.clear()


@pytest.mark.parametrize("seed", range(3))
def test_missing_records_are_repaired_by_the_next_push_pulls(seed: int) -> None:
    net = settled(seed)
    lose_news(net, net.nodes[IPS[2]])

    # Each exchange between a node with the record and one without it spreads the record.
    assert net.run(3 * REGULAR_S, until=lambda: known_to(net) == len(IPS))
    assert net.exchanges.total() > 0


def known_to(net: SimNetwork) -> int:
    return sum(node.state.table.count > 0 for node in net.nodes.values())


def test_missing_members_are_repaired_by_the_next_push_pulls() -> None:
    net = settled(1)
    first = net.nodes[IPS[0]]
    first.swim.members.forget(f"n{IPS[3]}")

    assert net.run(REGULAR_S, until=lambda: first.swim.members.get(f"n{IPS[3]}") is not None)


def test_lost_answer_leads_to_a_push_pull() -> None:
    net = settled(1)
    net.loss = 1.0

    net.run(REGULAR_S)

    assert net.exchanges.total() >= len(IPS)


def test_member_of_another_program_gets_every_push_pull() -> None:
    net = Counting(seed=1)
    net.start("ours", IPS[0], IPS[1])
    net.start("guest", IPS[1], IPS[0], policy=GUEST)
    net.run(60)
    net.exchanges.clear()

    net.run(300)

    assert net.exchanges[IPS[0]] >= 9
    assert spared(net) == 0


def test_unrequested_answer_is_ignored() -> None:
    net = settled(1)
    node = net.nodes[IPS[0]]
    peer = node.swim.members.get(f"n{IPS[1]}")
    assert peer is not None
    asked = node.sameness.ask_first(peer.address, net.now_s)
    assert len(asked) == 1

    def answer(name: str, digest: bytes) -> list[object]:
        statement = sameness.Statement(sameness.ANSWER, name, digest)
        return list(node.sameness.on_message(sameness.pack_statement(statement)))

    own = sameness.state_digest(node.swim.members, node.state.table.digests())
    assert answer(f"n{IPS[2]}", own) == []
    assert node.sameness.due_s is not None
    assert answer(peer.name, b"other") == [OpenPushPull(peer.address, join=False)]
    assert answer(peer.name, own) == []  # the question was answered


def test_digest_covers_everything_that_a_push_pull_would_change() -> None:
    net = settled(1)
    node = net.nodes[IPS[0]]
    table, records = node.swim.members, node.state.table.digests()
    digests = {sameness.state_digest(table, records)}
    digests.add(sameness.state_digest(table, {**records, "n": bytes(16)}))
    member = table.get(f"n{IPS[1]}")
    assert member is not None
    member.incarnation += 1
    digests.add(sameness.state_digest(table, records))
    member.state = "suspect"
    digests.add(sameness.state_digest(table, records))
    member.claim = replace(member.claim, meta=b"x")
    digests.add(sameness.state_digest(table, records))

    assert len(digests) == 5


def test_planted_fault_of_a_digest_that_never_differs_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sameness, "state_digest", lambda members, records: bytes(16))
    net = settled(1)
    lose_news(net, net.nodes[IPS[2]])

    assert not net.run(3 * REGULAR_S, until=lambda: known_to(net) == len(IPS))
