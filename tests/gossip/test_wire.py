"""memberlist's wire format: known bytes, wrappers, hostile input."""

from __future__ import annotations

import contextlib
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import ConfigError, WireError
from constellation.gossip import packets
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.lzw import compress, decompress
from constellation.gossip.packets import Ack, Alive, Dead, IndirectPing, Nack, Ping, Suspect, User
from constellation.gossip.security import Keyring, derive_gossip_key
from constellation.gossip.stream import (
    NodeEntry,
    PushPull,
    StreamReader,
    UserStream,
    encode_stream,
    seal_stream,
)

LOOPBACK = bytes([127, 0, 0, 1])
VERSIONS = bytes([1, 5, 2, 0, 0, 0])
ALIVE = Alive(1, "n1", LOOPBACK, 7946, b"", VERSIONS)
PACKETS = [
    Ping(1, "n1", LOOPBACK, 7946, "me"),
    Ping(7, ""),
    IndirectPing(3, LOOPBACK, 7946, "n2", True, LOOPBACK, 1, "me"),
    Ack(1),
    Ack(1, b"payload"),
    Nack(4),
    Suspect(1, "n1", "n2"),
    ALIVE,
    Dead(2, "n1", "n1"),
    User(b"\x41hello"),
]


@pytest.mark.parametrize(
    ("wire", "packet"),
    [
        (
            (
                "00 85 a44e6f6465 a26e31 a55365714e6f 07 aa536f7572636541646472 a47f000001 "
                "aa536f757263654e6f6465 a26d65 aa536f75726365506f7274 cd1f0a"
            ),
            Ping(7, "n1", LOOPBACK, 7946, "me"),
        ),
        ("02 82 a75061796c6f6164 c0 a55365714e6f 01", Ack(1)),
        (
            (
                "04 86 a441646472 a47f000001 ab496e6361726e6174696f6e 01 a44d657461 c0 "
                "a44e6f6465 a26e31 a4506f7274 cd1f0a a356736e a6010502000000"
            ),
            ALIVE,
        ),
        (
            "03 83 a446726f6d a26e32 ab496e6361726e6174696f6e 01 a44e6f6465 a26e31",
            Suspect(1, "n1", "n2"),
        ),
    ],
)
def test_packets_of_memberlist_are_decoded(wire: str, packet: packets.Packet) -> None:
    assert packets.decode(bytes.fromhex(wire)) == [packet]


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: type(packet).__name__)
def test_packet_survives_the_wire(packet: packets.Packet) -> None:
    assert packets.decode(packets.encode(packet)) == [packet]


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        ("000302", b""),
        ("00c30404", b"a"),
        ("00c388114870a0c180", b"abababababab"),
        ("00a93c1152e48914274fa80824687061c183090302", b"TOBEORNOTTOBEORTOBEORNOT"),
    ],
)
def test_lzw_matches_go_in_both_directions(packed: str, text: bytes) -> None:
    assert decompress(bytes.fromhex(packed), bytes_max=100) == text
    assert compress(text) == bytes.fromhex(packed)


@given(st.binary(max_size=300), st.integers(min_value=1, max_value=100))
def test_lzw_round_trip(piece: bytes, times: int) -> None:
    assert decompress(compress(piece * times), bytes_max=300 * times) == piece * times


def test_lzw_resets_when_its_table_is_full() -> None:
    data = Random(1).randbytes(20_000)

    assert decompress(compress(data), bytes_max=len(data)) == data


def test_push_pull_is_compressed_unless_that_takes_too_long() -> None:
    entries = tuple(
        NodeEntry(Alive(1, f"n{number}", LOOPBACK, 7946, b"", VERSIONS), "alive")
        for number in range(50)
    )
    plain = sum(len(packets.encode(entry.alive)) for entry in entries)
    assert len(encode_stream(PushPull(entries))) < plain / 3
    large = PushPull(entries, bytes(1 << 16))

    assert encode_stream(large).endswith(large.user_state)


def test_lzw_bomb_stops_at_the_limit() -> None:
    with pytest.raises(WireError) as caught:
        decompress(bytes.fromhex("00c388114870a0c180"), bytes_max=5)

    assert caught.value.reason == "inflated"


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("", "empty"),
        ("63 80", "unknown_type"),
        ("07 00", "compound"),
        ("07 01 0000", "empty"),
        ("0c 00000000 02 80", "checksum"),
        ("0c 00000000", "checksum"),
        ("0c", "checksum"),
        ("02 c1", "malformed"),
        ("04 81 a356736e a3616263", "field"),
        ("07010010 0701000c 07010008 07010004 07010000", "nesting"),
    ],
)
def test_broken_packet_is_refused(wire: str, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        packets.decode(bytes.fromhex(wire))

    assert caught.value.reason == reason


def test_packet_is_accepted_with_its_checksum_and_refused_with_any_bit_of_it_changed() -> None:
    body = packets.encode(Suspect(1, "n1", "n2"))
    whole = bytes([packets.HAS_CRC]) + zlib.crc32(body).to_bytes(4, "big") + body
    assert packets.decode(whole) == [Suspect(1, "n1", "n2")]

    for bit in range(8, 8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError) as caught:
            packets.decode(bytes(changed))
        assert caught.value.reason == "checksum"


def test_truncated_compound_yields_its_complete_parts() -> None:
    whole = packets.compound([packets.encode(Ack(1)), packets.encode(Ack(2))])

    assert packets.decode(whole[:-1]) == [Ack(1)]


@pytest.mark.parametrize(
    "packet",
    [
        Alive(1, "n1", LOOPBACK, 7946, b"", b"\x01\x05"),
        Alive(1, "n1", LOOPBACK, 7946, bytes(513), VERSIONS),
        Alive(1 << 32, "n1", LOOPBACK, 7946, b"", VERSIONS),
        User(b""),
    ],
)
def test_packets_that_crash_old_peers_are_never_sent(packet: packets.Packet) -> None:
    with pytest.raises(ValueError, match=r"bytes|number|empty"):
        packets.encode(packet)


@given(st.binary(max_size=300))
def test_random_bytes_are_decoded_or_refused(junk: bytes) -> None:
    with contextlib.suppress(WireError):
        packets.decode(junk)
    with contextlib.suppress(WireError):
        StreamReader(GossipEnvelope()).feed(junk)
    with contextlib.suppress(WireError):
        decompress(junk, bytes_max=1000)


KEY, OTHER = derive_gossip_key(b"one"), derive_gossip_key(b"two")


@pytest.mark.parametrize("label", [b"", b"lab"])
def test_datagram_opens_with_any_installed_key_only(label: bytes) -> None:
    sealed = GossipEnvelope(Keyring((KEY,)), label).seal([b"\x02\x80"], nonce=bytes(12))

    assert GossipEnvelope(Keyring((OTHER, KEY)), label).open(sealed) == b"\x02\x80"
    for stranger in (
        GossipEnvelope(Keyring((OTHER,)), label),
        GossipEnvelope(Keyring((KEY,)), b"else"),
    ):
        with pytest.raises(WireError):
            stranger.open(sealed)
    with pytest.raises(WireError):
        GossipEnvelope(Keyring((KEY,)), label).open(b"\x02\x80")


def test_keys_rotate_by_install_use_remove() -> None:
    ring = Keyring((KEY,)).install(OTHER).use(OTHER).remove(KEY)

    assert ring.keys == (OTHER,)
    with pytest.raises(ConfigError):
        ring.remove(OTHER)


@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["plain", "encrypted"])
@pytest.mark.parametrize("step", [1, 7, 1 << 16])
@pytest.mark.parametrize(
    "message",
    [
        PushPull((NodeEntry(ALIVE, "alive"), NodeEntry(ALIVE, "left")), b"state", join=True),
        UserStream(b"\x41body"),
        Ping(3, "n1"),
    ],
)
def test_stream_is_read_from_pieces_of_any_size(
    keys: tuple[bytes, ...], step: int, message: PushPull | UserStream | Ping
) -> None:
    envelope = GossipEnvelope(Keyring(keys), b"lab")
    wire = envelope.header + seal_stream(encode_stream(message), envelope, nonce=bytes(12))
    reader = StreamReader(envelope)

    results = [reader.feed(wire[at : at + step]) for at in range(0, len(wire), step)]

    assert results[-1] == message
    assert not any(results[:-1])
