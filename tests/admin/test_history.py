"""What an operator is told of the past."""

from __future__ import annotations

from constellation.admin.history import EVENTS_MAX, History
from constellation.admin.tables import events_text, render
from constellation.cluster_view import ClusterView
from messages.events import ChangeReported
from messages.gossip import ClusterChanged, MemberEvent, MemberEventKind, RecordName
from tests.admin.builders import members, said, service
from tests.traefik.builders import snapshot, view

KNOWN = view(service("web", "beta"), members=members(beta="alive"))


def delta(*events: MemberEvent, **fields: object) -> ClusterChanged:
    base = {"version": 2, "snapshot": False, "self_node": "alpha", "events": events}
    return ClusterChanged.model_validate({**base, **fields}, strict=False)


def event(kind: MemberEventKind, node: str = "beta", ago_s: float = 0.0) -> MemberEvent:
    return MemberEvent(kind=kind, node=node, ago_s=ago_s)


def told(history: History, now_s: float = 100.0) -> list[tuple[float, str, str, str]]:
    rows = history.report(now_s).events
    return [(row.ago_s, row.node, row.service, row.what) for row in rows]


def test_latest_event_comes_first_with_its_age() -> None:
    history = History(0.0)

    history.add_cluster_change(KNOWN, delta(event("join", ago_s=1.0)), 10.0)
    history.add_cluster_change(KNOWN, delta(event("failed")), 90.0)

    assert told(history) == [(10.0, "beta", "", "failed"), (91.0, "beta", "", "join")]


def test_update_of_a_node_says_what_changed_and_is_no_event_if_nothing_did() -> None:
    history = History(0.0)
    before = view(members=members(beta="alive"), nodes=(said("beta"),))
    after = said("beta", capabilities=("docker",), priority=10, ingress="fails")

    history.add_cluster_change(before, delta(event("update"), nodes=(said("beta"),)), 10.0)
    history.add_cluster_change(before, delta(event("update"), nodes=(after,)), 20.0)

    (row,) = history.report(30.0).events
    assert (row.what, row.reason) == (
        "update", "priority 10, before 100, its ingress fails, traefik does not work",
    )  # fmt: skip


def test_only_a_change_of_health_of_a_service_is_an_event() -> None:
    history = History(0.0)
    same, worse = service("web", "beta"), service("web", "beta", "unhealthy", "no answer")

    history.add_cluster_change(KNOWN, delta(services=(same,)), 10.0)
    history.add_cluster_change(KNOWN, delta(services=(worse,)), 20.0)

    (row,) = history.report(30.0).events
    assert (row.service, row.what, row.reason) == ("web", "unhealthy", "no answer")


def test_withdrawn_service_is_an_event_only_if_it_was_known() -> None:
    history = History(0.0)
    names = [RecordName(kind="service", node="beta", key=key) for key in ("web", "other")]

    history.add_cluster_change(KNOWN, delta(removed=tuple(names)), 10.0)

    assert told(history) == [(90.0, "beta", "web", "gone")]


def test_first_snapshot_has_no_events() -> None:
    history = History(0.0)

    history.add_cluster_change(
        ClusterView(), snapshot(service("web", "beta"), members=members()), 1.0
    )

    assert told(history) == []
    text = render(events_text(history.report(90.0)), width=80, color=False)
    assert text == "No events in the last 1 min 30 s.\n"


def test_history_keeps_only_the_latest_events() -> None:
    history = History(0.0)
    for number in range(EVENTS_MAX + 7):
        history.add_cluster_change(KNOWN, delta(event("join", node=f"n{number}")), float(number))

    rows = history.report(1000.0).events
    assert len(rows) == EVENTS_MAX
    assert rows[0].node == f"n{EVENTS_MAX + 6}"


def test_table_names_node_service_and_reason() -> None:
    history = History(0.0)
    worse = service("web", "beta", "unhealthy", "no answer")
    history.add_cluster_change(KNOWN, delta(event("failed", node="gamma"), services=(worse,)), 10.0)

    lines = render(events_text(history.report(20.0)), width=200, color=False).splitlines()

    assert lines == [
        "Ago   Node   About  What       Why",
        "10 s  beta   web    unhealthy  no answer",
        "10 s  gamma  -      failed",
    ]


def test_reports_of_raft_are_events_with_their_reason() -> None:
    history = History(0.0)
    history.add_cluster_change(KNOWN, delta(event("failed")), 5.0)
    history.add_report(ChangeReported(what="leader_elected", node="beta", reason="a vote"), 10.0)
    history.add_report(
        ChangeReported(what="lease_lost", node="alpha", subject="dns-writer", reason="not renewed"),
        12.0,
    )
    history.add_report(ChangeReported(what="leader_lost", node=""), 13.0)

    report = history.report(20.0)
    lines = render(events_text(report), width=200, color=False).splitlines()

    assert [(row.service, row.subject) for row in report.events[:2]] == [
        ("", ""), ("", "dns-writer"),
    ]  # fmt: skip
    assert lines[1:] == [
        "7 s   -      -           leader lost",
        "8 s   alpha  dns-writer  lease lost      not renewed",
        "10 s  beta   -           leader elected  a vote",
        "15 s  beta   -           failed",
    ]


def test_cordon_and_uncordon_are_events_but_a_new_cordoned_node_is_not() -> None:
    history = History(0.0)
    on = said("beta", cordoned=True, cordon_reason="kernel upgrade")
    other = said("beta", cordoned=True, cordon_reason="disk")
    steps = [
        delta(nodes=(said("beta"), said("gamma", cordoned=True)), version=2),
        delta(nodes=(on,), version=3),
        delta(nodes=(other,), version=4),
        delta(nodes=(said("beta"),), version=5),
    ]

    cluster = KNOWN
    for change in steps:
        history.add_cluster_change(cluster, change, float(change.version))
        cluster = cluster.apply(change)

    assert [(row.what, row.node, row.reason) for row in history.report(9.0).events] == [
        ("uncordoned", "beta", ""),
        ("cordoned", "beta", "kernel upgrade"),
    ]
