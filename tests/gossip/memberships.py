"""The membership of one node, with all that it needs, and without a node around it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from constellation.gossip.hearsay import Hearsay
from constellation.gossip.member import MemberTable, unpacked
from constellation.gossip.membership import Membership
from constellation.gossip.outbox import Outbox
from constellation.gossip.packets import Alive
from constellation.gossip.policy import SwimPolicy
from constellation.gossip.prober import Prober
from constellation.gossip.timers import Timers


@dataclass
class Parts:
    """A membership and its parts."""

    membership: Membership
    hearsay: Hearsay
    table: MemberTable
    timers: Timers
    outbox: Outbox

    def hear(self, claim: Alive, now_s: float) -> None:
        """Take a claim that came from the address that it names."""
        self.membership.on_alive(claim, now_s, unpacked(claim.addr, claim.port))


def parts_of(own: Alive, policy: SwimPolicy, *, members_max: int = 8) -> Parts:
    outbox, timers = Outbox(policy), Timers()
    table = MemberTable(random=Random(1), members_max=members_max)
    prober = Prober(
        node_name=own.node,
        address=unpacked(own.addr, own.port),
        policy=policy,
        members=table,
        timers=timers,
        outbox=outbox,
    )
    hearsay = Hearsay(
        prober,
        own=lambda: own,
        interval_s=policy.probe_interval_s,
        timers=timers,
        outbox=outbox,
    )
    membership = Membership(own, policy, table=table, hearsay=hearsay, timers=timers, outbox=outbox)
    return Parts(membership, hearsay, table, timers, outbox)
