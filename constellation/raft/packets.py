"""Protocol messages between nodes: all messages to one node travel in one packet."""

from __future__ import annotations

from collections.abc import Sequence

from constellation.errors import WireError
from constellation.raft.effects import SendTo
from constellation.wire import decode, encode
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftHeard,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from messages.raft_member import PACKET_FRAMES_MAX, RaftPacket

PROTOCOL = (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftHeard,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)


def pack(
    sends: Sequence[SendTo], *, cluster_id: str, source: str, adoptable: frozenset[str]
) -> list[SendTo]:
    """Return `sends` with the protocol messages in packets; each node's order is kept."""
    packed: list[SendTo] = []
    frames: dict[str, list[bytes]] = {}
    for send in sends:
        if isinstance(send.message, PROTOCOL):
            frames.setdefault(send.node, []).append(encode(send.message))
        else:
            packed.append(send)
    for node, all_frames in frames.items():
        for start in range(0, len(all_frames), PACKET_FRAMES_MAX):
            packet = RaftPacket(
                cluster_id=cluster_id,
                source=source,
                adopts=node in adoptable,
                frames=tuple(all_frames[start : start + PACKET_FRAMES_MAX]),
            )
            packed.append(SendTo(node, packet))
    return packed


def unpack(packet: RaftPacket) -> tuple[list[Message], list[str]]:
    """Return the messages in a packet, and why others in it were refused."""
    messages: list[Message] = []
    refused: list[str] = []
    for frame in packet.frames:
        try:
            message = decode(frame, source=packet.source, crossing=True)
        except WireError as error:
            refused.append(str(error))
            continue
        if not isinstance(message, PROTOCOL):
            refused.append(f"{type(message).__name__} is not a Raft message")
        elif _speaker(message) != packet.source:
            refused.append(f"{type(message).__name__} claims to be from {_speaker(message)!r:.80}")
        else:
            messages.append(message)
    return messages, refused


def _speaker(message: Message) -> str:
    match message:
        case RaftVoteRequest(candidate=name):
            return name
        case RaftVoteResponse(voter=name) | RaftHeard(voter=name):
            return name
        case RaftAppendResponse(follower=name) | RaftSnapshotResponse(follower=name):
            return name
        case RaftAppendRequest(leader=name) | RaftSnapshotRequest(leader=name):
            return name
        case RaftTimeoutNow(leader=name):
            return name
        case _:
            return ""
