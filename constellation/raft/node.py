"""One Raft node, without I/O: `step` takes a message, `tick` the passing of time (Raft §5).

`roles` has the theory of operation.  What each role does is in `following`, `election` and
`leadership`; this module decides which of them handles a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from constellation.raft.configuration import (
    ChangeKind,
    Configuration,
    ConfigurationRefusedError,
)
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Effect, ReadReady
from constellation.raft.election import Election
from constellation.raft.following import CheckSnapshot, Following
from constellation.raft.leadership import Leadership
from constellation.raft.policy import RaftPolicy
from constellation.raft.proofs import LeaderProofs
from constellation.raft.roles import RoleEvent
from constellation.raft.state import RaftState
from constellation.value import Value
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftHeard,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)

# Any message may bring a later term, but no real cluster advances this far during an absence.
TERM_JUMP_MAX = 1 << 32


class FirstState(Value):
    """What a new cluster's log begins with: a state machine, as if `index` entries had led to it.

    So the indexes of a new cluster can be above all indexes of an earlier one.
    """

    index: int = 1
    data: bytes = b""

    @staticmethod
    def begun_at(utc_s: float, data: bytes) -> FirstState:
        """Return the first state of a cluster that begins at a time.

        The index is milliseconds since the epoch.  No earlier cluster, however busy, has reached
        as high an index, so fencing tokens grow even when a new cluster replaces an old one.
        """
        return FirstState(max(1, int(utc_s * 1000)), data)


class RaftNode:
    """The protocol of one member.  It is given what is durable, and asks for what must be saved."""

    def __init__(
        self,
        *,
        node_name: str,
        policy: RaftPolicy,
        random: Random,
        disk: RaftDisk,
        now_s: float,
        check_snapshot: CheckSnapshot = len,
    ) -> None:
        """Start from what is durable.  `check_snapshot` raises for data that is not a snapshot.

        Raises:
            ValueError, WireError: what is durable contradicts itself.
        """
        self.policy = policy
        self.state = RaftState(node_name, disk)
        self.leadership: Leadership | None = None
        self._patience = 1
        self._reporters: set[str] = set()  # members that say with a vote when they followed
        self._election = Election(self.state, policy, random, timeout_factor=1.0)
        self._following = Following(self.state, check_snapshot)
        self._election.arm(now_s)
        self._election.followed(now_s)  # whom it followed in its earlier life is not on its disk

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        return self.leadership.next_due_s if self.leadership else self._election.due_s

    @property
    def wants_snapshot(self) -> bool:
        """Whether the log is long enough to be replaced by a snapshot (Raft §7)."""
        gathered = self.state.applied_index - self.state.log.snapshot_index
        return gathered >= self.policy.snapshot_entries

    @property
    def leader_commit_index(self) -> int:
        """The highest index that a leader is known to have committed; this node may be behind."""
        return max(self.state.commit_index, self._following.leader_commit_index)

    def set_timeout_factor(self, factor: float) -> None:
        """Multiply election timeouts, from the next one on: preferred nodes have shorter ones."""
        self._election.timeout_factor = factor

    def set_patience(self, patience: int) -> None:
        """Multiply timeouts by `patience`, 1 to 8, because this node is late itself."""
        self._election.patience = self._patience = patience
        if self.leadership:
            self.leadership.patience = patience

    def was_late(self, now_s: float) -> None:
        """This node has not run for a while, and what arrived meanwhile is not handled yet."""
        if self.leadership is None:
            self._election.was_late(now_s)

    def step(self, message: Message, now_s: float) -> list[Effect]:
        """Handle a message from another node.

        Raises:
            TypeError: it is not a Raft message.
            ValueError, WireError: its sender has violated the protocol; nothing has changed.
        """
        if getattr(message, "term", 0) > self.state.term + TERM_JUMP_MAX:
            raise ValueError(f"term {message.term} is too far above {self.state.term}")  # type: ignore[attr-defined]
        match message:
            case RaftVoteRequest():
                self._on_vote_request(message, now_s)
            case RaftVoteResponse():
                self._on_vote_response(message, now_s)
            case RaftAppendRequest() | RaftSnapshotRequest():
                self._on_leader(message, now_s)
            case RaftAppendResponse() | RaftSnapshotResponse():
                self._on_answer(message, now_s)
            case RaftTimeoutNow():
                self._on_timeout_now(message, now_s)
            case RaftHeard(voter=voter):
                self._reporters.add(voter)
                self._election.on_heard(message, now_s)
            case _:
                raise TypeError(f"not a Raft message: {type(message).__name__}")
        return self._end(now_s)

    def tick(self, now_s: float) -> list[Effect]:
        """Do what is due."""
        if self.leadership:
            if now_s >= self.leadership.heartbeat_due_s:
                self.leadership.tick(now_s)
        elif now_s >= self._election.due_s and self._election.begin(now_s):
            self._stand(now_s)
        return self._end(now_s)

    # What the shell asks for.

    def bootstrap(
        self, voters: Sequence[str], now_s: float, *, first_state: FirstState
    ) -> list[Effect]:
        """Begin a cluster of these voters; its first snapshot names them.

        This node leads term 1 without a vote: no other node knows of the cluster yet.  The first
        message that another voter receives names all voters, so they can continue if this node
        dies.

        Raises:
            ConfigurationRefusedError: this node has a log already.
        """
        state = self.state
        if state.term or state.log.last_index:
            raise ConfigurationRefusedError(f"{state.node_name} belongs to a cluster already")
        state.enter_term(1, voted_for=state.node_name)
        state.begin_from(Configuration.of_voters(voters), first_state.index, first_state.data)
        # The snapshot comes first, because it names the voters.
        self._lead(
            RoleEvent.CLUSTER_BEGUN, now_s, next_index=first_state.index, earlier_until_s=now_s
        )
        return self._end(now_s)

    def propose(
        self, data: Sequence[bytes], now_s: float, *, term: int = 0
    ) -> tuple[list[int], list[Effect]]:
        """Append commands as the leader; return their indexes, or none if they are refused.

        A node refuses them if it does not lead, has too many uncommitted entries, or is
        transferring its leadership.  With a `term` also if it does not lead in that term.
        """
        if term not in (0, self.state.term):
            return [], []
        indexes = self.leadership.propose(data, now_s) if self.leadership else []
        return indexes, self._end(now_s)

    def change(self, kind: ChangeKind, node: str, now_s: float) -> list[Effect]:
        """Change the members, as the leader.

        Raises:
            ConfigurationRefusedError: it is not allowed, or not now; the text says why.
        """
        self._leading().change(kind, node, now_s)
        return self._end(now_s)

    def transfer(self, node: str, now_s: float) -> list[Effect]:
        """Transfer leadership to another voter (thesis §3.10).

        Raises:
            ConfigurationRefusedError: this node does not lead, or the other cannot.
        """
        self._leading().hand_over(node, now_s)
        return self._end(now_s)

    def read(self, number: int, now_s: float) -> list[Effect]:
        """Ask for `ReadReady(number)`: by then the state machine is as new as this call (§8)."""
        if self.leadership:
            self.leadership.read(number, now_s)
        else:
            self.state.emit(ReadReady(number, is_confirmed=False))
        return self._end(now_s)

    def prove(self, number: int, now_s: float) -> list[Effect]:
        """Ask for `LeaderProved(number)`, which does not come if this node does not lead."""
        if self.leadership:
            self.leadership.prove(number, now_s)
        return self._end(now_s)

    def take_snapshot(self, data: bytes) -> list[Effect]:
        """Replace the entries applied so far by `data`, the state machine's."""
        self.state.take_snapshot(data)
        return self.state.take_effects()

    def _leading(self) -> Leadership:
        if self.leadership is None:
            known = self.state.leader
            where = f"ask {known}" if known else "no leader is known: try again later"
            raise ConfigurationRefusedError(f"{self.state.node_name} does not lead: {where}")
        return self.leadership

    # Elections.

    def _stand(self, now_s: float, *, transferred: bool = False) -> None:
        if self._election.stand(now_s, transferred=transferred):
            self._elected(now_s)

    def _elected(self, now_s: float) -> None:
        self._lead(RoleEvent.ELECTED, now_s, earlier_until_s=self._election.earlier_until_s)

    def _lead(
        self, event: RoleEvent, now_s: float, *, earlier_until_s: float, next_index: int = 0
    ) -> None:
        state = self.state
        state.change_role(event, leader=state.node_name)
        next_index = next_index or state.log.last_index + 1
        proofs = LeaderProofs(
            state.term, earlier_until_s=earlier_until_s, reporters=self._reporters
        )
        self.leadership = Leadership(state, self.policy, now_s, next_index, proofs)
        self.leadership.patience = self._patience

    def _on_vote_request(self, request: RaftVoteRequest, now_s: float) -> None:
        has_leader = self.leadership is not None or self._election.hears_leader(now_s)
        if has_leader and not request.transferred:
            return  # it would only depose a live leader (thesis §4.2.3)
        if not request.pre_vote and request.term > self.state.term:
            # The election timer keeps running: otherwise later terms could delay every election.
            self._enter_later_term(
                request.term, now_s, why=f"{request.candidate} stands for election"
            )
        self._election.on_request(request, now_s)

    def _on_vote_response(self, answer: RaftVoteResponse, now_s: float) -> None:
        if not answer.granted and answer.term > self.state.term:
            self._enter_later_term(answer.term, now_s, why=f"{answer.voter} is in a later term")
        elif self._election.on_response(answer, now_s):
            if answer.pre_vote:
                self._stand(now_s)
            else:
                self._elected(now_s)

    def _on_timeout_now(self, message: RaftTimeoutNow, now_s: float) -> None:
        state = self.state
        is_voter = state.node_name in state.configuration.voters
        if message.term == state.term and is_voter and self.leadership is None:
            self._stand(now_s, transferred=True)

    # Replication.

    def _on_leader(self, request: RaftAppendRequest | RaftSnapshotRequest, now_s: float) -> None:
        if request.term >= self.state.term:
            self._follow(RoleEvent.LEADER_HEARD, request.term, now_s, leader=request.leader)
            self._election.heard_leader(now_s)
        if isinstance(request, RaftAppendRequest):
            self._following.on_append(request)
        else:
            self._following.on_snapshot(request)

    def _on_answer(self, answer: RaftAppendResponse | RaftSnapshotResponse, now_s: float) -> None:
        if answer.term > self.state.term:
            self._enter_later_term(answer.term, now_s, why=f"{answer.follower} is in a later term")
        elif self.leadership and answer.term == self.state.term:
            if isinstance(answer, RaftAppendResponse):
                self._note_version(answer)
                self.leadership.on_append_response(answer, now_s)
            else:
                self.leadership.on_snapshot_response(answer, now_s)

    def _note_version(self, answer: RaftAppendResponse) -> None:
        if answer.accepted and answer.index_term:
            self._reporters.add(answer.follower)
        elif answer.accepted:
            self._reporters.discard(answer.follower)

    # Both.

    def _enter_later_term(self, term: int, now_s: float, *, why: str) -> None:
        self._follow(RoleEvent.LATER_TERM, term, now_s, why=why)

    def _follow(
        self, event: RoleEvent, term: int, now_s: float, *, leader: str = "", why: str = ""
    ) -> None:
        if self.leadership:
            self.leadership.abandon()
            self.leadership = None
            self._election.followed(now_s)  # the majority that followed it includes itself
            self._election.arm(now_s)
        if term > self.state.term:
            self.state.enter_term(term, voted_for="")
        self.state.change_role(event, leader=leader, why=why)

    def _end(self, now_s: float) -> list[Effect]:
        if self.leadership and self.leadership.is_over:
            why = self.leadership.is_over
            self._follow(RoleEvent.LEADERSHIP_ENDED, self.state.term, now_s, why=why)
        return self.state.take_effects()
