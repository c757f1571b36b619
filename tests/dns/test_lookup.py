"""Which record answers for a host name, where it leads, and why it does not."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.dns.lookup import DnsKnowledge, look_up
from messages.routes import DnsLead, NodeTrouble
from messages.wellness import Trouble
from tests.dns.test_desired import APEX, OTHER_V4, V4, V6, WILDCARD, node, settings, view

TWO = view(node("alpha", V4, V6), node("beta", OTHER_V4))


def lead(
    name: str,
    seen: ClusterView = TWO,
    *,
    leader: str = "alpha",
    writer: str = "beta",
    told: tuple[Trouble, ...] = (),
    **more: Any,
) -> DnsLead | None:
    troubles = tuple(NodeTrouble(node="beta", trouble=one) for one in told)
    return look_up(name, DnsKnowledge(seen, settings(**more), APEX, leader, writer, troubles))


@pytest.mark.parametrize(
    ("name", "record", "contents", "nodes"),
    [
        (APEX, APEX, (f"A {V4}", f"AAAA {V6}"), ("alpha",)),
        ("shop.home.example", WILDCARD, (f"A {V4}", f"AAAA {V6}"), ("alpha",)),
        ("Deep.Shop.HOME.example.", WILDCARD, (f"A {V4}", f"AAAA {V6}"), ("alpha",)),
        ("shop.beta.home.example", "*.beta.home.example", (f"A {OTHER_V4}",), ("beta",)),
        ("ext.home.example", "ext.home.example", ("CNAME other.example",), ()),
    ],
)
def test_the_closest_record_answers_and_its_nodes_are_named(
    name: str, record: str, contents: tuple[str, ...], nodes: tuple[str, ...]
) -> None:
    further = [{"name": "ext.home.example", "type": "CNAME", "content": "other.example"}]
    found = lead(name, records=further)

    assert found is not None
    assert (found.record, found.contents, found.nodes) == (record, contents, nodes)
    assert found.why
    assert not found.problems


def test_in_mode_all_every_node_that_is_pointed_to_is_named() -> None:
    found = lead("shop.home.example", leader="", mode="all")

    assert found is not None
    assert found.nodes == ("alpha", "beta")


@pytest.mark.parametrize("name", ["web", "other.example", "no host name.home.example"])
def test_what_no_record_of_the_cluster_is_for_is_not_explained(name: str) -> None:
    assert lead(name) is None
    assert lead(APEX, zones=[]) is None


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("shop.home.example", {"leader": ""}, "stays as it is: no node holds the lease lb-leader"),
        ("shop.home.example", {"seen": view(node("alpha"))}, "no public address of alpha"),
        (
            "shop.home.example",
            {"seen": view(node("alpha", V4, ingress="fails"))},
            "the ingress of alpha, which holds the lease lb-leader, does not answer",
        ),
        ("shop.home.example", {"writer": ""}, "no node holds the lease dns-writer"),
        ("shop.home.example", {"dry_run": True}, "dns.dry_run is set"),
        ("shop.home.example", {"zones": [{"name": "other.example"}]}, "in none of dns.zones"),
        ("beta.home.example", {}, "*.beta.home.example exists, and no wildcard stands for"),
    ],
)
def test_reason_why_a_name_leads_nowhere_is_told(
    name: str, changes: dict[str, Any], text: str
) -> None:
    found = lead(name, **changes)

    assert found is not None
    (problem,) = found.problems
    assert text in problem


def test_record_of_others_that_blocks_this_record_is_named_and_notes_are_not() -> None:
    blocked = Trouble(kind="dns", subject=WILDCARD, what="cannot be written", why="a CNAME")
    failing = Trouble(kind="dns", subject=APEX, what="the zone fails", why="401")
    elsewhere = Trouble(kind="dns", subject="*.beta.home.example", what="cannot be written")
    note = Trouble(kind="dns", subject=WILDCARD, what="a record of others", is_note=True)

    found = lead("shop.home.example", told=(blocked, failing, elsewhere, note))

    assert found is not None
    assert found.contents
    assert found.problems == ("cannot be written on beta: a CNAME", "the zone fails on beta: 401")


def test_name_below_a_further_record_gets_no_wildcard_of_the_domain() -> None:
    further = [{"name": "mail.home.example", "type": "A", "content": "192.0.2.7"}]
    found = lead("a.mail.home.example", records=further)

    assert found is not None
    assert not found.record
    assert "no *.mail.home.example" in found.problems[0]
