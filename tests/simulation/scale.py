"""Measures cost and speed of gossip in clusters of any size, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, median, quantiles

from constellation.gossip.member import Member
from messages.gossip import RecordPublish
from messages.monitor import ServiceState
from tests.simulation.network import SimNetwork

TRIP_S = 0.002
IDLE_S = 60.0
STEP_S = 0.02  # resolution of measured times
UPDATE_LIMIT_S = 60.0
DETECTION_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Spread:
    """A cost per second, over all nodes of a cluster."""

    mean: float
    median: float
    p99: float


@dataclass(frozen=True, slots=True)
class Scale:
    """The figures for one cluster size.  Bytes are payload of UDP and TCP."""

    members: int
    idle_packets_per_s: Spread
    idle_bytes_per_s: Spread
    update_to_all_s: float  # median
    kill_to_dead_everywhere_s: float  # median


def measure(members: int, *, seed: int, updates: int = 5, kills: int = 3) -> Scale:
    """Return the figures of a cluster of `members`; the same for the same seed."""
    net = cluster_of(members, seed=seed)
    net.run(1.0)
    packets, sent = net.packets_sent.copy(), net.bytes_sent.copy()
    net.run(IDLE_S)
    ips = list(net.nodes)
    idle_packets = [(net.packets_sent[ip] - packets[ip]) / IDLE_S for ip in ips]
    idle_bytes = [(net.bytes_sent[ip] - sent[ip]) / IDLE_S for ip in ips]
    return Scale(
        members=members,
        idle_packets_per_s=_spread(idle_packets),
        idle_bytes_per_s=_spread(idle_bytes),
        update_to_all_s=median(_update_s(net, ips[n], f"web{n}") for n in range(updates)),
        kill_to_dead_everywhere_s=median(_kill_s(net, ips[-1 - n]) for n in range(kills)),
    )


def cluster_of(members: int, *, seed: int) -> SimNetwork:
    """Return a cluster whose members already know one another."""
    net = SimNetwork(seed=seed, trip_s=TRIP_S)
    net.duplication = 0.0
    for number in range(members):
        net.start(f"n{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    claims = [node.swim.membership.me.claim for node in net.nodes.values()]
    for node in net.nodes.values():
        for claim in claims:
            if claim.node != node.node_name:
                node.swim.members.add_member(Member(claim, "alive", claim.incarnation, 0.0))
        node.swim.outbox.member_count = members
    return net


def _spread(values: list[float]) -> Spread:
    return Spread(mean(values), median(values), quantiles(values, n=100)[-1])


def _update_s(net: SimNetwork, ip: str, service: str) -> float:
    """Return the time until all nodes have a new record."""
    state = ServiceState(service=service, health="healthy", source="static", instance="x")
    author, began_s = net.nodes[ip].node_name, net.now_s
    message = RecordPublish(service_states=(state,))
    net.perform(ip, net.nodes[ip].publish(message, net.now_s))

    def known() -> bool:
        return all(
            any(record_id.key == service for record_id in node.state.table.of(author))
            for node in net.nodes.values()
        )

    while not known() and net.now_s < began_s + UPDATE_LIMIT_S:
        net.run(STEP_S)
    took_s = net.now_s - began_s
    net.run(5.0)
    return took_s


def _kill_s(net: SimNetwork, ip: str) -> float:
    """Return the time until all nodes have declared a killed member dead."""
    name, began_s = net.nodes[ip].node_name, net.now_s
    net.kill(ip)

    def is_dead() -> bool:
        found = [node.swim.members.get(name) for node in net.nodes.values()]
        return all(member is None or member.state == "dead" for member in found)

    while not is_dead() and net.now_s < began_s + DETECTION_LIMIT_S:
        net.run(STEP_S)
    took_s = net.now_s - began_s
    net.run(5.0)
    return took_s
