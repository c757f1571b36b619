"""The messages of SWIM in memberlist's wire format: one type byte, then a msgpack map.

Fields have memberlist's names.  Every message is encoded by `encode`, which refuses what crashes
some releases of memberlist (a short `Vsn`, an empty part).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from constellation.errors import WireError
from constellation.gossip.fields import (
    NAME_BYTES_MAX,
    U32_MAX,
    flag,
    ip_bytes,
    pack_map,
    raw,
    required_name,
    text,
    uint,
    unpack_map,
)
from constellation.gossip.lzw import compress, decompress
from constellation.value import Value

PING, INDIRECT_PING, ACK, SUSPECT, ALIVE, DEAD, PUSH_PULL = range(7)
COMPOUND, USER, COMPRESS, ENCRYPT, NACK, HAS_CRC, ERROR = range(7, 14)
HAS_LABEL = 244

META_BYTES_MAX = 512
VERSIONS_BYTES = 6
COMPOUND_PARTS_MAX = 255
NESTING_MAX = 4
PACKET_PARTS_MAX = 1024  # of one datagram, over all nested compounds
INFLATED_BYTES_MAX = 1 << 20  # of one datagram, over all its compressed parts
PACKED_BYTES_MAX = 1 << 20  # 0.5 s of work; this node does not compress states of 64 KiB or more
DEFLATED_BYTES_MAX = 1 << 16  # 10 ms of work
TCP_PING_VERSION = 3  # the protocol version that a peer needs to answer pings over TCP


class Ping(Value):
    """Ask `node` for an ack, to the given source address, or else to the sender's."""

    seq_no: int
    node: str
    source_addr: bytes = b""
    source_port: int = 0
    source_node: str = ""


class IndirectPing(Value):
    """Ask a helper to probe `node` (ping-req in SWIM §3.1)."""

    seq_no: int
    target: bytes
    port: int
    node: str
    nack: bool = True
    source_addr: bytes = b""
    source_port: int = 0
    source_node: str = ""


class Ack(Value):
    """Answer to `Ping`, and to `IndirectPing` when the target answered."""

    seq_no: int
    payload: bytes = b""


class Nack(Value):
    """Answer to `IndirectPing` when the target is silent (Lifeguard §IV-A)."""

    seq_no: int


class Suspect(Value):
    """Broadcast: `accuser` cannot reach `node`."""

    incarnation: int
    node: str
    accuser: str


class Alive(Value):
    """Broadcast, by `node` itself: it is alive at this address, with this incarnation."""

    incarnation: int
    node: str
    addr: bytes
    port: int
    meta: bytes
    versions: bytes


class Dead(Value):
    """Broadcast: `node` is dead; if `accuser` is `node` itself, it has left."""

    incarnation: int
    node: str
    accuser: str


class User(Value):
    """A message of the layer above."""

    body: bytes


Packet = Ping | IndirectPing | Ack | Nack | Suspect | Alive | Dead | User


def encode(packet: Packet) -> bytes:
    """Return one message with its type byte.

    Raises:
        ValueError: a field is outside the range that every peer accepts; a bug of the caller.
    """
    match packet:
        case Ping(seq_no, node):
            return _pack(PING, {"SeqNo": _u32(seq_no), "Node": _name(node), **_source(packet)})
        case IndirectPing(seq_no, target, port, node, nack):
            fields = {"SeqNo": _u32(seq_no), "Target": _addr(target), "Port": _port(port)}
            named = {"Node": _name(node), "Nack": nack, **_source(packet)}
            return _pack(INDIRECT_PING, {**fields, **named})
        case Ack(seq_no, payload):
            return _pack(ACK, {"SeqNo": _u32(seq_no), "Payload": payload or None})
        case Nack(seq_no):
            return _pack(NACK, {"SeqNo": _u32(seq_no)})
        case Suspect(incarnation, node, accuser):
            return _pack(SUSPECT, _accusation(incarnation, node, accuser))
        case Dead(incarnation, node, accuser):
            return _pack(DEAD, _accusation(incarnation, node, accuser))
        case Alive():
            return _pack(ALIVE, _alive_fields(packet))
        case User(body):
            if not body:
                raise ValueError("an empty user message is never sent: old peers die of it")
            return bytes([USER]) + body


def compound(parts: Sequence[bytes]) -> bytes:
    """Return the packet body of several messages.

    Raises:
        ValueError: a part is empty or over 64 KiB, or there are over 255.
    """
    if not parts or len(parts) > COMPOUND_PARTS_MAX:
        raise ValueError(f"a compound has 1 to {COMPOUND_PARTS_MAX} parts, not {len(parts)}")
    if any(not 0 < len(part) < 1 << 16 for part in parts):
        raise ValueError("a part of a compound has 1 to 65,535 bytes")
    if len(parts) == 1:
        return parts[0]
    sizes = b"".join(len(part).to_bytes(2, "big") for part in parts)
    return bytes([COMPOUND, len(parts)]) + sizes + b"".join(parts)


def decode(data: bytes) -> list[Packet]:
    """Return every message in a packet body, through checksum, compression and compounds.

    A truncated compound yields its complete parts.

    Raises:
        WireError: anything else is wrong; no part of the packet may be used.
    """
    if data[:1] == bytes([HAS_CRC]):
        data = _check_crc(data)
    packets: list[Packet] = []
    for message in _unwrap(data, _Room(INFLATED_BYTES_MAX), depth=0):
        packets.append(_decode_one(message))
        if len(packets) > PACKET_PARTS_MAX:
            raise WireError(f"over {PACKET_PARTS_MAX} messages in a packet", reason="parts")
    return packets


def _check_crc(data: bytes) -> bytes:
    if len(data) < 6 or zlib.crc32(data[5:]) != int.from_bytes(data[1:5], "big"):
        raise WireError("packet does not match its checksum", reason="checksum")
    return data[5:]


@dataclass(slots=True)
class _Room:
    """The decompressed bytes that one packet may still yield, over all nested parts."""

    bytes_left: int


def _unwrap(data: bytes, room: _Room, *, depth: int) -> Iterator[bytes]:
    if not data:
        raise WireError("empty message", reason="empty")
    if data[0] not in (COMPOUND, COMPRESS):
        yield data
        return
    if depth >= NESTING_MAX:
        raise WireError(f"wrapped more than {NESTING_MAX} times", reason="nesting")
    if data[0] == COMPRESS:
        inner = inflate(data, bytes_max=room.bytes_left)
        room.bytes_left -= len(inner)
        yield from _unwrap(inner, room, depth=depth + 1)
        return
    for part in _split(data):
        yield from _unwrap(part, room, depth=depth + 1)


def _split(data: bytes) -> Iterator[bytes]:
    count = data[1] if len(data) > 1 else 0
    offset = 2 + 2 * count
    if not count or len(data) < offset:
        raise WireError("compound without its table of lengths", reason="compound")
    for index in range(count):
        size = int.from_bytes(data[2 + 2 * index : 4 + 2 * index], "big")
        if offset + size > len(data):
            return
        yield data[offset : offset + size]
        offset += size


def inflate(data: bytes, *, bytes_max: int) -> bytes:
    """Return the message inside a compressed message; `data` begins with its type byte.

    Raises:
        WireError: it is not LZW, or too large compressed or decompressed.
    """
    fields = unpack_map(data[1:])
    if uint(fields, "Algo", 255) != 0:
        raise WireError("compressed in an unknown way", reason="compression")
    return decompress(raw(fields, "Buf", PACKED_BYTES_MAX), bytes_max=bytes_max)


def deflated(message: bytes) -> bytes:
    """Return `message` compressed, or unchanged if that is not shorter or takes too long."""
    if len(message) > DEFLATED_BYTES_MAX:
        return message
    packed = _pack(COMPRESS, {"Algo": 0, "Buf": compress(message)})
    return min(message, packed, key=len)


def alive_from(fields: dict[bytes, Any], *, name: str) -> Alive:
    """Return the claim in a map, with the node's name in the field `name`."""
    versions = raw(fields, "Vsn", 64)
    if len(versions) not in (0, VERSIONS_BYTES):
        raise WireError(f"Vsn has {len(versions)} bytes", reason="field")
    return Alive(
        uint(fields, "Incarnation"),
        required_name(fields, name),
        ip_bytes(fields, "Addr"),
        uint(fields, "Port", 65535),
        raw(fields, "Meta", META_BYTES_MAX),
        versions or bytes(VERSIONS_BYTES),
    )


def _decode_ping(fields: dict[bytes, Any]) -> Packet:
    return Ping(uint(fields, "SeqNo"), text(fields, "Node"), *_source_from(fields))


def _decode_indirect_ping(fields: dict[bytes, Any]) -> Packet:
    target = ip_bytes(fields, "Target")
    if not target:
        raise WireError("indirect ping without a target", reason="field")
    return IndirectPing(
        uint(fields, "SeqNo"),
        target,
        uint(fields, "Port", 65535),
        text(fields, "Node"),
        flag(fields, "Nack"),
        *_source_from(fields),
    )


def _source_from(fields: dict[bytes, Any]) -> tuple[bytes, int, str]:
    port = uint(fields, "SourcePort", 65535)
    return ip_bytes(fields, "SourceAddr"), port, text(fields, "SourceNode")


_DECODERS: dict[int, Callable[[dict[bytes, Any]], Packet]] = {
    PING: _decode_ping,
    INDIRECT_PING: _decode_indirect_ping,
    ACK: lambda fields: Ack(uint(fields, "SeqNo"), raw(fields, "Payload", 1 << 16)),
    NACK: lambda fields: Nack(uint(fields, "SeqNo")),
    SUSPECT: lambda fields: Suspect(*_accusation_from(fields)),
    DEAD: lambda fields: Dead(*_accusation_from(fields)),
    ALIVE: lambda fields: alive_from(fields, name="Node"),
}


def _decode_one(message: bytes) -> Packet:
    if message[0] == USER:
        return User(message[1:])
    decoder = _DECODERS.get(message[0])
    if decoder is None:
        raise WireError(f"unknown message type {message[0]}", reason="unknown_type")
    return decoder(unpack_map(message[1:]))


def _accusation_from(fields: dict[bytes, Any]) -> tuple[int, str, str]:
    return uint(fields, "Incarnation"), required_name(fields, "Node"), text(fields, "From")


def _accusation(incarnation: int, node: str, accuser: str) -> dict[str, Any]:
    return {"Incarnation": _u32(incarnation), "Node": _name(node), "From": _name(accuser)}


def _alive_fields(alive: Alive) -> dict[str, Any]:
    return {
        "Incarnation": _u32(alive.incarnation),
        "Node": _name(alive.node),
        "Addr": _addr(alive.addr),
        "Port": _port(alive.port),
        "Meta": checked_meta(alive.meta),
        "Vsn": checked_versions(alive.versions),
    }


def checked_meta(meta: bytes) -> bytes | None:
    """Return `meta`, checked for sending."""
    if len(meta) > META_BYTES_MAX:
        raise ValueError(f"meta of {len(meta)} bytes; peers take {META_BYTES_MAX}")
    return meta or None


def checked_versions(versions: bytes) -> bytes:
    """Return `versions`, checked for sending: fewer than six bytes crash peers."""
    if len(versions) != VERSIONS_BYTES:
        raise ValueError(f"Vsn has {VERSIONS_BYTES} bytes, not {len(versions)}")
    return versions


def _source(packet: Ping | IndirectPing) -> dict[str, Any]:
    if not packet.source_addr:
        return {}
    source = {"SourceAddr": _addr(packet.source_addr), "SourcePort": _port(packet.source_port)}
    return {**source, "SourceNode": _name(packet.source_node)}


def _pack(kind: int, fields: dict[str, Any]) -> bytes:
    return bytes([kind]) + pack_map(fields)


def _u32(value: int) -> int:
    if not 0 <= value <= U32_MAX:
        raise ValueError(f"{value} is not an unsigned 32-bit number")
    return value


def _port(value: int) -> int:
    if not 0 < value < 1 << 16:
        raise ValueError(f"{value} is not a port")
    return value


def _addr(value: bytes) -> bytes:
    if len(value) not in (4, 16):
        raise ValueError(f"an address of {len(value)} bytes; it has 4 or 16")
    return value


def _name(value: str) -> str:
    if len(value.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise ValueError(f"a name is over {NAME_BYTES_MAX} bytes: {value[:40]!r}")
    return value
