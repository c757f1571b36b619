"""A real agent receives garbage, forged records, replays and floods."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from constellation.gossip import packets, record_codec
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.lzw import compress
from constellation.gossip.packets import Dead, Ping, Suspect, User
from constellation.gossip.record_codec import sign_record
from constellation.gossip.security import NONCE_BYTES, Keyring, derive_gossip_key
from constellation.gossip.stream import UserStream, encode_stream, seal_stream
from messages.gossip import StateRecord
from messages.monitor import ServiceState
from rigs.agents import GOSSIP_PORT, Agent, agents, process_memory_bytes
from rigs.loopback import loopback_addresses
from rigs.processes import wait_until
from tests.identities import identity_of

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

PACKETS_OF_A_KIND = 200
SLOW_STREAMS = 80  # more than an agent serves at once
MEMORY_GROWTH_BYTES_MAX = 100 << 20
FLOOD_S = 3.0


class Lab:
    """Three agents, and the socket of an attacker."""

    def __init__(self, nodes: list[Agent]) -> None:
        self.nodes = nodes
        self.target = nodes[0]
        key = derive_gossip_key(str(self.target.settings["cluster_key"]).encode())
        self.ours = GossipEnvelope(Keyring((key,)))
        self.theirs = GossipEnvelope(Keyring((b"x" * 32,)))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        (address,) = loopback_addresses(1)
        self.udp.bind((address, GOSSIP_PORT))

    def send(self, datagram: bytes) -> None:
        self.udp.sendto(datagram, (self.target.address, GOSSIP_PORT))

    def send_sealed(self, *parts: bytes, envelope: GossipEnvelope | None = None) -> None:
        """Send a packet that is encrypted with the gossip key."""
        sealed = (envelope or self.ours).keyring.seal(
            packets.compound(parts), associated=b"", nonce=os.urandom(NONCE_BYTES)
        )
        self.send(sealed)

    def connect(self) -> socket.socket:
        return socket.create_connection((self.target.address, GOSSIP_PORT), timeout=5)

    def send_stream(self, data: bytes) -> None:
        """Send over a new connection, until the agent closes it."""
        with self.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass

    def sealed_stream(self, plain: bytes, envelope: GossipEnvelope | None = None) -> bytes:
        return seal_stream(plain, envelope or self.ours, nonce=os.urandom(NONCE_BYTES))

    def counts(self, name: str, label: str = "reason") -> dict[str, float]:
        """Return the counters of one name in the agent's metrics, by their label."""
        _, body = self.target.get("/metrics")
        return {
            one.labels.get(label, ""): one.value
            for family in text_string_to_metric_families(body.decode())
            for one in family.samples
            if one.name == f"constellation_gossip_{name}"
        }

    def memory_bytes(self) -> int:
        return process_memory_bytes([self.target.process_id_of("gossip")])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    watched = {"static_services": [{"name": "web", "address": "127.0.0.1:9"}]}
    with agents(tmp_path_factory.mktemp("hostile"), 3, settings=watched) as nodes:
        made = Lab(nodes)
        with made.udp:
            yield made


@pytest.fixture(autouse=True)
def unharmed(lab: Lab) -> Iterator[None]:
    """Check that the same process still runs, with its members and bounded memory."""
    process_id, memory_bytes = lab.target.process_id_of("gossip"), lab.memory_bytes()
    yield
    assert lab.target.process_id_of("gossip") == process_id
    assert lab.memory_bytes() - memory_bytes < MEMORY_GROWTH_BYTES_MAX
    for agent in lab.nodes:
        agent.wait_for_members(alive=len(lab.nodes), timeout_s=5)
        assert agent.events("member_failed") == []


def bomb() -> bytes:
    """Return a small compressed message that decompresses to far more than the limit."""
    return squeezed(bytes(packets.INFLATED_BYTES_MAX * 2))


def squeezed(message: bytes) -> bytes:
    return packets._pack(packets.COMPRESS, {"Algo": 0, "Buf": compress(message)})


def nested(depth: int) -> bytes:
    message = packets.encode(Ping(1, "alpha"))
    for _ in range(depth):
        message = bytes([packets.COMPOUND, 1]) + len(message).to_bytes(2, "big") + message
    return message


SEALED = {  # from a compromised member, by the counted reason
    "malformed": [b"\x00\xc1", b"\x04" + b"\x81" * 300, b"\x00\xdf\xff\xff\xff\xff"],
    "unknown_type": [b"\x63junk", bytes([packets.PUSH_PULL])],
    "nesting": [nested(packets.NESTING_MAX + 1)],
    "inflated": [bomb()],
    "compound": [bytes([packets.COMPOUND, 200]), bytes([packets.COMPOUND])],
    "checksum": [bytes([packets.HAS_CRC]) + b"\0\0\0\0" + packets.encode(Ping(1, "alpha"))],
    "field": [packets._pack(packets.ALIVE, {"Incarnation": -1, "Node": "beta"})],
    "lzw": [packets._pack(packets.COMPRESS, {"Algo": 0, "Buf": b"\xff\xff\xff"})],
    "compression": [packets._pack(packets.COMPRESS, {"Algo": 9, "Buf": b""})],
}


@pytest.mark.scenario(21)
@pytest.mark.parametrize("reason", SEALED)
def test_encrypted_garbage_is_dropped_and_counted_by_reason(lab: Lab, reason: str) -> None:
    before = lab.counts("dropped_total").get(reason, 0)

    for _ in range(PACKETS_OF_A_KIND):
        for body in SEALED[reason]:
            lab.send_sealed(body)
        time.sleep(0.001)

    expected = before + PACKETS_OF_A_KIND * len(SEALED[reason])
    wait_until(
        lambda: lab.counts("dropped_total").get(reason, 0) == expected,
        timeout_s=10,
        what=lambda: f"{expected:g} dropped: {lab.counts('dropped_total')}",
    )


@pytest.mark.scenario(21)
@pytest.mark.parametrize("reason", ["not_encrypted", "wrong_key", "label"])
def test_packets_without_the_key_are_dropped_and_counted(lab: Lab, reason: str) -> None:
    ping = packets.encode(Ping(1, "alpha"))
    whole = lab.ours.keyring.seal(ping, associated=b"", nonce=os.urandom(NONCE_BYTES))
    sent = {
        "not_encrypted": [os.urandom(20), ping, b"", b"\x09" + os.urandom(65_000)],
        "wrong_key": [
            lab.theirs.keyring.seal(ping, associated=b"", nonce=os.urandom(NONCE_BYTES)),
            whole[:-1],  # truncated
            whole[:-1] + bytes([whole[-1] ^ 1]),
            b"\x01" + os.urandom(65_000),  # as large as a datagram can be
        ],
        "label": [b"\xf4\x05other" + whole, b"\xf4\xff", b"\xf4\x00" + whole],
    }[reason]
    before = lab.counts("dropped_total").get(reason, 0)

    for datagram in sent:
        lab.send(datagram)

    wait_until(
        lambda: lab.counts("dropped_total").get(reason, 0) == before + len(sent),
        timeout_s=10,
        what=lambda: f"{len(sent)} dropped: {lab.counts('dropped_total')}",
    )


@pytest.mark.scenario(21)
def test_flood_of_garbage_leaves_the_agent_able_to_answer(lab: Lab) -> None:
    sealed = lab.theirs.keyring.seal(os.urandom(1000), associated=b"", nonce=bytes(NONCE_BYTES))
    before, end_s, sent = lab.counts("dropped_total").get("wrong_key", 0), time.monotonic(), 0
    end_s += FLOOD_S
    while time.monotonic() < end_s:
        lab.send(sealed)
        sent += 1

    assert lab.counts("dropped_total")["wrong_key"] - before > sent / 100


@pytest.mark.scenario(21)
def test_record_signed_by_another_node_is_refused_and_counted(lab: Lab) -> None:
    value = ServiceState(service="web", health="healthy", source="static", instance="evil")
    record = StateRecord(
        kind="service",
        node="beta",
        key="web",
        incarnation=1 << 40,
        counter=1,
        service_state=value,
    )
    forged = record_codec.pack_records([sign_record(record, identity_of("beta")).encoded])
    before = lab.counts("records_refused_total").get("author", 0)

    lab.send_sealed(packets.encode(User(forged)))
    lab.send_stream(lab.sealed_stream(encode_stream(UserStream(forged))))

    wait_until(
        lambda: lab.counts("records_refused_total").get("author", 0) == before + 2,
        timeout_s=10,
        what=lambda: f"two refused: {lab.counts('records_refused_total')}",
    )
    assert b"evil" not in lab.target.get("/api/dynamic")[1]


@pytest.mark.scenario(21)
def test_replayed_packets_change_nothing(lab: Lab) -> None:
    # Accusations and leaves from an earlier life of beta, repeatedly.
    old = [packets.encode(Suspect(0, "beta", "gamma")), packets.encode(Dead(0, "beta", "beta"))]
    sealed = lab.ours.seal(old, nonce=os.urandom(NONCE_BYTES))

    for _ in range(PACKETS_OF_A_KIND):
        lab.send(sealed)  # the same bytes each time
    time.sleep(2.0)

    for agent in lab.nodes:
        assert [one["member"] for one in agent.events("member_left")] == []
        assert agent.health()["members_alive"] == len(lab.nodes)


@pytest.mark.scenario(21)
def test_invalid_streams_are_dropped_and_counted(lab: Lab) -> None:
    before = lab.counts("dropped_total")
    sealed = {
        "malformed": [b"\x06\xc1", b"\x08\x92\x01\x02"],
        "truncated": [encode_stream(UserStream(bytes(1000)))[:-1]],
        "nesting": [squeezed(squeezed(b"\x08\x80"))],
        "field": [b"\x06" + b"\x81\xa5Nodes\xce\xff\xff\xff\xff"],
        "unknown_type": [b"\x63", b"\x40"],
    }
    plain = {
        "not_encrypted": [b"\x06\x80", b"\x07" * 100],
        "oversized": [b"\x0a\xff\xff\xff\xff"],
        "wrong_key": [lab.sealed_stream(b"\x08\x80", lab.theirs)],
    }
    for bodies in sealed.values():
        for body in bodies:
            lab.send_stream(lab.sealed_stream(body))
    for bodies in plain.values():
        for body in bodies:
            lab.send_stream(body)

    def are_counted() -> bool:
        now = lab.counts("dropped_total")
        return all(
            now.get(reason, 0) - before.get(reason, 0) == len(bodies)
            for reason, bodies in (sealed | plain).items()
        )

    wait_until(
        are_counted, timeout_s=10, what=lambda: f"{before} to grow: {lab.counts('dropped_total')}"
    )


@pytest.mark.scenario(21)
def test_slow_streams_are_closed_to_make_room_for_members(lab: Lab) -> None:
    before = lab.counts("exchanges_evicted_total")[""]
    with contextlib.ExitStack() as stack:
        for _ in range(SLOW_STREAMS):
            stack.enter_context(lab.connect()).sendall(b"\x0a\x00")  # and never sends the rest

        # A record that is too large for a packet still arrives over a stream.
        value = ServiceState(
            service="big", health="healthy", source="static", instance="x", image="y" * 5000
        )
        record = StateRecord(
            kind="service", node="beta", key="big", incarnation=1, counter=1, service_state=value
        )
        forged = record_codec.pack_records([sign_record(record, identity_of("beta")).encoded])
        refused = lab.counts("records_refused_total").get("author", 0)
        lab.send_stream(lab.sealed_stream(encode_stream(UserStream(forged))))
        wait_until(
            lambda: lab.counts("records_refused_total").get("author", 0) == refused + 1,
            timeout_s=5,
            what="the record of the late stream",
        )
    assert lab.counts("exchanges_evicted_total")[""] - before >= SLOW_STREAMS - 64


@pytest.mark.scenario(21)
def test_large_unauthenticated_streams_share_one_memory_limit(lab: Lab) -> None:
    size = 20 << 20
    head = b"\x0a" + size.to_bytes(4, "big")
    before = lab.memory_bytes()
    grown = [0]
    with contextlib.ExitStack() as stack:
        for _ in range(8):  # 160 MiB in incomplete streams
            connection = stack.enter_context(lab.connect())
            with contextlib.suppress(OSError):
                connection.sendall(head + bytes(size - 1))
            grown.append(lab.memory_bytes() - before)
    assert max(grown) < MEMORY_GROWTH_BYTES_MAX, grown


@pytest.mark.scenario(21)
def test_frame_with_a_million_empty_values_is_refused_at_once(lab: Lab) -> None:
    rows = b"\xdd" + (1_000_000).to_bytes(4, "big") + b"\xc0" * 1_000_000
    body = bytes([record_codec.RECORDS_PLAIN]) + rows

    began_s = time.monotonic()
    lab.send_stream(lab.sealed_stream(encode_stream(UserStream(body))))

    assert time.monotonic() - began_s < 2.0
    assert lab.target.get("/health")[0] == 200
