"""What the leader knows of one follower, and what it may send it next (Raft §5.3).

At most one append or chunk of a snapshot is unanswered: a follower that is cut off must not fill
the transport's queue, and what gathers meanwhile goes out as one batch.  An answer that is lost is
missed after a while, and the request repeated, which is safe.  Heartbeats go out all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from constellation.raft.log import RaftLog
from messages.raft import RaftSnapshot

_REQUESTS_REMEMBERED = 64  # more are under way only to who does not answer


@dataclass(frozen=True, slots=True)
class _Request:
    number: int
    sent_at_s: float
    previous_index: int  # -1: no append that may be refused


@dataclass(slots=True)
class Progress:
    """One follower.  Invariant: `match_index` < `next_index`, and it never falls in one term."""

    next_index: int
    match_index: int = 0
    # Of the leader's requests to all in its term: who leaves and joins anew gets no number twice.
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    # When the latest request was SENT that it has answered: it followed us then, or later.
    confirmed_at_s: float = float("-inf")
    snapshot: RaftSnapshot | None = None  # that is being sent
    snapshot_offset_bytes: int = 0
    _requests: deque[_Request] = field(default_factory=lambda: deque(maxlen=_REQUESTS_REMEMBERED))
    _awaited: int = 0  # the number of the append or chunk that is unanswered; 0: none
    _awaited_since_s: float = 0.0

    def may_send(self, now_s: float, *, resend_s: float) -> bool:
        """Return whether nothing but heartbeats is under way to it, or has been for too long."""
        return not self._awaited or now_s - self._awaited_since_s >= resend_s

    def sent(self, now_s: float, *, previous_index: int = -1, is_awaited: bool = True) -> int:
        """Return the number of the request that is sent now: its answer carries it."""
        number = next(self.numbers)
        self._requests.append(_Request(number, now_s, previous_index))
        if is_awaited:
            self._awaited, self._awaited_since_s = number, now_s
        return number

    def answered(self, number: int) -> int:
        """Take note of an answer; return the index before the entries asked to be taken, or -1."""
        request = next((one for one in self._requests if one.number == number), None)
        if request is None:
            return -1
        self.confirmed_at_s = max(self.confirmed_at_s, request.sent_at_s)
        if number == self._awaited:
            self._awaited = 0
        return request.previous_index

    def accepted(self, match_index: int) -> bool:
        """Take it that the follower holds our log up to there; True if that is news.

        An answer that comes late says less than is known: it changes nothing.
        """
        is_news = match_index > self.match_index
        self.match_index = max(self.match_index, match_index)
        self.next_index = max(self.next_index, self.match_index + 1)
        if self.snapshot and self.match_index >= self.snapshot.last_index:
            self.snapshot, self.snapshot_offset_bytes = None, 0
        return is_news

    def refused(self, previous_index: int, hint_index: int, hint_term: int, log: RaftLog) -> None:
        """Go back to where the follower may agree, by its hint (`RaftLog.back_off_hint`).

        A refusal of what we would not ask any more, because another came first, is let be.
        """
        if previous_index == self.next_index - 1:
            at = log.last_index_up_to(min(previous_index - 1, hint_index), hint_term)
            self.next_index = max(at, self.match_index) + 1
