"""Nodes that claim what another living node has: its name, or its identity."""

from __future__ import annotations

from collections.abc import Iterator

from constellation.gossip.member import Address, Member, unpacked
from constellation.gossip.node_meta import public_key_in
from constellation.gossip.outbox import Outbox
from constellation.gossip.packets import Alive
from constellation.value import Value

LOGGED_EVERY_S = 60.0  # about one member
SHOWN_S = 60.0  # after the last claim; a refused node tries again every few seconds
CONFLICTS_MAX = 64


class Conflict(Value):
    """A claim that was refused."""

    member: str  # that has the name, or the identity
    known: Address
    known_key: bytes
    claimant: str  # another name: it has the identity of `member`
    claimed: Address
    claimed_key: bytes

    @classmethod
    def between(cls, member: Member, claim: Alive) -> Conflict:
        """Return the conflict of a claim with a member."""
        return cls(
            member.name,
            member.address,
            public_key_in(member.claim.meta),
            claim.node,
            unpacked(claim.addr, claim.port),
            public_key_in(claim.meta),
        )

    @property
    def is_copy(self) -> bool:
        """Both have one key: one of them runs on a copy of the other's data directory."""
        return bool(self.known_key) and self.known_key == self.claimed_key

    @property
    def what(self) -> str:
        """The conflict in a few words."""
        if self.claimant != self.member:
            return f"{self.claimant} has the identity of {self.member}"
        return f"two nodes are called {self.member}"

    @property
    def why(self) -> str:
        """Where both are."""
        same = " with the same identity" if self.is_copy else ""
        return (
            f"{self.member} runs at {self.known}, and {self.claimed} claims to be "
            f"{self.claimant}{same}; it is refused"
        )

    @property
    def fix(self) -> str:
        """What to do about it."""
        if self.is_copy:
            return (
                "stop the node that runs on a copy of the other's data_dir, and give it an empty "
                "one and a node_name of its own"
            )
        return (
            "give each node a node_name of its own; a node that lost its data_dir returns once its "
            "old life has been declared dead"
        )


class Conflicts:
    """The latest conflict about each member."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._latest: dict[str, tuple[Conflict, float]] = {}
        self._logged_at_s: dict[str, float] = {}

    def note(self, conflict: Conflict, now_s: float) -> None:
        """Record a conflict, and log it now and then."""
        name = conflict.member
        if name not in self._latest and len(self._latest) >= CONFLICTS_MAX:
            self.forget(next(iter(self._latest)))
        self._latest[name] = conflict, now_s
        if now_s - self._logged_at_s.get(name, float("-inf")) < LOGGED_EVERY_S:
            return
        self._logged_at_s[name] = now_s
        self._outbox.note(
            "member_name_conflict",
            "error",
            member=name,
            claimant=conflict.claimant,
            known=str(conflict.known),
            claimed=str(conflict.claimed),
            known_key=conflict.known_key.hex()[:16],
            claimed_key=conflict.claimed_key.hex()[:16],
            fix=conflict.fix,
        )

    def forget(self, name: str) -> None:
        """Forget the conflicts about a member that is gone.  Idempotent."""
        self._latest.pop(name, None)
        self._logged_at_s.pop(name, None)

    def settle(self, name: str, address: Address) -> None:
        """Forget the conflict about a member that the claimant has become, at its address."""
        known = self._latest.get(name)
        if known is not None and (known[0].claimant, known[0].claimed) == (name, address):
            self.forget(name)

    def current(self, now_s: float) -> Iterator[Conflict]:
        """Yield the conflicts that go on."""
        for conflict, at_s in self._latest.values():
            if now_s - at_s <= SHOWN_S:
                yield conflict
