"""The rounds of one zone: what is asked, when, and what failures lead to."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from constellation.cluster_view import ClusterView
from constellation.dns.budget import BudgetPolicy
from constellation.dns.intents import Desired, Keep, Point, WantedRecord
from constellation.dns.mark import OwnerMark
from constellation.dns.plan_parts import PlanPolicy
from constellation.dns.writer import DnsWriter
from constellation.dns.zone_writer import Effect, RoundDone, WriterPolicy, ZoneWriter
from messages.dns_calls import (
    NAMES_MAX,
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsRecord,
    DnsRecordsList,
)
from tests.dns.provider_model import ProviderModel
from tests.dns.test_desired import node, view

APEX, BETA = "home.example", "*.beta.home.example"
MARK = OwnerMark("constellation:home")
POLICY = WriterPolicy(PlanPolicy())


def pointing(address: str, name: str = APEX) -> Desired:
    record = WantedRecord("A", address, 60)
    return Desired(APEX, {name: Point((record,), f"for {address}")})


@dataclass
class Lab:
    """One writer and one zone, in virtual time.  `fault` may answer a call in the zone's place."""

    policy: WriterPolicy = POLICY
    model: ProviderModel = field(default_factory=ProviderModel)
    fault: Callable[[DnsCall, ProviderModel], DnsAnswer | None] = lambda _call, _model: None
    now_s: float = 1000.0
    done: list[tuple[float, Effect]] = field(default_factory=list)
    called_at_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = ZoneWriter(APEX, "", MARK, self.policy, random.Random(1))

    def run(self, seconds: float) -> None:
        """Make every call that is due within the next seconds."""
        end_s = self.now_s + seconds
        while self.writer.next_due_s <= end_s:
            self.now_s = max(self.now_s, self.writer.next_due_s)
            call = self.writer.next_call(self.now_s)
            assert call is not None, "a call was said to be due"
            self.called_at_s.append(self.now_s)
            answer = self.fault(call, self.model) or self.model.answer(call)
            self.now_s += 0.05
            self.done += [(self.now_s, one) for one in self.writer.answered(answer, self.now_s)]
        self.now_s = end_s

    def wants(self, desired: Desired) -> None:
        self.writer.wants(desired, ClusterView(), self.now_s)

    def rounds(self) -> list[RoundDone]:
        return [one for _, one in self.done if isinstance(one, RoundDone)]


def started(address: str = "203.0.113.1", **fields: object) -> Lab:
    lab = Lab(**fields)  # type: ignore[arg-type]
    lab.wants(pointing(address))
    lab.writer.granted(5, lab.now_s)
    return lab


def test_a_steady_hour_costs_sixty_calls_and_no_write() -> None:
    lab = started()
    lab.run(10)
    calls, writes = len(lab.model.calls), len(lab.model.writes)
    lab.run(3600)
    assert len(lab.model.calls) - calls <= 60
    assert len(lab.model.writes) == writes == 1


def test_a_new_address_costs_one_list_and_one_change() -> None:
    lab = started()
    lab.run(10)
    before = len(lab.model.calls)
    lab.wants(pointing("203.0.113.2"))
    lab.run(5)
    assert [type(call) for call in lab.model.calls[before:]] == [DnsRecordsList, DnsChange]
    assert lab.model.at(APEX) == ["203.0.113.2"]


def test_what_is_wanted_when_the_list_arrives_is_what_is_written() -> None:
    lab = Lab()
    lab.writer.zone = lab.model.zone
    lab.wants(pointing("203.0.113.1"))
    lab.writer.granted(5, lab.now_s)
    call = lab.writer.next_call(lab.now_s)
    assert isinstance(call, DnsRecordsList)
    lab.wants(pointing("203.0.113.2"))
    lab.writer.answered(lab.model.answer(call), lab.now_s)
    lab.run(10)
    assert [type(call) for call in lab.model.calls] == [DnsRecordsList, DnsChange]
    assert lab.model.at(APEX) == ["203.0.113.2"]


def test_many_changes_in_a_second_are_one_plan() -> None:
    lab = started()
    lab.run(10)
    rounds = len(lab.rounds())
    for number in range(2, 52):
        lab.wants(pointing(f"203.0.113.{number}"))
        lab.run(0.004)
    lab.run(5)
    assert len(lab.rounds()) - rounds == 1
    assert lab.model.at(APEX) == ["203.0.113.51"]


def test_a_name_that_nothing_wants_any_more_waits_for_the_next_comparison() -> None:
    lab = Lab()
    both = {
        **pointing("203.0.113.1").intents,
        **pointing("203.0.113.1", "*.a.home.example").intents,
    }
    lab.wants(Desired(APEX, both))
    lab.writer.granted(5, lab.now_s)
    lab.run(10)
    calls = len(lab.model.calls)
    lab.wants(pointing("203.0.113.1"))
    lab.run(40)
    assert len(lab.model.calls) == calls
    assert lab.writer.is_in_step
    lab.run(20)
    assert len(lab.model.calls) == calls + 1


def test_a_leader_that_fails_and_its_successor_are_one_round() -> None:
    lab = started()
    lab.run(10)
    calls = len(lab.model.calls)
    lab.wants(Desired(APEX, {APEX: Keep("nobody", "the ingress of its holder does not answer")}))
    lab.run(2)
    lab.wants(pointing("203.0.113.2"))
    lab.run(1)
    assert [type(call) for call in lab.model.calls[calls:]] == [DnsRecordsList, DnsChange]
    assert lab.model.at(APEX) == ["203.0.113.2"]


def test_that_nobody_may_be_pointed_to_is_told_within_seconds() -> None:
    lab = started()
    lab.run(10)
    rounds = len(lab.rounds())
    lab.wants(Desired(APEX, {APEX: Keep("nobody", "no node holds the lease lb-leader")}))
    lab.run(6)
    assert len(lab.rounds()) == rounds + 1
    assert lab.model.at(APEX) == ["203.0.113.1"]


def test_nothing_is_called_without_a_lease_and_after_its_end() -> None:
    lab = Lab()
    lab.wants(pointing("203.0.113.1"))
    lab.run(600)
    assert lab.model.calls == []
    lab.writer.granted(5, lab.now_s)
    lab.run(10)
    lab.writer.ended()
    calls = len(lab.model.calls)
    lab.wants(pointing("203.0.113.2"))
    lab.run(600)
    assert len(lab.model.calls) == calls
    assert lab.writer.next_due_s == math.inf


def test_an_answer_that_comes_after_the_end_of_the_lease_leads_to_nothing() -> None:
    lab = started()
    call = lab.writer.next_call(lab.now_s)
    assert call is not None
    lab.writer.ended()
    assert lab.writer.answered(lab.model.answer(call), lab.now_s) == []
    assert lab.writer.next_call(lab.now_s + 600) is None


def test_a_new_grant_raises_the_token_of_every_record_with_the_first_change() -> None:
    lab = started()
    lab.run(10)
    lab.writer.ended()
    lab.writer.granted(9, lab.now_s)
    before = len(lab.model.calls)
    lab.run(10)
    assert len(lab.model.calls) - before == 2
    assert [one.comment for one in lab.model.records.values()] == ["constellation:home:9"]


def test_a_higher_token_in_the_zone_stops_the_writer_until_it_is_forced() -> None:
    lab = Lab()
    lab.model.add(APEX, "A", "203.0.113.9", comment="constellation:home:7")
    lab.wants(pointing("203.0.113.1"))
    lab.writer.granted(5, lab.now_s)
    lab.run(3600)
    assert lab.writer.is_fenced
    assert lab.model.writes == []
    problem = lab.writer.problem
    assert problem is not None
    assert "--force" in problem.fix
    lab.writer.look_now("force", lab.now_s)
    lab.run(5)
    assert lab.model.at(APEX) == ["203.0.113.1"]
    assert not lab.writer.is_fenced


@pytest.mark.case("N4")
def test_after_a_change_of_unknown_outcome_the_zone_is_listed_before_anything_is_sent() -> None:
    failed: list[DnsAnswer] = []

    def lose_the_answer(call: DnsCall, model: ProviderModel) -> DnsAnswer | None:
        if not isinstance(call, DnsChange) or failed:
            return None
        failed.append(model.answer(call))
        return DnsCallFailed(failure="uncertain", why="no answer within 15 s")

    lab = started(fault=lose_the_answer)
    lab.run(30)
    kinds = [type(call) for call in lab.model.calls]
    assert kinds[kinds.index(DnsChange) + 1] is DnsRecordsList
    assert kinds.count(DnsChange) == 1
    assert lab.model.at(APEX) == ["203.0.113.1"]
    assert lab.writer.problem is None


@pytest.mark.case("N4")
def test_a_record_that_another_writer_has_just_made_is_taken_as_made() -> None:
    lab = started()
    raced: list[DnsRecord] = []

    def another_is_first(call: DnsCall, model: ProviderModel) -> DnsAnswer | None:
        if isinstance(call, DnsChange) and not raced:
            raced.append(model.add(APEX, "A", "203.0.113.1", comment="constellation:home:4"))
        return None

    lab.fault = another_is_first
    lab.run(30)
    assert [one.content for one in lab.model.records.values()] == ["203.0.113.1"]
    assert [one.comment for one in lab.model.records.values()] == ["constellation:home:5"]


def test_failures_that_may_pass_are_retried_ever_more_slowly_and_said_once() -> None:
    down = DnsCallFailed(failure="transient", why="502 Bad Gateway", code="502")
    lab = started(fault=lambda _call, _model: down)
    lab.run(600)
    waits = [after - at for at, after in zip(lab.called_at_s, lab.called_at_s[1:], strict=False)]
    assert waits[0] < 2
    assert max(waits) <= 61
    assert min(waits[8:]) > 29
    assert [type(one).__name__ for _, one in lab.done] == ["Note"]
    lab.fault = lambda _call, _model: None
    lab.run(70)
    assert lab.writer.problem is None
    assert lab.model.at(APEX) == ["203.0.113.1"]


def test_the_wait_that_an_overloaded_provider_asks_for_is_kept_by_all_zones() -> None:
    zones = {APEX: "z1", "lab.example": "z2"}
    writer = DnsWriter(zones, MARK, POLICY, BudgetPolicy(), random.Random(1), 0.0)
    writer.wants({zone: Desired(zone) for zone in zones}, ClusterView(), 0.0)
    writer.granted(5, 0.0)
    assert writer.next_call(0.0) is not None
    busy = DnsCallFailed(failure="transient", why="503", code="503", retry_after_s=120.0)
    writer.answered(busy, 1.0)
    assert writer.next_call(120.9) is None
    assert writer.next_call(121.0) is not None


def test_a_permanent_failure_is_silent_until_what_is_wanted_changes() -> None:
    refused = DnsCallFailed(failure="permanent", why="the token may not edit", fix="give it Edit")
    lab = started(fault=lambda call, _m: refused if isinstance(call, DnsChange) else None)
    lab.run(300)
    assert sum(isinstance(call, DnsRecordsList) for call in lab.model.calls) == 1
    lab.fault = lambda _call, _model: None
    lab.wants(pointing("203.0.113.2"))
    lab.run(5)
    assert lab.model.at(APEX) == ["203.0.113.2"]


def test_a_record_that_a_person_edits_is_put_right_and_counted_as_drift() -> None:
    lab = started()
    lab.run(10)
    (record,) = lab.model.records.values()
    lab.model.records[record.id] = record.model_copy(update={"content": "198.51.100.1"})
    lab.run(120)
    assert lab.model.at(APEX) == ["203.0.113.1"]
    assert [one.is_drift for one in lab.rounds()][:3] == [False, True, False]


def test_a_list_that_does_not_show_the_last_change_yet_leads_to_no_second_one() -> None:
    lab = started()
    old: list[DnsAnswer] = []

    def answer_from_before(call: DnsCall, model: ProviderModel) -> DnsAnswer | None:
        if isinstance(call, DnsRecordsList) and not old:
            old.append(model.answer(call))
        return old[0] if isinstance(call, DnsRecordsList) else None

    lab.fault = answer_from_before
    lab.run(1)
    lab.writer.look_now("apply", lab.now_s)
    lab.run(3)
    assert len(lab.model.writes) == 1


def test_a_comparison_that_an_operator_wants_changes_nothing() -> None:
    lab = started()
    lab.run(10)
    lab.wants(pointing("203.0.113.2"))
    lab.writer.look_now("plan", lab.now_s)
    lab.run(0.2)
    assert lab.writer.plan is not None
    assert not lab.writer.plan.is_empty
    assert lab.model.at(APEX) == ["203.0.113.1"]
    assert not lab.writer.is_looking
    lab.run(61)
    assert lab.model.at(APEX) == ["203.0.113.2"]


def test_a_dry_run_plans_and_changes_nothing() -> None:
    lab = started(policy=WriterPolicy(PlanPolicy(), is_dry_run=True))
    lab.run(300)
    assert lab.model.writes == []
    assert lab.writer.plan is not None
    assert len(lab.writer.plan.creates) == 1


def test_a_name_that_was_not_listed_is_listed_before_a_record_is_created_there() -> None:
    lab = Lab()
    lab.model.add("www.home.example", "A", "198.51.100.1")
    wanted = {**pointing("203.0.113.1").intents}
    wanted["www.home.example"] = Point((WantedRecord("A", "203.0.113.1", 60),), "in dns.records")
    lab.wants(Desired(APEX, wanted))
    lab.writer.granted(5, lab.now_s)
    lab.run(200)
    assert lab.model.at("www.home.example") == ["198.51.100.1"]
    assert lab.writer.plan is not None
    assert len(lab.writer.plan.foreign) == 1


def test_a_node_that_was_back_meanwhile_gets_a_new_grace_time() -> None:
    two = {**pointing("203.0.113.1").intents, **pointing("203.0.113.2", BETA).intents}
    seen = view(node("alpha"), node("gamma"))
    lab = started()
    lab.model.add(BETA, "A", "203.0.113.2", comment="constellation:home:4")
    lab.writer.wants(Desired(APEX, two), seen, lab.now_s)
    lab.run(10)

    lab.writer.wants(pointing("203.0.113.1"), seen, lab.now_s)
    lab.run(3000)
    lab.fault = lambda _call, _model: DnsCallFailed(failure="transient", why="502")
    lab.run(100)
    lab.writer.wants(Desired(APEX, two), seen, lab.now_s)
    lab.run(600)
    lab.writer.wants(pointing("203.0.113.1"), seen, lab.now_s)
    lab.fault = lambda _call, _model: None
    lab.run(3000)
    assert lab.model.at(BETA), "no list showed that it was back"
    lab.writer.ended()
    lab.run(600)  # another node writes, and it may have been back
    lab.writer.granted(6, lab.now_s)
    lab.run(3000)
    assert lab.model.at(BETA)
    lab.run(700)
    assert not lab.model.at(BETA)


def test_what_an_operator_forces_is_not_done_later_if_it_fails() -> None:
    refused = DnsCallFailed(failure="permanent", why="no such zone")
    lab = Lab(fault=lambda _call, _model: refused)
    lab.model.add(APEX, "A", "203.0.113.9", comment="constellation:home:7")
    lab.wants(pointing("203.0.113.1"))
    lab.writer.granted(5, lab.now_s)
    lab.writer.look_now("force", lab.now_s)
    lab.run(5)
    lab.fault = lambda _call, _model: None
    lab.run(3600)
    assert lab.writer.is_fenced
    assert lab.model.writes == []


def test_more_names_than_a_list_can_ask_for_are_a_problem_with_a_remedy() -> None:
    lab = started()
    records = (WantedRecord("A", "203.0.113.1", 60),)
    names = [f"*.n{number}.home.example" for number in range(NAMES_MAX + 1)]
    lab.wants(Desired(APEX, dict.fromkeys(names, Point(records, "for a node"))))
    lab.run(60)
    assert lab.model.writes == []
    assert lab.writer.problem is not None
    assert "fewer dns.domains" in lab.writer.problem.fix


def test_a_zone_of_many_pages_is_read_to_its_end() -> None:
    lab = started()
    lab.model.page_size = 3
    for number in range(20):
        lab.model.add(f"*.n{number}.home.example", "A", "198.51.100.1")
    lab.run(10)
    assert lab.model.at(APEX) == ["203.0.113.1"]
    assert len(lab.model.records) == 21
