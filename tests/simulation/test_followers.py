"""A reader that follows changes always has the same view as one that starts now."""

from __future__ import annotations

import pytest

from constellation.cluster_view import ClusterView
from constellation.gossip.change_feed import ChangeFeed
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.policy import GossipPolicy, StatePolicy, SwimPolicy
from messages.gossip import NodeState, RecordPublish
from tests.simulation.chaos import Chaos, Life

NODES, FAULTS = 4, 40
EXPIRY_S = 45.0  # short, so that records and members are forgotten
POLICY = GossipPolicy(SwimPolicy(dead_gossip_s=10.0), StatePolicy(expiry_s=EXPIRY_S, grace_s=10.0))


class Followed(Chaos):
    """Chaos in which nodes also publish their own state, and each has a reader."""

    def __init__(self, seed: int) -> None:
        self.views: dict[int, ClusterView] = {}  # by node
        super().__init__(seed=seed, nodes=NODES, policy=POLICY)

    def _check_records(self, node: GossipNode) -> None:
        """Check nothing: a record that has expired may return in an older version for a while."""

    def begin(self, life: Life) -> None:
        super().begin(life)
        if self.random.random() < 0.5:
            self.describe(life)

    def describe(self, life: Life) -> None:
        """Publish a new state of a node, which may be too large for its claim."""
        node = self.nodes.get(life.ip)
        if node is None:
            return
        count = self.random.choice((0, 1, 60))
        state = NodeState(
            address=life.ip,
            gossip_port=7946,
            actor_port=7947,
            priority=self.random.randrange(100),
            capabilities=tuple(f"capability-{number}" for number in range(count)),
        )
        self.perform(life.ip, node.publish(RecordPublish(node_state=state), self.now_s))

    def follow(self, node: GossipNode) -> None:
        """Apply the changes of a node; the view must then equal that of a new reader."""
        known = self.views.get(id(node), ClusterView())
        if node.has_changes:
            change = node.take_changes(self.now_s)
            known = known.apply(change) if known.known else known
        snapshot = ClusterView().apply(node.snapshot(self.now_s))
        if not known.known:
            known = snapshot
        self.views[id(node)] = known
        assert not known.gap
        assert known.version == snapshot.version
        for what in ("nodes", "services", "warps"):
            assert getattr(known, what) == getattr(snapshot, what), f"{what} at {self.now_s:.1f} s"
        assert without_ages(known) == without_ages(snapshot), f"members at {self.now_s:.1f} s"


def without_ages(view: ClusterView) -> dict[str, object]:
    return {
        name: member.model_copy(update={"changed_ago_s": 0.0})
        for name, member in view.members.items()
    }


def followed(seed: int) -> None:
    net = Followed(seed)
    for _ in range(FAULTS):
        net.fault()
        if net.random.random() < 0.3:
            net.describe(net.random.choice(net.lives))
        if net.random.random() < 0.1:
            net.run(EXPIRY_S)
        net.run(net.random.uniform(0.1, 6.0))
        for node in net.nodes.values():
            if net.random.random() < 0.7:  # several changes of one record may be combined
                net.follow(node)
    assert net.views


@pytest.mark.scenario(19)
def test_changes_and_snapshot_give_the_same_view_under_any_faults(sim_seed: int) -> None:
    followed(sim_seed)


def is_caught() -> bool:
    for seed in range(8):
        try:
            followed(seed)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("forgotten", ["mark_record", "mark_member", "_forget"])
def test_planted_fault_of_a_lost_change_is_caught(
    forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(ChangeFeed, forgotten)
    calls = 0

    def forgetful(self: ChangeFeed, *arguments: object) -> None:
        nonlocal calls
        calls += 1
        before = (set(self._members), set(self._records))
        real(self, *arguments)
        if calls % 3 == 0:
            self._members, self._records = before

    monkeypatch.setattr(ChangeFeed, forgotten, forgetful)

    assert is_caught()
