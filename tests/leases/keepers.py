"""Lease managers of a node that holds a lease or does not, and what they ask for."""

from __future__ import annotations

from collections.abc import Iterable

from constellation.effects import Note
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import Announce, LeaseEffect, Propose, ProposeAsLeader, Prove
from constellation.leases.keeper import Leading, LeaseKeeper, Want
from constellation.leases.policy import LeasePolicy
from messages.base import Message
from messages.leases import Lease, LeaseAcquire, LeaseAcquired, LeaseFreed, LeasesChanged
from messages.raft_member import LeadershipProve, LeadershipProved
from tests.leases.commands import TTL_S, held

at = BootSeconds
POLICY = LeasePolicy(ttl_s=TTL_S, renew_interval_s=1.0, margin_s=0.5, clock_drift=0.01)
WANT = Want(ttl_s=TTL_S, follows_leader=False)
TERM = 2
WE_LEAD = Leading("node of s1", is_leader=True, term=TERM)
BETA_LEADS = Leading("beta", term=TERM)
VALID_S = TTL_S - POLICY.margin_s


def keeper() -> LeaseKeeper:
    return LeaseKeeper(node_name="node of s1", session="s1", policy=POLICY)


def holder(sent_s: float = 0.0, learned_s: float = 0.2, *, want: Want = WANT) -> LeaseKeeper:
    """Return a keeper that has just acquired the lease, at log index 5; as leader if it follows."""
    made = keeper()
    made.set_leading(WE_LEAD if want.follows_leader else BETA_LEADS, at(sent_s))
    (command,) = asked(made.want("lb", want, at(sent_s)))
    assert isinstance(command, LeaseAcquire)
    made.change(changed(5, held(5, number=command.number)), at(learned_s))
    assert made.held
    return made


def changed(index: int, *leases: Lease, freed: int = 0) -> LeasesChanged:
    """Return a change; `freed` is the token of a grant of "lb" that ended, 0: none."""
    ended = LeaseFreed(name="lb", fencing_token=freed or 1, holder="n", why="it is over")
    return LeasesChanged(index=index, held=leases, freed=(ended,) if freed else ())


def proof(
    number: int = 1, *tokens: int, term: int = TERM, earlier_ago_s: float = 1e6
) -> LeadershipProved:
    """Return Raft's answer; unless given, no earlier leader was proved for a long time."""
    return LeadershipProved(number=number, term=term, tokens=tokens, earlier_ago_s=earlier_ago_s)


def asked(effects: Iterable[LeaseEffect]) -> list[Message]:
    return [
        command
        for one in effects
        if isinstance(one, (Propose, ProposeAsLeader))
        for command in one.commands
    ]


def questions(effects: Iterable[LeaseEffect]) -> list[LeadershipProve]:
    return [one.question for one in effects if isinstance(one, Prove)]


def told(effects: Iterable[LeaseEffect]) -> list[Message]:
    return [one.message for one in effects if isinstance(one, Announce)]


def notes(effects: Iterable[LeaseEffect]) -> list[Note]:
    return [one for one in effects if isinstance(one, Note)]


def acquired(token: int, until_s: float) -> LeaseAcquired:
    return LeaseAcquired(name="lb", fencing_token=token, valid_until_s=until_s)
