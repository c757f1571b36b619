"""A refused connection means that the member has ended, unless helpers reach it."""

from __future__ import annotations

from statistics import median

import pytest

from tests.simulation.network import SimNetwork

IPS = [f"10.0.0.{number}" for number in range(1, 9)]


def settled(seed: int) -> SimNetwork:
    net = SimNetwork(seed=seed, trip_s=0.002)
    for ip in IPS:
        net.start(f"n{ip}", ip, IPS[0])
    net.run(20)
    return net


def suspected(net: SimNetwork) -> set[object]:
    return {note.fields["member"] for _, _, note in net.notes if note.event == "member_suspected"}


def dead_after_s(seed: int, *, refuses: bool) -> float:
    net = settled(seed)
    killed, began_s = IPS[-1], net.now_s
    net.kill(killed)
    if refuses:
        net.refusing.add(killed)

    def is_dead() -> bool:
        found = [node.swim.members.get(f"n{killed}") for node in net.nodes.values()]
        return all(member is not None and member.state == "dead" for member in found)

    assert net.run(30, until=is_dead)
    return net.now_s - began_s


def test_death_of_a_process_is_detected_sooner_than_that_of_its_host() -> None:
    silent = median(dead_after_s(seed, refuses=False) for seed in range(9))
    refused = median(dead_after_s(seed, refuses=True) for seed in range(9))

    assert refused < silent - 0.3


@pytest.mark.parametrize("seed", range(3))
def test_member_that_helpers_reach_is_not_suspected_when_its_host_refuses(seed: int) -> None:
    net = settled(seed)
    net.refusing.add(IPS[3])
    net.cut(IPS[0], IPS[3])
    net.cut(IPS[3], IPS[0])

    net.run(120)

    assert suspected(net) == set()


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
