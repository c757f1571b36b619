"""Whether this node may use its name: not while another living node has it, or its identity.

A name belongs to a node as long as the node lives.  A joining node looks for its name in the member
tables that it receives, and for its key, which only a copy of its data directory can have.  If they
list another living node with one of them, this one stays silent until that one is dead: any
message, even an ack, would make peers believe that the other one is alive.
"""

from __future__ import annotations

from constellation.gossip.member import Address, unpacked
from constellation.gossip.membership import Membership, is_other
from constellation.gossip.node_meta import public_key_in
from constellation.gossip.outbox import Outbox
from constellation.gossip.packets import Alive
from constellation.gossip.stream import NodeEntry, PushPull
from constellation.gossip.timers import Alarm, Timers

FIX = (
    "if another node has this node_name, set a different one here and restart; if this node lost "
    "its data_dir, wait: it joins once its old life is declared dead"
)


class NameClaim:
    """One node's claim to its name."""

    def __init__(
        self, membership: Membership, *, reclaim_s: float, timers: Timers, outbox: Outbox
    ) -> None:
        self._membership = membership
        self._reclaim_s = reclaim_s
        self._timers = timers
        self._outbox = outbox
        self._asked = False
        self.is_taken = False  # another living node has our name: stay silent
        self.is_accepted = False
        self.taken_by: tuple[str, Address] | None = None  # who has our name or key, and where

    def check(self, remote: PushPull, now_s: float, *, initiated: bool) -> bool:
        """Return whether `remote`, the table of a peer, may be merged: our name is not taken there.

        `initiated`: this node began the push/pull.
        """
        if self.is_accepted:
            return True
        own = self._membership.me.claim
        twin = next((entry for entry in remote.nodes if _is_twin(entry, own)), None)
        listed = next((entry for entry in remote.nodes if entry.alive.node == own.node), twin)
        is_other_node = listed is not None and is_other(own, listed.alive)
        if is_other_node and listed is not None and listed.state in ("alive", "suspect"):
            # A peer that connects to us may be the twin itself, unless it has our own address.
            if initiated or listed.alive.addr == own.addr:
                self._keep_silent(listed.alive)
                return False
            return True
        if self.is_taken and listed is None and not initiated:
            return True  # the peer may not know the other node yet
        if self.is_taken:
            self.is_taken, self.taken_by = False, None
            self._timers.set(Alarm.RECLAIM, now_s + self._reclaim_s)
            self._timers.set(Alarm.PUSH_PULL, now_s)  # the one that just ended carried no records
        # A peer that connects to us may not know yet which node has our name.
        self.is_accepted = initiated or (listed is not None and not is_other_node)
        return True

    def ask(self, member_count: int, now_s: float) -> None:
        """Begin a push/pull if peers know this node before it began one, as with the first seed."""
        if not (self.is_accepted or self._asked) and member_count > 1:
            self._asked = True
            self._timers.set(Alarm.PUSH_PULL, now_s)

    def _keep_silent(self, holder: Alive) -> None:
        self.taken_by = (holder.node, unpacked(holder.addr, holder.port))
        if not self.is_taken:
            name = self._membership.me.name
            by = f"{holder.node} at {self.taken_by[1]}"
            self._outbox.note("node_name_taken", "error", node=name, by=by, fix=FIX)
        self.is_taken = True


def _is_twin(entry: NodeEntry, own: Alive) -> bool:
    """Return whether a living member of another name has our key."""
    key = public_key_in(own.meta)
    is_living = entry.state in ("alive", "suspect")
    is_ours = bool(key) and public_key_in(entry.alive.meta) == key
    return is_living and is_ours and entry.alive.node != own.node
