"""Whole exchanges that need not be: two nodes whose states are the same only tell each other so.

A whole exchange carries all members, which for a thousand of them is most of what an idle node
sends.  So before a regular one a node of ours is asked for the digest of its state; if it is
ours, nothing is exchanged.  Whoever does not answer in time, as members of other kinds do not,
gets the exchange as ever: nothing is repaired later than without.

Question and answer are user messages: the name of who sends it and the digest of all that an
exchange would carry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import msgpack

from constellation.errors import WireError
from constellation.gossip import packets
from constellation.gossip.fields import NAME_BYTES_MAX
from constellation.gossip.member import Address, MemberTable
from constellation.gossip.node_meta import public_key_in
from constellation.gossip.outbox import Effect, OpenPushPull, SendDatagram
from constellation.gossip.packets import User
from constellation.gossip.swim import SwimNode

QUESTION, ANSWER = 68, 69  # first bytes of user messages, after those of records
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Statement:
    """What one node says of its whole state."""

    kind: int
    node: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Pending:
    """A question that is not answered yet."""

    peer: str
    to: Address
    deadline_s: float


class Sameness:
    """One node's questions and answers.  `digests` returns those of all its records."""

    def __init__(self, swim: SwimNode, digests: Callable[[], Mapping[str, bytes]]) -> None:
        self.spared = 0  # exchanges that were not needed
        self._swim = swim
        self._digests = digests
        self._pending: _Pending | None = None

    @property
    def due_s(self) -> float | None:
        """When `on_time` has something to do."""
        return self._pending.deadline_s if self._pending else None

    def ask_first(self, to: Address, now_s: float) -> list[Effect]:
        """Ask whom a regular exchange is due with; nothing if that is no node of ours."""
        peer = next((one for one in self._swim.members if one.address == to), None)
        if peer is None or not public_key_in(peer.claim.meta) or self._pending is not None:
            return []
        self._pending = _Pending(peer.name, to, now_s + self._swim.policy.probe_timeout_s)
        return [self._state_to(to, QUESTION)]

    def on_message(self, body: bytes) -> list[Effect]:
        """Answer a question, or take the answer to ours.

        Raises:
            WireError: it is neither.
        """
        heard = unpack_statement(body)
        if heard.kind == QUESTION:
            peer = self._swim.members.get(heard.node)
            return [self._state_to(peer.address, ANSWER)] if peer else []
        if self._pending is None or heard.node != self._pending.peer:
            return []
        if heard.digest != self._digest():
            return self._exchange_after_all()
        self._pending = None
        self.spared += 1
        return []

    def on_time(self, now_s: float) -> list[Effect]:
        """Exchange with whoever has not answered in time."""
        if self._pending is None or self._pending.deadline_s > now_s:
            return []
        return self._exchange_after_all()

    def _exchange_after_all(self) -> list[Effect]:
        pending, self._pending = self._pending, None
        return [OpenPushPull(pending.to, join=False)] if pending else []

    def _state_to(self, to: Address, kind: int) -> SendDatagram:
        statement = Statement(kind, self._swim.node_name, self._digest())
        return SendDatagram(to, (packets.encode(User(pack_statement(statement))),))

    def _digest(self) -> bytes:
        return state_digest(self._swim.members, self._digests())


def pack_statement(statement: Statement) -> bytes:
    """Return the user message."""
    row = [statement.node, statement.digest]
    return bytes([statement.kind]) + cast("bytes", msgpack.packb(row))


def unpack_statement(body: bytes) -> Statement:
    """Return what a user message states.

    Raises:
        WireError: it is no statement.
    """
    try:
        row = msgpack.unpackb(body[1:], max_array_len=2, max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"a statement is not msgpack: {error!s:.100}", reason="sameness") from error
    if not isinstance(row, list) or len(row) != 2 or body[0] not in (QUESTION, ANSWER):
        raise WireError("a statement is not name and digest", reason="sameness")
    node, digest = row
    if not isinstance(node, str) or len(node) > NAME_BYTES_MAX or not isinstance(digest, bytes):
        raise WireError("a statement is not name and digest", reason="sameness")
    return Statement(body[0], node, digest)


def state_digest(members: MemberTable, records: Mapping[str, bytes]) -> bytes:
    """Return a digest of all members, in any order, and of all records, by their digests."""
    state = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for member in sorted(members, key=lambda one: one.name):
        claim = member.claim
        row = (claim.node, claim.addr, claim.port, claim.meta, claim.versions)
        state.update(msgpack.packb([*row, member.incarnation, member.state]))
    for author in sorted(records):
        state.update(msgpack.packb([author, records[author]]))
    return state.digest()
