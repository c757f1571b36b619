"""A member of the cluster as this node knows it, and the table of all of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal, NamedTuple

from constellation.gossip.packets import Alive

MemberState = Literal["alive", "suspect", "dead", "left"]
LIVING = frozenset({"alive", "suspect"})
ADDRESSES_KEPT = 8192  # twice `members_max`; the same addresses are needed every second


class Address(NamedTuple):
    """Where a member listens for gossip, over UDP and TCP."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def packed(self) -> bytes:
        """The IP address in wire form."""
        return ipaddress.ip_address(self.ip).packed


@lru_cache(maxsize=ADDRESSES_KEPT)
def unpacked(addr: bytes, port: int) -> Address:
    """Return an address in wire form as a socket takes it; IPv4 in IPv6 becomes IPv4."""
    ip = ipaddress.ip_address(addr)
    mapped = getattr(ip, "ipv4_mapped", None)
    return Address(str(mapped or ip), port)


@dataclass(slots=True)
class Member:
    """What is known of one member.  `claim` is kept as received: peers compare it bytewise."""

    claim: Alive
    state: MemberState
    incarnation: int  # of the newest message about it, including accusations
    state_changed_at_s: float

    @property
    def name(self) -> str:
        """Unique in the cluster."""
        return self.claim.node

    @property
    def address(self) -> Address:
        """Where it listens."""
        return unpacked(self.claim.addr, self.claim.port)

    @property
    def is_living(self) -> bool:
        """It is alive, or suspect and not yet declared dead (SWIM §4.2)."""
        return self.state in LIVING


class MemberTable:
    """All members, including this node, and the order in which they are probed.

    The order is a shuffled round-robin, and new members enter it at random positions, so that each
    member is probed within two rounds (SWIM §4.3).
    """

    def __init__(self, *, random: Random, members_max: int) -> None:
        self._random = random
        self._members_max = members_max
        self._members: dict[str, Member] = {}
        self._order: list[str] = []
        self._next = 0
        self._soon: dict[str, None] = {}  # to be probed out of turn, in order
        self._was_out_of_turn = False  # the last probe
        self._living = 0

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def get(self, name: str) -> Member | None:
        """Return the member called `name`; None if there is none."""
        return self._members.get(name)

    def all(self) -> tuple[Member, ...]:
        """Return every member.  Safe to call while another thread changes the table."""
        return tuple(self._members.values())

    @property
    def is_full(self) -> bool:
        """No other member can be added."""
        return len(self._members) >= self._members_max

    @property
    def living_count(self) -> int:
        """How many members are alive or suspect, including this node."""
        return self._living

    def add_member(self, member: Member) -> None:
        """Add a member whose name is new."""
        self._members[member.name] = member
        self._living += member.is_living
        self._order.insert(self._random.randint(0, len(self._order)), member.name)

    def enter(self, member: Member, state: MemberState, now_s: float) -> None:
        """Change the state of a member."""
        self._living -= member.is_living
        member.state, member.state_changed_at_s = state, now_s
        self._living += member.is_living

    def forget(self, name: str) -> None:
        """Remove a member."""
        self._living -= self._members[name].is_living
        self._soon.pop(name, None)
        del self._members[name]
        index = self._order.index(name)
        del self._order[index]
        if index < self._next:
            self._next -= 1

    def verify_soon(self, name: str, *, verifiers: int) -> None:
        """Let about so many of all members probe a suspect out of turn, perhaps this one."""
        if self._random.random() * max(1, self._living - 2) < verifiers:
            self._soon[name] = None

    def next_to_probe(self, *, but: str) -> tuple[Member | None, bool]:
        """Return the living member whose turn it is, and whether a new round began.

        At most every second probe is out of turn: a member that lies, and has others suspected all
        the time, must not keep this node from probing the rest.
        """
        suspect = None if self._was_out_of_turn else self._take_soon()
        self._was_out_of_turn = suspect is not None
        if suspect is not None:
            return suspect, False
        wrapped = False
        for _ in range(2 * len(self._order) + 1):
            if self._next >= len(self._order):
                if wrapped:
                    break
                wrapped, self._next = True, 0
                self._random.shuffle(self._order)
                continue
            member = self._members[self._order[self._next]]
            self._next += 1
            if member.name != but and member.is_living:
                return member, wrapped
        return None, wrapped

    def _take_soon(self) -> Member | None:
        """Return the next suspect to be probed out of turn; who has refuted needs no probe."""
        while self._soon:
            name = next(iter(self._soon))
            del self._soon[name]
            if self._members[name].state == "suspect":
                return self._members[name]
        return None

    def choose(self, count: int, fits: Callable[[Member], bool]) -> list[Member]:
        """Return up to `count` random members that fit."""
        fitting = [member for member in self._members.values() if fits(member)]
        return self._random.sample(fitting, min(count, len(fitting)))
