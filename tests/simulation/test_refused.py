"""A host that refuses connections: its member is declared dead sooner, and never one that runs."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import pytest
from msgspec.structs import replace

from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.packets import Ack, Nack, encode
from constellation.gossip.paths import Paths
from constellation.gossip.policy import GossipPolicy, SwimPolicy
from tests.simulation.network import SimNetwork

IPS = [f"10.0.0.{number}" for number in range(1, 8)]
GRACE_S = SwimPolicy().refused_grace_s


def name_of(ip: str) -> str:
    return f"n{ip}"


def settled(seed: int, *, policy: GossipPolicy | None = None, ips: list[str] = IPS) -> SimNetwork:
    net = SimNetwork(seed=seed, trip_s=0.002)
    for ip in ips:
        net.start(name_of(ip), ip, ips[0], policy=policy)
    net.run(8)
    return net


def noted(net: SimNetwork, event: str) -> set[object]:
    return {note.fields["member"] for _, _, note in net.notes if note.event == event}


def dead_after_s(seed: int, *, host_is_up: bool, ips: list[str] = IPS) -> float:
    net = settled(seed, ips=ips)
    killed, began_s = ips[-1], net.now_s
    net.kill(killed, host_is_up=host_is_up)

    def is_dead() -> bool:
        found = [node.swim.members.get(name_of(killed)) for node in net.nodes.values()]
        return all(member is not None and member.state == "dead" for member in found)

    assert net.run(30, until=is_dead)
    return net.now_s - began_s


def restart(net: SimNetwork, ip: str, down_s: float) -> None:
    """Let the agent of a host end and start again; the host stays up."""
    node = net.nodes[ip]
    net.kill(ip, host_is_up=True)
    net.run(down_s)
    known = node.known_addresses
    net.start(name_of(ip), ip, IPS[0], life=node.highest_incarnation + 1, known=known)


# A process that has ended.


@pytest.mark.parametrize("members", [2, 3, 7])
def test_death_of_a_process_is_detected_sooner_than_that_of_its_host(members: int) -> None:
    ips = IPS[:members]
    silent = median(dead_after_s(seed, host_is_up=False, ips=ips) for seed in range(7))
    refused = [dead_after_s(seed, host_is_up=True, ips=ips) for seed in range(7)]

    assert median(refused) < silent - 1.0
    assert min(refused) >= GRACE_S


# A process that starts again.


def restarted(seed: int, *, grace_s: float = GRACE_S) -> SimNetwork:
    """Restart members again and again, each time within what the grace allows."""
    policy = GossipPolicy(replace(SwimPolicy(), refused_grace_s=grace_s))
    net = settled(seed, policy=policy)
    for _ in range(8):
        restart(net, net.random.choice(IPS[1:]), net.random.uniform(0.1, GRACE_S + 0.5))
        net.run(net.random.uniform(3.0, 8.0))
    return net


@pytest.mark.scenario(42)
def test_agent_that_is_back_within_the_grace_is_never_declared_dead(sim_seed: int) -> None:
    net = restarted(sim_seed)

    assert noted(net, "member_suspected")
    assert noted(net, "member_failed") == set()


def test_planted_fault_of_a_shorter_grace_is_caught() -> None:
    assert any(noted(restarted(seed, grace_s=1.5), "member_failed") for seed in range(5))


# Refusals that say nothing about the member: it runs.


@pytest.mark.parametrize("seed", range(3))
def test_member_that_helpers_reach_is_not_suspected_when_its_host_refuses(seed: int) -> None:
    net = settled(seed)
    net.reject(IPS[0], IPS[3])
    net.cut(IPS[3], IPS[0])

    net.run(60)

    assert noted(net, "member_suspected") == set()


def disturbed(seed: int) -> SimNetwork:
    """Let firewalls reject some members while packets are lost, agents restart, and processes hang.

    No agent is away, or hangs, for as long as the grace.
    """
    net = settled(seed)
    net.loss = net.random.choice([0.0, 0.05, 0.2])
    for _ in range(15):
        one, other = net.random.sample(IPS, 2)
        match net.random.randrange(5):
            case 0:
                net.reject(one, other)
            case 1:
                net.heal()
            case 2:
                restart(net, one, net.random.uniform(0.1, GRACE_S))
            case _:
                net.starve(one, net.random.uniform(0.5, GRACE_S))
        net.run(net.random.uniform(1.0, 8.0))
    return net


def test_member_that_runs_is_never_declared_dead_because_of_refusals(sim_seed: int) -> None:
    net = disturbed(sim_seed)

    assert noted(net, "member_suspected")
    assert noted(net, "member_refuses") == set()


def rejected_and_hung(seed: int) -> SimNetwork:
    """Let a member hang whose firewall has rejected another one for long."""
    net = settled(seed)
    net.reject(IPS[0], IPS[3])
    net.run(30)
    for _ in range(6):
        net.starve(IPS[3], 4.2)  # longer than the grace, shorter than a suspicion
        net.run(15)
    return net


@pytest.mark.parametrize("seed", range(3))
def test_member_that_always_rejected_a_node_may_hang_as_long_as_any_other(seed: int) -> None:
    net = rejected_and_hung(seed)

    assert noted(net, "member_suspected")
    assert noted(net, "member_failed") == set()


def test_planted_fault_of_trusting_a_host_that_always_refused_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reaches(paths: Paths, to: Address) -> bool:
        return False

    monkeypatch.setattr(Paths, "only_others_reach", reaches)

    assert any(noted(rejected_and_hung(seed), "member_failed") for seed in range(3))


# Signs of life at a node whose connection was refused.


HELPER = Address("10.0.0.99", 7946)


def heard(node: GossipNode, suspect: Address, now_s: float) -> None:
    node.on_packet(encode(Nack(1)), suspect, now_s)


def exchanged(node: GossipNode, suspect: Address, now_s: float) -> None:
    node.on_push_pull_reply(node.push_pull_request(suspect, join=False), suspect, now_s)


def acked(node: GossipNode, suspect: Address, now_s: float) -> None:
    probe = node.swim.prober._round
    assert probe is not None
    node.on_packet(encode(Ack(probe.seq_no)), HELPER, now_s)


def acked_later(node: GossipNode, suspect: Address, now_s: float) -> None:
    (refused,) = node.swim.refusals._refused.values()
    node.on_packet(encode(Ack(refused.seq_no)), HELPER, now_s)


def is_probing(node: GossipNode, suspect: Address) -> bool:
    probe = node.swim.prober._round
    return probe is not None and probe.target.address == suspect


def is_asking(node: GossipNode, suspect: Address) -> bool:
    return any(refused.step != "waits" for refused in node.swim.refusals._refused.values())


@pytest.mark.parametrize(
    ("when", "sign"),
    [(None, heard), (None, exchanged), (is_probing, acked), (is_asking, acked_later)],
    ids=["a packet", "an exchange", "an ack of a round", "an ack of the last ping"],
)
def test_any_sign_of_the_suspect_leaves_the_suspicion_its_time(
    when: Callable[[GossipNode, Address], bool] | None,
    sign: Callable[[GossipNode, Address, float], None],
) -> None:
    net, suspect = settled(1), Address(IPS[-1], 7946)
    net.kill(suspect.ip, host_is_up=True)

    def ready() -> list[GossipNode]:
        found = [node for node in net.nodes.values() if len(node.swim.refusals)]
        return [node for node in found if when is None or when(node, suspect)]

    assert net.run(10, until=lambda: bool(ready()))
    node = ready()[0]

    sign(node, suspect, net.now_s)

    assert len(node.swim.refusals) == 0


def test_refusal_ends_only_its_own_probe_round() -> None:
    net = settled(1)
    net.kill(IPS[-1])
    node = net.nodes[IPS[0]]
    prober = node.swim.prober
    assert net.run(20, until=lambda: prober._round is not None)
    assert prober._round is not None
    seq_no = prober._round.seq_no

    node.on_tcp_refused(seq_no - 1, net.now_s)
    assert not prober._round.refused
    node.on_tcp_refused(seq_no, net.now_s)

    assert prober._round.refused
