"""The effects of one step of the core, for its shell to perform."""

from __future__ import annotations

from collections import Counter
from typing import Any

from constellation.effects import Note
from constellation.gossip.dissemination import PART_OVERHEAD_BYTES, BroadcastQueue, transmits_max
from constellation.gossip.member import Address
from constellation.gossip.packets import COMPOUND_PARTS_MAX
from constellation.gossip.policy import SwimPolicy
from constellation.value import Value

QUEUE_ITEMS_MAX = 8192
COMPOUND_HEADER_BYTES = 2
LADEN_MAX = 16  # packets of one step that carry broadcasts
OWN_TRANSMITS_MAX = 12  # up to so many members are all told of a node's own news by itself


class SendDatagram(Value):
    """Send `parts` as one datagram.  May be lost."""

    to: Address
    parts: tuple[bytes, ...]


class OpenPushPull(Value):
    """Exchange whole states over TCP; report the reply to `on_push_pull_reply`.

    `regular`: a periodic exchange, which can be skipped if both sides are equal.
    """

    to: Address
    join: bool
    regular: bool = False


class OpenTcpPing(Value):
    """Ping over TCP until `deadline_s`.

    Report an answer to `on_tcp_ack` and a refused connection to `on_tcp_refused`.  Report no other
    outcome.
    """

    to: Address
    node: str
    seq_no: int
    deadline_s: float


class SendStream(Value):
    """Send a user message over TCP.  May be lost."""

    to: Address
    body: bytes


class MemberChanged(Value):
    """A member joined, was suspected, refuted, died, left, or changed its claim."""

    name: str


class ProbeEnded(Value):
    """A probe round trip, for the metrics; None: no answer."""

    node: str
    round_trip_s: float | None


class UserReceived(Value):
    """A user message was received, for the layer above."""

    body: bytes


Effect = (
    SendDatagram
    | OpenPushPull
    | OpenTcpPing
    | SendStream
    | MemberChanged
    | ProbeEnded
    | UserReceived
    | Note
)


class Outbox:
    """The effects of the current step, and the broadcasts that packets carry."""

    def __init__(self, policy: SwimPolicy) -> None:
        self._policy = policy
        self._effects: list[Effect] = []
        self._laden = 0  # packets of the current step that carry broadcasts
        self._user_first = False  # in the next packet
        self._complaints: Counter[tuple[str, str]] = Counter()
        self.membership = BroadcastQueue(items_max=QUEUE_ITEMS_MAX)
        self.user = BroadcastQueue(items_max=QUEUE_ITEMS_MAX)
        self.member_count = 1
        self.strangers: set[Address] = set()  # members that do not understand user messages

    def take_effects(self) -> list[Effect]:
        """Return the effects of the step, in order."""
        effects, self._effects = self._effects, []
        self._laden = 0
        return effects

    @property
    def has_news(self) -> bool:
        """There are broadcasts to send."""
        return len(self.membership) > 0 or len(self.user) > 0

    @property
    def fresh(self) -> bool:
        """A broadcast was queued since `clear_fresh`."""
        return self.membership.fresh or self.user.fresh

    def clear_fresh(self) -> None:
        """Clear `fresh`."""
        self.membership.fresh = self.user.fresh = False

    def add_effect(self, effect: Effect) -> None:
        """Add an effect for the shell."""
        self._effects.append(effect)

    def note(self, event: str, level: str = "info", **fields: Any) -> None:
        """Log and count `event`."""
        self._effects.append(Note(event, fields, level))

    def complain(self, event: str, why: str, **fields: Any) -> None:
        """Log the 1st, 2nd, 4th, 8th `event` of a reason, so that a flood does not fill the log."""
        self._complaints[event, why] += 1
        count = self._complaints[event, why]
        if not count & (count - 1):
            self.note(event, "warning", why=why, count=count, **fields)

    @property
    def transmits_max(self) -> int:
        """How many times each broadcast is sent."""
        return transmits_max(self._policy.retransmit_multiplier, self.member_count)

    @property
    def own_transmits(self) -> int:
        """How many times this node sends its own news at least."""
        return min(OWN_TRANSMITS_MAX, self.member_count - 1)

    def send(self, to: Address, *parts: bytes) -> None:
        """Send `parts`, and as many broadcasts as fit beside them (SWIM §4.1).

        One packet may require hundreds of answers, and choosing broadcasts takes time.  So only the
        first few packets of a step carry any.
        """
        self._laden += 1
        news = self.news(to, parts) if self._laden <= LADEN_MAX else ()
        self.add_effect(SendDatagram(to, (*parts, *news)))

    def send_bare(self, to: Address, *parts: bytes) -> None:
        """Send `parts` without broadcasts."""
        self.add_effect(SendDatagram(to, parts))

    def news(self, to: Address, parts: tuple[bytes, ...] = ()) -> list[bytes]:
        """Return broadcasts for `to` that fit in a packet beside `parts`; count them as sent."""
        used = COMPOUND_HEADER_BYTES + sum(len(part) + PART_OVERHEAD_BYTES for part in parts)
        budget, limit = self._policy.packet_bytes_max - used, self.transmits_max
        own_limit = self.own_transmits
        room = COMPOUND_PARTS_MAX - len(parts)
        queues = [self.membership] if to in self.strangers else [self.membership, self.user]
        # Neither may delay the other for long: a member that lies could keep one of them full.
        self._user_first = not self._user_first and len(queues) > 1
        chosen: list[bytes] = []
        for queue in reversed(queues) if self._user_first else queues:
            parts_max = room - len(chosen)
            taken = queue.take_parts(
                budget, limit=limit, parts_max=parts_max, first_limit=own_limit
            )
            budget -= sum(len(part) + PART_OVERHEAD_BYTES for part in taken)
            chosen += taken
        return chosen
