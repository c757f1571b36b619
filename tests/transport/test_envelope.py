"""The content of a frame: two addresses and opaque bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import WireError
from constellation.transport.address import TEXT_BYTES_MAX, ActorRef
from constellation.transport.envelope import ActorEnvelope
from constellation.transport.frame import FRAME_BYTES_MAX
from constellation.transport.session import CODE_BYTES
from constellation.wire import MAX_FRAME_BYTES

ADDRESSES = st.text(max_size=TEXT_BYTES_MAX // 4)
ENVELOPE = ActorEnvelope("10.0.0.1:7947/system", "10.0.0.2:7947/a-1", b"\x01payload")


@given(st.builds(ActorEnvelope, ADDRESSES, ADDRESSES, st.binary()))
def test_every_envelope_is_unpacked_as_it_was_packed(envelope: ActorEnvelope) -> None:
    assert ActorEnvelope.unpack(envelope.pack()) == envelope


@pytest.mark.parametrize("length", range(len(ENVELOPE.pack()) - len(ENVELOPE.payload)))
def test_envelope_truncated_within_its_addresses_is_refused(length: int) -> None:
    with pytest.raises(WireError) as caught:
        ActorEnvelope.unpack(ENVELOPE.pack()[:length])

    assert caught.value.reason == "malformed"


def test_address_that_is_not_text_is_refused() -> None:
    with pytest.raises(WireError, match="envelope refused"):
        ActorEnvelope.unpack(b"\x02\x00\xff\xfe")


@given(st.binary(max_size=100))
def test_any_bytes_are_an_envelope_or_are_refused(body: bytes) -> None:
    with contextlib.suppress(WireError):
        assert ActorEnvelope.unpack(body).pack() == body


@pytest.mark.parametrize("which", ["target", "sender"])
def test_address_that_is_too_long_is_not_sent(which: str) -> None:
    addresses = {"target": "t", "sender": "s", which: "x" * (TEXT_BYTES_MAX + 1)}

    with pytest.raises(WireError, match="not sent") as caught:
        ActorEnvelope(**addresses, payload=b"").pack()

    assert caught.value.reason == "address"


def test_largest_message_fits_a_frame_with_the_longest_addresses_and_its_code() -> None:
    longest = "x" * TEXT_BYTES_MAX
    kind_bytes = 1

    overhead_bytes = len(ActorEnvelope(longest, longest, b"").pack()) + CODE_BYTES + kind_bytes

    assert MAX_FRAME_BYTES + overhead_bytes <= FRAME_BYTES_MAX


def test_target_is_parsed_only_when_asked_for() -> None:
    assert ENVELOPE.target_ref() == ActorRef("10.0.0.1", 7947, "system")
    with pytest.raises(WireError, match="not an actor address"):
        ActorEnvelope("../../etc", "x", b"").target_ref()
