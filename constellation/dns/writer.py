"""Keeps all zones in step: one call at a time, within the limits that all zones share."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from constellation.cluster_view import ClusterView
from constellation.dns.budget import BudgetPolicy, CallBudget
from constellation.dns.intents import Desired
from constellation.dns.mark import OwnerMark
from constellation.dns.zone_writer import Effect, Look, WriterPolicy, ZoneWriter
from messages.dns_calls import DnsAnswer, DnsCall, DnsCallFailed


class DnsWriter:
    """The writer of one node.  `now_s` is monotonic seconds."""

    def __init__(
        self,
        zones: Mapping[str, str],
        mark: OwnerMark,
        policy: WriterPolicy,
        budget: BudgetPolicy,
        rng: random.Random,
        now_s: float,
    ) -> None:
        """Begin with nothing known; `zones` has the provider's id of each zone, or ''."""
        self.zones = {
            name: ZoneWriter(name, zone_id, mark, policy, rng) for name, zone_id in zones.items()
        }
        self.budget = CallBudget(budget, now_s)
        self.is_dry_run = policy.is_dry_run
        self.token: int | None = None
        self._asking: str | None = None  # the zone that waits for an answer
        self._turns = list(self.zones)  # who comes first if several are due

    @property
    def is_fenced(self) -> bool:
        """A higher token than ours was seen in a zone: another node writes."""
        return any(zone.is_fenced for zone in self.zones.values())

    @property
    def is_looking(self) -> bool:
        """Whether a comparison that an operator wants is not made yet."""
        return any(zone.is_looking for zone in self.zones.values())

    def granted(self, token: int, now_s: float) -> None:
        """Write under this fencing token."""
        self.token = token
        self._asking = None
        for zone in self.zones.values():
            zone.granted(token, now_s)

    def ended(self) -> None:
        """Write no more."""
        self.token = None
        self._asking = None
        for zone in self.zones.values():
            zone.ended()

    def wants(self, desired: Mapping[str, Desired], view: ClusterView, now_s: float) -> None:
        """Bring each zone to what is wanted of it; `view` is the cluster that it follows from."""
        for name, zone in self.zones.items():
            if name in desired:
                zone.wants(desired[name], view, now_s)

    def look_now(self, look: Look, now_s: float) -> None:
        """Compare all zones at once, because an operator wants it."""
        for zone in self.zones.values():
            zone.look_now(look, now_s)

    def next_due_s(self, now_s: float) -> float:
        """Return when the next call may be made; inf: none is due, or one is under way."""
        if self._asking is not None:
            return math.inf
        due_s = min((zone.next_due_s for zone in self.zones.values()), default=math.inf)
        return due_s if due_s == math.inf else max(due_s, self.budget.next_at_s(now_s))

    def next_call(self, now_s: float) -> DnsCall | None:
        """Return the call to make now; it counts, and must be `answered`.  None: none is due."""
        if now_s < self.next_due_s(now_s):
            return None
        for name in self._turns:
            zone = self.zones[name]
            if zone.next_due_s <= now_s and self.budget.take(now_s):
                self._asking = name
                self._turns = [*(one for one in self._turns if one != name), name]
                return zone.next_call(now_s)
        return None

    def answered(self, answer: DnsAnswer, now_s: float) -> list[Effect]:
        """Go on after the answer to the last call."""
        self.budget.seen(answer.budget, now_s)
        if isinstance(answer, DnsCallFailed) and _wants_rest(answer):
            self.budget.limited(answer.retry_after_s, now_s)
        name, self._asking = self._asking, None
        return [] if name is None else self.zones[name].answered(answer, now_s)


def _wants_rest(failed: DnsCallFailed) -> bool:
    """Return whether the provider wants no call for some time: a 503 may say so as well."""
    return failed.failure == "limited" or failed.retry_after_s is not None
