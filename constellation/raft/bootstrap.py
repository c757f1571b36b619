"""How nodes of no cluster begin one, without a person, and never two (`bootstrap_expect`).

The most preferred of them offers; each promises to one offer at most, and keeps that on disk; the
cluster begins when all that are expected have promised, by a word of the one that offered.  Who
has state, or sees somebody who has, offers and promises nothing: it waits to be added.

A promise is kept until another one takes its place.  That may be when its initiator is gone: a
cluster that was begun all the same would lack that vote.  And it may be when its initiator has
promised to another itself: then nobody will ever begin it.  No node comes to vote in two clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from constellation.effects import Note
from constellation.raft.effects import SaveIdentity, SendTo
from constellation.raft.roster import Roster
from messages.raft import RaftIdentity
from messages.raft_member import RaftOffer, RaftPromise

SETTLE_S = 1.0  # so long the same nodes must be seen
OFFER_INTERVAL_S = 1.0
GONE_S = 15.0  # an initiator that was not seen for so long is taken to be gone
_ID_BITS = 96


@dataclass(frozen=True, slots=True)
class Begin:
    """Effect: begin the cluster, of which this node is now, with these voters."""

    voters: tuple[str, ...]


BootstrapEffect = SaveIdentity | Begin | SendTo | Note


class Bootstrap:
    """A node of no cluster yet.  `why` and `fix` say, for people, what it waits for."""

    def __init__(
        self, *, node_name: str, expect: int, identity: RaftIdentity, random: Random, now_s: float
    ) -> None:
        self.node_name = node_name
        self.identity = identity
        self.why, self.fix = "it has just started", ""
        self._expect = expect
        self._random = random
        self._chosen: tuple[str, ...] = ()
        self._chosen_since_s = now_s
        self._promised: set[str] = set()
        self._offer_due_s = now_s
        self._remind_due_s = now_s
        self._initiator_seen_at_s = now_s

    def tick(self, roster: Roster, now_s: float) -> list[BootstrapEffect]:
        """Do what is due, given who is there."""
        effects = self._watch_initiator(roster, now_s)
        self.why, self.fix = self._waits_for(roster)
        if self.why:
            self._chosen = ()
            return effects
        chosen = self._choose(roster)
        if chosen != self._chosen:
            self._chosen, self._chosen_since_s = chosen, now_s
        settles_s = SETTLE_S if self._expect > 1 else 0.0
        self.why = f"{', '.join(chosen)} are to begin a cluster: {chosen[0]} asks the others"
        if chosen[0] != self.node_name or now_s - self._chosen_since_s < settles_s:
            return effects
        return effects + self._offer(now_s)

    def _waits_for(self, roster: Roster) -> tuple[str, str]:
        known = _clusters_in(roster)
        if known:
            return f"cluster {known[0]} is there: its leader has to add this node", ""
        if self._expect < 1:
            return (
                "raft.bootstrap_expect is not set, and no other node is of a cluster",
                "set it on every node to how many begin the cluster together: 1, 3 or 5",
            )
        count = sum(not one.cluster_id and one.is_living for one in roster.values())
        if count < self._expect:
            return (
                f"{count} of {self._expect} nodes that begin the cluster are there",
                "start the others, or see why they do not find one another (constellation nodes)",
            )
        return "", ""

    def _choose(self, roster: Roster) -> tuple[str, ...]:
        free = [name for name, one in roster.items() if one.is_living and not one.cluster_id]
        return tuple(sorted(free, key=lambda name: (roster[name].rank, name))[: self._expect])

    def _offer(self, now_s: float) -> list[BootstrapEffect]:
        effects: list[BootstrapEffect] = []
        if not self._is_free_of("", now_s):
            return []  # it has promised to another, who may yet begin
        if self.identity.promised_by != self.node_name:
            cluster_id = f"{self._random.getrandbits(_ID_BITS):024x}"
            effects.append(self._promise_to(cluster_id, self.node_name))
            self._promised = set()
        others = set(self._chosen) - {self.node_name}
        if others <= self._promised:
            self.identity = RaftIdentity(cluster_id=self.identity.promised_to)
            note = Note("cluster_begun", {"voters": ", ".join(self._chosen)})
            return [*effects, SaveIdentity(self.identity), Begin(self._chosen), note]
        if now_s >= self._offer_due_s:
            self._offer_due_s = now_s + OFFER_INTERVAL_S
            offer = RaftOffer(cluster_id=self.identity.promised_to, initiator=self.node_name)
            effects += [SendTo(name, offer) for name in sorted(others - self._promised)]
        return effects

    def on_offer(self, offer: RaftOffer, roster: Roster, now_s: float) -> list[BootstrapEffect]:
        """Promise, if nothing else was that may yet begin."""
        initiator = roster.get(offer.initiator)
        if initiator is None or _clusters_in(roster):
            return []
        is_free = self._is_free_of(offer.initiator, now_s)
        if self.identity.promised_by == self.node_name:
            own = roster.get(self.node_name)
            is_free = own is not None and (initiator.rank, offer.initiator) < (
                own.rank,
                self.node_name,
            )
        if not is_free and offer.instead_of != self.identity.promised_to:
            return []
        effects: list[BootstrapEffect] = []
        if self.identity.promised_to != offer.cluster_id:
            effects.append(self._promise_to(offer.cluster_id, offer.initiator))
        self._initiator_seen_at_s = now_s
        return [*effects, self._promise()]

    def on_promise(self, promise: RaftPromise) -> list[BootstrapEffect]:
        """Count it, if it is to the offer that stands; say so if that was given up for another."""
        mine = self.identity
        if promise.cluster_id == mine.promised_to:
            self._promised.add(promise.node)
            return []
        if mine.promised_by in ("", self.node_name):
            return []  # an offer of ours will follow, or another's
        instead = RaftOffer(
            cluster_id=mine.promised_to,
            initiator=mine.promised_by,
            instead_of=promise.cluster_id,
        )
        return [SendTo(promise.node, instead)]

    def _promise_to(self, cluster_id: str, initiator: str) -> SaveIdentity:
        self.identity = RaftIdentity(promised_to=cluster_id, promised_by=initiator)
        return SaveIdentity(self.identity)

    def _promise(self) -> SendTo:
        promise = RaftPromise(cluster_id=self.identity.promised_to, node=self.node_name)
        return SendTo(self.identity.promised_by, promise)

    def _is_free_of(self, initiator: str, now_s: float) -> bool:
        """Return whether no offer but those of `initiator` stands in the way of a promise."""
        is_own = self.identity.promised_by in ("", self.node_name, initiator)
        return is_own or now_s - self._initiator_seen_at_s >= GONE_S

    def _watch_initiator(self, roster: Roster, now_s: float) -> list[BootstrapEffect]:
        """Remind who has our promise, as long as it is there: it may have promised to another."""
        initiator = self.identity.promised_by
        if initiator in ("", self.node_name):
            return []
        seen = roster.get(initiator)
        if seen is None or not seen.is_living:
            return []
        self._initiator_seen_at_s = now_s
        if now_s < self._remind_due_s:
            return []
        self._remind_due_s = now_s + OFFER_INTERVAL_S
        return [self._promise()]


def _clusters_in(roster: Roster) -> list[str]:
    return sorted({one.cluster_id for one in roster.values() if one.is_living} - {""})
