"""What a leading node does beside the protocol: it looks after members, and picks its successor."""

from __future__ import annotations

from constellation.effects import Note
from constellation.raft.configuration import Configuration, ConfigurationRefusedError
from constellation.raft.effects import Effect
from constellation.raft.node import RaftNode
from constellation.raft.roster import Roster, RosterNode
from constellation.raft.steward import Change, Followers, HandOver, Steward

_UNKNOWN = RosterNode(is_living=False, priority=1 << 16)


def look_after_members(
    raft: RaftNode, steward: Steward, cluster_id: str, roster: Roster, now_s: float
) -> list[Effect]:
    """Take the steward's next step, if this node leads and no other is under way."""
    leadership = raft.leadership
    if leadership is None or not leadership.may_change:
        return []
    answering = leadership.answering(now_s)
    caught_up = frozenset(name for name in answering if leadership.is_caught_up(name, now_s))
    seen = Followers(answering, caught_up)
    step = steward.step(raft.state.configuration, cluster_id, roster, seen, now_s)
    try:
        match step:
            case Change(kind, node):
                return raft.change(kind, node, now_s)
            case HandOver(node):
                note = Note("preferred_leads", {"node": node})
                return [note, *raft.transfer(node, now_s)]
            case None:
                return []
    except ConfigurationRefusedError as error:
        return [Note("step_refused", {"step": repr(step), "why": str(error)})]


def give_leadership(raft: RaftNode, roster: Roster, now_s: float) -> list[Effect]:
    """Hand over to the most preferred voter that has caught up, if there is one."""
    leadership = raft.leadership
    if leadership is None or leadership.transfer_to:
        return []
    voters = raft.state.configuration.voters & set(leadership.followers)
    ready = [name for name in voters if leadership.is_caught_up(name, now_s)]
    if not ready:
        return []
    best = min(ready, key=lambda name: (roster.get(name, _UNKNOWN).rank, name))
    return raft.transfer(best, now_s)


def refuse_even_number(configuration: Configuration, node: str) -> None:
    """Refuse to promote a learner where that only makes every decision slower.

    Raises:
        ConfigurationRefusedError: it would be one voter of an even number, of four or more.
    """
    count = len(configuration.voters)
    if node in configuration.learners and count >= 3 and count % 2:
        raise ConfigurationRefusedError(
            f"{count + 1} voters survive no more failures than {count}: {node} is promoted by "
            "itself when there is another one for it"
        )
