"""A member that lies can neither freeze the others, nor make them believe in members."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from constellation.gossip import hearsay, packets
from constellation.gossip.member import Address
from constellation.gossip.membership import Membership
from constellation.gossip.packets import Alive
from constellation.gossip.record_room import RecordRoom
from messages.gossip import RecordPublish
from messages.monitor import Health, ServiceState
from tests.simulation.liar import LARGE, Liar, invented, knows
from tests.simulation.network import SimNetwork
from tests.simulation.test_gossip_cluster import IPS, cluster, whole

KNOWN_S = 2.0  # within which what an honest node says is known everywhere


def lied_to(seed: int, members: int = 3) -> tuple[SimNetwork, Liar]:
    net = SimNetwork(seed=seed, trip_s=0.002)
    cluster(net, IPS[:members])
    assert net.run(30, until=lambda: whole(net))
    return net, Liar(net, IPS[members - 1])


def say(net: SimNetwork, ip: str, service: str, health: Health) -> None:
    state = ServiceState(service=service, health=health, source="static", instance="x")
    message = RecordPublish(service_states=(state,))
    net.perform(ip, net.nodes[ip].publish(message, net.now_s))


def is_known_soon(net: SimNetwork, author: str, service: str, health: Health) -> bool:
    """Return whether all honest nodes know it in time, themselves included."""
    nodes = list(net.nodes.values())[:-1]
    return net.run(
        KNOWN_S, until=lambda: all(knows(node, author, service) == health for node in nodes)
    )


def flooded(seed: int) -> None:
    """Fill every table with records of invented authors and of the liar, and change services."""
    net, liar = lied_to(seed)
    say(net, IPS[0], "web", "healthy")
    assert is_known_soon(net, "n1", "web", "healthy")
    lies = [(liar.record(f"nobody-{n}", "x", LARGE),) for n in range(320)]
    own = [
        tuple(liar.record(liar.name, f"o{n}-{m}", LARGE[:5]) for m in range(20)) for n in range(9)
    ]
    tiny = [tuple(liar.record(f"tiny-{n}-{m}", "x") for m in range(20)) for n in range(9)]
    health: Health = "healthy"

    for step, _ in enumerate(liar.flood(60.0, [*lies, *own, *tiny])):
        if step % 300 == 250:
            health = "unhealthy" if health == "healthy" else "healthy"
            say(net, IPS[0], "web", health)
            assert is_known_soon(net, "n1", "web", health), f"during the flood, at {net.now_s}"
            say(net, IPS[1], f"new-{step}", "healthy")
            assert is_known_soon(net, "n2", f"new-{step}", "healthy"), "a new service"
    net.kill(liar.ip)
    net.run(60)
    net.nodes[liar.ip] = net.nodes[IPS[0]]  # only so that `is_known_soon` leaves one out
    say(net, IPS[0], "web", "stopped")
    assert is_known_soon(net, "n1", "web", "stopped"), "after the flood"


@pytest.mark.case("S1")
@pytest.mark.parametrize("seed", range(2))
def test_flood_of_records_delays_no_death_and_no_new_service(seed: int) -> None:
    flooded(seed)


def test_planted_fault_of_one_room_for_all_authors_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fits(room: RecordRoom, author: str, grown_bytes: int, records: int) -> bool:
        return sum(room._bytes.values()) + grown_bytes <= 16 << 20

    monkeypatch.setattr(RecordRoom, "fits", fits)
    monkeypatch.setattr(RecordRoom, "has_any", lambda *_: True)

    with pytest.raises(AssertionError, match=r"flood|new service"):
        flooded(0)


def told_of_thousands(seed: int) -> None:
    net, liar = lied_to(seed)
    before, lies = len(net.notes), invented(5000, states=200)

    for _ in range(5):
        liar.tell_members(lies)
        net.run(1)
        for ip in liar.others:
            seen = net.nodes[ip].snapshot(net.now_s)
            assert {one.node for one in seen.members} == {"n1", "n2", "n3"}
            assert {one.node for one in seen.nodes} <= {"n1", "n2", "n3"}
            assert len(net.nodes[ip].swim.hearsay) <= hearsay.TOLD_MAX
            assert {one.ip for one in net.nodes[ip].known_addresses} <= set(IPS[:3])
    assert len(net.notes) - before < 20
    net.run(60)
    assert all(len(net.nodes[ip].swim.hearsay) == 0 for ip in liar.others)
    assert whole(net)


@pytest.mark.case("S10")
def test_members_that_were_never_heard_are_nowhere_and_go_soon() -> None:
    told_of_thousands(1)


def test_planted_fault_of_believing_every_claim_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    believe = Membership._admit

    def tell(greeter: hearsay.Hearsay, claim: Alive, now_s: float) -> None:
        believe(greeter.membership, claim, now_s)  # type: ignore[attr-defined]

    monkeypatch.setattr(hearsay.Hearsay, "tell", tell)
    made = Membership.__init__

    def begin(self: Membership, *arguments: object, **named: object) -> None:
        made(self, *arguments, **named)  # type: ignore[arg-type]
        named["hearsay"].membership = self  # type: ignore[attr-defined]

    monkeypatch.setattr(Membership, "__init__", begin)

    with pytest.raises(AssertionError):
        told_of_thousands(1)


@pytest.mark.case("S10")
def test_member_whose_first_greetings_are_lost_is_heard_later() -> None:
    net, _ = lied_to(1)
    net.cut(IPS[3], IPS[1])
    net.cut(IPS[1], IPS[3])
    net.start("n4", IPS[3], IPS[0])
    net.run(6)
    assert "n4" not in {one.node for one in net.nodes[IPS[1]].snapshot(0.0).members}

    net.heal()

    assert net.run(10, until=lambda: whole(net))


@pytest.mark.case("S10")
def test_name_that_a_liar_took_before_its_node_joins_is_free_for_it() -> None:
    net, liar = lied_to(2)
    claim = invented(1)[0]
    elsewhere = Address("10.9.9.9", 7946)
    taken = Alive(99, "n4", elsewhere.packed, 7946, claim.meta, claim.versions)
    liar.tell_members([taken])
    net.run(0.5)

    net.start("n4", IPS[3], IPS[0])

    assert net.run(10, until=lambda: whole(net))


@pytest.mark.case("S10")
@pytest.mark.parametrize("incarnation", [1 << 31, (1 << 31) + 9, (1 << 32) - 2])
@pytest.mark.parametrize("kind", ["suspect", "dead", "alive and dead"])
def test_liar_declares_nobody_dead_however_high_the_incarnation(
    incarnation: int, kind: str
) -> None:
    net, liar = lied_to(3)
    victim = net.nodes[IPS[0]]
    for step in range(20):
        number = min(incarnation + step, (1 << 32) - 2)
        said: list[packets.Packet] = []
        if kind != "suspect":
            said.append(packets.Dead(number, "n1", "n2"))
        if kind != "dead":
            said.insert(0, packets.Suspect(number, "n1", "n2"))
        if kind.startswith("alive"):
            claim = victim.swim.membership.me.claim
            said.insert(0, replace(claim, incarnation=number))
        liar.tell_packet(*map(packets.encode, said))
        net.run(1)

    assert net.run(20, until=lambda: whole(net))
    say(net, IPS[0], "web", "healthy")
    assert is_known_soon(net, "n1", "web", "healthy")
