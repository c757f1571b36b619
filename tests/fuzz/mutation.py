"""Mutations of valid inputs."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

# Headers of msgpack that announce more than follows, and reserved types.
HEADS = (
    *(b"\xdd\xff\xff\xff\xff", b"\xdd\x00\x10\x00\x00", b"\xdc\xff\xff", b"\x9f"),  # arrays
    *(b"\xdf\xff\xff\xff\xff", b"\xdf\x00\x10\x00\x00", b"\xde\xff\xff", b"\x8f"),  # maps
    *(b"\xdb\xff\xff\xff\xff", b"\xda\xff\xff", b"\xd9\xff", b"\xbf"),  # texts
    *(b"\xc6\xff\xff\xff\xff", b"\xc5\xff\xff", b"\xc4\xff"),  # bytes
    *(b"\xc9\xff\xff\xff\xff\x01", b"\xc8\xff\xff\x01", b"\xd8\x01", b"\xc1"),  # extensions
    *(b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\0" * 7, b"\xce\xff\xff\xff\xff", b"\xff", b"\xc0"),
    *(b"\xcb\x7f\xf8" + b"\0" * 6, b"\xcb\x7f\xf0" + b"\0" * 6, b"\xc3", b"\xc2"),  # NaN, infinity
)
NESTS = (b"\x91", b"\x81\xa1a", b"\x81", b"\xdc\x04\x00", b"\x92\x00")
NEST_DEPTHS = (2, 20, 300, 1000, 1100)
CHANGES_MAX = 6
GROWTH_BYTES_MAX = 1 << 16
REPEATS_MAX = 200


def mutated(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return an input of the corpus with a few changes, or unchanged."""
    data = bytearray(random.choice(corpus))
    for _ in range(random.randrange(CHANGES_MAX + 1)):
        random.choice(CHANGES)(data, corpus, random)
        if len(data) > GROWTH_BYTES_MAX:
            break
    return bytes(data)


def _flip(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))


def _cut(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    del data[random.randrange(len(data) + 1) :]


def _remove(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    start = random.randrange(len(data) + 1)
    del data[start : start + random.randrange(1, 9)]


def _repeat(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    start = random.randrange(len(data) + 1)
    part = bytes(data[start : start + random.randrange(1, 17)])
    data[start:start] = part * random.randrange(1, REPEATS_MAX)


def _splice(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    other = random.choice(corpus)
    data[random.randrange(len(data) + 1) :] = other[random.randrange(len(other) + 1) :]


def _insert_other(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(corpus)


def _put_head(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    at, head = random.randrange(len(data) + 1), random.choice(HEADS)
    data[at : at + random.choice((0, 1, len(head)))] = head


def _nest(data: bytearray, corpus: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(NESTS) * random.choice(NEST_DEPTHS)


CHANGES = (_flip, _set, _cut, _remove, _repeat, _splice, _insert_other, _put_head, _nest)
