"""What to change at one name, of the records that are ours, and why.

A record of ours that is not wanted any more takes the content of a missing one of its type: an
update, so that the name always answers.  Only between a CNAME and addresses it is deleted and the
other created, both in one request.

Records of others stay.  Where one answers for the name, and none of ours does, nothing is created
beside it: the name would answer with both.  Names in `adopt` are the exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from constellation.dns.contents import ADDRESS_TYPES, excludes
from constellation.dns.intents import Intent, Keep, Point, WantedRecord
from constellation.dns.plan_parts import (
    Blocked,
    Foreign,
    Kept,
    Marking,
    NamePlan,
    PlanPolicy,
    Step,
    is_ours,
    key_of,
)
from messages.dns_calls import TTL_AUTOMATIC, DnsCreate, DnsDelete, DnsRecord, DnsUpdate

FAILOVER_TTL_S_MAX = 60


def plan_unwanted(name: str, ours: Sequence[DnsRecord], marking: Marking, why: str) -> NamePlan:
    """Return the plan of a name that is left as it is."""
    plan = NamePlan()
    for record in ours:
        _keep(plan, name, record, marking, why)
    return plan


def plan_name(
    name: str,
    intent: Intent,
    records: Sequence[DnsRecord],
    marking: Marking,
    policy: PlanPolicy,
) -> NamePlan:
    """Return the plan of a name that is wanted; `records` are all that stand there, in order."""
    ours = [one for one in records if is_ours(one, marking.mark)]
    if isinstance(intent, Keep):
        return plan_unwanted(name, ours, marking, intent.why)
    others = [one for one in records if not is_ours(one, marking.mark)]
    adopted = _adopted(intent, others, policy) if name in policy.adopt else []
    others = [one for one in others if one not in adopted]
    return _NamePlanner(name, intent, [*ours, *adopted], others, marking, policy).planned()


def _keep(plan: NamePlan, name: str, record: DnsRecord, marking: Marking, why: str) -> None:
    """Leave a record as it is, but for its token."""
    comment = marking.new_comment(record)
    if comment is not None and is_ours(record, marking.mark):
        call = DnsUpdate(before=record, comment=comment)
        plan.steps.append(Step(name, record.type, call, "token of this writer"))
    plan.keeps.append(Kept(record, why))


def _adopted(intent: Point, others: Iterable[DnsRecord], policy: PlanPolicy) -> list[DnsRecord]:
    """Return the records of others that become ours.

    Texts only if they are what is wanted: a name has texts for many purposes.  What stands in the
    way of another type is taken too, unless nothing may be removed now.
    """
    wanted = {one.key for one in intent.records}
    types = {one.type for one in intent.records} & ADDRESS_TYPES

    def is_taken(one: DnsRecord) -> bool:
        if key_of(one) in wanted:
            return True
        if one.type not in ADDRESS_TYPES or not intent.is_complete:
            return False
        return one.type in types or any(
            excludes(one.type, other, is_cname_alone=policy.is_cname_alone) for other in types
        )

    return [one for one in others if is_taken(one)]


class _NamePlanner:
    """Matches what is wanted at a name with what is ours there."""

    def __init__(
        self,
        name: str,
        intent: Point,
        ours: Sequence[DnsRecord],
        others: Sequence[DnsRecord],
        marking: Marking,
        policy: PlanPolicy,
    ) -> None:
        self._name = name
        self._intent = intent
        self._ours = ours
        self._others = others
        self._marking = marking
        self._policy = policy
        self._plan = NamePlan()

    def planned(self) -> NamePlan:
        """Return the plan."""
        stay, left = self._matched()
        standing = {key_of(one) for one in self._others}
        missing = [
            one for one in self._intent.records if one.key not in stay and one.key not in standing
        ]
        possible = self._possible(missing, left)
        is_blocked = len(possible) < len(missing)
        for one in self._intent.records:
            if one.key in stay:
                self._update(stay[one.key], one)
        may_redirect = self._intent.is_complete
        creates = self._redirect(possible, left) if may_redirect else possible
        if is_blocked or not may_redirect:
            self._swap(creates, [])
            for record in left:
                _keep(
                    self._plan,
                    self._name,
                    record,
                    self._marking,
                    self._why_left(is_blocked=is_blocked),
                )
        else:
            self._swap(creates, left)
        self._report_others()
        return self._plan

    def _matched(self) -> tuple[dict[tuple[str, str], DnsRecord], list[DnsRecord]]:
        """Return the records that stay, by key, and those left over; of doubles one stays."""
        wanted = {one.key for one in self._intent.records}
        stay: dict[tuple[str, str], DnsRecord] = {}
        left = []
        for record in self._ours:
            key = key_of(record)
            if key in wanted and key not in stay:
                stay[key] = record
            else:
                left.append(record)
        return stay, left

    def _possible(
        self, missing: Sequence[WantedRecord], left: Sequence[DnsRecord]
    ) -> list[WantedRecord]:
        """Return what may be created, and say what stands in the way of the rest."""
        in_the_way = self._excluding(self._others)
        is_taken = self._name not in self._policy.adopt and not any(
            one.type in ADDRESS_TYPES for one in self._ours
        )
        taken = [one for one in self._others if one.type in ADDRESS_TYPES] if is_taken else []

        def obstacle(one: WantedRecord) -> DnsRecord | None:
            return in_the_way(one) or (taken[0] if taken and one.type in ADDRESS_TYPES else None)

        stopped = [one for one in missing if obstacle(one)]
        if stopped and (first := obstacle(stopped[0])):
            why = f"a record of another stands there: {first.type} {first.content:.80}"
            self._plan.blocked.append(Blocked(self._name, tuple(stopped), why, self._fix(first)))
        ours_in_the_way = self._excluding([] if self._intent.is_complete else left)
        waiting = [one for one in missing if one not in stopped and ours_in_the_way(one)]
        if waiting:
            why = f"it cannot stand beside our records, which must stay: {self._intent.why}"
            fix = "nothing: it is done as soon as all public addresses are known"
            self._plan.blocked.append(Blocked(self._name, tuple(waiting), why, fix))
        return [one for one in missing if one not in stopped and one not in waiting]

    def _excluding(
        self, records: Sequence[DnsRecord]
    ) -> Callable[[WantedRecord], DnsRecord | None]:
        """Return what finds a record beside which a wanted one cannot stand."""
        is_alone = self._policy.is_cname_alone

        def found(one: WantedRecord) -> DnsRecord | None:
            beside = (it for it in records if excludes(one.type, it.type, is_cname_alone=is_alone))
            return next(beside, None)

        return found

    def _redirect(
        self, missing: Sequence[WantedRecord], left: list[DnsRecord]
    ) -> list[WantedRecord]:
        """Give records that are left over the contents that are missing; return what remains."""
        creates = []
        for one in missing:
            before = next((it for it in left if it.type == one.type), None)
            if before is None:
                creates.append(one)
            else:
                left.remove(before)
                self._update(before, one)
        return creates

    def _swap(self, creates: Sequence[WantedRecord], deletes: Sequence[DnsRecord]) -> None:
        """Create and delete; if the type of the name changes, all in one request."""
        is_alone = self._policy.is_cname_alone
        swapped = [
            one
            for one in deletes
            if any(excludes(one.type, it.type, is_cname_alone=is_alone) for it in creates)
        ]
        for record in sorted(deletes, key=lambda it: it in swapped):  # these beside the creates
            is_swap = record in swapped
            why = f"gives way to another type: {self._intent.why}" if is_swap else self._intent.why
            call = DnsDelete(before=record)
            self._plan.steps.append(Step(self._name, record.type, call, why, is_swap=is_swap))
        for one in creates:
            created = self._created(one, swapped)
            step = Step(self._name, one.type, created, self._intent.why, is_swap=bool(swapped))
            self._plan.steps.append(step)

    def _created(self, one: WantedRecord, swapped: Sequence[DnsRecord]) -> DnsCreate:
        """Return a new record; it keeps the proxy that ours have, and the comment of the former."""
        proxied = one.proxied
        if proxied is None and one.type in ADDRESS_TYPES:
            seen = {it.proxied for it in self._ours if it.type in ADDRESS_TYPES}
            proxied = seen.pop() if len(seen) == 1 else None
        comments = {it.comment for it in swapped}
        return DnsCreate(
            name=self._name,
            type=one.type,
            content=one.content,
            ttl_s=TTL_AUTOMATIC if proxied else one.ttl_s,
            proxied=proxied,
            comment=self._marking.comment(comments.pop() if len(comments) == 1 else ""),
        )

    def _update(self, before: DnsRecord, one: WantedRecord) -> None:
        """Bring a record to what is wanted; what the settings do not say it keeps."""
        is_redirected = key_of(before) != one.key
        proxied, ttl_s = _attributes(before, one)
        call = DnsUpdate(
            before=before,
            content=one.content if is_redirected else None,
            ttl_s=ttl_s,
            proxied=proxied,
            comment=self._marking.new_comment(before),
        )
        self._warn_of_ttl(before, one, call)
        why, is_new = self._intent.why, not is_ours(before, self._marking.mark)
        if not is_redirected:
            if proxied is not None or ttl_s is not None:
                why = "TTL or proxy as in the settings"
            elif is_new:
                why = "adopted: it is in dns.adopt"
            else:
                _keep(self._plan, self._name, before, self._marking, why)
                return
        self._plan.steps.append(Step(self._name, before.type, call, why))

    def _warn_of_ttl(self, before: DnsRecord, one: WantedRecord, call: DnsUpdate) -> None:
        is_proxied = before.proxied if call.proxied is None else call.proxied
        if not one.is_failover or one.is_ttl_set or is_proxied:
            return
        if before.ttl_s == TTL_AUTOMATIC and before.proxied is not None:
            kept = "the provider's choice, 300 s at Cloudflare"
        elif before.ttl_s > FAILOVER_TTL_S_MAX:
            kept = f"{before.ttl_s} s"
        else:
            return
        self._plan.warnings.append(
            f"{self._name} {one.type} keeps its TTL, {kept}: clients follow a failover only after "
            f"that time; set dns.ttl_s to {FAILOVER_TTL_S_MAX}"
        )

    def _why_left(self, *, is_blocked: bool) -> str:
        if is_blocked:
            return "it stays until what is wanted can be there"
        return f"it stays until all is known: {self._intent.why}"

    def _report_others(self) -> None:
        wanted = {one.key for one in self._intent.records}
        types = {one.type for one in self._intent.records}
        is_alone = self._policy.is_cname_alone
        for record in self._others:
            is_wanted = key_of(record) in wanted
            is_address = record.type in ADDRESS_TYPES and bool(types & ADDRESS_TYPES)
            is_in_the_way = any(excludes(record.type, it, is_cname_alone=is_alone) for it in types)
            if is_wanted or is_address or is_in_the_way:
                why = (
                    "it is as wanted, but not ours: it will not follow the cluster"
                    if is_wanted
                    else "it is not ours, and stays"
                )
                found = Foreign(self._name, record, why, self._fix(record), is_wanted)
                self._plan.foreign.append(found)

    def _fix(self, record: DnsRecord) -> str:
        """Return what to do about a record of another."""
        delete = f"delete this {record.type} of {self._name}"
        if self._name in self._policy.adopt:
            later = " if it does not become ours once all addresses are known"
            return delete if self._intent.is_complete else delete + later
        if record.type not in ADDRESS_TYPES and key_of(record) not in {
            one.key for one in self._intent.records
        }:
            return delete
        return f"{delete}, or add the name to dns.adopt"


def _attributes(before: DnsRecord, one: WantedRecord) -> tuple[bool | None, int | None]:
    """Return proxied and TTL as they must be changed to; None: they stay.

    A proxied record has TTL 1, whatever was asked for.  A provider without proxies has no
    automatic TTL either: it chooses one, which then stays.
    """
    has_proxy = before.proxied is not None
    proxied = one.proxied if has_proxy and one.proxied != before.proxied else None
    is_proxied = before.proxied if proxied is None else proxied
    is_chosen = one.ttl_s == TTL_AUTOMATIC and not has_proxy
    if not one.is_ttl_set or is_proxied or is_chosen or one.ttl_s == before.ttl_s:
        return proxied, None
    return proxied, one.ttl_s
