"""Messages of the protocol on their way: in packets, and only from whom they say they are."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from constellation.raft.effects import SendTo
from constellation.raft.packets import PROTOCOL, pack, unpack
from constellation.wire import encode
from messages.base import Message
from messages.raft import (
    NUMBER_MAX,
    RaftAppendRequest,
    RaftAppendResponse,
    RaftConfiguration,
    RaftEntry,
    RaftHardState,
    RaftHeard,
    RaftSnapshot,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from messages.raft_member import (
    COMMAND_BYTES_MAX,
    PACKET_FRAMES_MAX,
    RaftOffer,
    RaftPacket,
    RaftPropose,
)

CONFIGURATION = RaftConfiguration(voters=("a",))
ALL = (
    RaftAppendRequest(
        term=1, leader="a", number=1, prev_log_index=0, prev_log_term=0, commit_index=0
    ),
    RaftAppendResponse(term=1, follower="a", number=1, accepted=True, index=0),
    RaftSnapshotRequest(
        term=1,
        leader="a",
        number=1,
        last_index=1,
        last_term=1,
        configuration=CONFIGURATION,
        size_bytes=0,
        offset_bytes=0,
        data=b"",
    ),
    RaftSnapshotResponse(term=1, follower="a", number=1, have_bytes=0),
    RaftTimeoutNow(term=1, leader="a"),
    RaftVoteRequest(term=1, candidate="a", last_log_index=0, last_log_term=0),
    RaftVoteResponse(term=1, voter="a", granted=True),
    RaftHeard(term=1, voter="a", ago_s=1.5),
)
OFFER = RaftOffer(cluster_id="c", initiator="a", voters=("a",))


def packed(*sends: SendTo, adoptable: str = "") -> list[SendTo]:
    return pack(sends, cluster_id="c", source="a", adoptable=frozenset(adoptable))


def packet(*messages: Message, source: str = "a") -> RaftPacket:
    return RaftPacket(
        cluster_id="c", source=source, frames=tuple(encode(message) for message in messages)
    )


def test_all_kinds_of_messages_arrive_in_order() -> None:
    assert {type(message) for message in ALL} == set(PROTOCOL)

    ((to, sent),) = [(one.node, one.message) for one in packed(*[SendTo("b", m) for m in ALL])]

    assert to == "b"
    assert isinstance(sent, RaftPacket)
    assert unpack(sent) == (list(ALL), [])


def test_protocol_messages_are_packed_by_node_and_others_are_left_alone() -> None:
    sends = packed(SendTo("b", ALL[0]), SendTo("c", OFFER), SendTo("c", ALL[4]), adoptable="c")

    assert sends[0] == SendTo("c", OFFER)
    b, c = [one.message for one in sends[1:]]
    assert isinstance(b, RaftPacket)
    assert isinstance(c, RaftPacket)
    assert (b.adopts, c.adopts) == (False, True)
    assert (unpack(b)[0], unpack(c)[0]) == ([ALL[0]], [ALL[4]])


def test_many_messages_go_as_several_packets() -> None:
    sends = packed(*[SendTo("b", ALL[4])] * (PACKET_FRAMES_MAX + 1))

    sizes = [len(one.message.frames) for one in sends if isinstance(one.message, RaftPacket)]
    assert sizes == [PACKET_FRAMES_MAX, 1]


@pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)
def test_message_of_another_node_than_the_source_is_refused(message: Message) -> None:
    messages, (why,) = unpack(packet(message, source="b"))

    assert not messages
    assert why == f"{type(message).__name__} claims to be from 'a'"


def test_frames_outside_the_protocol_are_refused_and_the_rest_is_accepted() -> None:
    sent = packet(OFFER, ALL[4])
    sent = sent.model_copy(update={"frames": (b"junk", *sent.frames)})

    messages, refused = unpack(sent)

    assert messages == [ALL[4]]
    assert len(refused) == 2
    assert refused[1] == "RaftOffer is not a Raft message"


NUMBERS = {"term", "index", "number", "last_index", "last_term", "have_bytes", "offset_bytes"}
NUMBERS |= {"prev_log_index", "prev_log_term", "commit_index", "index_term"}
NUMBERS |= {"last_log_index", "last_log_term"}
WITH_NUMBERS = (
    *ALL,
    RaftEntry(index=1, term=1),
    RaftHardState(term=1),
    RaftSnapshot(last_index=1, last_term=1, configuration=CONFIGURATION, data=b""),
)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        pytest.param(one, name, id=f"{type(one).__name__}.{name}")
        for one in WITH_NUMBERS
        for name in sorted(NUMBERS & set(type(one).model_fields))
    ],
)
def test_numbers_over_the_limit_are_rejected(message: Message, name: str) -> None:
    fields = {field: getattr(message, field) for field in type(message).model_fields}
    type(message).model_validate({**fields, name: NUMBER_MAX})

    with pytest.raises(ValidationError, match=name):
        type(message).model_validate({**fields, name: NUMBER_MAX + 1})


def test_configuration_without_voters_is_rejected() -> None:
    with pytest.raises(ValidationError, match="voters"):
        RaftConfiguration(voters=())


def test_command_over_the_limit_cannot_be_proposed() -> None:
    RaftPropose(commands=(b"x" * COMMAND_BYTES_MAX,))

    with pytest.raises(ValidationError, match=str(COMMAND_BYTES_MAX)):
        RaftPropose(commands=(b"x", b"x" * (COMMAND_BYTES_MAX + 1)))
