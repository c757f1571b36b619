"""Several writers of one zone that each believe to hold the lease, with slow and lost requests.

Time is virtual.  A request takes a random time to arrive and its answer a random time to come back,
so requests overtake one another; a list may be answered from a moment ago.  The provider compares
nothing: it takes whatever arrives.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from constellation.cluster_view import ClusterView
from constellation.dns.budget import BudgetPolicy
from constellation.dns.intents import Desired, Point, WantedRecord
from constellation.dns.mark import OwnerMark
from constellation.dns.plan_parts import PlanPolicy
from constellation.dns.writer import DnsWriter
from constellation.dns.zone_writer import WriterPolicy
from messages.dns_calls import DnsAnswer, DnsCall, DnsCallFailed, DnsRecord, DnsRecordsList
from tests.dns.provider_model import ProviderModel

APEX = "home.example"
MARK = OwnerMark("constellation:home")
CALL_TIMEOUT_S = 15.0
STALE_S_MAX = 3.0
_LOST = DnsCallFailed(failure="uncertain", why="no answer in time")


@dataclass
class Believer:
    """A node that writes from `begins_s` to `ends_s`, whoever holds the lease."""

    token: int
    address: str
    begins_s: float
    ends_s: float
    writer: DnsWriter
    calls: int = 0  # the number of the latest call; an answer to an earlier one is late


@dataclass
class Lab:
    """One zone and its believers."""

    seed: int
    model: ProviderModel = field(default_factory=ProviderModel)
    believers: list[Believer] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._past: list[tuple[float, dict[str, DnsRecord]]] = [(-STALE_S_MAX, {})]

    def add(
        self, token: int, address: str, begins_s: float, ends_s: float, mark: OwnerMark = MARK
    ) -> Believer:
        """Add a node that believes to hold the lease for some time."""
        writer = DnsWriter(
            {APEX: ""},
            mark,
            WriterPolicy(PlanPolicy()),
            BudgetPolicy(),
            random.Random(self.random.random()),
            0.0,
        )
        made = Believer(token, address, begins_s, ends_s, writer)
        self.believers.append(made)
        self.at(begins_s, lambda: self._begin(made))
        self.at(ends_s, writer.ended)
        return made

    def at(self, at_s: float, act: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._events, (at_s, next(self._order), act))

    def run(self, until_s: float) -> None:
        """Let everything happen that happens until then."""
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, act = heapq.heappop(self._events)
            act()
        self.now_s = until_s

    def _begin(self, one: Believer) -> None:
        record = WantedRecord("A", one.address, 60)
        desired = {APEX: Desired(APEX, {APEX: Point((record,), "for the simulation")})}
        one.writer.wants(desired, ClusterView(), self.now_s)
        one.writer.granted(one.token, self.now_s)
        self._step(one)

    def _step(self, one: Believer) -> None:
        call = one.writer.next_call(self.now_s)
        if call is not None:
            self._send(one, call)
            return
        due_s = one.writer.next_due_s(self.now_s)
        if due_s < one.ends_s:
            self.at(max(due_s, self.now_s + 0.001), lambda: self._step(one))

    def _send(self, one: Believer, call: DnsCall) -> None:
        one.calls += 1
        number = one.calls
        takes_s = self._delay_s()

        def arrive() -> None:
            answer = self._answered(call)
            back_s = self._delay_s()
            self.at(self.now_s + back_s, lambda: self._back(one, number, answer))

        self.at(self.now_s + takes_s, arrive)
        self.at(self.now_s + CALL_TIMEOUT_S, lambda: self._back(one, number, _LOST))

    def _back(self, one: Believer, number: int, answer: DnsAnswer) -> None:
        if number != one.calls:
            return  # the time-out came first, or the answer did
        one.calls += 1
        one.writer.answered(answer, self.now_s)
        self._step(one)

    def _delay_s(self) -> float:
        """Return a delay: mostly short, sometimes far beyond every time-out."""
        return self.random.choice((0.05, 0.2, 1.0, 4.0, 25.0)) * self.random.random()

    def _answered(self, call: DnsCall) -> DnsAnswer:
        if isinstance(call, DnsRecordsList) and self.random.random() < 0.3:
            return self._from_the_past(call)
        answer = self.model.answer(call)
        self._past.append((self.now_s, dict(self.model.records)))
        return answer

    def _from_the_past(self, call: DnsRecordsList) -> DnsAnswer:
        since_s = self.now_s - STALE_S_MAX * self.random.random()
        now = self.model.records
        self.model.records = [records for at_s, records in self._past if at_s <= since_s][-1]
        try:
            return self.model.answer(call)
        finally:
            self.model.records = now
