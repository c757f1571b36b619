"""Skips a regular push/pull exchange when both nodes have the same state.

A push/pull carries all members: with a thousand of them, that is most of what an idle node sends.
So before a regular push/pull, a Constellation node is asked for the digest of its state.  If the
digests are equal, nothing is exchanged.  If they differ, or no answer comes in time (members of
other kinds do not answer), the push/pull takes place as usual.

Question and answer are user messages with the sender's name and the digest of everything that a
push/pull would carry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
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
from constellation.value import Value

QUESTION, ANSWER = 68, 69  # first bytes of user messages
DIGEST_BYTES = 16


class Statement(Value):
    """The digest of a node's whole state, as a question or an answer."""

    kind: int
    node: str
    digest: bytes


class _Pending(Value):
    """A question without an answer so far."""

    peer: str
    to: Address
    deadline_s: float


class Sameness:
    """One node's questions and answers.  `digests` returns the digest of each author."""

    def __init__(self, swim: SwimNode, digests: Callable[[], Mapping[str, bytes]]) -> None:
        self.spared = 0  # exchanges that were skipped
        self._swim = swim
        self._digests = digests
        self._pending: _Pending | None = None

    @property
    def due_s(self) -> float | None:
        """When `on_time` must be called next; None: no question is pending."""
        return self._pending.deadline_s if self._pending else None

    def ask_first(self, to: Address, now_s: float) -> list[Effect]:
        """Ask the peer of a regular push/pull; return nothing if it is no Constellation node."""
        peer = next((one for one in self._swim.members if one.address == to), None)
        if peer is None or not public_key_in(peer.claim.meta) or self._pending is not None:
            return []
        self._pending = _Pending(peer.name, to, now_s + self._swim.policy.probe_timeout_s)
        return [self._state_to(to, QUESTION)]

    def on_message(self, body: bytes) -> list[Effect]:
        """Answer a question, or take the answer to the pending one.

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
        """Begin the push/pull if the answer did not come in time."""
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
    """Return the statement in a user message.

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
    """Return a digest of all members and records, independent of their order."""
    state = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for member in sorted(members, key=lambda one: one.name):
        claim = member.claim
        row = (claim.node, claim.addr, claim.port, claim.meta, claim.versions)
        state.update(msgpack.packb([*row, member.incarnation, member.state]))
    for author in sorted(records):
        state.update(msgpack.packb([author, records[author]]))
    return state.digest()
