"""Raft §5.1, figure 4: the roles of a member, and that the table is the only way between them."""

from __future__ import annotations

import ast
from pathlib import Path
from random import Random
from typing import get_args

import pytest

import constellation
from constellation.raft import roles
from constellation.raft.node import FirstState, RaftNode
from constellation.raft.roles import (
    TRANSITIONS,
    ImpossibleTransitionError,
    Role,
    RoleEvent,
    next_role,
)
from constellation.raft.state import RaftState
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from tests.raft.cores import disk, leader, node

ROLES: tuple[Role, ...] = get_args(Role)
# The ways into each role, written down once more: what a reader of the paper expects.
INTO: dict[Role, set[tuple[Role, RoleEvent]]] = {
    "pre_candidate": {
        (role, RoleEvent.TIMED_OUT) for role in ("follower", "pre_candidate", "candidate")
    },
    "candidate": {
        ("pre_candidate", RoleEvent.PRE_VOTE_WON),
        ("follower", RoleEvent.TRANSFERRED),
        ("pre_candidate", RoleEvent.TRANSFERRED),
        ("candidate", RoleEvent.TRANSFERRED),
    },
    "leader": {("candidate", RoleEvent.ELECTED), ("follower", RoleEvent.CLUSTER_BEGUN)},
}


@pytest.mark.parametrize("target", INTO)
def test_a_role_is_reached_by_these_transitions_only(target: Role) -> None:
    reached = {
        (source, event)
        for event, transition in TRANSITIONS.items()
        for source in transition.sources
        if transition.target == target
    }

    assert reached == INTO[target]


def test_every_event_has_a_transition_and_is_explained() -> None:
    assert set(TRANSITIONS) == set(RoleEvent)
    for event in RoleEvent:
        assert event.name in (roles.__doc__ or "")


@pytest.mark.parametrize("event", RoleEvent, ids=lambda event: event.name)
@pytest.mark.parametrize("role", ROLES)
def test_event_that_cannot_occur_in_a_role_is_an_error_and_changes_nothing(
    role: Role, event: RoleEvent
) -> None:
    state = RaftState("a", disk(1))
    state._role = role
    if role in TRANSITIONS[event].sources:
        state.change_role(event, leader="b")
        assert (state.role, state.leader) == (next_role(role, event).target, "b")
        return

    with pytest.raises(ImpossibleTransitionError, match=f"{event.name} cannot occur to a {role}"):
        state.change_role(event, leader="b")

    assert (state.role, state.leader) == (role, "")
    assert state.take_effects() == []


def test_role_is_changed_in_one_place() -> None:
    places = []
    for path in sorted((Path(constellation.__file__).parent / "raft").glob("*.py")):
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                names = {
                    node.attr
                    for node in ast.walk(function)
                    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                }
                if names & {"role", "_role"}:
                    places.append(f"{path.name} {function.name}")

    assert places == ["state.py __init__", "state.py change_role"]


def some_message(random: Random, made: RaftNode) -> Message:
    """Return any message that another voter could send, of a term around this node's."""
    term = max(1, made.state.term + random.choice([-1, 0, 0, 0, 1, 1, 2]))
    other = random.choice("bc")
    log = made.state.log
    granted, pre_vote = random.random() < 0.6, random.random() < 0.5
    return random.choice(
        [
            RaftVoteRequest(
                term=term,
                candidate=other,
                last_log_index=log.last_index,
                last_log_term=log.last_term,
                pre_vote=pre_vote,
                transferred=random.random() < 0.3,
            ),
            RaftVoteResponse(term=term, voter=other, granted=granted, pre_vote=pre_vote),
            RaftAppendRequest(
                term=term,
                leader=other,
                number=1,
                prev_log_index=log.last_index,
                prev_log_term=log.last_term,
                commit_index=0,
            ),
            RaftAppendResponse(term=term, follower=other, number=0, accepted=False, index=0),
            RaftTimeoutNow(term=term, leader=other),
        ]
    )


@pytest.mark.parametrize("seed", range(30))
def test_leadership_exists_exactly_while_the_role_is_leader(seed: int) -> None:
    random = Random(seed)
    made = leader(disk(1)) if seed % 2 else node(disk(1))
    now_s, seen = 10.0, set()
    for _ in range(300):
        now_s += random.choice([0.01, 0.3, 1.1])
        if random.random() < 0.5:
            made.tick(now_s)
        else:
            made.step(some_message(random, made), now_s)
        seen.add(made.state.role)
        assert (made.leadership is not None) == (made.state.role == "leader")
        assert made.state.role == "leader" or made.state.leader != "a"

    assert seen >= {"follower", "pre_candidate", "candidate"}


def test_node_that_begins_a_cluster_leads_at_once() -> None:
    first = node(disk())

    first.bootstrap(["a", "b"], 0.0, first_state=FirstState())

    assert (first.state.role, first.state.term) == ("leader", 1)
    assert first.leadership
