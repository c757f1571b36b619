"""Frames out of a byte stream, however it is split, within the limits of the buffer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import WireError
from constellation.transport.frame import FRAME_BYTES_MAX, LENGTH_BYTES, FrameReader, frame

BODIES = st.lists(st.binary(max_size=20), max_size=6)


@given(BODIES, st.data())
def test_frames_are_complete_and_in_order_however_the_stream_is_split(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream, reader, read = b"".join(map(frame, bodies)), FrameReader(), []
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        read += list(reader.feed(stream[:length]))
        stream = stream[length:]

    assert read == bodies


def test_frames_come_out_of_single_bytes() -> None:
    reader = FrameReader()

    read = [body for byte in frame(b"abc") + frame(b"") for body in reader.feed(bytes([byte]))]

    assert read == [b"abc", b""]


def test_frame_over_the_limit_is_refused_by_its_length() -> None:
    header = frame(bytes(FRAME_BYTES_MAX + 1))[:LENGTH_BYTES]

    with pytest.raises(WireError, match="announced") as caught:
        list(FrameReader().feed(header))

    assert caught.value.reason == "oversized"


def test_frame_at_the_limit_is_accepted() -> None:
    assert list(FrameReader(3).feed(frame(b"abc"))) == [b"abc"]


def test_frames_before_one_over_the_limit_are_delivered() -> None:
    frames = FrameReader(3).feed(frame(b"abc") + frame(b"abcd"))

    assert next(frames) == b"abc"
    with pytest.raises(WireError, match="frame of 4 bytes announced, the limit is 3"):
        next(frames)


def test_limit_raised_between_two_frames_applies_to_the_second() -> None:
    reader, read = FrameReader(3), []

    for body in reader.feed(frame(b"abc") + frame(b"abcd")):
        read.append(body)
        reader.bytes_max = 4

    assert read == [b"abc", b"abcd"]


def test_abandoned_iteration_continues_after_the_delivered_frames() -> None:
    reader = FrameReader()
    for body in reader.feed(frame(b"one") + frame(b"two") + frame(b"three")[:5]):
        assert body == b"one"
        break

    assert list(reader.feed(frame(b"three")[5:])) == [b"two", b"three"]


def test_delivered_frames_are_not_buffered() -> None:
    reader = FrameReader()

    for _ in range(100):
        assert len(list(reader.feed(frame(bytes(1000)) + b"\x00"))) == 1
        assert list(reader.feed(b"\x00\x00\x00")) == [b""]

    assert len(reader._buffer) == 0
