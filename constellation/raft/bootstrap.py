"""How nodes without a cluster begin exactly one, without an operator (`bootstrap_expect`).

The most preferred node offers.  Each node promises itself to at most one offer and keeps the
promise on disk.  When all expected nodes have promised, the initiator of the offer begins the
cluster.  A node that has state, or that sees a node of a cluster, neither offers nor promises: it
waits to be added.

A promise holds until another one replaces it.  That is allowed in two cases:

- The initiator has promised itself to another offer, so it will never begin this one.
- The initiator is gone, and the new offer takes so many of the old offer's voters that the old
  cluster, if it began after all, has no majority.

An offer that may have begun binds this node until it is over, also through later offers.  So no
node ever votes in two clusters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from random import Random

from constellation.effects import Note
from constellation.raft.effects import SaveIdentity, SendTo
from constellation.raft.quorum import majority
from constellation.raft.roster import RaftRoster
from constellation.value import Value
from messages.raft import NODE_CHARACTERS_MAX, RaftIdentity
from messages.raft_member import RaftOffer, RaftPromise

SETTLE_S = 1.0  # how long the same nodes must be visible before one offers
ALONE_SETTLE_S = 4.0  # the same for a node that begins alone: others may have a cluster
OFFER_INTERVAL_S = 1.0
FRESH_S = 4.0  # a promise that was not repeated for this time does not count
GONE_S = 15.0  # time after which an initiator that is not seen counts as gone
EARLIER_MAX = 15  # earlier offers that may have begun without this node
_ID_BITS = 96


class Begin(Value):
    """Effect: begin the cluster that this node belongs to now, with these voters."""

    voters: tuple[str, ...]


BootstrapEffect = SaveIdentity | Begin | SendTo | Note


class Bootstrap:
    """A node without a cluster.  `why` and `fix` tell the operator what it waits for."""

    def __init__(
        self,
        *,
        node_name: str,
        expect: int,
        settle_s: float,
        identity: RaftIdentity,
        random: Random,
        now_s: float,
    ) -> None:
        """Continue from the promise on the disk.  See `SETTLE_S` for `settle_s`."""
        self.node_name = node_name
        self.identity = identity
        self.why, self.fix = "it has just started", ""
        self.is_off = False  # no cluster is configured
        self._expect, self._settle_s = expect, settle_s
        self._random = random
        self._chosen: tuple[str, ...] = ()
        self._chosen_since_s = now_s
        self._promised_at_s: dict[str, float] = {}
        self._offer_due_s = now_s
        self._remind_due_s = now_s
        self._initiator_seen_at_s = now_s
        self._sees_initiator = False
        self.next_due_s = now_s  # when `tick` must be called next, if the roster stays the same

    def tick(self, roster: RaftRoster, now_s: float) -> list[BootstrapEffect]:
        """Do what is due, given the nodes that are visible."""
        self.next_due_s = math.inf
        effects = self._watch_initiator(roster, now_s)
        self.why, self.fix = self._waits_for(roster)
        if self.why:
            self._chosen = ()
            return effects
        chosen = self._choose(roster)
        if chosen != self._chosen:
            self._chosen, self._chosen_since_s = chosen, now_s
        self.why = f"{', '.join(chosen)} will begin a cluster: {chosen[0]} asks the others"
        if chosen[0] != self.node_name:
            return effects
        if now_s < self._chosen_since_s + self._settle_s:
            self.next_due_s = min(self.next_due_s, self._chosen_since_s + self._settle_s)
            return effects
        return effects + self._offer(now_s)

    def _waits_for(self, roster: RaftRoster) -> tuple[str, str]:
        self.is_off = False
        known = _clusters_in(roster)
        if known:
            return f"cluster {known[0]} exists: its leader has to add this node", ""
        if self._expect < 1:
            self.is_off = True
            return (
                "raft.bootstrap_expect is not set, so no leader is elected and no lease is held",
                "set it on every node to the number of nodes that begin the cluster: 1, 3 or 5",
            )
        count = sum(not one.cluster_id and one.is_living for one in roster.values())
        if count < self._expect:
            return (
                f"{count} of {self._expect} nodes that begin the cluster are up",
                "start those that do not run; `constellation status` says what keeps others away",
            )
        return "", ""

    def _choose(self, roster: RaftRoster) -> tuple[str, ...]:
        free = [name for name, one in roster.items() if one.is_living and not one.cluster_id]
        return tuple(sorted(free, key=lambda name: (roster[name].rank, name))[: self._expect])

    def _offer(self, now_s: float) -> list[BootstrapEffect]:
        effects: list[BootstrapEffect] = []
        mine = self.identity
        if mine.promised_by != self.node_name or mine.promised_with[0] != self._chosen:
            cluster_id = f"{self._random.getrandbits(_ID_BITS):024x}"
            offer = RaftOffer(cluster_id=cluster_id, initiator=self.node_name, voters=self._chosen)
            effects += self._promise_to(offer, now_s)
            if self.identity.promised_to != cluster_id:
                self.why, self.fix = self._bound_by(mine)
                gone_at_s = self._initiator_seen_at_s + GONE_S
                if now_s < gone_at_s:
                    self.next_due_s = min(self.next_due_s, gone_at_s)
                return []
            self._promised_at_s = {}
        others = set(self._chosen) - {self.node_name}
        lacking = sorted(others - self._promised(now_s))
        if not lacking:
            self.identity = RaftIdentity(cluster_id=self.identity.promised_to)
            note = Note("cluster_begun", {"voters": ", ".join(self._chosen)})
            return [*effects, SaveIdentity(self.identity), Begin(self._chosen), note]
        if now_s >= self._offer_due_s:
            self._offer_due_s = now_s + OFFER_INTERVAL_S
            if self._standing is not None:
                effects += [SendTo(name, self._standing) for name in lacking]
        self.next_due_s = min(self.next_due_s, self._offer_due_s)
        return effects

    @property
    def _standing(self) -> RaftOffer | None:
        """The offer that this node has promised itself to, its own included; None: none.

        Also None if its names are too long for an offer: the disk may hold one of an earlier
        version, and no other node would accept it.
        """
        mine = self.identity
        if not mine.promised_to or _is_too_long(mine.promised_with[0]):
            return None
        return RaftOffer(
            cluster_id=mine.promised_to,
            initiator=mine.promised_by,
            voters=mine.promised_with[0],
        )

    def _promised(self, now_s: float) -> set[str]:
        """Return the nodes that still repeat their promise: one that stopped may have broken it."""
        return {name for name, at_s in self._promised_at_s.items() if now_s - at_s < FRESH_S}

    def on_offer(self, offer: RaftOffer, roster: RaftRoster, now_s: float) -> list[BootstrapEffect]:
        """Promise, unless an offer that may have begun forbids it."""
        initiator, own = roster.get(offer.initiator), roster.get(self.node_name)
        if initiator is None or _clusters_in(roster):
            return []
        self._look_for_initiator(roster, now_s)
        if self.identity.promised_by == self.node_name:
            is_better = own is not None and (initiator.rank, offer.initiator) < (
                own.rank,
                self.node_name,
            )
            if not is_better:
                return []
        effects = self._promise_to(offer, now_s)
        if self.identity.promised_to != offer.cluster_id:
            return []
        self._initiator_seen_at_s = now_s
        return [*effects, self._promise()]

    def on_promise(self, promise: RaftPromise, now_s: float) -> list[BootstrapEffect]:
        """Count a promise to the standing offer; answer any other one with that offer."""
        standing = self._standing
        if standing is None:
            return []
        if promise.cluster_id == standing.cluster_id:
            self._promised_at_s[promise.node] = now_s
            return []
        instead = standing.model_copy(update={"instead_of": promise.cluster_id})
        return [SendTo(promise.node, instead)]

    def _promise_to(self, offer: RaftOffer, now_s: float) -> list[BootstrapEffect]:
        """Promise, unless an earlier promise forbids it or is this one."""
        still_bound = self._still_bound(offer, now_s)
        if self.identity.promised_to == offer.cluster_id or still_bound is None:
            return []
        self.identity = RaftIdentity(
            promised_to=offer.cluster_id,
            promised_by=offer.initiator,
            promised_with=(offer.voters, *still_bound),
        )
        return [SaveIdentity(self.identity)]

    def _still_bound(self, offer: RaftOffer, now_s: float) -> tuple[tuple[str, ...], ...] | None:
        """Return the voters of earlier offers that may have begun; None: they forbid this offer."""
        mine = self.identity
        if not mine.promised_to:
            return ()
        earlier = mine.promised_with
        is_over = mine.promised_by in (self.node_name, offer.initiator)
        if is_over or offer.instead_of == mine.promised_to:
            earlier = earlier[1:]  # no node will begin it any more
        elif now_s < self._initiator_seen_at_s + GONE_S:
            return None
        for voters in earlier:
            if len(set(voters) - set(offer.voters)) >= majority(len(voters)):
                return None
        return earlier if len(earlier) < EARLIER_MAX else None

    def _bound_by(self, mine: RaftIdentity) -> tuple[str, str]:
        others = " and ".join(one for one in mine.promised_with[0] if one != self.node_name)
        why = (
            f"it has promised {mine.promised_by} to begin a cluster with {others}, which may exist"
        )
        fix = (
            f"start {others}; if they are lost for good, stop this agent, delete `raft` in its "
            "data_dir, and start it again"
        )
        return why, fix

    def _promise(self) -> SendTo:
        promise = RaftPromise(cluster_id=self.identity.promised_to, node=self.node_name)
        return SendTo(self.identity.promised_by, promise)

    def _watch_initiator(self, roster: RaftRoster, now_s: float) -> list[BootstrapEffect]:
        """Repeat the promise while its initiator is up: that may have promised itself elsewhere."""
        if not self._look_for_initiator(roster, now_s):
            return []
        reminds = now_s >= self._remind_due_s
        if reminds:
            self._remind_due_s = now_s + OFFER_INTERVAL_S
        self.next_due_s = min(self.next_due_s, self._remind_due_s)
        return [self._promise()] if reminds else []

    def _look_for_initiator(self, roster: RaftRoster, now_s: float) -> bool:
        """Return whether the other node to which this one is promised is up; note when it was."""
        initiator = self.identity.promised_by
        seen = roster.get(initiator) if initiator != self.node_name else None
        is_seen = seen is not None and seen.is_living
        if is_seen or self._sees_initiator:
            self._initiator_seen_at_s = now_s
        self._sees_initiator = is_seen
        return is_seen


def _is_too_long(voters: Iterable[str]) -> bool:
    return any(len(name) > NODE_CHARACTERS_MAX for name in voters)


def _clusters_in(roster: RaftRoster) -> list[str]:
    return sorted({one.cluster_id for one in roster.values() if one.is_living} - {""})
