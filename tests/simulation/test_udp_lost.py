"""Firewalls that let TCP pass and not UDP: news is as quick as without, and the pair is named."""

from __future__ import annotations

from itertools import permutations

import pytest

from constellation.gossip import paths
from constellation.gossip.paths import Paths
from tests.simulation.liar import knows
from tests.simulation.network import SimNetwork
from tests.simulation.test_gossip_cluster import IPS, cluster, whole
from tests.simulation.test_liars import say

KNOWN_S = 1.5
SETTLED_S = 20.0

CUTS = {
    "out of one": lambda ips: [(ips[1], to) for to in ips if to != ips[1]],
    "into one": lambda ips: [(to, ips[1]) for to in ips if to != ips[1]],
    "one pair, one way": lambda ips: [(ips[1], ips[0])],
    "one pair": lambda ips: [(ips[1], ips[0]), (ips[0], ips[1])],
    "everywhere": lambda ips: list(permutations(ips, 2)),
}


def cut_off(seed: int, where: str, members: int) -> SimNetwork:
    net = SimNetwork(seed=seed, trip_s=0.002)
    cluster(net, IPS[:members])
    assert net.run(30, until=lambda: whole(net))
    for ip, to in CUTS[where](IPS[:members]):
        net.cut_udp(ip, to)
    net.run(SETTLED_S)
    return net


def is_told_soon(net: SimNetwork, ip: str, service: str, health: str) -> bool:
    author = net.nodes[ip].node_name
    say(net, ip, service, health)  # type: ignore[arg-type]
    nodes = list(net.nodes.values())
    return net.run(
        KNOWN_S, until=lambda: all(knows(node, author, service) == health for node in nodes)
    )


def deaths_are_known(seed: int, where: str, members: int) -> None:
    net = cut_off(seed, where, members)
    assert whole(net), "a member that answers over TCP is not dead"
    for number in range(6):
        for ip in IPS[:members]:
            health = ("healthy", "unhealthy")[number % 2]
            assert is_told_soon(net, ip, "web", health), f"{health} of {ip}"
        net.run(net.random.uniform(0.0, 2.0))


@pytest.mark.case("S2")
@pytest.mark.parametrize("members", [3, 6])
@pytest.mark.parametrize("where", CUTS)
def test_death_is_known_everywhere_soon_though_udp_does_not_pass(where: str, members: int) -> None:
    deaths_are_known(1, where, members)


@pytest.mark.case("S2")
@pytest.mark.parametrize("members", [2, 5])
def test_nodes_that_never_had_udp_find_each_other_and_tell_news_over_tcp(members: int) -> None:
    net = SimNetwork(seed=6, trip_s=0.002)
    ips = IPS[:members]
    for ip, to in permutations(ips, 2):
        net.cut_udp(ip, to)
    cluster(net, ips)

    assert net.run(60, until=lambda: whole(net))
    net.run(SETTLED_S)
    assert whole(net)
    for ip in ips:
        assert is_told_soon(net, ip, "web", "healthy"), f"healthy of {ip}"


def test_planted_fault_of_news_over_udp_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paths, "over_tcp", property(lambda self: []))

    with pytest.raises(AssertionError, match="healthy of"):
        deaths_are_known(1, "out of one", 3)


@pytest.mark.case("S2")
def test_members_at_both_ends_name_the_pair_and_its_direction_until_udp_passes_again() -> None:
    net = cut_off(2, "one pair, one way", 3)
    alpha, beta = net.nodes[IPS[0]].swim.paths, net.nodes[IPS[1]].swim.paths

    assert [(one.name, one.is_heard) for one in alpha.lost(net.now_s)] == [("n2", False)]
    assert [(one.name, one.is_heard) for one in beta.lost(net.now_s)] == [("n1", True)]
    assert list(net.nodes[IPS[2]].swim.paths.lost(net.now_s)) == []

    say(net, IPS[0], "web", "healthy")  # what waits for TCP must not wait for ever
    net.heal()
    net.run(3)

    assert [*alpha.lost(net.now_s), *beta.lost(net.now_s)] == []
    assert alpha.over_tcp == []


@pytest.mark.case("S2")
def test_node_without_udp_leaves_and_is_not_taken_for_dead() -> None:
    net = cut_off(4, "out of one", 3)
    leaver = net.nodes[IPS[1]]
    net.perform(IPS[1], leaver.leave(net.now_s))
    assert net.run(2, until=lambda: leaver.has_left)
    net.kill(IPS[1])
    net.run(10)

    seen = [node.swim.members.get("n2") for node in net.nodes.values()]
    assert [member.state for member in seen if member] == ["left", "left"]


@pytest.mark.case("S2")
def test_loss_of_packets_by_chance_is_no_lost_path() -> None:
    net = SimNetwork(seed=3, loss=0.05, trip_s=0.01)
    cluster(net, IPS[:4])
    assert net.run(30, until=lambda: whole(net))

    for _ in range(600):
        net.run(1)
        assert not any(list(node.swim.paths.lost(net.now_s)) for node in net.nodes.values())
    assert paths.REPORTED > paths.LOST
