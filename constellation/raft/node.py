"""One Raft node, without I/O: `step` takes a message, `tick` the passing of time (Raft §5).

follower -> pre_candidate -> candidate -> leader; whoever hears of a later term follows again.

Deviations from the paper: pre-vote (thesis §9.6) and check-quorum (§6.2) are always on; a follower
that hears its leader answers no vote request (§4.2.3), unless the leader itself asked for the election;
election timeouts of nodes with a higher priority number are longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from constellation.effects import Note
from constellation.raft.configuration import Configuration
from constellation.raft.effects import (
    Apply,
    Effect,
    Role,
    RoleChanged,
    SaveEntries,
    SaveHardState,
    SendTo,
)
from constellation.raft.log import RaftLog
from constellation.raft.policy import RaftPolicy
from constellation.raft.progress import Progress
from constellation.raft.quorum import committed_index, has_quorum, vote_result
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftEntry,
    RaftHardState,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)


class RaftNode:
    """The protocol state of one member.  Everything durable is given, and asked to be kept."""

    def __init__(
        self,
        *,
        node_name: str,
        policy: RaftPolicy,
        random: Random,
        hard_state: RaftHardState,
        log: RaftLog,
        configuration: Configuration,
        priority_factor: float = 1.0,
        now_s: float,
    ) -> None:
        self.node_name = node_name
        self.policy = policy
        self.term = hard_state.term
        self.voted_for = hard_state.voted_for
        self.log = log
        self.configuration = configuration
        self.role: Role = "follower"
        self.leader = ""
        self.commit_index = log.snapshot_index
        self._random = random
        self._priority_factor = priority_factor  # 1 for the most preferred; stretches timeouts
        self._applied_index = log.snapshot_index
        self._votes: dict[str, bool] = {}
        self._followers: dict[str, Progress] = {}
        self._leader_heard_at_s = float("-inf")
        self._term_began_at_s = now_s
        self._heartbeat_at_s = now_s
        self._election_at_s = 0.0
        self._effects: list[Effect] = []
        self._arm_election(now_s)

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        return self._heartbeat_at_s if self.role == "leader" else self._election_at_s

    def step(self, message: Message, now_s: float) -> list[Effect]:
        """Take a message of another node."""
        match message:
            case RaftVoteRequest():
                self._on_vote_request(message, now_s)
            case RaftVoteResponse():
                self._on_vote_response(message, now_s)
            case RaftAppendRequest():
                self._on_append_request(message, now_s)
            case RaftAppendResponse():
                self._on_append_response(message, now_s)
            case RaftTimeoutNow():
                self._on_timeout_now(message, now_s)
            case _:
                raise TypeError(f"no message of Raft: {type(message).__name__}")
        return self._end()

    def tick(self, now_s: float) -> list[Effect]:
        """Do what is due."""
        if self.role == "leader":
            if now_s >= self._heartbeat_at_s:
                self._lead_on(now_s)
        elif now_s >= self._election_at_s:
            self._arm_election(now_s)
            if self.node_name in self.configuration.voters:
                self._ask_before_standing(now_s)
        return self._end()

    def propose(self, data: Sequence[bytes], now_s: float) -> tuple[list[int], list[Effect]]:
        """Append commands as the leader; return their indexes, none if they are refused.

        Refused are those to a node that does not lead, or that has too many uncommitted.
        """
        open_count = self.log.last_index - self.commit_index
        if self.role != "leader" or open_count + len(data) > self.policy.proposals_max:
            return [], []
        first = self.log.last_index + 1
        entries = [
            RaftEntry(index=first + n, term=self.term, data=one) for n, one in enumerate(data)
        ]
        self._append_own(entries)
        self._replicate(now_s)
        self._advance_commit()
        return [entry.index for entry in entries], self._end()

    # Elections (Raft §5.2, thesis §9.6).

    def _ask_before_standing(self, now_s: float) -> None:
        """Stand only if a majority would vote for us: who was cut off disturbs no term."""
        self._become("pre_candidate", leader="")
        self._votes = {self.node_name: True}
        self._ask_for_votes(self.term + 1, pre_vote=True)
        self._count_votes(now_s)

    def _stand(self, now_s: float, *, transferred: bool = False) -> None:
        self._enter_term(self.term + 1, voted_for=self.node_name)
        self._become("candidate", leader="")
        self._arm_election(now_s)
        self._votes = {self.node_name: True}
        self._ask_for_votes(self.term, transferred=transferred)
        self._count_votes(now_s)

    def _ask_for_votes(
        self, term: int, *, pre_vote: bool = False, transferred: bool = False
    ) -> None:
        request = RaftVoteRequest(
            term=term,
            candidate=self.node_name,
            last_log_index=self.log.last_index,
            last_log_term=self.log.last_term,
            pre_vote=pre_vote,
            transferred=transferred,
        )
        for voter in sorted(self.configuration.voters - {self.node_name}):
            self._effects.append(SendTo(voter, request))

    def _on_vote_request(self, request: RaftVoteRequest, now_s: float) -> None:
        hears_leader = now_s - self._leader_heard_at_s < self.policy.election_timeout_s
        if (hears_leader or self.role == "leader") and not request.transferred:
            return  # it would only depose a leader that lives (thesis §4.2.3)
        if not request.pre_vote and request.term > self.term:
            self._follow(request.term, "", now_s)
        is_free = self.voted_for in ("", request.candidate) or request.term > self.term
        granted = (
            (request.term >= self.term if not request.pre_vote else request.term > self.term)
            and (request.pre_vote or is_free)
            and self.log.is_up_to_date(request.last_log_index, request.last_log_term)
        )
        if granted and not request.pre_vote:
            self._enter_term(self.term, voted_for=request.candidate)
            self._arm_election(now_s)
        answer = RaftVoteResponse(
            term=request.term if granted else self.term,
            voter=self.node_name,
            granted=granted,
            pre_vote=request.pre_vote,
        )
        self._effects.append(SendTo(request.candidate, answer))

    def _on_vote_response(self, answer: RaftVoteResponse, now_s: float) -> None:
        asked_term = self.term + 1 if answer.pre_vote else self.term
        if not answer.granted and answer.term > self.term:
            self._follow(answer.term, "", now_s)
            return
        role = "pre_candidate" if answer.pre_vote else "candidate"
        if self.role != role or (answer.granted and answer.term != asked_term):
            return
        self._votes[answer.voter] = answer.granted
        self._count_votes(now_s)

    def _count_votes(self, now_s: float) -> None:
        match vote_result(self._votes, self.configuration.voters):
            case "won" if self.role == "pre_candidate":
                self._stand(now_s)
            case "won":
                self._lead(now_s)
            case "lost":
                self._become("follower", leader="")
            case "pending":
                return

    def _on_timeout_now(self, message: RaftTimeoutNow, now_s: float) -> None:
        if message.term == self.term and self.node_name in self.configuration.voters:
            self._stand(now_s, transferred=True)

    # Leading (Raft §5.3, §5.4.2).

    def _lead(self, now_s: float) -> None:
        self._become("leader", leader=self.node_name)
        next_index = self.log.last_index + 1
        others = self.configuration.members - {self.node_name}
        self._followers = {name: Progress(next_index) for name in sorted(others)}
        self._term_began_at_s = now_s
        # Only an entry of its own term lets a leader commit those of earlier ones (§5.4.2, §8).
        self._append_own([RaftEntry(index=next_index, term=self.term, kind="noop")])
        self._heartbeat_at_s = now_s + self.policy.heartbeat_interval_s
        self._replicate(now_s)
        self._advance_commit()

    def _lead_on(self, now_s: float) -> None:
        """Send heartbeats, or follow if no majority was heard of for too long (check-quorum)."""
        since_s = now_s - self.policy.election_timeout_s
        heard = {name for name, one in self._followers.items() if one.heard_at_s >= since_s}
        if self._term_began_at_s < since_s and not has_quorum(
            heard | {self.node_name}, self.configuration.voters
        ):
            self._effects.append(Note("quorum_lost", {"term": self.term}, "warning"))
            self._become("follower", leader="")
            self._arm_election(now_s)
            return
        self._heartbeat_at_s = now_s + self.policy.heartbeat_interval_s
        self._replicate(now_s, heartbeat=True)

    def _append_own(self, entries: list[RaftEntry]) -> None:
        self.log.append(entries)
        self._effects.append(SaveEntries(tuple(entries)))

    def _replicate(self, now_s: float, *, heartbeat: bool = False) -> None:
        for name, follower in self._followers.items():
            has_news = follower.next_index <= self.log.last_index
            resend_s = self.policy.heartbeat_interval_s
            if (has_news or heartbeat) and follower.may_send(now_s, resend_s=resend_s):
                self._send_entries(name, follower, now_s)

    def _send_entries(self, name: str, follower: Progress, now_s: float) -> None:
        previous = follower.next_index - 1
        request = RaftAppendRequest(
            term=self.term,
            leader=self.node_name,
            number=follower.sent(now_s),
            prev_log_index=previous,
            prev_log_term=self.log.term_at(previous) or 0,
            entries=self.log.entries_from(
                follower.next_index,
                bytes_max=self.policy.append_bytes_max,
                count_max=self.policy.append_entries_max,
            ),
            commit_index=self.commit_index,
        )
        self._effects.append(SendTo(name, request))

    def _on_append_response(self, answer: RaftAppendResponse, now_s: float) -> None:
        if answer.term > self.term:
            self._follow(answer.term, "", now_s)
            return
        follower = self._followers.get(answer.follower)
        if self.role != "leader" or answer.term != self.term or follower is None:
            return
        is_last = follower.answered(answer.number, now_s)
        if answer.accepted:
            if follower.accepted(answer.index):
                self._advance_commit()
        elif is_last:
            follower.refused(answer.index, answer.index_term, self.log)
        else:
            return
        self._replicate(now_s)

    def _advance_commit(self) -> None:
        held = {name: one.match_index for name, one in self._followers.items()}
        held[self.node_name] = self.log.last_index
        index = committed_index(held, self.configuration.voters)
        # An entry of an earlier term is never committed by counting (Raft §5.4.2).
        if index > self.commit_index and self.log.term_at(index) == self.term:
            self._commit(index)

    # Following.

    def _on_append_request(self, request: RaftAppendRequest, now_s: float) -> None:
        if request.term < self.term:
            self._answer(request, accepted=False, index=self.log.last_index)
            return
        self._follow(request.term, request.leader, now_s)
        self._leader_heard_at_s = now_s
        if not self.log.matches(request.prev_log_index, request.prev_log_term):
            index, term = self.log.back_off_hint(request.prev_log_index)
            self._answer(request, accepted=False, index=index, index_term=term)
            return
        news = self.log.news_in(request.entries)
        if news:
            if news[0].index <= self.log.last_index:
                self.log.cut_from(news[0].index, commit_index=self.commit_index)
            self.log.append(news)
            self._effects.append(SaveEntries(news))
        agreed = request.prev_log_index + len(request.entries)
        self._commit(min(request.commit_index, agreed))
        self._answer(request, accepted=True, index=agreed)

    def _answer(
        self, request: RaftAppendRequest, *, accepted: bool, index: int, index_term: int = 0
    ) -> None:
        answer = RaftAppendResponse(
            term=self.term,
            follower=self.node_name,
            number=request.number,
            accepted=accepted,
            index=index,
            index_term=index_term,
        )
        self._effects.append(SendTo(request.leader, answer))

    # What all roles share.

    def _follow(self, term: int, leader: str, now_s: float) -> None:
        # Who only hears of a later term waits no longer for it: that could put off every election.
        if leader or self.role == "leader":
            self._arm_election(now_s)
        if term > self.term:
            self._enter_term(term, voted_for="")
        self._become("follower", leader=leader)

    def _enter_term(self, term: int, *, voted_for: str) -> None:
        if (term, voted_for) != (self.term, self.voted_for):
            self.term, self.voted_for = term, voted_for
            state = RaftHardState(term=term, voted_for=voted_for)
            self._effects.append(SaveHardState(state))

    def _become(self, role: Role, *, leader: str) -> None:
        if (role, leader) != (self.role, self.leader):
            self.role, self.leader = role, leader
            self._effects.append(RoleChanged(role, self.term, leader))

    def _commit(self, index: int) -> None:
        """Hand over what is committed up to `index` and was not handed over yet."""
        self.commit_index = max(self.commit_index, index)
        if self._applied_index < self.commit_index:
            first = self._applied_index + 1
            count = self.commit_index - self._applied_index
            entries = self.log.entries_from(first, bytes_max=1 << 40, count_max=count)
            self._applied_index = self.commit_index
            self._effects.append(Apply(entries))

    def _arm_election(self, now_s: float) -> None:
        wait_s = self.policy.election_timeout_s * self._random.uniform(1.0, 2.0)
        self._election_at_s = now_s + wait_s * self._priority_factor

    def _end(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects
