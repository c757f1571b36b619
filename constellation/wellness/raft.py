"""The members of Raft: who answers, who does not, and why.

Only the leader knows the progress of its followers, so its status counts; while no leader answers,
a voter counts as answering if its node lives and does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from constellation.admin.words import listed
from constellation.raft.quorum import majority
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem, because
from messages.raft_member import RaftFollower, RaftStatus, RaftTrouble

CONTACT_WITHIN_S = 3.0  # a voter that answered the leader this recently counts as answering
_NOTHING = RaftStatus(node="?", condition="waiting")

# What nodes say of themselves; `{}`: the nodes that say the same.
_OWN: dict[RaftTrouble, str] = {
    "starting": "Raft is starting on {}",
    "disk": "Raft does not work on {}",
    "waiting": "no Raft cluster yet on {}",
    "no_log": "Raft has no log yet on {}",
    "two_clusters": "two Raft clusters meet on {}",
}
_OFF: dict[RaftTrouble, str] = {"off": "Raft is off on {}"}


@dataclass(frozen=True)
class RaftCluster:
    """What is known of the Raft cluster from all nodes that answered."""

    facts: Facts

    @cached_property
    def asked(self) -> RaftStatus:
        """The status of the node that judges; nothing is known if its Raft actor is silent."""
        return self.facts.raft.get(self.facts.own_node, _NOTHING)

    @cached_property
    def leading(self) -> RaftStatus | None:
        """The status of the leader, with its followers; None: it did not answer."""
        leaders = (one for one in self.facts.raft.values() if one.role == "leader")
        return max(leaders, key=lambda one: one.term, default=None)

    @cached_property
    def best(self) -> RaftStatus:
        """The status that knows most of the members."""
        if self.leading is not None:
            return self.leading
        members = [one for one in self.facts.raft.values() if one.voters]
        known = max(members, key=lambda one: (one.term, one.last_index), default=self.asked)
        return self.asked if self.asked.voters or not members else known

    @property
    def leader(self) -> str:
        """The leader, as far as anyone knows; empty: there is none."""
        return self.leading.node if self.leading is not None else self.best.leader

    @property
    def has_quorum(self) -> bool:
        """A leader is known that a majority follows."""
        return self.best.has_quorum

    @cached_property
    def voters(self) -> tuple[str, ...]:
        """The voters, by name."""
        return tuple(sorted(self.best.voters))

    @property
    def needed(self) -> int:
        """How many voters must answer."""
        return majority(len(self.voters)) if self.voters else 0

    @cached_property
    def followers(self) -> dict[str, RaftFollower]:
        """What the leader knows of each other member."""
        return {one.node: one for one in self.leading.followers} if self.leading else {}

    @cached_property
    def silent_voters(self) -> tuple[str, ...]:
        """The voters that do not answer."""
        return tuple(voter for voter in self.voters if not self._answers(voter))

    @property
    def answering(self) -> int:
        """How many voters answer."""
        return len(self.voters) - len(self.silent_voters)

    def _answers(self, voter: str) -> bool:
        if self.leading is None:
            return self._seems_up(voter)
        if voter == self.leading.node:
            return True
        follower = self.followers.get(voter)
        ago_s = follower.confirmed_ago_s if follower else None
        return ago_s is not None and ago_s <= CONTACT_WITHIN_S

    def _seems_up(self, voter: str) -> bool:
        status = self.facts.by_node.get(voter)
        if status is not None:
            of_raft = status.raft
            return of_raft is not None and of_raft.cluster_id == self.best.cluster_id
        return self.facts.view.is_living(voter)


def answering_verb(count: int, *, by_gossip: bool) -> str:
    """Return the verb for a number of voters."""
    if by_gossip:  # gossip knows only that they are alive
        return "is alive" if count == 1 else "are alive"
    return "answers" if count == 1 else "answer"


def problems(facts: Facts) -> Iterator[Problem]:
    """Yield what is wrong with the Raft cluster."""
    for text in _texts(RaftCluster(facts)):
        yield Problem("raft", text)


def _texts(cluster: RaftCluster) -> Iterator[str]:
    facts = cluster.facts
    yield from _outside(cluster)
    if not cluster.voters:
        if cluster.asked.condition == "member" and not cluster.asked.trouble:
            yield f"{_OWN['no_log'].format(facts.own_node)}: no leader has reached it so far"
        return
    if not cluster.has_quorum:
        yield _no_quorum(cluster)
    elif cluster.leading is not None:
        yield from _silent(cluster)
    else:
        yield _no_word_of_leader(cluster, facts)


def _outside(cluster: RaftCluster) -> Iterator[str]:
    """Yield what nodes say of themselves, unless they are voters that are missed: see there."""
    missed = cluster.silent_voters if cluster.voters else ()
    yield from _said(
        (
            status
            for status in cluster.facts.raft.values()
            if status.node not in missed or status.trouble == "two_clusters"
        ),
        _OWN,
    )


def _said(statuses: Iterable[RaftStatus], words: Mapping[RaftTrouble, str]) -> Iterator[str]:
    """Yield each trouble that has words: in one line where the reasons are equal."""
    where: dict[tuple[RaftTrouble, str, str], list[str]] = {}
    for status in statuses:
        if status.trouble in words:
            where.setdefault((status.trouble, status.why, status.fix), []).append(status.node)
    for (trouble, why, fix), nodes in where.items():
        yield because(words[trouble].format(", ".join(nodes)), why, fix)


def _no_word_of_leader(cluster: RaftCluster, facts: Facts) -> str:
    leader = cluster.best.leader
    if leader not in facts.raft:
        return (
            f"{leader} leads, but did not report its status in time, so the progress of its "
            "followers is not known: retry; if that persists, see its log"
        )
    return f"the leader is changing: {leader} does not lead now; retry"


# Voters that do not answer.


def _no_quorum(cluster: RaftCluster) -> str:
    total, silent, answering = len(cluster.voters), cluster.silent_voters, cluster.answering
    verb = answering_verb(answering, by_gossip=cluster.leading is None)
    if answering >= cluster.needed:
        return (
            f"no leader, although {answering} of {total} voters {verb}: an election takes some "
            "seconds; if this persists, the nodes do not reach each other at actors.port: see "
            "their logs"
        )
    reasons = {voter: _why_silent(cluster, voter) for voter in silent}
    whys = [f"{voter} {why}" for voter, (why, _) in reasons.items()]
    return (
        f"no quorum: {answering} of {total} voters {verb}, {cluster.needed} are needed; until then "
        "there is no leader, no lease is granted or renewed, and members cannot change, but "
        f"routing continues: {', '.join(whys)}; {_fix_of_all(cluster, reasons)}"
    )


def _fix_of_all(cluster: RaftCluster, reasons: dict[str, tuple[str, str]]) -> str:
    lost = [voter for voter in cluster.silent_voters if _has_lost_its_log(cluster, voter)]
    if len(cluster.voters) - len(lost) < cluster.needed:
        return "a majority has lost its log: begin a new cluster, see the runbook"
    start = [voter for voter, (_, fix) in reasons.items() if fix == _START]
    fixes = dict.fromkeys(fix for _, fix in reasons.values() if fix not in {_START, ""})
    agents = "the agent" if len(start) == 1 else "the agents"
    begin = [f"start {agents} of {listed(start)}, or make them reachable"]
    return "; ".join([*(begin if start else []), *fixes])


def _silent(cluster: RaftCluster) -> Iterator[str]:
    total, answering = len(cluster.voters), cluster.answering
    more = "; one more failure loses the quorum" if answering <= cluster.needed else ""
    count = f"{answering} of {total} do, {cluster.needed} are needed{more}"
    for voter in cluster.silent_voters:
        why, fix = _why_silent(cluster, voter)
        if fix == _START:
            fix = "start its agent, or, if the node is lost for good, run " + _remove(voter)
        yield because(f"voter {voter} does not answer the leader ({count})", f"it {why}", fix)


_START = "start"  # the fix of a voter whose agent does not run


def _why_silent(cluster: RaftCluster, voter: str) -> tuple[str, str]:
    """Return why a voter does not answer, as the end of a sentence about it, and the fix."""
    facts = cluster.facts
    if renamed := facts.renamed_to(voter):
        back = f"set node_name of {renamed} back to {voter} and restart its agent"
        return f"is now called {renamed}", f"run {_remove(voter)}" if cluster.has_quorum else back
    if voter in facts.by_node:
        return _why_of_running(cluster, voter)
    member = facts.view.members.get(voter)
    if member is None:
        return "is not a node of the cluster now", _START
    if facts.view.is_living(voter):
        return "is alive, but its agent does not answer", f"see the log of {voter}"
    return f"has {member.state}" if member.state == "left" else "is dead", _START


def _why_of_running(cluster: RaftCluster, voter: str) -> tuple[str, str]:
    status = cluster.facts.raft.get(voter)
    if status is None:
        return (
            "runs its agent, but the Raft actor there does not answer",
            f"see `constellation status` and the log on {voter}",
        )
    if status.condition == "refuses":
        return f"takes no part: {status.why}", status.fix
    if status.cluster_id != cluster.best.cluster_id:
        return "has lost its log", "" if not cluster.has_quorum else "the leader replaces it soon"
    return (
        "runs its agent, but the leader does not hear it",
        "check that the nodes reach each other at actors.port",
    )


def _has_lost_its_log(cluster: RaftCluster, voter: str) -> bool:
    status = cluster.facts.raft.get(voter)
    if status is None or status.condition == "refuses":
        return False
    return status.cluster_id != cluster.best.cluster_id


def _remove(node: str) -> str:
    return f"`constellation raft remove {node}`"


# What is worth knowing.


def notes(facts: Facts) -> Iterator[Problem]:
    """Yield what needs no action."""
    for text in _notes(RaftCluster(facts)):
        yield Problem("raft", text)


def _notes(cluster: RaftCluster) -> Iterator[str]:
    asked, best = cluster.asked, cluster.best
    statuses = cluster.facts.raft.values()
    yield from _said((one for one in statuses if one.node not in best.removed), _OFF)
    for node in sorted(best.removed):
        yield f"{node} was removed; `constellation raft add {node}` lets it join again"
    is_out = asked.node not in {*best.voters, *best.learners, *best.removed}
    if is_out and asked.condition == "member" and best.voters:
        yield f"{asked.node} is not a member yet: the leader adds it in some seconds"
    yield from _foreign(asked.node, asked.foreign_cluster_ids)


def _foreign(node: str, cluster_ids: Sequence[str]) -> Iterator[str]:
    for cluster_id in cluster_ids:
        yield (
            f"{node} receives messages of another Raft cluster, {cluster_id}; the two never "
            "merge: separate them by gossip.label, or stop the agents of one, delete data_dir/raft "
            "there, and start them again to join the other"
        )
