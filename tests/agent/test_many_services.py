"""Five hundred services on ten nodes: gossip stays within its budgets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from bench.gossip_members import Member
from constellation.gossip.member import Address
from messages.gossip import RecordPublish
from messages.monitor import Endpoint, Health, Label, ServiceState
from rigs.loopback import loopback_addresses
from rigs.ports import free_port

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("measures cost"),
]

NODES, SERVICES_EACH = 10, 50
STEADY_S = 35.0  # longer than an interval of whole exchanges
CHANGES_PER_S = 2.0  # of health, in the cluster
PACKET_BYTES_MAX = 1_200
BYTES_PER_S_MAX = 30_000
CPU_SHARE_MAX = 0.05
KNOWN_WITHIN_S = 30.0


class Sockets:
    """Stands before a member's UDP socket, and keeps the size of its largest packet."""

    def __init__(self, inner: asyncio.DatagramTransport) -> None:
        self.inner = inner
        self.largest_bytes = 0

    def sendto(self, data: bytes, to: tuple[str, int]) -> None:
        self.largest_bytes = max(self.largest_bytes, len(data))
        self.inner.sendto(data, to)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def service(node: int, number: int, health: Health = "healthy") -> ServiceState:
    """Return a service as a labelled container has it: about half a kilobyte."""
    name = f"service-{number}"
    return ServiceState(
        service=name,
        health=health,
        source="docker",
        instance=f"{node:x}{number:x}".ljust(12, "0"),
        image=f"registry.example/team/{name}:1.{number}.0",
        endpoints=(
            Endpoint(
                protocol="tcp",
                host=f"100.64.0.{node + 1}",
                port=8000 + number,
                container_port=80,
            ),
        ),
        labels=tuple(
            Label(name=f"traefik.http.routers.{name}.{key}", value=value)
            for key, value in (
                ("rule", f"Host(`{name}.home.example`)"),
                ("entrypoints", "websecure"),
                ("middlewares", "auth@file,compress@file"),
                ("tls.certresolver", "letsencrypt"),
            )
        ),
    )


async def run() -> dict[str, float]:
    """Return what ten members need with 50 services each, of which some change all the time."""
    port = free_port()
    addresses = [Address(ip, port) for ip in loopback_addresses(NODES)]
    members = [
        Member(f"node-{number}", address, lambda *_: None, lambda *_: None)
        for number, address in enumerate(addresses)
    ]
    sockets: list[Sockets] = []
    for member in members:
        await member.open(addresses[0])
        assert member.transport._udp is not None
        sockets.append(Sockets(member.transport._udp))
        member.transport._udp = sockets[-1]  # type: ignore[assignment]
    began_s = now_s()
    for node, member in enumerate(members):
        publish(member, *(service(node, number) for number in range(SERVICES_EACH)))
    while any(member.node.state.table.count < NODES * SERVICES_EACH for member in members):
        assert now_s() < began_s + KNOWN_WITHIN_S, [m.node.state.table.count for m in members]
        await asyncio.sleep(0.05)
    known_s = now_s() - began_s
    await asyncio.sleep(5.0)  # until nothing of it is left to tell

    sent, cpu_s, began_s = [member.bytes_out for member in members], time.process_time(), now_s()
    for change in changes():
        await asyncio.sleep(1 / CHANGES_PER_S)
        node, state = change
        publish(members[node], state)
    took_s = now_s() - began_s
    figures = {
        "known_s": known_s,
        "largest_packet_bytes": max(one.largest_bytes for one in sockets),
        "bytes_per_s": max(
            (member.bytes_out - before) / took_s
            for member, before in zip(members, sent, strict=True)
        ),
        "cpu_share": (time.process_time() - cpu_s) / took_s / NODES,
        "refused": sum(member.node.refused.total() for member in members),
        "dropped": sum(member.transport.drops.total() for member in members),
    }
    for member in members:
        await member.stop()
    return figures


def changes() -> Iterator[tuple[int, ServiceState]]:
    for number in range(int(STEADY_S * CHANGES_PER_S)):
        node, which = number % NODES, number % SERVICES_EACH
        health: Health = "unhealthy" if number // SERVICES_EACH % 2 == 0 else "healthy"
        yield node, service(node, which, health)


def publish(member: Member, *states: ServiceState) -> None:
    message = RecordPublish(service_states=states)
    member.transport.perform(member.node.publish(message, now_s()))


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.scenario(20)
def test_five_hundred_services_stay_within_the_packet_byte_and_cpu_budgets() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(run())

    assert figures["largest_packet_bytes"] <= PACKET_BYTES_MAX, figures
    assert figures["bytes_per_s"] <= BYTES_PER_S_MAX, figures
    assert figures["cpu_share"] <= CPU_SHARE_MAX, figures
    assert (figures["refused"], figures["dropped"]) == (0, 0), figures
