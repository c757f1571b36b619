"""The health of a member, for the operator: whether decisions can be made, and if not why."""

from __future__ import annotations

from constellation.errors import AdapterError
from constellation.raft.member import RaftMember
from constellation.raft.other_clusters import foreign
from constellation.raft.quorum import majority
from constellation.raft.roster import RaftRoster, RosterNode
from constellation.value import Value
from messages.raft_member import RaftTrouble

GRACE_S = 10.0  # an election may take some seconds: no reason to raise an alarm
_ABSENT = RosterNode(is_living=False)


class MemberHealth(Value):
    """How a member is.  `why` and `fix` are for people."""

    trouble: RaftTrouble = ""
    why: str = ""
    fix: str = ""

    @property
    def is_well(self) -> bool:
        """There is nothing to act on."""
        return not self.trouble

    @property
    def is_off(self) -> bool:
        """The member is not wanted, so nothing is wrong."""
        return self.trouble == "off"


WELL = MemberHealth()


def health_of(member: RaftMember | None, failed: AdapterError | None, now_s: float) -> MemberHealth:
    """Return the health of a member; `failed`: its disk failed and has saved nothing since."""
    if member is None or failed is not None:
        return refusing(failed)
    is_settled = now_s - member.leaderless_since_s >= GRACE_S
    if member.bootstrap is not None:
        why, fix, is_off = member.bootstrap.why, member.bootstrap.fix, member.bootstrap.is_off
        waits = MemberHealth("off" if is_off else "waiting", why, fix)
        return waits if is_settled or is_off else WELL
    others = foreign(member.identity.cluster_id, member.node_name, member.roster)
    if others:
        return two_clusters(member.identity.cluster_id, others)
    configuration = member.configuration
    if member.node_name in configuration.removed:
        why = "an operator has removed this node from the Raft cluster"
        fix = f"`constellation raft add {member.node_name}` takes it back"
        return MemberHealth("off", why, fix)
    if not member.leader and is_settled:
        if not configuration.members:
            why = f"it waits for the leader of cluster {member.identity.cluster_id} to send the log"
            fix = "make sure that a majority of that cluster's voters is running"
            return MemberHealth("no_log", why, fix)
        return no_quorum(
            configuration.voters, member.node_name, member.identity.cluster_id, member.roster
        )
    return WELL


def refusing(failed: AdapterError | None) -> MemberHealth:
    """Return the health of a node that refuses to take part because of its disk."""
    if failed is None:
        return MemberHealth("starting", "it is starting")
    return MemberHealth("disk", f"{failed.what}: {failed.why}", failed.fix)


def contradiction(error: Exception) -> AdapterError:
    """Return the error for a log that can be read but contradicts itself."""
    return AdapterError(
        "the Raft log",
        why=f"this version of the agent cannot go on with it: {error}",
        fix="run the version that wrote it; or stop this agent, delete `raft` in its data_dir, and "
        "start it again: it joins as a new node",
    )


def no_quorum(
    voters: frozenset[str], own_name: str, cluster_id: str, roster: RaftRoster
) -> MemberHealth:
    """Return the health while no node has led for longer than an election takes."""
    living = {name for name in voters if name == own_name or roster.get(name, _ABSENT).is_living}
    there = {n for n in living if n == own_name or roster[n].cluster_id == cluster_id}
    needed = majority(len(voters))
    head = f"no quorum: {len(there)} of {len(voters)} voters are up, {needed} are needed"
    blank = sorted(living - there)
    if blank:
        are = "is up but has" if len(blank) == 1 else "are up but have"
        head += f"; {' and '.join(blank)} {are} no log of this cluster"
    if len(there) >= needed:
        return MemberHealth(
            "no_quorum",
            f"no leader: gossip reports {len(there)} of {len(voters)} voters alive, and none is "
            "elected; or this node was removed while it was unreachable",
            "run `constellation raft` on another node, and check that every node reaches "
            "actors.port of every other one",
        )
    gone = sorted(voters - living)
    them = "it" if len(gone) == 1 else "them"
    fix = f"start {' and '.join(gone)} again, or make {them} reachable" if gone else ""
    if len(there | (voters - living)) < needed:
        fix = "a majority has lost its log: begin a new cluster, see the runbook"
    return MemberHealth("no_quorum", f"{head}; no lease is held until then, routing continues", fix)


def two_clusters(cluster_id: str, others: tuple[tuple[str, str], ...]) -> MemberHealth:
    """Return the health while nodes of another cluster are known."""
    names = ", ".join(name for name, _ in others)
    return MemberHealth(
        "two_clusters",
        f"{names} belong to another Raft cluster ({others[0][1]}), this node to {cluster_id}: they "
        "do not merge",
        "decide which cluster stays; on each node of the other one stop the agent, delete `raft` "
        "in its data_dir, and start it again: it joins as a new node",
    )
