"""Whether this node may have its name: not while another living node has it.

Names are a node's for as long as it lives.  A node that joins looks in the tables of those it
exchanges with; if they have another living node of its name, it keeps silent until that one is
dead, because whatever it says, even an ack, would keep the name's holder alive.
"""

from __future__ import annotations

from constellation.gossip.membership import Membership, is_other
from constellation.gossip.outbox import Outbox
from constellation.gossip.stream import PushPull
from constellation.gossip.timers import Alarm, Timers

FIX = (
    "if another node has this node_name, give this one another and restart it; if this one lost "
    "its data_dir, wait: it joins when its old self is declared dead"
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
        self.is_taken = False  # another node has our name: keep silent until it is gone
        self.is_accepted = False

    def check(self, remote: PushPull, now_s: float, *, initiated: bool) -> bool:
        """Return whether the cluster that `remote` tells of has no other living node of our name.

        `initiated`: we asked for it.
        """
        if self.is_accepted:
            return True
        own = self._membership.me.claim
        listed = next((entry for entry in remote.nodes if entry.alive.node == own.node), None)
        is_other_node = listed is not None and is_other(own, listed.alive)
        if is_other_node and listed is not None and listed.state in ("alive", "suspect"):
            # Whoever connects to us may be the twin itself, but not from our own address.
            if initiated or listed.alive.addr == own.addr:
                self._keep_silent()
                return False
            return True
        if self.is_taken and listed is None and not initiated:
            return True  # who asks may not know of the other node yet
        if self.is_taken:
            self.is_taken = False
            self._timers.set(Alarm.RECLAIM, now_s + self._reclaim_s)
            self._timers.set(Alarm.PUSH_PULL, now_s)  # the one that just ended carried no records
        # Whoever connects to us may know nothing yet of who had our name.
        self.is_accepted = initiated or (listed is not None and not is_other_node)
        return True

    def ask(self, member_count: int, now_s: float) -> None:
        """Whom others know before it has asked, e.g. the seed of all, asks now if it is known."""
        if not (self.is_accepted or self._asked) and member_count > 1:
            self._asked = True
            self._timers.set(Alarm.PUSH_PULL, now_s)

    def _keep_silent(self) -> None:
        if not self.is_taken:
            name = self._membership.me.name
            self._outbox.note("node_name_taken", "error", node=name, fix=FIX)
        self.is_taken = True
