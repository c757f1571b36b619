"""Inputs that mutation of valid ones would not find: small, and expensive if not limited."""

from __future__ import annotations

import zlib

import msgpack

from constellation.gossip import packets, record_codec
from constellation.gossip.fields import U32_MAX, pack_map
from constellation.gossip.identity import SIGNATURE_BYTES
from constellation.gossip.lzw import CLEAR, FIRST_WIDTH, compress
from constellation.gossip.packets import Alive, Dead, Suspect, User
from constellation.gossip.policy import PLAIN_VERSIONS
from constellation.gossip.stream import NodeEntry, PushPull, encode_stream
from tests.fuzz.corpus import alive, signed

CLEAR_CODES = 48_000
FORGED = 8_000
MANY_MEMBERS = 5_000
BOMB_BYTES, BOMBS = 300_000, 40


def clear_codes(count: int) -> bytes:
    """Return LZW data of clear codes only."""
    bits = sum(CLEAR << (number * FIRST_WIDTH) for number in range(8))
    return bits.to_bytes(FIRST_WIDTH, "little") * (count // 8)


def squeezed(body: bytes) -> bytes:
    """Return a packet compressed, even if that makes it longer."""
    return packed_as(compress(body))


def packed_as(data: bytes) -> bytes:
    """Return a packet that marks `data` as compressed."""
    return bytes([packets.COMPRESS]) + pack_map({"Algo": 0, "Buf": data})


def bombs(count: int) -> bytes:
    """Return a packet of parts that each decompress to a hundred times their size."""
    return packets.compound([squeezed(bytes([packets.USER]) + bytes(BOMB_BYTES))] * count)


def forged(count: int) -> bytes:
    """Return a user message of records with an invalid signature."""
    key, _, payload = msgpack.unpackb(signed("beta", "service", "beta", "web", 9, 9, None))
    row = msgpack.packb([key, bytes(SIGNATURE_BYTES), payload])
    plain = msgpack.Packer().pack_array_header(count) + row * count
    return bytes([record_codec.RECORDS_DEFLATED]) + zlib.compress(plain, 9)


def nested(field: bytes, depth: int) -> bytes:
    """Return an ack with a field of nested lists."""
    return bytes([packets.ACK, 0x81, 0xA0 + len(field)]) + field + b"\x91" * depth + b"\x00"


def restless(moves: int) -> bytes:
    """Return the packet of a member that leaves and returns elsewhere, repeatedly."""
    said: list[packets.Packet] = []
    for number in range(moves):
        address = bytes([11, 0, number >> 8, number & 255])
        said += [
            Alive(2 * number + 1, "restless", address, 7946, b"", PLAIN_VERSIONS),
            Dead(2 * number + 1, "restless", "restless"),
        ]
    return packets.compound([packets.encode(one) for one in said])


def crowd(count: int, state: str = "alive") -> bytes:
    """Return a push/pull with more members than the limit."""
    return encode_stream(
        PushPull(
            tuple(
                NodeEntry(
                    Alive(
                        1,
                        f"c{number}",
                        bytes([12, 0, number >> 8, number & 255]),
                        7946,
                        b"",
                        PLAIN_VERSIONS,
                    ),
                    state,
                )
                for number in range(count)
            )
        )
    )


HOSTILE_PACKETS = [
    packed_as(clear_codes(CLEAR_CODES)),
    bombs(BOMBS),
    squeezed(bombs(BOMBS)),
    nested(b"SeqNo", 1000),
    nested(b"Payload", 1000),
    packets.encode(User(forged(FORGED))),
    packets.encode(User(forged(500))),
    restless(100),
    packets.encode(Suspect(U32_MAX - 1, "alpha", "beta")),
    packets.encode(Suspect(1, "gamma", "\udcff\n\x1b[2J")),
    packets.encode(alive("beta", U32_MAX - 1)),
]
HOSTILE_STREAMS = [crowd(MANY_MEMBERS), crowd(100, "dead"), packed_as(clear_codes(CLEAR_CODES))]
HOSTILE_LZW = [clear_codes(CLEAR_CODES)]
HOSTILE_MESSAGES = [forged(500), forged(FORGED)]
