"""Whether a node may use its name, by the member tables that it receives."""

from __future__ import annotations

from itertools import product

from msgspec.structs import replace

from constellation.effects import Note
from constellation.gossip.member import Address
from constellation.gossip.name_claim import NameClaim
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.packets import Alive
from constellation.gossip.policy import PLAIN_VERSIONS, SwimPolicy
from constellation.gossip.stream import NodeEntry, PushPull
from constellation.gossip.timers import Alarm
from tests.gossip.memberships import parts_of
from tests.identities import identity_of

OWN = Alive(
    1,
    "alpha",
    Address("10.0.0.1", 7946).packed,
    7946,
    pack_meta(identity_of("alpha").public_key),
    PLAIN_VERSIONS,
)
# The old life of a node that lost its data directory: another key at the same address.
OLD_SELF = replace(OWN, meta=pack_meta(identity_of("alpha", key="lost").public_key))
TWIN = replace(OLD_SELF, addr=Address("10.0.0.9", 7946).packed)
STRANGER = replace(TWIN, node="beta")
NOW_S, RECLAIM_S = 100.0, 5.0


class Claimant:
    """Alpha, and the condition of its claim."""

    def __init__(self, condition: str) -> None:
        policy = SwimPolicy()
        parts = parts_of(OWN, policy)
        self.outbox, self.timers = parts.outbox, parts.timers
        self.claim = NameClaim(
            parts.membership, reclaim_s=RECLAIM_S, timers=self.timers, outbox=self.outbox
        )
        if condition == "accepted":
            assert self.sees(OWN, "alive", initiated=True)
        elif condition == "taken":
            assert not self.sees(TWIN, "alive", initiated=True)
        assert self.condition == condition
        self.outbox.take_effects()

    def sees(self, listed: Alive, state: str, *, initiated: bool) -> bool:
        entries = (NodeEntry(STRANGER, "alive"), NodeEntry(listed, state))
        return self.claim.check(PushPull(entries, join=True), NOW_S, initiated=initiated)

    @property
    def condition(self) -> str:
        if self.claim.is_taken:
            return "taken"
        return "accepted" if self.claim.is_accepted else "new"

    @property
    def complaints(self) -> list[str]:
        return [one.event for one in self.outbox.take_effects() if isinstance(one, Note)]


CONDITIONS = ("new", "taken", "accepted")
LISTED = ("nobody", "ourselves", "old self", "gone old self", "twin", "gone twin")

# (condition, which node has our name in the table): the condition after a push/pull that this node
# began, and after one that a peer began
RULES = {
    ("new", "nobody"): ("accepted", "new"),
    ("new", "ourselves"): ("accepted", "accepted"),
    ("new", "old self"): ("taken", "taken"),
    ("new", "gone old self"): ("accepted", "new"),
    # The peer may be the twin itself, which must not silence this node.
    ("new", "twin"): ("taken", "new"),
    ("new", "gone twin"): ("accepted", "new"),
    # The peer may not know the other node yet.
    ("taken", "nobody"): ("accepted", "taken"),
    ("taken", "ourselves"): ("accepted", "accepted"),
    ("taken", "old self"): ("taken", "taken"),
    ("taken", "gone old self"): ("accepted", "new"),
    ("taken", "twin"): ("taken", "taken"),
    ("taken", "gone twin"): ("accepted", "new"),
    ("accepted", "nobody"): ("accepted", "accepted"),
    ("accepted", "ourselves"): ("accepted", "accepted"),
    ("accepted", "old self"): ("accepted", "accepted"),
    ("accepted", "gone old self"): ("accepted", "accepted"),
    ("accepted", "twin"): ("accepted", "accepted"),
    ("accepted", "gone twin"): ("accepted", "accepted"),
}


def listed_as(who: str, gone: str) -> tuple[Alive, str]:
    claim = {"nobody": replace(STRANGER, node="gamma"), "ourselves": OWN}.get(who)
    if claim is None:
        claim = OLD_SELF if "self" in who else TWIN
    return claim, gone if who.startswith("gone") else "alive"


def test_table_of_name_claims_holds_for_every_condition_and_received_table() -> None:
    assert set(RULES) == set(product(CONDITIONS, LISTED))
    wrong: list[object] = []
    gone = ("dead", "left")
    for ((before, who), row), gone_state in product(RULES.items(), gone):
        for initiated, expected in zip((True, False), row, strict=True):
            alpha = Claimant(before)
            is_for_us = alpha.sees(*listed_as(who, gone_state), initiated=initiated)
            complaints = ["node_name_taken"] if expected == "taken" != before else []
            # A table is not merged while it shows that the name is taken.
            knows_no_better = before == "taken" and who in ("nobody", "twin") and not initiated
            must_merge = expected != "taken" or knows_no_better
            after = (alpha.condition, alpha.complaints, is_for_us)
            if after != (expected, complaints, must_merge):
                wrong.append((before, who, gone_state, initiated, after))

    assert wrong == []


def test_node_whose_name_is_free_exchanges_at_once_and_broadcasts_later() -> None:
    alpha = Claimant("taken")

    alpha.sees(OWN, "alive", initiated=True)

    assert alpha.timers.due_s(Alarm.RECLAIM) == NOW_S + RECLAIM_S
    assert alpha.timers.due_s(Alarm.PUSH_PULL) == NOW_S


def test_node_that_peers_know_before_it_joined_begins_one_push_pull() -> None:
    alpha = Claimant("new")
    alpha.claim.ask(1, NOW_S)
    assert alpha.timers.due_s(Alarm.PUSH_PULL) is None

    alpha.claim.ask(2, NOW_S + 1)
    alpha.claim.ask(3, NOW_S + 2)

    assert alpha.timers.due_s(Alarm.PUSH_PULL) == NOW_S + 1
