"""How a member is, in words for the operator: whether decisions can be taken, and if not why."""

from __future__ import annotations

from dataclasses import dataclass

from constellation.errors import AdapterError
from constellation.raft.member import RaftMember
from constellation.raft.other_clusters import foreign
from constellation.raft.quorum import majority
from constellation.raft.roster import Roster, RosterNode

GRACE_S = 10.0  # an election may take some seconds: no reason to alarm anybody
_AWAY = RosterNode(is_living=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """`is_well`: nothing to act on; `is_off`: it is not wanted.  `why` and `fix` are for people."""

    is_well: bool
    why: str = ""
    fix: str = ""
    is_off: bool = False


WELL = Condition(is_well=True)


def condition_of(member: RaftMember | None, failed: AdapterError | None, now_s: float) -> Condition:
    """Return how this node's member is; `failed`: its disk did, and nothing was saved since."""
    if member is None or failed is not None:
        return refuses(failed)
    is_settled = now_s - member.leaderless_since_s >= GRACE_S
    if member.bootstrap is not None:
        why, fix, is_off = member.bootstrap.why, member.bootstrap.fix, member.bootstrap.is_off
        waits = Condition(False, why, fix, is_off=is_off)
        return waits if is_settled or is_off else WELL
    others = foreign(member.identity.cluster_id, member.node_name, member.roster)
    if others:
        return two_clusters(member.identity.cluster_id, others)
    configuration = member.configuration
    if member.node_name in configuration.removed:
        why = "an operator has removed this node from the Raft cluster"
        fix = f"`constellation raft add {member.node_name}` takes it back"
        return Condition(False, why, fix, is_off=True)
    if not member.leader and is_settled:
        if not configuration.members:
            why = f"it waits for the leader of cluster {member.identity.cluster_id} to send the log"
            return Condition(False, why, "see that a majority of that cluster's voters is there")
        return no_quorum(
            configuration.voters, member.node_name, member.identity.cluster_id, member.roster
        )
    return WELL


def refuses(failed: AdapterError | None) -> Condition:
    """Return what to say of a member that takes no part because of its disk."""
    if failed is None:
        return Condition(False, "it is only starting", "")
    return Condition(False, f"takes no part in decisions: {failed.why}", failed.fix)


def no_sense(error: Exception) -> AdapterError:
    """Return what to say of a log that can be read and contradicts itself."""
    return AdapterError(
        "the Raft log",
        why=f"this version of the agent cannot go on with it: {error}",
        fix="run the version that wrote it; or stop this agent, delete `raft` in its data_dir, and "
        "start it again: it joins as a new node",
    )


def no_quorum(voters: frozenset[str], own_name: str, cluster_id: str, roster: Roster) -> Condition:
    """Return what to say when nobody leads for longer than an election takes."""
    living = {name for name in voters if name == own_name or roster.get(name, _AWAY).is_living}
    there = {n for n in living if n == own_name or roster[n].cluster_id == cluster_id}
    needed = majority(len(voters))
    head = f"no quorum: {len(there)} of {len(voters)} voters are there, {needed} are needed"
    blank = sorted(living - there)
    if blank:
        lives = "lives and has" if len(blank) == 1 else "live and have"
        head += f"; {' and '.join(blank)} {lives} no log of this cluster"
    if len(there) >= needed:
        return Condition(
            False,
            f"no leader: {len(there)} of {len(voters)} voters are alive by gossip, and none is "
            "elected; or this node was removed while it was away",
            "see `constellation raft` on another node, and that actors.port of each reaches all",
        )
    gone = sorted(voters - living)
    them = "it" if len(gone) == 1 else "them"
    fix = f"start {' and '.join(gone)} again, or make {them} reachable" if gone else ""
    if len(there | (voters - living)) < needed:
        fix = "a majority has lost its log: begin anew, as the runbook says"
    return Condition(False, f"{head}; nobody holds a lease until then, routing goes on", fix)


def two_clusters(cluster_id: str, others: tuple[tuple[str, str], ...]) -> Condition:
    """Return what to say when nodes of another cluster are heard of."""
    names = ", ".join(name for name, _ in others)
    return Condition(
        False,
        f"{names} are of another Raft cluster ({others[0][1]}), this node of {cluster_id}: they "
        "do not merge",
        "decide which one stays; on each node of the other stop the agent, delete `raft` in its "
        "data_dir, and start it again: it joins as new",
    )
