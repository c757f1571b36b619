"""Whether this node may use its name: not while another living node has it.

A name belongs to a node as long as the node lives.  A joining node looks for its name in the member
tables that it receives.  If they list another living node of that name, this one stays silent until
that one is dead: any message, even an ack, would make peers believe that the other one is alive.
"""

from __future__ import annotations

from constellation.gossip.membership import Membership, is_other
from constellation.gossip.outbox import Outbox
from constellation.gossip.stream import PushPull
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

    def check(self, remote: PushPull, now_s: float, *, initiated: bool) -> bool:
        """Return whether `remote`, the table of a peer, may be merged: our name is not taken there.

        `initiated`: this node began the push/pull.
        """
        if self.is_accepted:
            return True
        own = self._membership.me.claim
        listed = next((entry for entry in remote.nodes if entry.alive.node == own.node), None)
        is_other_node = listed is not None and is_other(own, listed.alive)
        if is_other_node and listed is not None and listed.state in ("alive", "suspect"):
            # A peer that connects to us may be the twin itself, unless it has our own address.
            if initiated or listed.alive.addr == own.addr:
                self._keep_silent()
                return False
            return True
        if self.is_taken and listed is None and not initiated:
            return True  # the peer may not know the other node yet
        if self.is_taken:
            self.is_taken = False
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

    def _keep_silent(self) -> None:
        if not self.is_taken:
            name = self._membership.me.name
            self._outbox.note("node_name_taken", "error", node=name, fix=FIX)
        self.is_taken = True
