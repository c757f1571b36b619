"""Raft in virtual time: safe under any faults, live when they end; each check can fail."""

from __future__ import annotations

import pytest

from constellation.raft.node import RaftNode
from constellation.raft.quorum import committed_index
from tests.simulation.raft_network import RaftNetwork

FAULTS = 30


def disturbed(seed: int, nodes: int = 5) -> RaftNetwork:
    net = RaftNetwork(seed=seed, nodes=nodes, loss=0.05)
    random = net.random
    for number in range(FAULTS):
        name, other = random.sample(net.names, 2)
        match random.randrange(7):
            case 0 if len(net.nodes) > 1:
                net.kill(name)
            case 1 | 2:
                for down in set(net.names) - set(net.nodes):
                    net.start(down)
            case 3:
                half = {one for one in net.names if random.random() < 0.5}
                net.cuts = {
                    (a, b) for a in net.names for b in net.names if (a in half) != (b in half)
                }
            case 4:
                net.cuts.add((name, other))
            case 5:
                net.cuts.clear()
            case _:
                net.delay_s = random.choice([(0.001, 0.02), (0.001, 0.4)])
        for one in list(net.nodes):
            net.propose(one, f"{number}".encode())
        net.run(random.uniform(0.05, 3.0))
    return net


def test_any_faults_are_survived(sim_seed: int) -> None:
    net = disturbed(sim_seed)
    net.cuts.clear()
    net.loss, net.delay_s = 0.0, (0.001, 0.02)
    for down in set(net.names) - set(net.nodes):
        net.start(down)

    assert net.run(10, until=lambda: bool(net.leader))
    net.run(3)
    (index,) = net.propose(net.leader, b"last")
    assert net.run(3, until=lambda: all(n.commit_index >= index for n in net.nodes.values()))


@pytest.mark.scenario(1)
def test_leader_is_replaced_within_three_election_timeouts(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=3)
    assert net.run(5, until=lambda: bool(net.leader))
    net.run(1)
    killed = net.leader
    net.kill(killed)

    assert net.run(3.0, until=lambda: net.leader not in {"", killed})


def fails() -> str:
    for seed in range(30):
        try:
            disturbed(seed)
        except AssertionError as error:
            return str(error)
    return ""


def test_planted_fault_of_counting_earlier_terms_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: RaftNode) -> None:
        held = {name: one.match_index for name, one in self._followers.items()}
        held[self.node_name] = self.log.last_index
        self._commit(max(self.commit_index, committed_index(held, self.configuration.voters)))

    monkeypatch.setattr(RaftNode, "_advance_commit", careless)
    monkeypatch.setattr(RaftNode, "_append_own", _without_noop(RaftNode._append_own))

    assert fails()


def _without_noop(append: object) -> object:
    def only_commands(self: RaftNode, entries: list[object]) -> None:
        if entries[0].kind != "noop":  # type: ignore[attr-defined]
            append(self, entries)  # type: ignore[operator]

    return only_commands


def test_planted_fault_of_a_forgotten_vote_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    enter = RaftNode._enter_term

    def forgets(self: RaftNode, term: int, *, voted_for: str) -> None:
        enter(self, term, voted_for=voted_for)
        self.voted_for = ""

    monkeypatch.setattr(RaftNode, "_enter_term", forgets)

    assert "twice" in fails() or "two leaders" in fails()


def test_planted_fault_of_voting_for_shorter_logs_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from constellation.raft.log import RaftLog

    monkeypatch.setattr(RaftLog, "is_up_to_date", lambda self, last_index, last_term: True)

    assert fails()
