"""What the leader knows of one follower, and what it may send it next (Raft §5.3).

At most one append is unanswered: a follower that is cut off must not fill the transport's queue,
and what gathers meanwhile goes out as one batch.  An answer that is lost is missed after
`resend_s`; a request is safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.raft.log import RaftLog


@dataclass(slots=True)
class Progress:
    """One follower.  Invariant: `match_index` < `next_index`, and it never falls in one term."""

    next_index: int
    match_index: int = 0
    heard_at_s: float = float("-inf")  # when it answered last, in this term
    _number: int = 0  # of the last request
    _unanswered_since_s: float | None = None

    def may_send(self, now_s: float, *, resend_s: float) -> bool:
        """Return whether nothing is under way to it, or has been for too long."""
        since_s = self._unanswered_since_s
        return since_s is None or now_s - since_s >= resend_s

    def sent(self, now_s: float) -> int:
        """Return the number of the request that is sent now: its answer carries it."""
        self._number += 1
        self._unanswered_since_s = now_s
        return self._number

    def answered(self, number: int, now_s: float) -> bool:
        """Take note of an answer; False if it is to an earlier request than the last."""
        self.heard_at_s = now_s
        if number != self._number:
            return False
        self._unanswered_since_s = None
        return True

    def accepted(self, match_index: int) -> bool:
        """Take it that the follower holds our log up to there; True if that is news.

        An answer that comes late says less than is known: it changes nothing.
        """
        is_news = match_index > self.match_index
        self.match_index = max(self.match_index, match_index)
        self.next_index = max(self.next_index, self.match_index + 1)
        return is_news

    def refused(self, hint_index: int, hint_term: int, log: RaftLog) -> None:
        """Go back to where the follower may agree, by its hint (`RaftLog.back_off_hint`)."""
        before = self.next_index - 1
        at = log.last_index_up_to(min(before - 1, hint_index), hint_term)
        self.next_index = max(at, self.match_index) + 1
