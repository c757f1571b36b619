"""What a leader does for the members: the steward's steps, and whom it hands over to.

The steward decides (`steward`); this carries its steps out, if the protocol allows them now.
"""

from __future__ import annotations

from constellation.effects import Note
from constellation.raft.configuration import Configuration, ConfigurationRefusedError
from constellation.raft.effects import Effect
from constellation.raft.fallen_back import FallenBack
from constellation.raft.node import RaftNode
from constellation.raft.roster import RaftRoster, RosterNode
from constellation.raft.steward import Change, Followers, HandOver, Steward

_UNKNOWN = RosterNode(is_living=False, priority=1 << 16)


def look_after_members(
    raft: RaftNode,
    steward: Steward,
    cluster_id: str,
    roster: RaftRoster,
    fallen_back: FallenBack,
    now_s: float,
) -> list[Effect]:
    """Take the steward's next step, if this node leads and no other step is in progress."""
    leadership = raft.leadership
    if leadership is None or not leadership.may_change:
        return []
    answering = leadership.answering(now_s)
    caught_up = frozenset(name for name in answering if leadership.is_caught_up(name, now_s))
    seen = Followers(answering, caught_up, frozenset(fallen_back.waiting))
    step = steward.step(raft.state.configuration, cluster_id, roster, seen, now_s)
    try:
        match step:
            case Change(kind, node):
                why = fallen_back.waiting.get(node) if kind == "forget" else None
                note = Note("voter_fell_back", {"node": node, "why": why}, "error")
                return [*([note] if why else []), *raft.change(kind, node, now_s)]
            case HandOver(node):
                note = Note("preferred_leads", {"node": node})
                return [note, *raft.transfer(node, now_s)]
            case None:
                return []
    except ConfigurationRefusedError as error:
        return [Note("step_refused", {"step": repr(step), "why": str(error)})]


def give_leadership(raft: RaftNode, roster: RaftRoster, now_s: float) -> list[Effect]:
    """Transfer leadership to the most preferred voter that has caught up, if any."""
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
    """Refuse to promote a learner to an even number of voters: it only slows decisions down.

    Raises:
        ConfigurationRefusedError: there would be four voters or more, and an even number.
    """
    count = len(configuration.voters)
    if node in configuration.learners and count >= 3 and count % 2:
        raise ConfigurationRefusedError(
            f"{count + 1} voters tolerate no more failures than {count}: {node} is promoted "
            "automatically together with another learner"
        )
