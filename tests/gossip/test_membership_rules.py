"""SWIM §4.2 as tables: how each message changes the state of a member.

Every table covers all combinations of its axes, and the tests check that it does.  A row gives the
new state, and what is logged and broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import pytest
from msgspec.structs import replace

from constellation.effects import Note
from constellation.gossip import packets
from constellation.gossip.incarnation import FOLLOWED_MAX, LIFE_STEP
from constellation.gossip.member import Address, Member, MemberState, MemberTable, unpacked
from constellation.gossip.membership import HIGHEST_MAX, Membership
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.outbox import MemberChanged, Outbox, SendDatagram
from constellation.gossip.packets import Alive, Dead, Suspect
from constellation.gossip.policy import PLAIN_VERSIONS, SwimPolicy
from constellation.gossip.timers import RemindSuspect, SuspicionEnds, Timers
from tests.gossip.memberships import parts_of
from tests.identities import identity_of

KEY, OTHER_KEY = (identity_of("beta", key=key).public_key for key in ("", "other"))
HOME, ELSEWHERE = Address("10.0.0.2", 7946), Address("10.0.0.9", 7946)
KNOWN = 5  # the known incarnation of beta
POLICY = SwimPolicy(dead_reclaim_s=30.0)
NOW_S = 1000.0

Known = Literal["unknown", "alive", "suspect", "dead", "left"]
KNOWN_STATES: tuple[Known, ...] = ("unknown", "alive", "suspect", "dead", "left")
RELATIONS = {"older": KNOWN - 1, "equal": KNOWN, "newer": KNOWN + 1}


def claim(
    incarnation: int, *, node: str = "beta", key: bytes = KEY, address: Address = HOME
) -> Alive:
    meta = pack_meta(key)
    return Alive(incarnation, node, address.packed, address.port, meta, PLAIN_VERSIONS)


@dataclass
class Observer:
    """Alpha, which knows beta in some state and receives messages."""

    membership: Membership
    table: MemberTable
    timers: Timers
    outbox: Outbox

    def hear(self, said: Alive, now_s: float) -> None:
        """Take a claim that came from the address that it names."""
        self.membership.on_alive(said, now_s, unpacked(said.addr, said.port))

    @property
    def known(self) -> str:
        """The state of beta as alpha knows it, e.g. 'alive 6'."""
        member = self.table.get("beta")
        return f"{member.state} {member.incarnation}" if member else "unknown"

    def effects(self) -> str:
        """What it logged and queued since the last call, e.g. 'member_joined, spreads alive'."""
        news = self.outbox.membership.take_parts(1 << 16, limit=1)
        kinds = [type(packet).__name__.lower() for part in news for packet in packets.decode(part)]
        notes = [one.event for one in self.outbox.take_effects() if isinstance(one, Note)]
        return ", ".join([*notes, *(f"spreads {kind}" for kind in kinds)])


def observer(state: Known = "unknown", *, changed_s_ago: float = 0.0) -> Observer:
    own = claim(KNOWN, node="alpha", key=identity_of("alpha").public_key)
    own = replace(own, addr=Address("10.0.0.1", 7946).packed)
    parts = parts_of(own, POLICY)
    # Enough other members that a suspicion waits for confirmations.
    for number in range(3, 7):
        address = Address(f"10.0.0.{number}", 7946)
        key = identity_of(f"n{number}").public_key
        known = claim(1, node=f"n{number}", key=key, address=address)
        parts.table.add_member(Member(known, "alive", 1, 0.0))
    made = Observer(parts.membership, parts.table, parts.timers, parts.outbox)
    membership = parts.membership
    if state != "unknown":
        before_s = NOW_S - changed_s_ago
        made.hear(claim(KNOWN), before_s)
        if state == "suspect":
            membership.on_suspect(Suspect(KNOWN, "beta", "n3"), before_s)
        elif state != "alive":
            accuser = "beta" if state == "left" else "n3"
            membership.on_dead(Dead(KNOWN, "beta", accuser), before_s)
        assert made.known == f"{state} {KNOWN}"
    made.effects()
    return made


# Messages about a member, by its known state.

NEWS = ("alive", "suspect", "suspect again", "dead", "leave")
NOTHING = "nothing"
JOINS = "member_joined, spreads alive"
REFUTES = "member_refuted, spreads alive"
SUSPECTED = "member_suspected, spreads suspect"
FAILS = "member_failed, spreads dead"
LEAVES = "member_left, spreads dead"

# (known state, message): the result if its incarnation is older, equal, newer
Row = tuple[str | tuple[str, str], ...]
OF_A_MEMBER: dict[tuple[Known, str], Row] = {
    ("unknown", "alive"): (("alive 4", JOINS), ("alive 5", JOINS), ("alive 6", JOINS)),
    ("unknown", "suspect"): (NOTHING, NOTHING, NOTHING),
    ("unknown", "suspect again"): (NOTHING, NOTHING, NOTHING),
    ("unknown", "dead"): (NOTHING, NOTHING, NOTHING),
    ("unknown", "leave"): (NOTHING, NOTHING, NOTHING),
    ("alive", "alive"): (NOTHING, NOTHING, ("alive 6", "spreads alive")),
    ("alive", "suspect"): (NOTHING, ("suspect 5", SUSPECTED), ("suspect 6", SUSPECTED)),
    ("alive", "suspect again"): (NOTHING, ("suspect 5", SUSPECTED), ("suspect 6", SUSPECTED)),
    ("alive", "dead"): (NOTHING, ("dead 5", FAILS), ("dead 6", FAILS)),
    ("alive", "leave"): (NOTHING, ("left 5", LEAVES), ("left 6", LEAVES)),
    ("suspect", "alive"): (NOTHING, NOTHING, ("alive 6", REFUTES)),
    # Another accuser confirms; the same one changes nothing.
    ("suspect", "suspect"): (
        NOTHING,
        ("suspect 5", "spreads suspect"),
        ("suspect 5", "spreads suspect"),
    ),
    ("suspect", "suspect again"): (NOTHING, NOTHING, NOTHING),
    ("suspect", "dead"): (NOTHING, ("dead 5", FAILS), ("dead 6", FAILS)),
    ("suspect", "leave"): (NOTHING, ("left 5", LEAVES), ("left 6", LEAVES)),
    ("dead", "alive"): (NOTHING, NOTHING, ("alive 6", JOINS)),
    ("dead", "suspect"): (NOTHING, NOTHING, NOTHING),
    ("dead", "suspect again"): (NOTHING, NOTHING, NOTHING),
    ("dead", "dead"): (NOTHING, NOTHING, NOTHING),
    ("dead", "leave"): (NOTHING, NOTHING, NOTHING),
    ("left", "alive"): (NOTHING, NOTHING, ("alive 6", JOINS)),
    ("left", "suspect"): (NOTHING, NOTHING, NOTHING),
    ("left", "suspect again"): (NOTHING, NOTHING, NOTHING),
    ("left", "dead"): (NOTHING, NOTHING, NOTHING),
    ("left", "leave"): (NOTHING, NOTHING, NOTHING),
}


def receive(alpha: Observer, news: str, incarnation: int, now_s: float = NOW_S) -> None:
    match news:
        case "alive":
            alpha.hear(claim(incarnation), now_s)
        case "suspect":
            alpha.membership.on_suspect(Suspect(incarnation, "beta", "n4"), now_s)
        case "suspect again":
            alpha.membership.on_suspect(Suspect(incarnation, "beta", "n3"), now_s)
        case "dead":
            alpha.membership.on_dead(Dead(incarnation, "beta", "n4"), now_s)
        case _:
            alpha.membership.on_dead(Dead(incarnation, "beta", "beta"), now_s)


def test_table_of_news_of_a_member_holds_for_every_state_and_incarnation() -> None:
    assert set(OF_A_MEMBER) == set(product(KNOWN_STATES, NEWS))
    wrong: list[object] = []
    for (known, news), row in OF_A_MEMBER.items():
        for (relation, incarnation), expected in zip(RELATIONS.items(), row, strict=True):
            alpha = observer(known)
            before = alpha.known
            receive(alpha, news, incarnation)
            after = (alpha.known, alpha.effects())
            if after != ((before, "") if expected == NOTHING else expected):
                wrong.append((known, news, relation, after))

    assert wrong == []


def test_timers_of_a_suspicion_last_exactly_as_long_as_it_does() -> None:
    wrong: list[object] = []
    for (known, news), _ in OF_A_MEMBER.items():
        for incarnation in RELATIONS.values():
            alpha = observer(known)
            receive(alpha, news, incarnation)
            timers = [alpha.timers.due_s(kind("beta")) for kind in (SuspicionEnds, RemindSuspect)]
            is_suspect = alpha.known.startswith("suspect")
            if [due_s is not None for due_s in timers] != [is_suspect, is_suspect]:
                wrong.append((known, news, incarnation, timers))

    assert wrong == []


def test_suspect_is_reminded_at_every_probe_timeout_until_it_refutes() -> None:
    alpha = observer("suspect")
    accusation = packets.encode(Suspect(KNOWN, "beta", "alpha"))
    reminder = RemindSuspect("beta")
    for count in range(1, 4):
        now_s = NOW_S + count * POLICY.probe_timeout_s
        assert alpha.timers.due_s(reminder) == pytest.approx(now_s)
        assert list(alpha.timers.take_due(now_s)) == [reminder]
        alpha.membership.on_reminder("beta", now_s)
        assert alpha.outbox.take_effects() == [SendDatagram(HOME, (accusation,))]

    receive(alpha, "alive", KNOWN + 1)
    alpha.outbox.take_effects()
    alpha.membership.on_reminder("beta", NOW_S + 9)

    assert alpha.timers.due_s(reminder) is None
    assert alpha.outbox.take_effects() == []


def test_messages_of_a_dead_incarnation_revive_nobody_however_often() -> None:
    """In any order: late messages about a life must not bring it back; its next life must."""
    wrong: list[object] = []
    for end, first in product(("dead", "leave"), (KNOWN, KNOWN + 3)):
        alpha = observer("alive")
        for died in (first, first + 2):  # a second death is as final as the first
            receive(alpha, end, died)
            dead = alpha.known
            for news, incarnation in product(NEWS, range(died + 1)):
                receive(alpha, news, incarnation)
                if alpha.known != dead:
                    wrong.append((end, died, news, incarnation, alpha.known))
            receive(alpha, "alive", died + 1)
            if alpha.known != f"alive {died + 1}":
                wrong.append((end, died, "the next life", alpha.known))

    assert wrong == []


# Claims of another node to a name that is known.

OTHERS = {
    "address": {"address": ELSEWHERE},
    "key": {"key": OTHER_KEY},
    "address and key": {"address": ELSEWHERE, "key": OTHER_KEY},
}
RECENTLY_S, LONG_S = POLICY.dead_reclaim_s - 1, POLICY.dead_reclaim_s
CONFLICT = "member_name_conflict"

# (known state, for how long): the result of a claim of another node, of any incarnation
OF_ANOTHER_NODE: dict[tuple[Known, float], str] = {
    ("alive", RECENTLY_S): CONFLICT,
    ("alive", LONG_S): CONFLICT,
    ("suspect", RECENTLY_S): CONFLICT,
    ("suspect", LONG_S): CONFLICT,
    ("dead", RECENTLY_S): CONFLICT,
    ("dead", LONG_S): JOINS,
    ("left", RECENTLY_S): JOINS,
    ("left", LONG_S): JOINS,
}


def test_table_of_claims_of_another_node_to_a_name_that_is_known() -> None:
    assert set(OF_ANOTHER_NODE) == set(product(KNOWN_STATES[1:], (RECENTLY_S, LONG_S)))
    wrong: list[object] = []
    for ((known, ago_s), expected), (other, fields), incarnation in product(
        OF_ANOTHER_NODE.items(), OTHERS.items(), RELATIONS.values()
    ):
        alpha = observer(known, changed_s_ago=ago_s)
        before = alpha.known
        claimed = claim(incarnation, **fields)  # type: ignore[arg-type]
        alpha.hear(claimed, NOW_S)
        member = alpha.table.get("beta")
        assert member is not None
        if expected == CONFLICT:
            is_right = alpha.known == before and member.claim == claim(KNOWN)
        else:
            is_right = member.claim == claimed and alpha.known == f"alive {incarnation}"
        if not is_right or alpha.effects() != expected:
            wrong.append((known, ago_s, other, incarnation, alpha.known))

    assert wrong == []


def test_conflict_about_a_name_is_logged_again_only_after_a_minute() -> None:
    alpha = observer("alive")
    logged = []
    for second in range(130):
        alpha.hear(claim(9, address=ELSEWHERE), NOW_S + second)
        if alpha.effects() == CONFLICT:
            logged.append(second)

    assert logged == [0, 60, 120]


def test_log_of_a_name_conflict_shows_the_addresses_and_keys_of_both_nodes() -> None:
    alpha = observer("alive")

    alpha.hear(claim(9, address=ELSEWHERE, key=OTHER_KEY), NOW_S)

    (note,) = [one for one in alpha.outbox.take_effects() if isinstance(one, Note)]
    assert (note.event, note.level) == (CONFLICT, "error")
    assert {name: note.fields[name] for name in note.fields if name != "fix"} == {
        "member": "beta",
        "claimant": "beta",
        "known": str(HOME),
        "claimed": str(ELSEWHERE),
        "known_key": KEY.hex()[:16],
        "claimed_key": OTHER_KEY.hex()[:16],
    }


def test_first_owner_of_a_name_cannot_take_it_back_from_a_living_one() -> None:
    alpha = observer("left", changed_s_ago=LONG_S)
    alpha.hear(claim(2, address=ELSEWHERE), NOW_S)
    assert alpha.effects() == JOINS

    alpha.hear(claim(99), NOW_S + 1)  # the first owner returns

    assert alpha.effects() == CONFLICT
    assert alpha.known == "alive 2"


# Messages about this node.

OWN_NEWS = ("alive", "alive of other words", "alive elsewhere", "suspect", "dead")
STEP = f"alive {KNOWN + 1 + LIFE_STEP}"
TAKES = "accusation_refuted, spreads alive"

# (leaving, message): the result if its incarnation is older, equal, newer
OF_OURSELVES = {
    (False, "alive"): (NOTHING, NOTHING, (STEP, TAKES)),
    (False, "alive of other words"): (
        NOTHING,
        (f"alive {KNOWN + LIFE_STEP}", TAKES),
        (STEP, TAKES),
    ),
    (False, "alive elsewhere"): (NOTHING, ("alive 5", CONFLICT), ("alive 5", CONFLICT)),
    (False, "suspect"): (NOTHING, ("alive 6", TAKES), ("alive 7", TAKES)),
    (False, "dead"): (NOTHING, ("alive 6", TAKES), ("alive 7", TAKES)),
    # A leaving node does not refute its end; it only raises its incarnation.
    (True, "alive"): (NOTHING, NOTHING, NOTHING),
    (True, "alive of other words"): (NOTHING, NOTHING, NOTHING),
    (True, "alive elsewhere"): (NOTHING, NOTHING, NOTHING),
    (True, "suspect"): (
        NOTHING,
        ("alive 6", "accusation_refuted"),
        ("alive 7", "accusation_refuted"),
    ),
    (True, "dead"): (NOTHING, NOTHING, NOTHING),
}


def test_table_of_news_of_ourselves_holds_for_every_incarnation() -> None:
    assert set(OF_OURSELVES) == set(product((False, True), OWN_NEWS))
    wrong: list[object] = []
    for (leaving, news), row in OF_OURSELVES.items():
        for incarnation, expected in zip(RELATIONS.values(), row, strict=True):
            alpha = observer()
            if leaving:
                alpha.membership.leave()
                alpha.effects()
            receive_own(alpha, news, incarnation)
            me = alpha.membership.me
            after = (f"{me.state} {me.incarnation}", alpha.effects())
            if after != (("alive 5", "") if expected == NOTHING else expected):
                wrong.append((leaving, news, incarnation, after))
            if me.claim.incarnation != me.incarnation:
                wrong.append((leaving, news, incarnation, "claim and member differ"))

    assert wrong == []


def receive_own(alpha: Observer, news: str, incarnation: int) -> None:
    said = replace(alpha.membership.me.claim, incarnation=incarnation)
    match news:
        case "alive":
            alpha.membership.on_alive(said, NOW_S)
        case "alive of other words":
            alpha.membership.on_alive(replace(said, meta=said.meta + b"\x80"), NOW_S)
        case "alive elsewhere":
            alpha.membership.on_alive(replace(said, addr=ELSEWHERE.packed), NOW_S)
        case "suspect":
            alpha.membership.on_suspect(Suspect(incarnation, "alpha", "n3"), NOW_S)
        case _:
            alpha.membership.on_dead(Dead(incarnation, "alpha", "n3"), NOW_S)


def test_table_of_accusations_that_would_use_up_our_incarnations() -> None:
    table = {  # (own incarnation, accused incarnation): own incarnation afterwards
        (KNOWN, FOLLOWED_MAX): FOLLOWED_MAX + 1,
        (KNOWN, FOLLOWED_MAX + 1): KNOWN,
        (KNOWN, HIGHEST_MAX): KNOWN,
        (FOLLOWED_MAX + 7, FOLLOWED_MAX + 6): FOLLOWED_MAX + 7,  # older
        (FOLLOWED_MAX + 7, FOLLOWED_MAX + 7): FOLLOWED_MAX + 8,
        (FOLLOWED_MAX + 7, FOLLOWED_MAX + 8): FOLLOWED_MAX + 7,
        (HIGHEST_MAX - 1, HIGHEST_MAX - 1): HIGHEST_MAX,
        (HIGHEST_MAX, HIGHEST_MAX): HIGHEST_MAX,
    }
    wrong: list[object] = []
    for (own, accused), expected in table.items():
        for news in ("suspect", "dead"):
            alpha = observer()
            alpha.membership.me.incarnation = own
            receive_own(alpha, news, accused)
            if alpha.membership.me.incarnation != expected:
                wrong.append((own, accused, news, alpha.membership.me.incarnation))

    assert wrong == []


# The member table.


def test_living_count_and_readers_follow_every_transition() -> None:
    states: tuple[MemberState, ...] = ("alive", "suspect", "dead", "left")
    for known, news, incarnation in product(KNOWN_STATES, NEWS, RELATIONS.values()):
        alpha = observer(known)
        before = alpha.known.partition(" ")[0]
        receive(alpha, news, incarnation)
        after = alpha.known.partition(" ")[0]

        living = sum(member.state in states[:2] for member in alpha.table)
        assert alpha.table.living_count == living, (known, news, incarnation)
        changed = [
            one.name for one in alpha.outbox.take_effects() if isinstance(one, MemberChanged)
        ]
        assert changed == (["beta"] if after != before else []), (known, news, incarnation)
