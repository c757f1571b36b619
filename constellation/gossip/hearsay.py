"""Members that others tell of and that were never heard: greeted first, and admitted when heard.

SWIM admits every member that any member tells of, so a single one that lies could fill the table of
all others with members that do not exist.  Here a claim waits until something comes from the
address that it names: a packet, the answer to a greeting, or a table over TCP.  Until then the
member is not probed, gets no broadcasts, is told to nobody, and is not visible to readers.

A greeting is a ping and the claim of this node.  Each waiting member gets a few, some also over
TCP, and is then forgotten; the next one that tells of it begins again.  All of it is limited, in
number and in rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from constellation.gossip.incarnation import FOLLOWED_MAX
from constellation.gossip.member import Address, unpacked
from constellation.gossip.node_meta import public_key_in
from constellation.gossip.outbox import OpenTcpPing, Outbox
from constellation.gossip.packets import TCP_PING_VERSION, Alive, encode
from constellation.gossip.prober import Prober
from constellation.gossip.timers import Alarm, Timers

TOLD_MAX = 1024
GREETINGS_AFTER = (1, 1, 1, 5, 5, 5, 5, 5)  # probe intervals from each greeting to the next
OVER_TCP = (3, 6)  # these greetings
GREETED_AT_ONCE_MAX = 32
ROUND_S = 0.05  # between two rounds of greetings
SILENT_MAX = 256  # names that are remembered as never heard
SILENT_ROUNDS = 3  # after so many times a name that others tell of is worth a report
SILENT_FORGET_S = 600.0


@dataclass(slots=True)
class _Told:
    claim: Alive
    address: Address
    seq_no: int = 0  # of the last greeting
    greetings: int = 0
    due_s: float = 0.0


@dataclass(slots=True)
class _Silent:
    address: Address
    times: int
    last_at_s: float


class Hearsay:
    """The claims of members that were not heard yet, by name."""

    def __init__(
        self,
        prober: Prober,
        *,
        own: Callable[[], Alive],
        interval_s: float,
        timers: Timers,
        outbox: Outbox,
    ) -> None:
        self._prober = prober
        self._own = own
        self._interval_s = interval_s
        self._timers = timers
        self._outbox = outbox
        self._told: dict[str, _Told] = {}
        self._names: dict[Address, str] = {}
        self._greeted: dict[int, str] = {}  # by the number of the greeting
        self._tcp_until_s = float("-inf")
        self._silent: dict[str, _Silent] = {}
        self.forgotten = 0  # claims that nothing came for

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, claim: Alive, now_s: float) -> None:
        """Take the claim of a member that was never heard, and greet it soon.

        One above `FOLLOWED_MAX` is believed only from the member itself: it could not refute what
        others say about it then.
        """
        if claim.incarnation > FOLLOWED_MAX:
            return
        known = self._told.get(claim.node)
        if known is not None and _is_same(known.claim, claim):
            if claim.incarnation > known.claim.incarnation:
                known.claim = claim
            return
        self.drop(claim.node)
        if len(self._told) >= TOLD_MAX:
            self._forget(next(iter(self._told)), now_s)
        address = unpacked(claim.addr, claim.port)
        self._told[claim.node] = _Told(claim, address, due_s=now_s)
        self._names[address] = claim.node
        before_s = self._timers.due_s(Alarm.GREET)
        if before_s is None or before_s > now_s:
            self._timers.set(Alarm.GREET, now_s)

    def heard(self, address: Address) -> Alive | None:
        """Return the claim of the member at `address`, which was heard now; None if there is none.

        The claim waits no longer.
        """
        name = self._names.get(address)
        return self._take(name) if name is not None else None

    def answered(self, seq_no: int) -> Alive | None:
        """Return the claim of the member whose greeting was answered; None if it was none."""
        name = self._greeted.get(seq_no)
        return self._take(name) if name is not None else None

    def drop(self, name: str) -> None:
        """Forget the claim of `name`: it is outdated.  Idempotent."""
        told = self._told.pop(name, None)
        if told is not None:
            self._greeted.pop(told.seq_no, None)
            if self._names.get(told.address) == name:
                del self._names[told.address]

    def on_time(self, now_s: float) -> None:
        """Greet those whose turn it is; forget those that never answered."""
        due = [name for name, told in self._told.items() if told.due_s <= now_s]
        greeted = 0
        for name in due:
            if self._told[name].greetings >= len(GREETINGS_AFTER):
                self._forget(name, now_s)
            elif greeted < GREETED_AT_ONCE_MAX:
                self._greet(name, now_s)
                greeted += 1
        due_s = min((told.due_s for told in self._told.values()), default=None)
        if due_s is not None:
            self._timers.set(Alarm.GREET, max(due_s, now_s + ROUND_S))

    def silent(self, now_s: float) -> dict[str, Address]:
        """Return the names that others tell of again and again and that were never heard here."""
        for name, one in list(self._silent.items()):
            if now_s - one.last_at_s > SILENT_FORGET_S:
                del self._silent[name]
        often = self._silent.items()
        return {name: one.address for name, one in often if one.times >= SILENT_ROUNDS}

    def _greet(self, name: str, now_s: float) -> None:
        told = self._told[name]
        told.due_s = now_s + self._interval_s * GREETINGS_AFTER[told.greetings]
        told.greetings += 1
        self._greeted.pop(told.seq_no, None)
        ping = self._prober.new_ping(name)
        told.seq_no = ping.seq_no
        self._greeted[ping.seq_no] = name
        self._outbox.send_bare(told.address, encode(ping), encode(self._own()))
        # One over TCP at a time: addresses that nobody has must not use up the connections.
        takes_tcp = told.claim.versions[1] >= TCP_PING_VERSION
        if told.greetings in OVER_TCP and takes_tcp and self._tcp_until_s <= now_s:
            self._tcp_until_s = now_s + self._interval_s
            ask = OpenTcpPing(told.address, name, ping.seq_no, self._tcp_until_s)
            self._outbox.add_effect(ask)

    def _take(self, name: str) -> Alive | None:
        claim = self._told[name].claim
        self.drop(name)
        self._silent.pop(name, None)
        return claim

    def _forget(self, name: str, now_s: float) -> None:
        self.forgotten += 1
        address = self._told[name].address
        self.drop(name)
        before = self._silent.pop(name, None)
        if len(self._silent) >= SILENT_MAX:
            del self._silent[next(iter(self._silent))]
        self._silent[name] = _Silent(address, before.times + 1 if before else 1, now_s)


def _is_same(known: Alive, claim: Alive) -> bool:
    """Return whether both are claims of one node."""
    is_there = (known.addr, known.port) == (claim.addr, claim.port)
    return is_there and public_key_in(known.meta) == public_key_in(claim.meta)
