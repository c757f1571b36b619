"""Plans of zones of every kind, carried out on a model of the provider."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.dns.contents import ADDRESS_TYPES, canonical_content, listed_content
from constellation.dns.intents import Desired, Intent, Keep, Point, WantedRecord
from constellation.dns.plan import Plan, make_plan
from constellation.dns.plan_parts import PlanPolicy, is_ours, key_of
from messages.dns_calls import CHANGES_MAX, DnsDelete, DnsRecord
from tests.dns.strategies import CASES, MARK, TOKEN, Case
from tests.dns.zone_model import ZONE, ZoneModel

OURS, BEFORE = f"{MARK.text}:{TOKEN}", f"{MARK.text}:3"
APEX, WILDCARD = "home.example", "*.home.example"


def record(
    record_type: str, content: str, comment: str = OURS, name: str = APEX, **more: object
) -> DnsRecord:
    given = {"id": f"{name}/{record_type}/{content}", "ttl_s": 60, "proxied": False} | more
    return DnsRecord.model_validate(
        {"name": name, "type": record_type, "content": content, "comment": comment} | given
    )


def a(content: str, comment: str = OURS, **more: object) -> DnsRecord:
    return record("A", content, comment, **more)  # type: ignore[arg-type]


def wanted_a(*contents: str, is_complete: bool = True, **more: bool) -> Point:
    records = tuple(WantedRecord("A", one, 60, is_failover=True, **more) for one in contents)
    return Point(records, "alpha holds the lease lb-leader", is_complete)


def plan(
    existing: list[DnsRecord], token: int = TOKEN, policy: PlanPolicy | None = None, **at: Intent
) -> Plan:
    """`apex` and `wildcard` are what is wanted there."""
    names = {"apex": APEX, "wildcard": WILDCARD}
    desired = Desired(APEX, MappingProxyType({names[key]: one for key, one in at.items()}))
    return make_plan(desired, existing, MARK, token, policy or PlanPolicy())


def applied(made: Plan, model: ZoneModel, operations_max: int = CHANGES_MAX) -> list[DnsRecord]:
    answered = {one.name for one in model.records.values() if one.type in ADDRESS_TYPES}
    seen = []
    for change in made.changes(ZONE, operations_max):
        model.apply(change)
        seen.append({one.name for one in model.records.values() if one.type in ADDRESS_TYPES})
    for one in seen:
        assert answered & seen[-1] <= one, "a name answers between the requests too"
    return list(model.records.values())


def planned(case: Case, existing: list[DnsRecord]) -> Plan:
    return make_plan(case.desired, existing, MARK, TOKEN, case.policy)


@given(CASES, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_an_applied_plan_leaves_what_is_wanted_and_nothing_to_plan(
    case: Case, random: Random
) -> None:
    before = list(case.zone)
    random.shuffle(before)
    made = planned(case, before)
    after = applied(made, case.model(), random.choice([7, CHANGES_MAX]))
    waiting = bool(made.problems)  # deletes that need an order
    blocked = {one.name for one in made.blocked}
    for name, intent in case.desired.intents.items():
        here = [one for one in after if one.name == name]
        ours = {key_of(one) for one in here if is_ours(one, MARK)}
        everything = {key_of(one) for one in here}
        if isinstance(intent, Keep):
            assert everything == {key_of(one) for one in before if one.name == name}
        elif name not in blocked:
            wanted = {one.key for one in intent.records}
            assert wanted <= everything
            assert ours <= wanted or waiting or not intent.is_complete
    shuffled = random.sample(after, len(after))
    assert planned(case, shuffled).is_empty, planned(case, shuffled).lines


@given(CASES, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_records_of_others_stay_as_they_are_and_few_of_ours_are_deleted(
    case: Case, random: Random
) -> None:
    made = planned(case, list(case.zone))
    after = {one.id: one for one in applied(made, case.model())}
    for one in case.zone:
        if not is_ours(one, MARK) and one.name not in case.policy.adopt:
            assert after[one.id] == one
        elif one.name not in case.desired.intents:
            assert key_of(after[one.id]) == key_of(one)
        if one.id in after:
            assert after[one.id].tags == one.tags
    gone = [one for one in case.zone if one.id not in after]
    changed_type = {
        new.name
        for new in made.creates
        if any("CNAME" in {new.type, one.type} and new.type != one.type for one in gone)
    }
    left = {one.name for one in after.values() if is_ours(one, MARK)}
    counted = [one for one in gone if one.name not in changed_type | left]
    assert case.policy.is_forced or len(counted) <= case.policy.deletes_max
    ours = [one for one in case.zone if is_ours(one, MARK)]
    if ours and not case.policy.is_forced:
        assert any(is_ours(one, MARK) for one in after.values())
    assert made == planned(case, random.sample(list(case.zone), len(case.zone)))


@given(CASES)
@settings(max_examples=100)
def test_after_a_plan_all_our_records_bear_the_token_of_its_writer(case: Case) -> None:
    after = applied(planned(case, list(case.zone)), case.model())
    tokens = {MARK.token(one.comment) for one in after if is_ours(one, MARK)}
    assert tokens <= {TOKEN}
    policy = replace(case.policy, is_forced=False)
    older = make_plan(case.desired, after, MARK, TOKEN - 1, policy)
    assert older.is_fenced == (TOKEN in tokens)
    assert not (older.is_fenced and older.steps)


@pytest.mark.case("N1")
def test_without_knowledge_nothing_is_changed_of_six_addresses_two_of_them_ours() -> None:
    zone = [a(f"203.0.113.{at}", OURS if at <= 2 else "", name=APEX) for at in range(1, 7)]
    keep = Keep("address_unknown", "the state of the cluster is not known yet")
    assert plan(zone, apex=keep).is_empty
    assert plan(zone).is_empty
    kept = plan(zone, apex=keep).keeps
    assert [one.record.content for one in kept] == ["203.0.113.1", "203.0.113.2"]


@pytest.mark.case("N2")
def test_a_hundred_rounds_of_proxied_records_in_any_order_write_at_most_once() -> None:
    model = ZoneModel(
        [a("203.0.113.9", BEFORE, ttl_s=1, proxied=True), a("203.0.113.8", "", name="x.example")]
    )
    wants = Point(
        tuple(WantedRecord("A", f"203.0.113.{at}", 60, True, is_ttl_set=True) for at in (1, 2, 3)),
        "all work",
    )
    random = Random(2)
    for _ in range(100):
        listed = random.sample(list(model.records.values()), len(model.records))
        applied(plan(listed, apex=wants, wildcard=wants), model)
    assert len(model.changes) == 1
    assert {one.ttl_s for one in model.records.values() if one.proxied} == {1}


@pytest.mark.case("N3")
def test_a_cname_of_another_is_left_and_reported_and_one_of_ours_is_replaced_in_one_request() -> (
    None
):
    foreign = record("CNAME", "elsewhere.example.net", "", name=APEX)
    ours = record("CNAME", "tunnel.example.net", f"{BEFORE} mine", name=WILDCARD)
    model = ZoneModel([foreign, ours])
    made = plan([foreign, ours], apex=wanted_a("203.0.113.1"), wildcard=wanted_a("203.0.113.1"))
    after = applied(made, model)
    assert foreign in after
    [(name, fix)] = [(one.name, one.fix) for one in made.blocked]
    assert name == APEX
    assert "dns.adopt" in fix
    [change] = model.changes
    assert [one.before for one in change.deletes] == [ours]
    assert [(one.content, one.comment) for one in change.creates] == [
        ("203.0.113.1", f"{OURS} mine")
    ]


def test_a_cname_of_another_becomes_ours_when_its_name_is_adopted() -> None:
    foreign = record("CNAME", "elsewhere.example.net", "by hand", proxied=True)
    adopting = PlanPolicy(adopt=frozenset({APEX}), deletes_max=0)
    made = plan([foreign], policy=adopting, apex=wanted_a("203.0.113.1"))
    [created] = applied(made, ZoneModel([foreign]))
    assert (created.type, created.comment, created.proxied) == ("A", f"{OURS} by hand", True)
    assert made.creates[0].ttl_s == 1, "the only TTL of a proxied record"
    incomplete = wanted_a("203.0.113.1", is_complete=False)
    waiting = plan([foreign], policy=adopting, apex=incomplete)
    assert [row.action for row in waiting.rows()] == ["foreign", "blocked"]


def test_a_leader_with_another_address_costs_one_update_for_each_name() -> None:
    zone = [a("203.0.113.1", f"{OURS} kept", ttl_s=300), a("203.0.113.1", name=WILDCARD)]
    made = plan(zone, apex=wanted_a("203.0.113.2"), wildcard=wanted_a("203.0.113.2"))
    assert made.counts["update"] == 2
    assert made.counts["delete"] == made.counts["create"] == 0
    after = applied(made, ZoneModel(zone))
    assert {(one.content, one.ttl_s, one.comment) for one in after} == {
        ("203.0.113.2", 300, f"{OURS} kept"),
        ("203.0.113.2", 60, OURS),
    }


def test_an_address_of_another_blocks_the_name_until_one_of_ours_is_there() -> None:
    foreign = a("203.0.113.9", "by hand")
    text = record("TXT", '"v=spf1 -all"', "")
    alone = plan([foreign, text], apex=wanted_a("203.0.113.1"))
    assert alone.is_empty
    assert [row.action for row in alone.rows()] == ["foreign", "blocked"]
    beside = plan([foreign, text, a("203.0.113.2")], apex=wanted_a("203.0.113.1"))
    assert [(row.action, row.after) for row in beside.rows()] == [
        ("update", "203.0.113.1"),
        ("foreign", ""),
    ]
    assert plan([text], apex=wanted_a("203.0.113.1")).counts["create"] == 1


def test_a_record_of_another_as_it_is_wanted_needs_none_of_ours() -> None:
    made = plan([a("203.0.113.1", "by hand")], apex=wanted_a("203.0.113.1"))
    assert made.is_empty
    assert not made.blocked
    assert made.foreign[0].is_wanted


def test_records_that_may_be_right_stay_while_an_address_is_unknown() -> None:
    zone = [a("203.0.113.1"), a("203.0.113.2")]
    made = plan(zone, apex=wanted_a("203.0.113.2", "203.0.113.3", is_complete=False))
    assert [(row.action, row.after) for row in made.rows()] == [("create", "203.0.113.3")]


def test_more_deletes_than_allowed_are_all_left_until_they_are_forced() -> None:
    zone = [a("203.0.113.1", BEFORE, name=f"*.n{at}.{APEX}") for at in range(1, 7)]
    zone.append(a("203.0.113.1", BEFORE))
    gone = {one.name: Point((), "its node is gone") for one in zone[:6]}
    desired = Desired(APEX, {APEX: wanted_a("203.0.113.1"), **gone})
    careful = make_plan(desired, zone, MARK, TOKEN, PlanPolicy())
    assert careful.counts["delete"] == 0
    assert careful.counts["update"] == 7, "all get the token"
    assert careful.ours_count == 7
    assert "dns.deletes_max is 5" in careful.problems[0]
    forced = PlanPolicy(is_forced=True)
    assert make_plan(desired, zone, MARK, TOKEN, forced).counts["delete"] == 6


def test_addresses_that_go_while_others_stay_need_no_order() -> None:
    zone = [a(f"203.0.113.{at}", BEFORE) for at in range(1, 10)]
    made = plan(zone, apex=wanted_a("203.0.113.1"))
    assert made.counts["delete"] == 8
    assert not made.problems


def test_never_are_all_our_records_deleted_at_once_unless_forced() -> None:
    zone = [a("203.0.113.1"), a("203.0.113.2", "by hand", name=WILDCARD)]
    nothing = Point((), "its node is gone")
    assert "all that are ours" in plan(zone, apex=nothing).problems[0]
    assert plan(zone, apex=nothing).is_empty
    assert len(plan(zone, policy=PlanPolicy(is_forced=True), apex=nothing).deletes) == 1
    moved = plan(zone[:1], apex=nothing, wildcard=wanted_a("203.0.113.1"))
    assert len(moved.deletes) == len(moved.creates) == 1
    assert len(plan([*zone, a("203.0.113.3", name="*.b.example")], apex=nothing).deletes) == 1


def test_a_plan_over_two_hundred_changes_is_cut_but_not_within_a_change_of_type() -> None:
    names = [f"*.n{at:03}.home.example" for at in range(150)]
    zone = [record("CNAME", "tunnel.example.net", BEFORE, name=name) for name in names]
    intents = {name: wanted_a("203.0.113.1", "203.0.113.2") for name in names}
    gone = a("203.0.113.9", name="*.a.home.example")
    intents[gone.name] = Point((), "its node is gone")
    zone.append(gone)
    desired = Desired(APEX, MappingProxyType(dict(sorted(intents.items()))))
    changes = make_plan(desired, zone, MARK, TOKEN, PlanPolicy()).changes(ZONE)
    assert [len(one.deletes) for one in changes] == [66, 66, 19]
    for one in changes:
        deleted = {it.before.name for it in one.deletes} - {gone.name}
        assert {it.name for it in one.creates} == deleted
    model = ZoneModel(zone)
    for one in changes:
        model.apply(one)
    assert len(model.records) == 300


def test_a_name_that_changes_its_type_answers_between_two_requests() -> None:
    zone = [
        a("203.0.113.2", name=WILDCARD),
        record("CNAME", "tunnel.example.net"),
        record("TXT", "old"),
    ]
    made = plan(zone, apex=wanted_a("203.0.113.1"), wildcard=wanted_a("203.0.113.1"))
    applied(made, ZoneModel(zone), operations_max=2)
    assert [len(one.creates) for one in made.changes(ZONE, operations_max=2)] == [0, 1, 0]


def test_names_and_contents_compare_as_dns_does() -> None:
    zone = [
        record("AAAA", "2001:0DB8::0001", name="HOME.Example."),
        record("TXT", listed_content("TXT", '"one piece, " "and \\"more\\" \\195\\164"')),
        record("TXT", '"a text in quotes of its own"'),
        record("CNAME", "Tunnel.B\u00fccher.example.", name=WILDCARD),
    ]
    apex = (
        WantedRecord("AAAA", canonical_content("AAAA", "2001:db8:0:0::1"), 60),
        WantedRecord("TXT", canonical_content("TXT", 'one piece, and "more" \u00e4'), 60),
        WantedRecord("TXT", canonical_content("TXT", r'"\"a text in quotes of its own\""'), 60),
    )
    tunnel = canonical_content("CNAME", "tunnel.xn--bcher-kva.EXAMPLE")
    wildcard = Point((WantedRecord("CNAME", tunnel, 60),), "a tunnel")
    assert plan(zone, apex=Point(apex, "wanted"), wildcard=wildcard).is_empty


@pytest.mark.parametrize(("ttl_s", "said"), [(1, "300 s"), (3600, "3600 s")])
def test_a_long_ttl_that_is_kept_is_warned_of_and_changed_only_if_set(
    ttl_s: int, said: str
) -> None:
    zone = [a("203.0.113.1", ttl_s=ttl_s)]
    kept = plan(zone, apex=wanted_a("203.0.113.1"))
    assert kept.is_empty
    assert said in kept.warnings[0]
    changed = plan(zone, apex=wanted_a("203.0.113.1", is_ttl_set=True))
    assert [one.ttl_s for one in changed.updates] == [60]
    assert not changed.warnings


def test_of_our_records_with_one_content_one_stays() -> None:
    zone = [record("AAAA", "2001:db8::1"), record("AAAA", "2001:0db8::1")]
    made = plan(zone, apex=Point((WantedRecord("AAAA", "2001:db8::1", 60),), "in dns.records"))
    assert made.deletes == (DnsDelete(before=zone[0]),)


def test_a_record_of_ours_that_nothing_wants_stays_until_its_removal_is_wanted() -> None:
    zone = [a("203.0.113.1"), a("203.0.113.2", name="*.beta.home.example")]
    desired = Desired(APEX, MappingProxyType({APEX: wanted_a("203.0.113.1")}))
    assert make_plan(desired, zone, MARK, TOKEN, PlanPolicy()).is_empty
    removing = desired.removing({"*.beta.home.example": "beta is gone", APEX: "never"})
    made = make_plan(removing, zone, MARK, TOKEN, PlanPolicy())
    assert made.lines == ("delete *.beta.home.example A 203.0.113.2 (beta is gone)",)
