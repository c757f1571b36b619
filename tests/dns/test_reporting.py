"""What the writer reports for `status`: each trouble once, with the name that it is about."""

from __future__ import annotations

import random

from constellation.cluster_view import ClusterView
from constellation.dns.budget import BudgetPolicy
from constellation.dns.intents import Desired, Point, WantedRecord
from constellation.dns.mark import OwnerMark
from constellation.dns.plan_parts import PlanPolicy
from constellation.dns.reporting import troubles
from constellation.dns.writer import DnsWriter
from constellation.dns.zone_writer import WriterPolicy
from messages.dns_calls import DnsCallFailed
from messages.wellness import Trouble
from tests.dns.provider_model import ProviderModel

APEX, WILDCARD = "home.example", "*.home.example"
MARK = OwnerMark("constellation:home")


def writer() -> DnsWriter:
    made = DnsWriter(
        {APEX: "z1"}, MARK, WriterPolicy(PlanPolicy()), BudgetPolicy(), random.Random(1), 0.0
    )
    point = Point((WantedRecord("A", "203.0.113.1", 60),), "alpha leads")
    made.granted(1, 0.0)
    made.wants({APEX: Desired(APEX, {APEX: point, WILDCARD: point})}, ClusterView(), 0.0)
    return made


def after_a_round(provider: ProviderModel) -> tuple[Trouble, ...]:
    made, now_s = writer(), 0.0
    while call := made.next_call(now_s):
        made.answered(provider.answer(call), now_s)
        now_s += 0.5
    return troubles(made, ())


def test_name_that_a_record_of_others_blocks_is_to_be_acted_on() -> None:
    provider = ProviderModel()
    provider.add(APEX, "CNAME", "elsewhere.example")

    (blocked,) = after_a_round(provider)

    assert (blocked.subject, blocked.is_note) == (APEX, False)
    assert "CNAME elsewhere.example" in blocked.why
    assert "delete this CNAME" in blocked.fix
    assert provider.at(WILDCARD) == ["203.0.113.1"]


def test_record_of_others_beside_ours_is_a_note() -> None:
    provider = ProviderModel()
    provider.add(WILDCARD, "A", "203.0.113.1", comment=MARK.comment(1))
    provider.add(WILDCARD, "A", "198.51.100.9", comment="mail")

    (beside,) = after_a_round(provider)

    assert (beside.subject, beside.is_note) == (WILDCARD, True)
    assert "198.51.100.9" in beside.what


def test_zone_that_fails_is_one_trouble_and_an_idle_writer_has_none() -> None:
    made = writer()
    assert made.next_call(0.0)
    refused = DnsCallFailed(failure="permanent", why="the token is wrong", fix="set another")
    made.answered(refused, 0.0)

    (failing,) = troubles(made, ())
    assert (failing.subject, failing.why, failing.fix) == (APEX, refused.why, refused.fix)
    made.ended()
    assert troubles(made, ("a name in no zone",)) == ()
