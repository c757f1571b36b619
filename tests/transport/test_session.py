"""The handshake and the frame codes, against an attacker on the network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import WireError
from constellation.transport import session
from constellation.transport.session import Channel, Handshake, derive_key

KEY = derive_key(b"k" * 32, b"actors")
OTHER_KEY = derive_key(b"x" * 32, b"actors")
ADDRESS = b"10.0.0.1:7947"
IDENTITY = b"10.0.0.2:7947/system"
NONCES = st.binary(min_size=session.NONCE_BYTES, max_size=session.NONCE_BYTES)


@dataclass
class Ends:
    """Both ends of a connection after a good handshake, and what was said."""

    initiator: Channel
    acceptor: Channel
    introduction: bytes
    acceptance: bytes


def handshake(
    acceptor_nonce: bytes = b"a" * 32, initiator_nonce: bytes = b"i" * 32, key: bytes = KEY
) -> Handshake:
    return Handshake(key, acceptor_nonce, initiator_nonce, IDENTITY, ADDRESS)


def connect(acceptor_nonce: bytes = b"a" * 32, initiator_nonce: bytes = b"i" * 32) -> Ends:
    greeted = session.read_greeting(session.greeting(acceptor_nonce))
    ours = handshake(greeted, initiator_nonce)
    introduction = session.introduction(ours)
    theirs = accept(introduction, acceptor_nonce)
    acceptance = session.acceptance(theirs)
    session.check_acceptance(acceptance, ours)
    initiator, acceptor = ours.channel(initiator=True), theirs.channel(initiator=False)
    return Ends(initiator, acceptor, introduction, acceptance)


def accept(
    introduction: bytes,
    acceptor_nonce: bytes = b"a" * 32,
    key: bytes = KEY,
    address: bytes = ADDRESS,
) -> Handshake:
    return session.read_introduction(
        introduction, key=key, acceptor_nonce=acceptor_nonce, acceptor_address=address
    )


def is_refused(channel: Channel, sealed: bytes) -> bool:
    with pytest.raises(WireError) as caught:
        channel.open(sealed)
    return caught.value.reason == "unauthenticated"


@given(NONCES, NONCES, st.lists(st.binary(max_size=100), max_size=5))
def test_frames_pass_both_ways_after_a_handshake(
    acceptor_nonce: bytes, initiator_nonce: bytes, bodies: list[bytes]
) -> None:
    ends = connect(acceptor_nonce, initiator_nonce)

    for body in bodies:
        assert ends.acceptor.open(ends.initiator.seal(body)) == body
        assert ends.initiator.open(ends.acceptor.seal(body)) == body


def test_acceptor_learns_the_identity_of_the_initiator() -> None:
    assert accept(session.introduction(handshake())).identity == IDENTITY


@pytest.mark.parametrize("at", range(session.HANDSHAKE_FRAME_BYTES_MAX))
def test_introduction_with_any_byte_changed_is_refused(at: int) -> None:
    longest = replace(handshake(), identity=b"n" * session.IDENTITY_BYTES_MAX)
    changed = bytearray(session.introduction(longest))
    changed[at] ^= 1

    with pytest.raises(WireError, match="wrong code") as caught:
        accept(bytes(changed))

    assert caught.value.reason == "unauthenticated"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"key": OTHER_KEY}, id="another cluster key"),
        pytest.param({"acceptor_nonce": b"b" * 32}, id="nonce of another connection: a replay"),
        pytest.param({"address": b"10.0.0.3:7947"}, id="meant for another node: a relay"),
    ],
)
def test_introduction_for_another_connection_is_refused(change: dict[str, bytes]) -> None:
    introduction = session.introduction(handshake())

    with pytest.raises(WireError, match="wrong code"):
        accept(introduction, **change)


@pytest.mark.parametrize("length", [0, 1, session.NONCE_BYTES + session.CODE_BYTES, 249, 5000])
def test_introduction_of_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(WireError, match="introduction of") as caught:
        accept(bytes(length))

    assert caught.value.reason == "unauthenticated"


def test_bytes_moved_between_identity_and_address_change_the_code() -> None:
    one = replace(handshake(), identity=b"ab", acceptor_address=b"c")
    other = replace(handshake(), identity=b"a", acceptor_address=b"bc")

    assert one.code(b"initiator") != other.code(b"initiator")


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="a web server"),
        pytest.param(b"CNSTL\x00\x00\x02" + bytes(32), id="another version"),
        pytest.param(session.greeting(bytes(31)), id="nonce too short"),
        pytest.param(session.greeting(bytes(33)), id="nonce too long"),
    ],
)
def test_other_greetings_are_refused(greeting: bytes) -> None:
    with pytest.raises(WireError, match="upgrade the older agent, or correct the port") as caught:
        session.read_greeting(greeting)

    assert caught.value.reason == "protocol"


@pytest.mark.parametrize(
    "acceptance",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(handshake().code(b"initiator"), id="the initiator's own code sent back"),
        pytest.param(session.acceptance(handshake(key=OTHER_KEY)), id="another cluster key"),
        pytest.param(
            session.acceptance(handshake(initiator_nonce=b"j" * 32)), id="a recorded acceptance"
        ),
        pytest.param(session.acceptance(handshake()) + b"\x00", id="one byte more"),
    ],
)
def test_acceptor_that_does_not_know_the_key_is_refused(acceptance: bytes) -> None:
    with pytest.raises(WireError, match="another cluster_key"):
        session.check_acceptance(acceptance, handshake())


def test_frame_replayed_in_its_connection_is_refused() -> None:
    ends = connect()
    sealed = ends.initiator.seal(b"pay")
    ends.acceptor.open(sealed)

    assert is_refused(ends.acceptor, sealed)


@pytest.mark.parametrize(
    "nonces", [{"acceptor_nonce": b"b" * 32}, {"initiator_nonce": b"j" * 32}], ids=str
)
def test_frame_of_an_earlier_connection_is_refused_if_one_nonce_is_new(
    nonces: dict[str, bytes],
) -> None:
    sealed = connect().initiator.seal(b"pay")

    assert is_refused(connect(**nonces).acceptor, sealed)


def test_frame_after_one_that_was_dropped_is_refused() -> None:
    ends = connect()
    ends.initiator.seal(b"dropped")

    assert is_refused(ends.acceptor, ends.initiator.seal(b"next"))


def test_frames_in_another_order_are_refused() -> None:
    ends = connect()
    ends.initiator.seal(b"first")
    second = ends.initiator.seal(b"second")

    assert is_refused(ends.acceptor, second)


@pytest.mark.parametrize("end", ["initiator", "acceptor"])
def test_frame_reflected_to_its_sender_is_refused(end: str) -> None:
    channel: Channel = getattr(connect(), end)

    assert is_refused(channel, channel.seal(b"mine"))


@given(st.binary(max_size=50), st.data())
def test_frame_with_any_bit_changed_is_refused(body: bytes, data: st.DataObject) -> None:
    ends = connect()
    sealed = bytearray(ends.initiator.seal(body))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    assert is_refused(ends.acceptor, bytes(sealed))


@given(st.binary(max_size=100))
def test_bytes_of_a_stranger_are_not_a_frame(sealed: bytes) -> None:
    assert is_refused(connect().acceptor, sealed)


def test_refused_frame_does_not_use_up_a_number() -> None:
    ends = connect()
    is_refused(ends.acceptor, b"forged")

    assert ends.acceptor.open(ends.initiator.seal(b"next")) == b"next"


def test_keys_of_two_purposes_and_of_two_clusters_differ() -> None:
    keys = {
        derive_key(cluster_key, purpose)
        for cluster_key in (b"a" * 32, b"b" * 32, b"a" * 100, b"a" * 101)
        for purpose in (b"actors", b"gossip")
    }

    assert len(keys) == 8
    assert {len(key) for key in keys} == {32}


def test_each_side_and_direction_has_a_key_of_its_own() -> None:
    ours = handshake()
    purposes = (b"initiator", b"acceptor", b"key initiator", b"key acceptor")

    assert len({ours.code(purpose) for purpose in purposes}) == len(purposes)


def test_codes_are_those_that_every_agent_with_this_version_of_the_handshake_computes() -> None:
    """A change of these values needs another version in MAGIC: other agents compute the old ones.

    They were computed from the module's description with hashlib alone.
    """
    ours = handshake()
    initiator, acceptor = ours.channel(initiator=True), ours.channel(initiator=False)

    assert session.greeting(b"a" * 32).hex() == "434e53544c000001" + "61" * 32
    assert KEY.hex() == "fb9fffebed74fc550e9128fce4d10020084c55d23851eac15a8c3aee094db3ff"
    introduced = b"i" * 32 + bytes.fromhex("67cddd988d3cf26685a612c25f6f691a") + IDENTITY
    assert session.introduction(ours) == introduced
    assert session.acceptance(ours).hex() == "fb0946d7259da37dcabfadbeb83b46c9"
    assert [initiator.seal(b"pay")[:-3].hex() for _ in range(2)] == [
        "493edd0edd182da8a28a984dc2b91f4a",
        "9bd82aa8deb55583a1c6e743a4997a11",
    ]
    assert [acceptor.seal(b"pay")[:-3].hex() for _ in range(2)] == [
        "9e75855f8fd6c31dee7fe11a894b9635",
        "b78d471e4b38759f2814652ee05ffd88",
    ]


def test_key_is_not_in_the_repr_of_a_handshake() -> None:
    assert repr(KEY) not in repr(handshake())


def test_code_of_a_frame_is_over_its_number_and_its_body() -> None:
    """Older agents take the key in anew for each frame."""
    channel = session.Channel(b"k" * 16, b"o" * 16)
    channel.seal(b"first")

    code = session._code(b"k" * 16, b"frame", session._NUMBER.pack(1), b"second")

    assert channel.seal(b"second") == code + b"second"
