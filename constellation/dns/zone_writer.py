"""Keeps one zone in step with what is wanted: rounds of listing, planning and changing.

    resting    until something is wanted anew, the interval is over, or a failure may be over
    finding    the zone's id is asked for, once
    listing    the records that may be ours, page by page
    changing   the plan's changes, one request after the other

A round begins with a list, always: nothing is changed from memory.  After a request of which nobody
knows whether it was carried out, the next thing that is sent is a list.

`now_s` is monotonic seconds.  The writer is told of the fencing token that it writes under, and
stops for good when it meets a higher one in the zone: another node writes by now.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from constellation.cluster_view import ClusterView
from constellation.dns.consistency import Consistency
from constellation.dns.departed import Departed
from constellation.dns.intents import Desired, Point
from constellation.dns.mark import OwnerMark
from constellation.dns.plan import Plan, make_plan, our_names
from constellation.dns.plan_parts import PlanPolicy
from constellation.effects import Note
from messages.dns_calls import (
    CHANGES_MAX,
    NAMES_MAX,
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsChanged,
    DnsRecord,
    DnsRecordsList,
    DnsRecordsListed,
    DnsZone,
    DnsZoneFind,
    DnsZoneFound,
)

State = Literal["resting", "finding", "listing", "changing"]
# What a round is for: to compare only, to change what differs, or to do so whatever the limits and
# the tokens in the zone are.
Look = Literal["plan", "apply", "force"]
PAGES_MAX = 200  # of one list
LISTS_MAX = 4  # of one round: names that the first one did not ask for, and conflicts
_EXPONENT_MAX = 16


@dataclass(frozen=True, slots=True)
class WriterPolicy:
    """Times and limits of one zone.  Seconds."""

    plan: PlanPolicy
    interval_s: float = 60.0  # between rounds at rest
    coalesce_s: float = 0.25  # from the first change to the round
    unhurried_s: float = 5.0  # the same, if names are only to be left as they are
    spacing_s: float = 1.0  # between two rounds: many changes are one plan
    backoff_min_s: float = 1.0
    backoff_max_s: float = 60.0
    departed_grace_s: float = 3600.0  # until records that nothing wants are deleted
    retry_permanent_s: float = 900.0  # what fails for good may have been mended elsewhere
    operations_max: int = CHANGES_MAX  # of one request
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the zone is not kept in step, for people."""

    why: str
    fix: str = ""
    is_permanent: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class RoundDone:
    """A round has ended.  An effect."""

    zone: str
    plan: Plan
    is_done: bool  # the changes of the plan were made
    is_drift: bool  # somebody else changed what was in step


@dataclass(frozen=True, slots=True)
class _Round:
    """A round in progress, with what it is for."""

    desired: Desired
    token: int
    names: tuple[str, ...]  # that the list asks for
    look: Look
    asked: int  # for comparisons up to this one that operators wanted
    lists: int = 1
    pages: int = 0
    listed: tuple[DnsRecord, ...] = ()
    cursor: str = ""
    plan: Plan | None = None
    changes: tuple[DnsChange, ...] = ()  # that are still to be sent

    def listing_again(self, names: tuple[str, ...]) -> _Round:
        """Return the round at the beginning of another list."""
        return _Round(self.desired, self.token, names, self.look, self.asked, self.lists + 1)


Effect = Note | RoundDone


class ZoneWriter:
    """One zone, in one life of this process."""

    def __init__(
        self, name: str, zone_id: str, mark: OwnerMark, policy: WriterPolicy, rng: random.Random
    ) -> None:
        """Begin with nothing known; an empty `zone_id` is found out."""
        self.name = name
        self.zone = DnsZone(id=zone_id, name=name) if zone_id else None
        self.desired: Desired | None = None
        self.token: int | None = None  # None: this node does not write
        self.plan: Plan | None = None  # of the last whole list
        self.is_applied = False  # that plan was carried out, or there was nothing to do
        self.problem: Problem | None = None
        self.in_step_at_s: float | None = None  # when the zone was last seen to be as wanted
        self.is_fenced = False  # a higher token was seen: another node writes
        self._mark = mark
        self._policy = policy
        self._random = rng
        self._view = ClusterView()
        self._departed = Departed()
        self._consistency = Consistency()
        self._round: _Round | None = None
        self._is_waiting = False  # for the answer to a call
        self._due_at_s = math.inf
        self._began_at_s = -math.inf
        self._failures = 0
        self._in_step_with: tuple[Desired, int] | None = None
        self._look: Look = "apply"  # of the next round
        self._asked = self._looked = 0  # comparisons that operators wanted, and that were made

    @property
    def state(self) -> State:
        """What it is doing."""
        if self._round is None:
            return "finding" if self._is_waiting else "resting"
        return "changing" if self._round.changes else "listing"

    @property
    def is_looking(self) -> bool:
        """Whether a comparison that an operator wants is not made yet."""
        return self._looked < self._asked and self.token is not None and not self.is_fenced

    @property
    def is_in_step(self) -> bool:
        """Whether the last round left nothing to do, and nothing else was wanted since."""
        return self.desired is not None and self._was_in_step(self.desired, self.token)

    @property
    def next_due_s(self) -> float:
        """When the next call is due; inf: none is, until something is said to it."""
        is_able = self.token is not None and self.desired is not None and not self._is_waiting
        return self._due_at_s if is_able else math.inf

    # What it is told.

    def granted(self, token: int, now_s: float) -> None:
        """Write under this fencing token from now on."""
        self.ended()
        self.token = token
        self.problem, self._failures = None, 0
        self._due_at_s = now_s

    def ended(self) -> None:
        """Write no more.  The answer to a call under way is of no interest."""
        self.token = None
        self.is_fenced = self._is_waiting = False
        self._round, self._look = None, "apply"
        self._due_at_s = math.inf
        self._departed = Departed()
        self._consistency = Consistency()

    def wants(self, desired: Desired, view: ClusterView, now_s: float) -> None:
        """Bring the zone to `desired` from now on; `view` is the cluster that it follows from."""
        self._view = view
        if desired == self.desired:
            return
        before, self.desired = self.desired, desired
        wait_s = 0.0 if before is None else self._wait_s(desired)
        self._departed.wants(desired)
        if self.problem is not None and self.problem.is_permanent:
            self._failures = 0  # it may be about what was wanted before
        self._begin(max(now_s + wait_s, self._began_at_s + self._policy.spacing_s))

    def _wait_s(self, desired: Desired) -> float:
        """Return how long a round for `desired` may wait.

        Where a node goes, several changes follow one another: its ingress fails or it dies, another
        holds the lease, and nothing wants the name of the node any more.  One round is enough.
        """
        if self._in_step_with is None or self._in_step_with[1] != self.token:
            return self._policy.coalesce_s
        news = desired.news_since(self._in_step_with[0])
        if any(isinstance(intent, Point) for intent in news):
            return self._policy.coalesce_s
        return self._policy.unhurried_s if news else self._policy.interval_s

    def _was_in_step(self, desired: Desired, token: int | None) -> bool:
        """Return whether the zone was as `desired` wants it, after the last round that says so."""
        if self._in_step_with is None or self._in_step_with[1] != token:
            return False
        return not desired.news_since(self._in_step_with[0])

    def look_now(self, look: Look, now_s: float) -> None:
        """Compare at once, because an operator wants it."""
        self._look = look
        self._asked += 1
        self._failures = 0
        if look == "force":
            self.is_fenced = False
        self._begin(now_s)

    def _begin(self, at_s: float) -> None:
        """Let the next round begin at `at_s` at the latest; the wait after a failure stands."""
        if self._round is None and not self._failures and not self.is_fenced:
            self._due_at_s = min(self._due_at_s, at_s)

    # Calls.

    def next_call(self, now_s: float) -> DnsCall | None:
        """Return the call that is due; it must be made, and `answered`."""
        if now_s < self.next_due_s or self.desired is None or self.token is None:
            return None
        self._is_waiting = True
        if self.zone is None:
            return DnsZoneFind(name=self.name)
        if self._round is None:
            self._began_at_s = now_s
            names = self.desired.listed_names
            self._round = _Round(self.desired, self.token, names, self._look, self._asked)
            self._look = "apply"
        if self._round.changes:
            return self._round.changes[0]
        return DnsRecordsList(
            zone=self.zone,
            names=self._round.names,
            mark=self._mark.text,
            cursor=self._round.cursor,
        )

    def answered(self, answer: DnsAnswer, now_s: float) -> list[Effect]:
        """Go on after the answer to the last call; one after the end of the lease is ignored."""
        if not self._is_waiting:
            return []
        self._is_waiting = False
        self._due_at_s = now_s
        match answer:
            case DnsZoneFound(zone=zone):
                self.zone = zone
                return []
            case DnsCallFailed():
                return self._failed(answer, now_s)
            case DnsRecordsListed():
                assert self._round is not None, "a list is part of a round"
                return self._listed(self._round, answer, now_s)
            case DnsChanged(records=records):
                assert self._round is not None, "a change is part of a round"
                return self._changed(self._round, records, now_s)

    def _listed(self, current: _Round, answer: DnsRecordsListed, now_s: float) -> list[Effect]:
        current = replace(
            current,
            listed=(*current.listed, *answer.records),
            pages=current.pages + 1,
            cursor=answer.cursor,
        )
        self._round = current
        if not answer.cursor:
            return self._compare(current, now_s)
        if current.pages < PAGES_MAX:
            return []
        why = f"zone {self.name} has over {PAGES_MAX} pages of records that may be the cluster's"
        return self._give_up(Problem(why, "give the cluster a zone of its own"), now_s)

    def _compare(self, current: _Round, now_s: float) -> list[Effect]:
        """Plan, and begin to change what differs from what is wanted by now."""
        assert self.zone is not None, "found before the list"
        assert self.desired is not None, "known before the list"
        # After a failover the two leases are granted one after the other, while the first list is
        # on its way: it need not become a round of its own.
        current = replace(current, desired=self.desired)
        records = self._consistency.corrected(current.listed, now_s)
        policy = replace(self._policy.plan, is_forced=current.look == "force")
        unwanted = self._departed.due(
            our_names(records, self._mark),
            current.desired,
            self._view,
            grace_s=self._policy.departed_grace_s,
            now_s=now_s,
        )
        wanted = current.desired.removing(unwanted)
        plan = make_plan(wanted, records, self._mark, current.token, policy)
        unseen = sorted({one.name for one in plan.creates} - set(current.names))
        if unseen and current.lists < LISTS_MAX:
            # Records of others may be where one is to be created: that name was not asked for.
            names = (*current.names, *unseen)
            if len(names) > NAMES_MAX:
                return self._give_up(self._too_many(len(names)), now_s)
            self._round = current.listing_again(names)
            return []
        self.plan, self.is_applied = plan, plan.is_empty
        if plan.is_fenced:
            return self._stop(plan)
        changes = () if self._is_dry(current) else self._changes(plan, self.zone)
        if not changes:
            return self._finish(current, plan, now_s)
        self._round = replace(current, plan=plan, changes=changes, listed=())
        return []

    def _changes(self, plan: Plan, zone: DnsZone) -> tuple[DnsChange, ...]:
        return tuple(plan.changes(zone, self._policy.operations_max))

    def _changed(self, current: _Round, records: Iterable[DnsRecord], now_s: float) -> list[Effect]:
        assert current.plan is not None, "changes are those of a plan"
        self._consistency.wrote(current.changes[0], records, now_s)
        rest = current.changes[1:]
        self._round = replace(current, changes=rest)
        return [] if rest else self._finish(current, current.plan, now_s)

    def _finish(self, current: _Round, plan: Plan, now_s: float) -> list[Effect]:
        purpose = (current.desired, current.token)
        is_done = not plan.is_empty and not self._is_dry(current)
        is_drift = not plan.is_empty and self._was_in_step(*purpose)
        effects: list[Effect] = [RoundDone(self.name, plan, is_done, is_drift)]
        if self.problem is not None:
            effects.append(Note("dns_works_again", {"zone": self.name}))
        self.problem, self._failures = None, 0
        self.is_applied = is_done or plan.is_empty
        if self.is_applied:
            self.in_step_at_s, self._in_step_with = now_s, purpose
        self._end(current)
        self._due_at_s = now_s + self._policy.interval_s
        if self._look != "apply":  # meanwhile
            self._begin(max(now_s, self._began_at_s + self._policy.spacing_s))
        elif self.desired is not None and self.desired != current.desired:
            wait_s = self._wait_s(self.desired)
            self._begin(max(now_s + wait_s, self._began_at_s + self._policy.spacing_s))
        return effects

    def _end(self, current: _Round | None) -> None:
        self._round = None
        self._looked = self._asked if current is None else current.asked

    def _is_dry(self, current: _Round) -> bool:
        return current.look == "plan" or self._policy.is_dry_run

    # Failures.

    def _stop(self, plan: Plan) -> list[Effect]:
        """Stop for good: a record has a higher token than ours."""
        self.is_fenced = True
        self._end(self._round)
        self._due_at_s = math.inf
        why = (
            f"a record of zone {self.name} was written under the fencing token "
            f"{plan.highest_token}, later than this node's {self.token}"
        )
        fix = (
            "if no other cluster has the same `dns.owner`, and this one was begun anew: "
            "`constellation dns apply --force` writes all records under this node's token"
        )
        return self._now_is(Problem(why, fix, is_permanent=True, code="fenced"))

    def _failed(self, failure: DnsCallFailed, now_s: float) -> list[Effect]:
        current = self._round
        if failure.failure == "conflict" and current is not None and current.lists < LISTS_MAX:
            self._round = current.listing_again(current.names)
            return []
        is_permanent = failure.failure == "permanent"
        problem = Problem(failure.why, failure.fix, is_permanent, failure.code)
        return self._give_up(problem, now_s)

    def _too_many(self, count: int) -> Problem:
        why = f"zone {self.name} would have records at {count:,} names, over {NAMES_MAX:,}"
        fix = "have fewer dns.domains in this zone, or fewer dns.records"
        return Problem(why, fix, is_permanent=True, code="names")

    def _give_up(self, problem: Problem, now_s: float) -> list[Effect]:
        """End the round, and try again later, without what an operator has ordered for it."""
        if self._round is None:
            self._look = "apply"
        self._end(self._round)
        policy = self._policy
        exponent = min(self._failures, _EXPONENT_MAX)
        wait_s = min(policy.backoff_max_s, policy.backoff_min_s * 2.0**exponent)
        if problem.is_permanent:
            wait_s = policy.retry_permanent_s
        self._failures += 1
        self._due_at_s = now_s + wait_s * self._random.uniform(0.5, 1.0)
        return self._now_is(problem)

    def _now_is(self, problem: Problem) -> list[Effect]:
        """Keep the problem, and log it if it is another one than before."""
        before, self.problem = self.problem, problem
        if before is not None and before.why == problem.why:
            return []
        fields = {"zone": self.name, "why": problem.why, "fix": problem.fix}
        level = "error" if problem.is_permanent else "warning"
        return [Note("dns_failed", fields, level)]
