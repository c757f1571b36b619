"""Valid inputs of every kind, made with the encoders of the agent."""

from __future__ import annotations

from typing import Any

import msgpack

from constellation.gossip import packets, record_codec
from constellation.gossip.fields import U32_MAX
from constellation.gossip.lzw import compress
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.packets import (
    Ack,
    Alive,
    Dead,
    IndirectPing,
    Nack,
    Ping,
    Suspect,
    User,
)
from constellation.gossip.policy import PLAIN_VERSIONS
from constellation.gossip.record_codec import sign_record
from constellation.gossip.sameness import ANSWER, QUESTION, Statement, pack_statement
from constellation.gossip.stream import (
    NodeEntry,
    PushPull,
    Refusal,
    UserStream,
    encode_stream,
)
from messages.gossip import NodeState, StateRecord
from messages.monitor import Label, ServiceState
from tests.identities import identity_of

NAMES = ("alpha", "beta", "gamma", "delta")
STRANGERS = tuple(f"stranger-{number}" for number in range(12))
NODE_STATE = NodeState(
    address="10.0.0.1",
    gossip_port=7946,
    actor_port=7947,
    ingress_port=0,
    priority=100,
    capabilities=("docker", "traefik"),
    agent_version="0.1.0",
    started_at_utc_s=1.0,
)


def alive(name: str, incarnation: int = 1) -> Alive:
    meta = pack_meta(identity_of(name).public_key, NODE_STATE)
    address = bytes([10, 0, 0, (*NAMES, *STRANGERS).index(name) + 1])
    return Alive(incarnation, name, address, 7946, meta, PLAIN_VERSIONS)


def service_record(node: str, *, incarnation: int = 1, counter: int = 1) -> StateRecord:
    value = ServiceState(
        service="web",
        health="healthy",
        source="static",
        instance=f"{node}-{counter}",
        labels=(Label(name="traefik.enable", value="true"),),
    )
    return StateRecord(
        kind="service",
        node=node,
        key="web",
        incarnation=incarnation,
        counter=counter,
        service_state=value,
    )


def signed(name: str, *fields: Any) -> bytes:
    """Return a record of a compromised member: any six fields, correctly signed."""
    identity = identity_of(name)
    payload = msgpack.packb(fields)
    return bytes(msgpack.packb([identity.public_key, identity.sign(payload), payload]))


RECORDS = [
    sign_record(service_record(name, counter=counter), identity_of(name)).encoded
    for name in NAMES
    for counter in (1, 2)
] + [
    signed("beta", "service", "beta", "web", 1, 3, None),
    signed("beta", "service", "beta", "web", 1 << 48, 1 << 48, {"service": "web"}),
    signed("beta", "service", "beta", "web", 2, 1, {"service": 1, "health": "well"}),
    signed("beta", "node", "beta", "", 2, 2, NODE_STATE.model_dump()),
    signed("beta", "node", "alpha", "", 9, 9, NODE_STATE.model_dump()),
    signed("beta", "warp", "beta", "x", 2, 3, [[[[[[]]]]]]),
    signed("beta", "lease", "beta", "x", 2, 3, {}),
    signed("gamma", "service", "gamma", "x" * 128, 2, 3, {"service": "x" * 128}),
]

USER_MESSAGES = [
    record_codec.pack_records(RECORDS[:1]),
    record_codec.pack_records(RECORDS),
    *(record_codec.pack_records([one]) for one in RECORDS),
    bytes([record_codec.RECORDS_PLAIN]) + b"\x90",
]

STATEMENTS = [pack_statement(Statement(kind, "beta", bytes(16))) for kind in (QUESTION, ANSWER)]

EXCHANGES = [
    record_codec.pack_exchange({name: bytes(16) for name in NAMES}, RECORDS),
    record_codec.pack_exchange({}, ()),
]

SAID: list[packets.Packet] = [
    Ping(1, "alpha"),
    Ping(2, "beta", bytes([10, 0, 0, 2]), 7946, "beta"),
    IndirectPing(3, bytes([10, 0, 0, 3]), 7946, "gamma"),
    Ack(4, b"payload"),
    Nack(5),
    *(Suspect(incarnation, "alpha", "beta") for incarnation in (1, 9, 99, U32_MAX)),
    Suspect(1, "gamma", "beta"),
    Dead(999, "alpha", "beta"),
    Dead(1, "gamma", "beta"),
    Dead(1, "delta", "delta"),
    *(alive(name) for name in (*NAMES, *STRANGERS)),
    alive("beta", 2),
    *(User(body) for body in (*USER_MESSAGES, *STATEMENTS)),
]
MESSAGES = [packets.encode(one) for one in SAID]

SQUEEZED = [
    packets._pack(packets.COMPRESS, {"Algo": 0, "Buf": compress(body)})
    for body in (*MESSAGES[:4], packets.compound(MESSAGES[:8]), bytes(4096))
]

PACKETS = [
    *MESSAGES,
    *SQUEEZED,
    packets.compound(MESSAGES[:6]),
    packets.compound(MESSAGES),
    packets.compound([packets.compound(MESSAGES[:3]), SQUEEZED[0]]),
]

ENTRIES = tuple(
    NodeEntry(alive(name), state)
    for name, state in zip(NAMES, ("alive", "suspect", "dead", "left"), strict=True)
)

STREAMS = [
    encode_stream(one)
    for one in (
        PushPull(ENTRIES, EXCHANGES[0]),
        PushPull(ENTRIES, b"", join=True),
        PushPull((), EXCHANGES[1]),
        UserStream(USER_MESSAGES[1]),
        Refusal("no"),
        Ping(1, "alpha"),
        Ack(1),
    )
]

METAS = [alive(name).meta for name in NAMES] + [pack_meta(bytes(32)), b"", b"tags"]
