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
from messages.raft import RaftVoteRequest, RaftVoteResponse


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
        self.arm(now_s)

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
        self._ask(state.term + 1, pre_vote=True)
        return self._result() == "won"

    def stand(self, now_s: float, *, transferred: bool = False) -> bool:
        """Enter a new term and ask for votes; True if the election is won already."""
        state = self._state
        state.enter_term(state.term + 1, voted_for=state.node_name)
        state.change_role(RoleEvent.TRANSFERRED if transferred else RoleEvent.PRE_VOTE_WON)
        self.arm(now_s)
        self._ask(state.term, transferred=transferred)
        return self._result() == "won"

    def _ask(self, term: int, *, pre_vote: bool = False, transferred: bool = False) -> None:
        state = self._state
        self._votes = {state.node_name: True}
        request = RaftVoteRequest(
            term=term,
            candidate=state.node_name,
            last_log_index=state.log.last_index,
            last_log_term=state.log.last_term,
            pre_vote=pre_vote,
            transferred=transferred,
        )
        for voter in sorted(state.configuration.voters - {state.node_name}):
            state.send(voter, request)

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
        answer = RaftVoteResponse(
            # A granted pre-vote names the requested term: our own may be earlier.
            term=request.term if granted else state.term,
            voter=state.node_name,
            granted=granted,
            pre_vote=request.pre_vote,
        )
        state.send(request.candidate, answer)

    def on_response(self, answer: RaftVoteResponse) -> bool:
        """Count a vote; True if it wins the pre-vote or the election."""
        state = self._state
        role = "pre_candidate" if answer.pre_vote else "candidate"
        asked_term = state.term + 1 if answer.pre_vote else state.term
        if state.role != role or (answer.granted and answer.term != asked_term):
            return False
        self._votes[answer.voter] = answer.granted
        result = self._result()
        if result == "lost":
            state.change_role(RoleEvent.VOTE_LOST)
        return result == "won"

    def _result(self) -> str:
        return vote_result(self._votes, self._state.configuration.voters)
