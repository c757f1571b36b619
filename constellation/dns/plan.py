"""What to change in a zone: desired minus existing, as a value.

Equal inputs give an equal plan, in whatever order the provider lists the records.  A plan that is
carried out leaves nothing to plan.

Limits: over `deletes_max` deletes a round, or the delete of all our records, need an order: then
they are not made, and the rest is.  A delete counts if it leaves a name without a record of ours:
an address that goes while others stay is how a failover looks with several addresses.

Once a record bears a higher token than the writer's, the writer is not the writer any more, and
plans nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from msgspec.structs import replace

from constellation.dns.contents import listed_name
from constellation.dns.intents import Desired
from constellation.dns.mark import OwnerMark
from constellation.dns.plan_name import plan_name, plan_unwanted
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
from constellation.value import Value
from messages.dns import RowAction
from messages.dns_calls import (
    CHANGES_MAX,
    DnsChange,
    DnsCreate,
    DnsDelete,
    DnsRecord,
    DnsUpdate,
    DnsZone,
)

CHANGES: tuple[RowAction, ...] = ("create", "update", "delete")
_MAKES = frozenset({"create", "update"})
UNWANTED = "nothing wants it; it is deleted after dns.departed_grace_s"


class Row(NamedTuple):
    """One line of a plan for people."""

    action: RowAction
    name: str
    type: str
    before: str  # content; empty: there is none
    after: str
    why: str


class Plan(Value):
    """What to change in a zone, and what is left as it is."""

    steps: tuple[Step, ...] = ()
    keeps: tuple[Kept, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    highest_token: int = 0  # of all our records, before
    is_fenced: bool = False

    @property
    def creates(self) -> tuple[DnsCreate, ...]:
        """The records to create."""
        return tuple(one.call for one in self.steps if isinstance(one.call, DnsCreate))

    @property
    def updates(self) -> tuple[DnsUpdate, ...]:
        """The records to change."""
        return tuple(one.call for one in self.steps if isinstance(one.call, DnsUpdate))

    @property
    def deletes(self) -> tuple[DnsDelete, ...]:
        """The records to delete, also those that give way to another type."""
        return tuple(one.call for one in self.steps if isinstance(one.call, DnsDelete))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to change."""
        return not self.steps

    @property
    def ours_count(self) -> int:
        """How many records of ours there are after the plan."""
        stay = {one.record.id for one in self.keeps} | {one.before.id for one in self.updates}
        return len(stay) + len(self.creates)

    @property
    def names_answering(self) -> frozenset[str]:
        """The names at which a record of ours is after the plan."""
        kept = (listed_name(one.record.name) for one in self.keeps)
        made = (one.name for one in self.steps if not isinstance(one.call, DnsDelete))
        return frozenset((*kept, *made))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows there are of each action, and how many records of ours stay."""
        found = Counter(row.action for row in self.rows())
        actions: tuple[RowAction, ...] = (*CHANGES, "foreign", "blocked")
        return MappingProxyType({**{one: found[one] for one in actions}, "keep": len(self.keeps)})

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan for people, one line for each row, then the problems and warnings."""
        rows = [
            f"{row.action} {row.name} {row.type} "
            + " -> ".join(text for text in (row.before, row.after) if text)
            + f" ({row.why})"
            for row in self.rows()
        ]
        return (*rows, *self.problems, *self.warnings)

    def changes(self, zone: DnsZone, operations_max: int = CHANGES_MAX) -> list[DnsChange]:
        """Return the requests, each of so many operations at most; pure deletes come last."""
        return [_change(zone, steps) for steps in _chunks(self.steps, operations_max)]

    def _is_kept(self, step: Step) -> bool:
        return isinstance(step.call, DnsUpdate) and step.call.before.id in {
            one.record.id for one in self.keeps
        }

    def rows_after(self) -> list[Row]:
        """Return a row for each record once the plan is carried out, by name and type."""
        rows = (
            row._replace(action="keep", before=row.after) if row.action in _MAKES else row
            for row in self.rows_now()
            if row.action != "delete"
        )
        return sorted(rows, key=_by_name)

    def rows_now(self) -> list[Row]:
        """Return a row for each record as it is, and for what is to change, by name and type."""
        kept = (_kept_row(one.record, one.why) for one in self.keeps)
        return sorted([*kept, *self.rows()], key=_by_name)

    def rows(self) -> list[Row]:
        """Return a row for each change, each record of others and each blocked record.

        A record of ours that stays, and only gets the writer's token, has none.
        """
        return [
            *(_row(step) for step in self.steps if not self._is_kept(step)),
            *(
                Row("foreign", one.name, one.record.type, one.record.content, "", _say(one))
                for one in self.foreign
            ),
            *(
                Row("blocked", one.name, missing.type, "", missing.content, _say(one))
                for one in self.blocked
                for missing in one.missing
            ),
        ]


def _kept_row(record: DnsRecord, why: str) -> Row:
    return Row("keep", listed_name(record.name), record.type, record.content, record.content, why)


def _by_name(row: Row) -> tuple[str, str, str]:
    return row.name, row.type, row.after


def our_names(existing: Iterable[DnsRecord], mark: OwnerMark) -> frozenset[str]:
    """Return the names of the records that are ours, in canonical form."""
    return frozenset(listed_name(one.name) for one in existing if is_ours(one, mark))


def make_plan(
    desired: Desired,
    existing: Iterable[DnsRecord],
    mark: OwnerMark,
    token: int,
    policy: PlanPolicy,
) -> Plan:
    """Return what to change so that the zone is as desired; `existing` is in any order.

    `token` is the fencing token of this writer.
    """
    records = sorted(existing, key=lambda one: (listed_name(one.name), *key_of(one), one.id))
    ours = [one for one in records if is_ours(one, mark)]
    highest = max((mark.token(one.comment) for one in ours), default=0)
    if highest > token and not policy.is_forced:
        return _fenced(highest, token)
    at = {name: list(of) for name, of in groupby(records, lambda one: listed_name(one.name))}
    marking = Marking(mark, token)
    plans: dict[str, NamePlan] = {}
    for name in sorted({*desired.intents, *our_names(ours, mark)}):
        here = at.get(name, [])
        intent = desired.intents.get(name)
        if intent is None:
            mine = [one for one in here if is_ours(one, mark)]
            plans[name] = plan_unwanted(name, mine, marking, UNWANTED)
        else:
            plans[name] = plan_name(name, intent, here, marking, policy)
    return _limited(_joined(plans.values(), highest), ours, marking, policy)


def _fenced(highest: int, token: int) -> Plan:
    problem = (
        f"a record bears token {highest}, above {token} of this writer: another node has become "
        "the writer, and this one stops"
    )
    return Plan(problems=(problem,), highest_token=highest, is_fenced=True)


def _joined(plans: Iterable[NamePlan], highest: int) -> Plan:
    all_of = list(plans)
    return Plan(
        steps=tuple(one for plan in all_of for one in plan.steps),
        keeps=tuple(one for plan in all_of for one in plan.keeps),
        foreign=tuple(one for plan in all_of for one in plan.foreign),
        blocked=tuple(one for plan in all_of for one in plan.blocked),
        warnings=tuple(one for plan in all_of for one in plan.warnings),
        highest_token=highest,
    )


def _limited(plan: Plan, ours: Sequence[DnsRecord], marking: Marking, policy: PlanPolicy) -> Plan:
    """Return the plan without its deletes if they are too many."""
    answering = plan.names_answering
    deletes = [one for one in plan.steps if _is_pure_delete(one) and one.name not in answering]
    if policy.is_forced or not deletes:
        return plan
    doubt = _doubt(plan, deletes, ours, marking, policy)
    if not doubt:
        return plan
    waiting = NamePlan()
    for step in deletes:
        if isinstance(step.call, DnsDelete):
            part = _ours_of(step.call.before, marking)
            left = plan_unwanted(step.name, part, marking, "its delete waits for an order")
            waiting.steps.extend(left.steps)
            waiting.keeps.extend(left.keeps)
    steps = [*(one for one in plan.steps if one not in deletes), *waiting.steps]
    return replace(
        plan,
        steps=tuple(sorted(steps, key=lambda step: step.name)),
        keeps=(*plan.keeps, *waiting.keeps),
        problems=(*plan.problems, doubt),
    )


def _doubt(
    plan: Plan,
    deletes: Sequence[Step],
    ours: Sequence[DnsRecord],
    marking: Marking,
    policy: PlanPolicy,
) -> str:
    """Return why the deletes are not made; empty: they are."""
    count, names = len(deletes), sorted({step.name for step in deletes})
    what = f"{count} of our records should be deleted, at {_some(names)}"
    remedy = "see `constellation dns plan`; if it is right, `constellation dns apply --force`"
    if count > policy.deletes_max:
        return f"{what}; dns.deletes_max is {policy.deletes_max}, so none was: {remedy}"
    gone = {one.before.id for one in plan.deletes}
    adopted = [one for one in plan.updates if not is_ours(one.before, marking.mark)]
    stays = [one for one in ours if one.id not in gone]
    if not stays and not adopted and not plan.creates:
        return f"{what}; these are all that are ours in the zone, so none was: {remedy}"
    return ""


def _some(names: Sequence[str], count_max: int = 5) -> str:
    more = f" and {len(names) - count_max} more names" if len(names) > count_max else ""
    return ", ".join(names[:count_max]) + more


def _ours_of(record: DnsRecord, marking: Marking) -> list[DnsRecord]:
    return [record] if is_ours(record, marking.mark) else []


def _is_pure_delete(step: Step) -> bool:
    return isinstance(step.call, DnsDelete) and not step.is_swap


def _chunks(steps: Iterable[Step], operations_max: int) -> Iterator[list[Step]]:
    """Yield the steps of each request.  Those of a change of type stay together."""
    chunk: list[Step] = []
    for group in _groups(steps, operations_max):
        if len(chunk) + len(group) > operations_max:
            yield chunk
            chunk = []
        chunk.extend(group)
    if chunk:
        yield chunk


def _groups(steps: Iterable[Step], operations_max: int) -> Iterator[list[Step]]:
    """Yield what must be one request; what makes names answer comes before what removes."""
    last: list[list[Step]] = []
    for (_, is_swap), found in groupby(steps, lambda step: (step.name, step.is_swap)):
        together = list(found)
        if is_swap:  # deletes come first in it; only a change to very many addresses is cut
            for start in range(0, len(together), operations_max):
                yield together[start : start + operations_max]
            continue
        last.extend([step] for step in together if _is_pure_delete(step))
        yield from ([step] for step in together if not _is_pure_delete(step))
    yield from last


def _change(zone: DnsZone, steps: Iterable[Step]) -> DnsChange:
    part = Plan(tuple(steps))
    return DnsChange(zone=zone, deletes=part.deletes, updates=part.updates, creates=part.creates)


def _row(step: Step) -> Row:
    match step.call:
        case DnsCreate(content=content):
            return Row("create", step.name, step.type, "", content, step.why)
        case DnsUpdate(before=before, content=content):
            after = before.content if content is None else content
            return Row("update", step.name, step.type, before.content, after, step.why)
        case DnsDelete(before=before):
            return Row("delete", step.name, step.type, before.content, "", step.why)


def _say(one: Foreign | Blocked) -> str:
    return f"{one.why}: {one.fix}"
