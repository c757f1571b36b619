"""The paths to other members: whether UDP packets pass there and back.

A firewall often lets TCP pass and not UDP, or UDP in one direction only.  Such a member is not
dead: it answers over TCP, or others reach it.  But broadcasts would never arrive.  So a member
whose direct ack stayed out is pinged once per probe interval until one arrives, and after `LOST`
pings without an ack, what this node tells it goes over TCP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from constellation.gossip.member import Address
from constellation.gossip.outbox import Outbox
from constellation.gossip.packets import encode
from constellation.gossip.prober import Prober
from constellation.value import Value

LOST = 2  # pings in a row without an ack, after which news goes over TCP
REPORTED = 6  # after which it is no chance loss of packets
HEARD_RECENTLY = 3.0  # probe intervals
DOUBTED_MAX = 64


class LostPath(Value):
    """A member that does not answer over UDP."""

    name: str
    address: Address
    is_heard: bool  # its packets arrive, so those from here to it are lost
    has_tcp: bool


@dataclass(slots=True)
class _Doubt:
    name: str
    unanswered: int = 1
    seq_no: int = 0  # of the last ping, whose ack is still out
    has_tcp: bool = False
    heard_at_s: float = field(default=float("-inf"))


class Paths:
    """The members whose direct ack stayed out, by address."""

    def __init__(self, prober: Prober, *, interval_s: float, outbox: Outbox) -> None:
        self._prober = prober
        self._interval_s = interval_s
        self._outbox = outbox
        self._doubts: dict[Address, _Doubt] = {}
        self.newly_lost: list[Address] = []  # since the caller looked

    @property
    def has_doubts(self) -> bool:
        """The direct ack of a member stayed out."""
        return bool(self._doubts)

    @property
    def over_tcp(self) -> list[Address]:
        """The members that are told news over TCP.  Safe to ask in another thread."""
        return [to for to, doubt in list(self._doubts.items()) if doubt.unanswered >= LOST]

    def only_others_reach(self, to: Address) -> bool:
        """Return whether a member lives and answered neither UDP nor TCP from here."""
        doubt = self._doubts.get(to)
        return doubt is not None and not doubt.has_tcp

    def lost(self, now_s: float) -> Iterator[LostPath]:
        """Yield the members to which UDP does not pass for a while now."""
        recently_s = now_s - HEARD_RECENTLY * self._interval_s
        for to, doubt in self._doubts.items():
            if doubt.unanswered >= REPORTED:
                yield LostPath(doubt.name, to, doubt.heard_at_s >= recently_s, doubt.has_tcp)

    def missed(self, to: Address, name: str, *, over_tcp: bool) -> None:
        """Note that a probe of a member was answered, but not directly over UDP."""
        doubt = self._doubts.get(to)
        if doubt is None and len(self._doubts) < DOUBTED_MAX:
            doubt = self._doubts[to] = _Doubt(name)
        if doubt is not None:
            doubt.has_tcp = doubt.has_tcp or over_tcp

    def heard(self, source: Address, now_s: float) -> None:
        """Note that a packet came from `source`."""
        doubt = self._doubts.get(source)
        if doubt is not None:
            doubt.heard_at_s = now_s

    def acked(self, seq_no: int, source: Address) -> None:
        """Note an ack that came from `source` over UDP: packets pass in both directions."""
        doubt = self._doubts.get(source)
        if doubt is not None and doubt.seq_no == seq_no:
            del self._doubts[source]

    def passes(self, to: Address) -> None:
        """Note that a probe of a member was acked directly."""
        self._doubts.pop(to, None)

    def on_probe_interval(self, living: Iterable[Address]) -> None:
        """Ping the members in doubt again; forget those that are gone."""
        for gone in self._doubts.keys() - set(living):
            del self._doubts[gone]
        for to, doubt in self._doubts.items():
            if doubt.seq_no:
                doubt.unanswered += 1
                if doubt.unanswered == LOST:
                    self.newly_lost.append(to)
            ping = self._prober.new_ping(doubt.name)
            doubt.seq_no = ping.seq_no
            self._outbox.send_bare(to, encode(ping))

    def take_newly_lost(self) -> list[Address]:
        """Return the members that are told news over TCP from now on; each once."""
        newly, self.newly_lost = self.newly_lost, []
        return newly
