"""The roles of a member, and every way from one to another (Raft §5.1, figure 4; thesis §9.6).

Rule: a role changes in `RaftState.change_role` only, and only by a transition of `TRANSITIONS`.

Theory of operation.  A member has one of four roles:

follower       Takes entries from the leader of its term.  Every member starts as a follower.
pre_candidate  Has heard no leader for an election timeout.  It asks whether a majority would vote
               for it, still in its old term, so that a node that was cut off disturbs nobody.
candidate      Has entered a new term, voted for itself, and asks for votes in that term.
leader         Appends and replicates.  `RaftNode.leadership` exists exactly while this is the role.

             TIMED_OUT               PRE_VOTE_WON             ELECTED
    follower ─────────► pre_candidate ────────────► candidate ─────────► leader
       ▲                      │                         │                  │
       └──────────────────────┴─────────────────────────┴──────────────────┘
        LEADER_HEARD, LATER_TERM; VOTE_LOST while standing; LEADERSHIP_ENDED of a leader

    follower ── CLUSTER_BEGUN ──► leader        any but the leader ── TRANSFERRED ──► candidate
    any but the leader ── CANNOT_STAND ──► follower, which then knows no leader

Who triggers the events:

- the election timer (`Election.begin`): TIMED_OUT, or CANNOT_STAND if this node does not vote;
- answers to this node's requests for votes (`Election.on_response`): PRE_VOTE_WON, ELECTED,
  VOTE_LOST.  A single voter wins without any answer;
- the leader of the term (`RaftNode._on_leader`): LEADER_HEARD; and TRANSFERRED when it asks this
  node to take over (`RaftNode._on_timeout_now`), which skips the pre-vote;
- a message of a later term, from any node: LATER_TERM.  The new term is entered first;
- the leader itself (`Leadership.is_over`): LEADERSHIP_ENDED, without a quorum or once removed;
- an operator or `bootstrap`: CLUSTER_BEGUN, once in the life of a cluster, in term 1.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal

from constellation.value import Value

Role = Literal["follower", "pre_candidate", "candidate", "leader"]


class RoleEvent(Enum):
    """What may change the role of a member, or the leader that it knows."""

    TIMED_OUT = auto()
    CANNOT_STAND = auto()
    PRE_VOTE_WON = auto()
    TRANSFERRED = auto()
    VOTE_LOST = auto()
    ELECTED = auto()
    CLUSTER_BEGUN = auto()
    LEADER_HEARD = auto()
    LATER_TERM = auto()
    LEADERSHIP_ENDED = auto()


class Transition(Value):
    """From any of `sources` to `target`; `why` is logged unless the caller knows more."""

    sources: frozenset[Role]
    target: Role
    why: str


class ImpossibleTransitionError(RuntimeError):
    """An event that cannot occur in this role: a bug of ours.  Nothing has changed."""


_WITHOUT_LEADERSHIP: frozenset[Role] = frozenset({"follower", "pre_candidate", "candidate"})
_STANDING: frozenset[Role] = frozenset({"pre_candidate", "candidate"})
_ANY: frozenset[Role] = _WITHOUT_LEADERSHIP | {"leader"}

TRANSITIONS: dict[RoleEvent, Transition] = {
    RoleEvent.TIMED_OUT: Transition(_WITHOUT_LEADERSHIP, "pre_candidate", "heard no leader"),
    RoleEvent.CANNOT_STAND: Transition(_WITHOUT_LEADERSHIP, "follower", "heard no leader"),
    RoleEvent.PRE_VOTE_WON: Transition(
        frozenset({"pre_candidate"}), "candidate", "a majority would vote for it"
    ),
    RoleEvent.TRANSFERRED: Transition(_WITHOUT_LEADERSHIP, "candidate", "the leader handed over"),
    RoleEvent.VOTE_LOST: Transition(_STANDING, "follower", "a majority refused its vote"),
    RoleEvent.ELECTED: Transition(frozenset({"candidate"}), "leader", "a majority voted for it"),
    RoleEvent.CLUSTER_BEGUN: Transition(frozenset({"follower"}), "leader", "it begins the cluster"),
    RoleEvent.LEADER_HEARD: Transition(_ANY, "follower", "it leads"),
    RoleEvent.LATER_TERM: Transition(_ANY, "follower", "another node is in a later term"),
    RoleEvent.LEADERSHIP_ENDED: Transition(
        frozenset({"leader"}), "follower", "its leadership ended"
    ),
}


def next_role(role: Role, event: RoleEvent) -> Transition:
    """Return the transition that `event` makes from `role`.

    Raises:
        ImpossibleTransitionError: the table has none.
    """
    transition = TRANSITIONS[event]
    if role not in transition.sources:
        raise ImpossibleTransitionError(f"{event.name} cannot occur to a {role}")
    return transition
