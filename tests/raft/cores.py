"""Nodes without a network: made with a log, fed with messages, asked what they want done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeVar

from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Apply, Effect, SendTo
from constellation.raft.node import RaftNode
from constellation.raft.policy import RaftPolicy
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftEntry,
    RaftHardState,
    RaftSnapshot,
    RaftVoteResponse,
)

POLICY = RaftPolicy(append_entries_max=4, snapshot_chunk_bytes=4, proposals_max=8)
MessageT = TypeVar("MessageT", bound=Message)
EffectT = TypeVar("EffectT")


def entries(*terms: int, after: int = 0, data: bytes = b"x") -> tuple[RaftEntry, ...]:
    """Return commands, by their terms."""
    return tuple(
        RaftEntry(index=after + n, term=term, data=data) for n, term in enumerate(terms, 1)
    )


def configured(index: int, term: int, voters: str, learners: str = "") -> RaftEntry:
    """Return the entry that makes these the members."""
    configuration = Configuration(frozenset(voters), frozenset(learners))
    return RaftEntry(index=index, term=term, kind="configuration", data=configuration.encode())


def snapshot(index: int, term: int, data: bytes = b"data", voters: str = "abc") -> RaftSnapshot:
    """Return the state machine as of an entry."""
    configuration = Configuration.of_voters(voters).message()
    return RaftSnapshot(last_index=index, last_term=term, configuration=configuration, data=data)


def disk(
    *terms: int, term: int = 0, voted_for: str = "", voters: str = "abc", learners: str = ""
) -> RaftDisk:
    """Return one with a log of these terms; its first entry says who the members are."""
    log: Sequence[RaftEntry] = ()
    if terms:
        log = (configured(1, terms[0], voters, learners), *entries(*terms[1:], after=1))
    hard_state = RaftHardState(term=term or max(terms, default=0), voted_for=voted_for)
    return RaftDisk(hard_state=hard_state, entries=tuple(log))


def node(
    kept: RaftDisk, name: str = "a", *, policy: RaftPolicy = POLICY, now_s: float = 0.0
) -> RaftNode:
    """Return a node that has just started with what a disk has."""
    return RaftNode(node_name=name, policy=policy, random=Random(1), disk=kept, now_s=now_s)


def leader(kept: RaftDisk, now_s: float = 10.0, *, policy: RaftPolicy = POLICY) -> RaftNode:
    """Return node a, as the others have just elected it."""
    made = node(kept, policy=policy)
    made.tick(now_s)
    for pre_vote in (True, False):
        for voter in sorted(made.state.configuration.voters - {"a"}):
            term = made.state.term + pre_vote
            if made.leadership is None:
                granted = RaftVoteResponse(term=term, voter=voter, granted=True, pre_vote=pre_vote)
                made.step(granted, now_s)
    assert made.leadership
    return made


def sent(effects: Iterable[Effect], kind: type[MessageT], to: str = "") -> list[MessageT]:
    """Return the messages of a kind, to one node or to all."""
    return [
        one.message
        for one in effects
        if isinstance(one, SendTo) and isinstance(one.message, kind) and to in ("", one.node)
    ]


def of_kind(effects: Iterable[Effect], kind: type[EffectT]) -> list[EffectT]:
    """Return the effects of a kind."""
    return [one for one in effects if isinstance(one, kind)]


def append(
    term: int, *new: RaftEntry, prev: tuple[int, int] = (0, 0), commit: int = 0, number: int = 1
) -> RaftAppendRequest:
    """Return what node b, as the leader, sends."""
    return RaftAppendRequest(
        term=term,
        leader="b",
        number=number,
        prev_log_index=prev[0],
        prev_log_term=prev[1],
        entries=new,
        commit_index=commit,
    )


def accepted(
    follower: str, request: RaftAppendRequest, *, term: int | None = None
) -> RaftAppendResponse:
    """Return the follower's answer if it has taken all."""
    return RaftAppendResponse(
        term=term or request.term,
        follower=follower,
        number=request.number,
        accepted=True,
        index=request.prev_log_index + len(request.entries),
        index_term=1,
    )


def answers(made: RaftNode, *followers: str, now_s: float = 10.0) -> list[Effect]:
    """Have followers take all that the leader can send them; return what it does then."""
    effects: list[Effect] = []
    for name in followers:
        request = heartbeat_to(made, name, now_s)
        while request is not None:
            more = made.step(accepted(name, request), now_s)
            effects += more
            request = next(iter(sent(more, RaftAppendRequest, name)), None)
    return effects


def heartbeat_to(made: RaftNode, name: str, now_s: float) -> RaftAppendRequest | None:
    """Return what the leader sends a follower when a heartbeat is due."""
    assert made.leadership
    made.leadership.followers[name]._awaited = 0  # as if what was under way had been lost
    made.leadership.heartbeat_due_s = now_s
    return next(iter(sent(made.tick(now_s), RaftAppendRequest, name)), None)


def committed(effects: Iterable[Effect]) -> list[int]:
    """Return the indexes of the applied entries."""
    return [entry.index for one in of_kind(effects, Apply) for entry in one.entries]
