"""The targets: each decoder of gossip, and a whole node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from constellation.gossip import lzw, node_meta, packets, record_codec
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.keyring_seal import open_keyring, seal_keyring
from constellation.gossip.packets import User
from constellation.gossip.security import NONCE_BYTES, Keyring
from constellation.gossip.stream import StreamReader, seal_stream
from tests.fuzz import corpus
from tests.fuzz.hostile import (
    HOSTILE_LZW,
    HOSTILE_MESSAGES,
    HOSTILE_PACKETS,
    HOSTILE_STREAMS,
)
from tests.fuzz.mutation import mutated
from tests.fuzz.node_target import NodeTarget

KEY, CLUSTER_KEY = b"k" * 32, b"c" * 32
SEALED, LABELLED = GossipEnvelope(Keyring((KEY,))), GossipEnvelope(Keyring((KEY,)), b"lab")
PLAIN = GossipEnvelope()
NONCE = bytes(NONCE_BYTES)
CHUNK_BYTES_MAX = 300

Feed = Callable[[bytes, Random], None]  # raises WireError to refuse


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder and valid inputs of it.  `new` makes one without state."""

    name: str
    inputs: Sequence[bytes]
    new: Callable[[], Feed]
    share: float = 1.0  # share of the runs of one target
    hostile: Sequence[bytes] = ()  # expensive inputs, fed rarely


def _packet(data: bytes, random: Random) -> None:
    grown = sum(len(one.body) for one in packets.decode(data) if isinstance(one, User))
    assert grown <= len(data) + packets.INFLATED_BYTES_MAX, f"{len(data)} became {grown} bytes"


def _datagram(data: bytes, random: Random) -> None:
    """Open a datagram, encrypted or not."""
    envelope = random.choice((PLAIN, SEALED, LABELLED))
    if random.random() < 0.5 and 0 < len(data) < 1 << 16:
        data = envelope.seal([data], nonce=NONCE)
    packets.decode(envelope.open(data))


def _stream(data: bytes, random: Random) -> None:
    """Feed a stream in pieces, in plaintext or encrypted."""
    envelope, body = PLAIN, data
    if random.random() < 0.5:
        envelope, body = SEALED, seal_stream(data, SEALED, nonce=NONCE)
        if random.random() < 0.2:
            body = mutated([body], random)
    reader = StreamReader(envelope)
    while body:
        size = random.randrange(1, CHUNK_BYTES_MAX)
        if reader.feed(body[:size]) is not None:
            return
        body = body[size:]


def _records(data: bytes, random: Random) -> None:
    for record in record_codec.unpack_records(data):
        record.opened()


def _exchange(data: bytes, random: Random) -> None:
    record_codec.unpack_exchange(data)


def _lzw(data: bytes, random: Random) -> None:
    lzw.decompress(data, bytes_max=packets.INFLATED_BYTES_MAX)


def _lzw_back(data: bytes, random: Random) -> None:
    assert lzw.decompress(lzw.compress(data), bytes_max=len(data)) == data


def _meta(data: bytes, random: Random) -> None:
    node_meta.public_key_in(data)
    node_meta.state_in(data)


def _keyring(data: bytes, random: Random) -> None:
    open_keyring(data, CLUSTER_KEY)


def _always(feed: Feed) -> Callable[[], Feed]:
    return lambda: feed


SEALED_PACKETS = [
    envelope.seal([body], nonce=NONCE) for envelope in (SEALED, LABELLED) for body in corpus.PACKETS
]

TARGETS = {
    target.name: target
    for target in (
        Target("packets", corpus.PACKETS, _always(_packet), 2.0, HOSTILE_PACKETS),
        Target("datagram", SEALED_PACKETS, _always(_datagram)),
        Target("stream", corpus.STREAMS, _always(_stream), 1.0, [HOSTILE_STREAMS[1]]),
        Target("records", corpus.USER_MESSAGES, _always(_records), 1.0, HOSTILE_MESSAGES),
        Target("exchange", corpus.EXCHANGES, _always(_exchange)),
        Target(
            "lzw",
            [lzw.compress(body) for body in corpus.PACKETS],
            _always(_lzw),
            hostile=HOSTILE_LZW,
        ),
        Target("lzw_back", corpus.PACKETS, _always(_lzw_back), share=0.5),
        Target("meta", corpus.METAS, _always(_meta)),
        Target(
            "keyring",
            [seal_keyring(Keyring((KEY, bytes(16))), CLUSTER_KEY, nonce=NONCE)],
            _always(_keyring),
            share=0.2,
        ),
        Target(
            "node",
            [*corpus.PACKETS, *corpus.STREAMS],
            NodeTarget,
            share=0.5,
            hostile=[*HOSTILE_PACKETS, *HOSTILE_STREAMS],
        ),
    )
}
