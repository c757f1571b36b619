"""What the core asks its shell to do, collected during one step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from constellation.effects import Note
from constellation.gossip.dissemination import PART_OVERHEAD_BYTES, BroadcastQueue, transmits_max
from constellation.gossip.member import Address
from constellation.gossip.packets import COMPOUND_PARTS_MAX
from constellation.gossip.policy import SwimPolicy

QUEUE_ITEMS_MAX = 8192
COMPOUND_HEADER_BYTES = 2
LADEN_MAX = 16  # answers of one step that take news along


@dataclass(frozen=True, slots=True)
class SendDatagram:
    """Send `parts` as one datagram.  May be lost."""

    to: Address
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OpenPushPull:
    """Exchange whole states over TCP; tell `push_pull_reply` or `push_pull_failed`.

    `regular`: it is only due, so that it need not be if there is nothing to exchange.
    """

    to: Address
    join: bool
    regular: bool = False


@dataclass(frozen=True, slots=True)
class OpenTcpPing:
    """Ping over TCP until `deadline_s`.

    Tell `on_tcp_ack` of an answer, `on_tcp_refused` when the host says that nobody listens there,
    and nothing else.
    """

    to: Address
    node: str
    seq_no: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class SendStream:
    """Send a user message over TCP.  May be lost."""

    to: Address
    body: bytes


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """A member joined, was suspected, refuted, died, left, or changed what it says of itself."""

    name: str


@dataclass(frozen=True, slots=True)
class ProbeEnded:
    """A probe round trip, for the metrics; None: nobody answered."""

    node: str
    round_trip_s: float | None


@dataclass(frozen=True, slots=True)
class UserReceived:
    """A user message came; for the layer above."""

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
    """Effects of the running step, and the news that every packet takes along."""

    def __init__(self, policy: SwimPolicy) -> None:
        self._policy = policy
        self._effects: list[Effect] = []
        self._laden = 0  # packets of the running step that took news along
        self._complaints: Counter[tuple[str, str]] = Counter()
        self.membership = BroadcastQueue(items_max=QUEUE_ITEMS_MAX)
        self.user = BroadcastQueue(items_max=QUEUE_ITEMS_MAX)
        self.member_count = 1
        self.strangers: set[Address] = set()  # members that do not understand user news

    def take_effects(self) -> list[Effect]:
        """Return the effects of the step, in order."""
        effects, self._effects = self._effects, []
        self._laden = 0
        return effects

    @property
    def has_news(self) -> bool:
        """There is something to tell others."""
        return len(self.membership) > 0 or len(self.user) > 0

    @property
    def fresh(self) -> bool:
        """News came in since `clear_fresh`."""
        return self.membership.fresh or self.user.fresh

    def clear_fresh(self) -> None:
        """Take note that there are fresh news."""
        self.membership.fresh = self.user.fresh = False

    def add_effect(self, effect: Effect) -> None:
        """Ask the shell for `effect`."""
        self._effects.append(effect)

    def note(self, event: str, level: str = "info", **fields: Any) -> None:
        """Log and count `event`."""
        self._effects.append(Note(event, fields, level))

    def complain(self, event: str, why: str, **fields: Any) -> None:
        """Log the 1st, 2nd, 4th, 8th `event` for one reason: who floods must not fill the log."""
        self._complaints[event, why] += 1
        count = self._complaints[event, why]
        if not count & (count - 1):
            self.note(event, "warning", why=why, count=count, **fields)

    @property
    def transmits_max(self) -> int:
        """How often each piece of news is sent."""
        return transmits_max(self._policy.retransmit_multiplier, self.member_count)

    def send(self, to: Address, *parts: bytes) -> None:
        """Send `parts`, and with them what news fit (SWIM §4.1).

        One packet may call for hundreds of answers, and choosing news takes time: the first few
        carry some.
        """
        self._laden += 1
        news = self.news(to, parts) if self._laden <= LADEN_MAX else ()
        self.add_effect(SendDatagram(to, (*parts, *news)))

    def send_bare(self, to: Address, *parts: bytes) -> None:
        """Send `parts` alone."""
        self.add_effect(SendDatagram(to, parts))

    def news(self, to: Address, parts: tuple[bytes, ...] = ()) -> list[bytes]:
        """Return news for `to` that fit in a packet beside `parts`, counting them as sent."""
        used = COMPOUND_HEADER_BYTES + sum(len(part) + PART_OVERHEAD_BYTES for part in parts)
        budget, limit = self._policy.packet_bytes_max - used, self.transmits_max
        room = COMPOUND_PARTS_MAX - len(parts)
        chosen = self.membership.take_parts(budget, limit=limit, parts_max=room)
        if to not in self.strangers:
            budget -= sum(len(part) + PART_OVERHEAD_BYTES for part in chosen)
            chosen += self.user.take_parts(budget, limit=limit, parts_max=room - len(chosen))
        return chosen
