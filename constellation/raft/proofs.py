"""Proofs that a node leads.  What the leader's node holds is renewed by them, without the log.

Theory of operation.  A proof is for a question of this node, and says two things:

- A majority followed this leader, in its term, at a time after the question.  Each of these members
  says with its next vote how long ago that was (`RaftHeard`), or longer if it has forgotten: a
  member that has just started, or has led itself until now, counts that as following.
- So every later leader has the vote of one of them, and knows a time after which no earlier leader
  was proved (`earlier_until_s`).  It waits from that time on before it ends what was renewed.

Elections may be as early as they like, by transfer or by a late clock: a vote that comes early says
so.  A leader proves nothing before it has committed in its term: until then the voters that it
counts might not overlap with those of the next leader (see `Leadership.change`).

A member of a version that does not send `RaftHeard` would not wait as leader.  So a proof renews
only if all other voters are known to send it (`reporters`).

Deviation from the leases of thesis §6.4.1: there a new leader knows nothing, so the lease must be
shorter than the shortest election timeout, and a transfer must end it.
"""

from __future__ import annotations

from collections.abc import Collection

from constellation.raft.effects import LeaderProved
from constellation.value import Value
from messages.raft import AGO_S_MAX
from messages.raft_member import LeadershipProve

QUESTIONS_MAX = 8  # later questions replace the oldest: a newer proof says more


class LeaderProofs:
    """The questions of one term that wait for a proof."""

    def __init__(self, term: int, *, earlier_until_s: float, reporters: Collection[str]) -> None:
        """Begin a term.

        Args:
            term: that this node leads.
            earlier_until_s: no leader of an earlier term was proved after this.
            reporters: the members that are known to send `RaftHeard`, now and later.
        """
        self.term = term
        self.earlier_until_s = earlier_until_s
        self._reporters = reporters
        self._questions: list[tuple[int, float]] = []  # number, asked at

    def ask(self, number: int, now_s: float) -> None:
        """Add a question."""
        self._questions = [*self._questions[1 - QUESTIONS_MAX :], (number, now_s)]

    @property
    def is_asked(self) -> bool:
        """Whether a question waits."""
        return bool(self._questions)

    def answer(
        self, followed_since_s: float, successors: Collection[str], now_s: float
    ) -> list[LeaderProved]:
        """Return proofs for the questions since which a majority has followed.

        Args:
            followed_since_s: a majority of the voters has followed at or after this.
            successors: the other members that may be elected.
            now_s: the leader's clock.
        """
        done = [number for number, at_s in self._questions if at_s <= followed_since_s]
        self._questions = [one for one in self._questions if one[1] > followed_since_s]
        ago_s = min(max(0.0, now_s - self.earlier_until_s), AGO_S_MAX)
        renews = all(name in self._reporters for name in successors)
        return [LeaderProved(number, self.term, ago_s, renews) for number in done]


class ProofDone(Value):
    """Effect: answer a question, with the grants that the lease table shows now."""

    asker: str
    question: LeadershipProve
    proved: LeaderProved


class ProofAskers:
    """Who asked what: numbers of different askers may be the same."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[str, LeadershipProve]] = {}
        self._last = 0

    def add(self, asker: str, question: LeadershipProve) -> int:
        """Add a question; return the number that identifies it here."""
        self._last += 1
        self._open[self._last] = (asker, question)
        self._open.pop(self._last - QUESTIONS_MAX, None)
        return self._last

    def done(self, proved: LeaderProved) -> list[ProofDone]:
        """Return the answer to a question, unless it was forgotten."""
        known = self._open.pop(proved.number, None)
        return [] if known is None else [ProofDone(*known, proved)]
