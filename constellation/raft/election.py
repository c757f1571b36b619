"""Leader election: timeouts, pre-votes and votes (Raft §5.2, thesis §9.6).

Deviations from the paper: pre-vote is always on; a follower with a live leader answers no vote
request (thesis §4.2.3), unless the leader itself asked for the election; less preferred nodes have
longer timeouts, and so has a node that is late itself (Lifeguard §IV-A).
"""

from __future__ import annotations

from random import Random

from constellation.lateness import PATIENCE_MAX
from constellation.raft.policy import RaftPolicy
from constellation.raft.quorum import vote_result
from constellation.raft.roles import RoleEvent
from constellation.raft.state import RaftState
from messages.raft import AGO_S_MAX, RaftHeard, RaftVoteRequest, RaftVoteResponse


class Election:
    """The election timer of one member, and the votes it has received."""

    def __init__(
        self, state: RaftState, policy: RaftPolicy, random: Random, *, timeout_factor: float
    ) -> None:
        self.timeout_factor = timeout_factor  # multiplies timeouts; 1 for the most preferred node
        self.patience = 1  # multiplies timeouts; above 1 while this node itself is late
        self.due_s = 0.0
        self._state = state
        self._policy = policy
        self._random = random
        self._votes: dict[str, bool] = {}
        self._leader_heard_at_s = float("-inf")
        self._followed_until_s = float("-inf")  # it followed no leader after this
        self._voter_followed_until_s: dict[str, float] = {}  # by voter: the same, by this clock
        self._due_at_latest_s = 0.0

    def arm(self, now_s: float) -> None:
        """Restart the election timer."""
        wait_s = self._policy.election_timeout_s * self._random.uniform(1.0, 2.0)
        wait_s *= self.timeout_factor
        self.due_s = now_s + wait_s * self.patience
        self._due_at_latest_s = now_s + wait_s * PATIENCE_MAX

    def was_late(self, now_s: float) -> None:
        """This node has not run for a while: first hear what arrived meanwhile.

        However often that happens, the election is not put off for ever.
        """
        grace_s = 2 * self._policy.heartbeat_interval_s * self.patience
        self.due_s = max(self.due_s, min(now_s + grace_s, self._due_at_latest_s))

    def heard_leader(self, now_s: float) -> None:
        """Record that the leader of this term is alive."""
        self._leader_heard_at_s = now_s
        self.followed(now_s)
        self.arm(now_s)

    def followed(self, now_s: float) -> None:
        """Record that this member follows a leader now, leads itself, or does not know better."""
        self._followed_until_s = max(self._followed_until_s, now_s)

    def hears_leader(self, now_s: float) -> bool:
        """Return whether a leader was heard within the shortest election timeout of this node."""
        timeout_s = self._policy.election_timeout_s * self.patience
        return now_s - self._leader_heard_at_s < timeout_s

    def begin(self, now_s: float) -> bool:
        """Ask for pre-votes; True if they are won already.

        A node that was cut off does not disturb the current term this way.
        """
        self.arm(now_s)
        state = self._state
        if state.node_name not in state.possible_voters:
            state.change_role(RoleEvent.CANNOT_STAND)
            return False
        state.change_role(RoleEvent.TIMED_OUT)
        self._ask(state.term + 1, now_s, pre_vote=True)
        return self._result() == "won"

    def stand(self, now_s: float, *, transferred: bool = False) -> bool:
        """Enter a new term and ask for votes; True if the election is won already."""
        state = self._state
        state.enter_term(state.term + 1, voted_for=state.node_name)
        state.change_role(RoleEvent.TRANSFERRED if transferred else RoleEvent.PRE_VOTE_WON)
        self.arm(now_s)
        self._ask(state.term, now_s, transferred=transferred)
        return self._result() == "won"

    def _ask(
        self, term: int, now_s: float, *, pre_vote: bool = False, transferred: bool = False
    ) -> None:
        state = self._state
        self._votes = {state.node_name: True}
        self._voter_followed_until_s = {state.node_name: self._followed_until_s}
        request = RaftVoteRequest(
            term=term,
            candidate=state.node_name,
            last_log_index=state.log.last_index,
            last_log_term=state.log.last_term,
            pre_vote=pre_vote,
            transferred=transferred,
        )
        for voter in sorted(state.configuration.voters - {state.node_name}):
            if not pre_vote:
                self._report(voter, now_s)
            state.send(voter, request)

    def _report(self, to: str, now_s: float) -> None:
        """Say with a vote how long ago this member followed an earlier leader."""
        state = self._state
        ago_s = min(max(0.0, now_s - self._followed_until_s), AGO_S_MAX)
        state.send(to, RaftHeard(term=state.term, voter=state.node_name, ago_s=ago_s))

    def on_request(self, request: RaftVoteRequest, now_s: float) -> None:
        """Grant or refuse a vote.  A later term must have been entered before."""
        state = self._state
        if request.pre_vote:
            granted = request.term > state.term
        else:
            is_free = state.voted_for in ("", request.candidate)
            granted = request.term == state.term and is_free
        granted &= state.log.is_up_to_date(request.last_log_index, request.last_log_term)
        if granted and not request.pre_vote:
            state.enter_term(state.term, voted_for=request.candidate)
            self.arm(now_s)
            self._report(request.candidate, now_s)
        answer = RaftVoteResponse(
            # A granted pre-vote names the requested term: our own may be earlier.
            term=request.term if granted else state.term,
            voter=state.node_name,
            granted=granted,
            pre_vote=request.pre_vote,
        )
        state.send(request.candidate, answer)

    def on_heard(self, report: RaftHeard, now_s: float) -> None:
        """Note how long ago a voter followed an earlier leader.  Its vote comes next."""
        if self._state.role == "candidate" and report.term == self._state.term:
            self._voter_followed_until_s[report.voter] = now_s - report.ago_s

    @property
    def earlier_until_s(self) -> float:
        """The time after which no majority followed an earlier leader, once the election is won."""
        voters = [name for name, granted in self._votes.items() if granted]
        return max(self._voter_followed_until_s[name] for name in voters)

    def on_response(self, answer: RaftVoteResponse, now_s: float) -> bool:
        """Count a vote; True if it wins the pre-vote or the election."""
        state = self._state
        role = "pre_candidate" if answer.pre_vote else "candidate"
        asked_term = state.term + 1 if answer.pre_vote else state.term
        if state.role != role or (answer.granted and answer.term != asked_term):
            return False
        self._votes[answer.voter] = answer.granted
        # Without a report it may have followed until it voted, which was before now.
        self._voter_followed_until_s.setdefault(answer.voter, now_s)
        if not answer.granted and not answer.pre_vote:
            self._stand_again_soon(now_s)
        result = self._result()
        if result == "lost":
            state.change_role(RoleEvent.VOTE_LOST)
        return result == "won"

    def _stand_again_soon(self, now_s: float) -> None:
        """Do not wait for a whole timeout again: the vote may be split.

        If another candidate wins, this node hears of it before.
        """
        wait_s = self._policy.election_timeout_s * self._random.uniform(0.1, 0.6)
        self.due_s = min(self.due_s, now_s + wait_s * self.timeout_factor * self.patience)

    def _result(self) -> str:
        return vote_result(self._votes, self._state.configuration.voters)
