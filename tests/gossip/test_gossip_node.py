"""Membership and records as one node: push/pull of any size, floods, and the facade."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

from constellation.effects import Note
from constellation.gossip import packets
from constellation.gossip.fields import pack_map
from constellation.gossip.gossip_node import MERGE_BATCH_MAX, GossipNode
from constellation.gossip.member import Address
from constellation.gossip.outbox import Effect, SendDatagram, SendStream
from constellation.gossip.packets import Ping
from constellation.gossip.policy import GossipPolicy
from constellation.gossip.record_codec import pack_records, sign_record, unpack_records
from messages.gossip import RecordPublish, StateRecord
from messages.monitor import ServiceState
from tests.identities import identity_of

PORT = 7946
INSIDE = re.compile(r"\.(swim|feed|state|sameness|outbox|membership|prober)\.")


def node_of(name: str, ip: str) -> GossipNode:
    return GossipNode(
        identity=identity_of(name),
        address=Address(ip, PORT),
        policy=GossipPolicy(),
        random=Random(1),
        incarnation=1,
        now_s=0.0,
    )


def service(number: int) -> ServiceState:
    name = f"web{number}"
    return ServiceState(service=name, health="healthy", source="static", instance="x" * 64)


def publish(node: GossipNode, count: int, now_s: float = 0.0) -> None:
    node.publish(RecordPublish(service_states=tuple(map(service, range(count)))), now_s)


def test_large_state_is_merged_in_batches_before_the_peer_gets_what_it_is_missing() -> None:
    alpha, beta = node_of("alpha", "10.0.0.1"), node_of("beta", "10.0.0.2")
    publish(alpha, 3 * MERGE_BATCH_MAX)
    publish(beta, 1)
    request = beta.push_pull_request(alpha.address, join=True)
    answer, _ = alpha.on_push_pull_request(request, 1.0)

    effects = beta.on_push_pull_reply(answer, alpha.address, 1.0)
    counts = [beta.state.table.count]
    while not any(isinstance(effect, SendStream) for effect in effects):
        assert beta.next_due_s is not None
        effects = beta.on_time(beta.next_due_s)
        counts.append(beta.state.table.count)
        assert len(counts) < 100

    assert sorted(set(counts)) == [1 + n * MERGE_BATCH_MAX for n in (1, 2, 3)]
    # Only then does it see what the peer is missing, without what the peer has just sent.
    (stream,) = [effect for effect in effects if isinstance(effect, SendStream)]
    assert [(one.node, one.key) for one in unpack_records(stream.body)] == [("beta", "web0")]


def test_node_that_leaves_reports_only_itself_as_left_in_a_push_pull() -> None:
    alpha, beta, gamma = (
        node_of(name, f"10.0.0.{n}") for n, name in enumerate(("alpha", "beta", "gamma"), 1)
    )
    for peer in (beta, gamma):
        alpha.on_push_pull_request(peer.push_pull_request(alpha.address, join=True), 1.0)
        alpha.on_packet(packets.encode(Ping(1, "alpha")), peer.address, 1.0)
    before = alpha.push_pull_request(beta.address, join=False)

    alpha.leave(2.0)
    after = alpha.push_pull_request(beta.address, join=False)

    states = {entry.alive.node: entry.state for entry in before.nodes}
    assert states == {"alpha": "alive", "beta": "alive", "gamma": "alive"}
    assert {entry.alive.node: entry.state for entry in after.nodes} == {**states, "alpha": "left"}
    assert [entry.alive for entry in after.nodes] == [entry.alive for entry in before.nodes]


def test_flood_of_forged_records_is_counted_and_rarely_logged() -> None:
    alpha, mallory = node_of("alpha", "10.0.0.1"), identity_of("mallory")
    forged = [
        sign_record(
            StateRecord(
                kind="service",
                node="alpha",
                key=f"web{number}",
                incarnation=9,
                counter=number,
                service_state=service(number),
            ),
            mallory,
        ).encoded
        for number in range(200)
    ]

    effects = alpha.on_user_stream(pack_records(forged), 1.0)

    assert alpha.refused == {"author": 200}
    assert alpha.state.table.count == 0
    counts = [effect.fields["count"] for effect in effects if isinstance(effect, Note)]
    assert counts == [1, 2, 4, 8, 16, 32, 64, 128]


def test_claim_of_our_own_name_without_an_address_is_refused() -> None:
    alpha = node_of("alpha", "10.0.0.1")
    alpha.start(0.0)
    claim = {"Incarnation": 9, "Node": "alpha", "Addr": b"", "Port": PORT, "Vsn": bytes(6)}
    before = alpha.swim.membership.me.claim

    effects = alpha.on_packet(
        bytes([packets.ALIVE]) + pack_map(claim), Address("10.0.0.2", PORT), 1.0
    )

    assert [one.event for one in effects if isinstance(one, Note)] == ["member_refused"]
    assert alpha.swim.membership.me.claim == before


def test_no_shell_or_adapter_reaches_through_the_node_into_its_parts() -> None:
    actors = Path(__file__).parents[2] / "actors"
    files = [actors / "gossip.py", *(actors / "adapters").glob("gossip_*.py")]

    assert len(files) > 4
    assert [
        f"{file.name}:{number}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if INSIDE.search(line)
    ] == []


def run_until(node: GossipNode, now_s: float, end_s: float) -> list[tuple[float, Effect]]:
    """Call the node at its deadlines; return its effects, each with its time."""
    done: list[tuple[float, Effect]] = []
    while (due_s := node.next_due_s) is not None and due_s < end_s:
        now_s = max(now_s, due_s)
        done += [(now_s, effect) for effect in node.on_time(now_s)]
    return done


def is_told(effect: Effect, name: bytes) -> bool:
    """Return whether it sends the record of that service to a member."""
    return isinstance(effect, SendDatagram) and name in b"".join(effect.parts)


def test_node_that_is_alone_is_called_for_its_probes_and_for_little_else() -> None:
    alone, calls = node_of("alpha", "10.0.0.1"), 0
    alone.start(0.0)
    publish(alone, 3)  # news that nobody can hear
    while (due_s := alone.next_due_s) is not None and due_s < 120.0:
        alone.on_time(due_s)
        calls += 1

    policy = GossipPolicy().swim
    regular = 120.0 / policy.probe_interval_s + 120.0 / policy.rejoin_interval_s
    assert calls <= regular + 120.0 / policy.push_pull_interval_s + 6


def test_news_from_before_is_told_to_the_first_member_that_comes_within_two_rounds() -> None:
    alpha, beta = node_of("alpha", "10.0.0.1"), node_of("beta", "10.0.0.2")
    alpha.start(0.0)
    publish(alpha, 1)
    run_until(alpha, 0.0, 50.0)

    # Beta's request says that it has none of alpha's records, and so does not bring them.
    alpha.on_push_pull_request(beta.push_pull_request(alpha.address, join=True), 50.0)
    alpha.on_packet(packets.encode(Ping(1, "alpha")), beta.address, 50.0)
    told = run_until(alpha, 50.0, 52.0)

    first_s = min(at_s for at_s, one in told if is_told(one, b"web0"))
    assert first_s <= 50.0 + 2 * GossipPolicy().swim.gossip_interval_s


def test_record_that_is_published_later_is_told_at_once_although_there_were_no_rounds() -> None:
    alpha, beta = node_of("alpha", "10.0.0.1"), node_of("beta", "10.0.0.2")
    alpha.start(0.0)
    alpha.on_push_pull_request(beta.push_pull_request(alpha.address, join=True), 1.0)
    alpha.on_packet(packets.encode(Ping(1, "alpha")), beta.address, 1.0)
    run_until(alpha, 1.0, 3.0)  # all that was to be told then

    alpha.publish(RecordPublish(service_states=(service(7),)), 3.0)
    told = run_until(alpha, 3.0, 3.0 + GossipPolicy().swim.gossip_interval_s)

    assert any(is_told(one, b"web7") for _, one in told)
