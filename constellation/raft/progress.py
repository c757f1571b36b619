"""What the leader knows of one follower, and what it may send it next (Raft §5.3).

At most one append or snapshot chunk to a follower is unanswered: a follower that is cut off must
not fill the transport's queue, and entries that gather meanwhile are sent as one batch.  A request
without an answer is repeated after a timeout, which is safe.  Heartbeats are not held back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from constellation.raft.log import RaftLog
from constellation.value import Value
from messages.raft import RaftSnapshot

_REQUESTS_REMEMBERED = 64  # more are unanswered only if the follower does not answer at all


class _Request(Value):
    number: int
    sent_at_s: float
    previous_index: int  # -1: not an append


@dataclass(slots=True)
class Progress:
    """One follower.  Invariant: `match_index` < `next_index`, and it never falls in one term."""

    next_index: int
    match_index: int = 0
    # Shared by all followers of one term: a member that is added again gets no number twice.
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    # When the latest answered request was SENT: the follower followed us at that time or later.
    confirmed_at_s: float = float("-inf")
    snapshot: RaftSnapshot | None = None  # the one that is being sent
    snapshot_offset_bytes: int = 0
    _requests: deque[_Request] = field(default_factory=lambda: deque(maxlen=_REQUESTS_REMEMBERED))
    _awaited: int = 0  # number of the unanswered append or chunk; 0: none
    _awaited_since_s: float = 0.0

    def may_send(self, now_s: float, *, resend_s: float) -> bool:
        """Return whether no append or chunk is unanswered, or the answer has timed out."""
        return not self._awaited or now_s - self._awaited_since_s >= resend_s

    def sent(self, now_s: float, *, previous_index: int = -1, is_awaited: bool = True) -> int:
        """Record a request that is sent now; return its number, which the answer echoes."""
        number = next(self.numbers)
        self._requests.append(_Request(number, now_s, previous_index))
        if is_awaited:
            self._awaited, self._awaited_since_s = number, now_s
        return number

    def answered(self, number: int) -> int:
        """Record an answer; return the `previous_index` of its request, or -1."""
        request = next((one for one in reversed(self._requests) if one.number == number), None)
        if request is None:
            return -1
        self.confirmed_at_s = max(self.confirmed_at_s, request.sent_at_s)
        if number == self._awaited:
            self._awaited = 0
        return request.previous_index

    @property
    def refusable(self) -> tuple[int, int]:
        """The previous index of the next append, and of a heartbeat."""
        return self.next_index - 1, self.match_index

    def accepted(self, match_index: int) -> bool:
        """Record that the follower holds our log up to `match_index`; True if that is new.

        A delayed answer reports less than is known and changes nothing.
        """
        is_news = match_index > self.match_index
        self.match_index = max(self.match_index, match_index)
        self.next_index = max(self.next_index, self.match_index + 1)
        if self.snapshot and self.match_index >= self.snapshot.last_index:
            self.snapshot, self.snapshot_offset_bytes = None, 0
        return is_news

    def refused(self, previous_index: int, hint_index: int, hint_term: int, log: RaftLog) -> None:
        """Go back to where the follower may agree, by its hint (`RaftLog.back_off_hint`).

        A stale refusal, of a request that we would not repeat, is ignored.
        """
        if previous_index == self.next_index - 1:
            at = log.last_index_up_to(min(previous_index - 1, hint_index), hint_term)
            self.next_index = max(at, self.match_index) + 1
