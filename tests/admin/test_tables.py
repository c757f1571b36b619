"""What a person reads: whole tables as they are, and what holds for any text in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import RenderableType

from constellation.admin.dns_tables import dns_text, plan_text
from constellation.admin.raft_tables import leases_text, raft_text
from constellation.admin.route_tables import explain_text, rejected_text
from constellation.admin.tables import nodes_text, render, services_text, status_text
from constellation.cluster_view import ClusterView
from constellation.leases.view import LeaseView
from messages.dns import DnsChangeRow, DnsReport, DnsRow, DnsZoneReport, RowAction
from messages.leases import LeaseTableState
from messages.listings import NodesReport, ServicesReport
from messages.raft_member import RaftStatus
from messages.routes import DnsLead
from tests.admin.builders import (
    AGES_S,
    actor,
    at,
    cluster_in_trouble,
    members,
    nodes_report,
    part,
    said,
    service,
    services_report,
    status,
    status_report,
    statuses,
)
from tests.admin.raft_builders import (
    follows,
    heard,
    leads,
    lease,
    leases_report,
    raft_report,
    read,
    three_nodes,
)
from tests.admin.route_builders import LEFT_OUT, explained, rejected
from tests.traefik.builders import view

GOLDEN = Path(__file__).parent / "golden"
WELL = view(
    service("web", "alpha", endpoints=(at("10.0.0.1", 8080),)),
    members=members(beta="alive"),
    nodes=(said("alpha"), said("beta", "10.0.0.2")),
)
RAFT = raft_report(
    three_nodes(gamma="suspect"),
    "alpha",
    {
        "alpha": follows("alpha", learners=("delta",)),
        "beta": leads(
            "beta", heard("alpha"), heard("gamma", 1030, 12.0), heard("delta", 0, None),
            learners=("delta",), removed=("omega",),
        ),
    },
)  # fmt: skip
NO_QUORUM = raft_report(
    three_nodes(beta="dead", gamma="dead"), "alpha", {"alpha": follows("alpha", leader="")}
)
WAITING = RaftStatus(
    node="alpha",
    trouble="waiting",
    condition="waiting",
    why="it begins a cluster when the nodes it hears of have agreed; 1 of 3 has",
    fix="start the agents of the others",
)
HELD = read(lease("lb-leader", "gamma"), lease("backup", "beta", ttl_s=30.0, fencing_token=77))
OLD = read(is_confirmed=False)


def dns_row(action: RowAction, name: str, before: str, after: str) -> DnsRow:
    why = {"foreign": "it is not ours, and stays: delete this A of home.example"}.get(
        action, "beta holds the lease lb-leader"
    )
    return DnsRow(action=action, name=name, type="A", before=before, after=after, why=why)


DNS_REPORT = DnsReport(
    writer="alpha",
    fencing_token=7,
    leader="beta",
    mode="leader",
    zones=(
        DnsZoneReport(
            zone="home.example",
            state="in step",
            in_step_ago_s=3.0,
            rows=(
                dns_row("keep", "*.alpha.home.example", "203.0.113.1", "203.0.113.1"),
                dns_row("blocked", "*.home.example", "", "203.0.113.2"),
                dns_row("update", "home.example", "203.0.113.1", "203.0.113.2"),
                dns_row("foreign", "home.example", "198.51.100.9", ""),
            ),
        ),
        DnsZoneReport(zone="lab.example", state="failing", in_step_ago_s=None, rows=()),
    ),
    changes=(
        DnsChangeRow(
            ago_s=75.0, zone="home.example", action="update", name="home.example", type="A",
            before="203.0.113.3", after="203.0.113.1", why="alpha holds the lease lb-leader",
        ),
    ),
    calls_left=296,
    blocked_s=42.0,
    degraded=("the DNS zone lab.example fails: no zone of that name; correct dns.zones",),
)  # fmt: skip

TABLES = {
    "raft": raft_text(RAFT),
    "raft_no_quorum": raft_text(NO_QUORUM),
    "raft_waiting": raft_text(raft_report(three_nodes(), "alpha", {"alpha": WAITING})),
    "leases": leases_text(leases_report(three_nodes(gamma="suspect"), "alpha", HELD)),
    "leases_old": leases_text(leases_report(three_nodes(), "alpha", OLD)),
    "explain": explain_text(
        explained(rejected=(LEFT_OUT,), degraded=("1 label or instance of web was left out",))
    ),
    "dns": dns_text(DNS_REPORT),
    "dns_plan": plan_text(DNS_REPORT),
    "explain_dns": explain_text(
        explained(
            dns=DnsLead(
                record="*.example.org",
                zone="example.org",
                contents=("A 203.0.113.1", "AAAA 2001:db8::1"),
                nodes=("alpha",),
                why="alpha holds the lease lb-leader",
            )
        )
    ),
    "explain_nothing": explain_text(
        explained(
            found=False,
            routes=(),
            polled_ago_s=None,
            notes=("similar names are a, b",),
            degraded=("nothing is called web.example.org",),
        )
    ),
    "rejected": rejected_text(rejected(LEFT_OUT, total=300)),
    "rejected_none": rejected_text(rejected()),
    "status": status_text(status_report(cluster_in_trouble(), statuses(), ("delta",))),
    "status_well": status_text(status_report(WELL, [status("alpha"), status("beta")], ())),
    "status_alone": status_text(
        status_report(
            ClusterView(),
            [
                status(
                    "alpha",
                    actor(
                        "gossip",
                        "given_up",
                        restart_count=14,
                        last_exit="its process ended",
                        down_for_s=95.0,
                        next_try_in_s=38.0,
                    ),
                    actor("http"),
                    parts=(part("docker", "lost", "connection refused", "start Docker"),),
                )
            ],
            (),
            cluster_problem="alpha does not know the cluster: its gossip actor is not running",
        )
    ),
    "nodes": nodes_text(nodes_report(cluster_in_trouble(), AGES_S)),
    "services": services_text(services_report(cluster_in_trouble())),
    "services_none": services_text(ServicesReport(services=())),
}


def words(text: str) -> list[str]:
    return sorted(re.findall(r"\S+", text))


@pytest.mark.parametrize("name", TABLES)
def test_table_at_100_columns(name: str, *, rewrite: bool) -> None:
    text = render(TABLES[name], width=100, color=False)

    golden = GOLDEN / f"{name}.txt"
    if rewrite:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", TABLES)
def test_lines_fit_the_terminal_and_nothing_is_cut_off(name: str) -> None:
    narrow = render(TABLES[name], width=72, color=False)
    wide = render(TABLES[name], width=1000, color=False)

    assert max(map(len, narrow.splitlines())) <= 72
    assert sorted("".join(words(narrow))) == sorted("".join(words(wide)))


@pytest.mark.parametrize("name", TABLES)
def test_colour_adds_no_information(name: str) -> None:
    colored = render(TABLES[name], width=100, color=True)

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored).split() == (
        render(TABLES[name], width=100, color=False).split()
    )


@pytest.mark.parametrize("name", TABLES)
def test_without_colour_there_is_no_escape_sequence(name: str) -> None:
    assert "\x1b" not in render(TABLES[name], width=100, color=False)


def reason_shown(reason: str) -> RenderableType:
    cluster = view(service("web", "alpha", "unhealthy", reason, endpoints=(at("fd00::1", 80),)))
    return services_text(services_report(cluster))


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("exec [/bin/sh] failed", "exec [/bin/sh] failed"),
        ("[bold]no[/bold] :smile:", "[bold]no[/bold] :smile:"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\x1b]0;title\x07\x1b[2Jgone", "?]0;title??[2Jgone"),
        ("\u202egnp.exe \x9b31m", "?gnp.exe ?31m"),
        ("größer als 3 µs", "größer als 3 µs"),
    ],
)
def test_markup_and_escapes_in_a_reason_are_shown_as_text(reason: str, shown: str) -> None:
    text = render(reason_shown(reason), width=200, color=False)

    assert text.splitlines()[1].endswith(f"  {shown}")
    assert "[fd00::1]:80" in text


@given(st.text(max_size=200), st.integers(20, 200))
def test_any_text_from_other_nodes_can_be_printed(text: str, width: int) -> None:
    report = status_report(
        view(service("web", "alpha", "unhealthy", text[:100])),
        [status(text[:60] or "-", agent_version=text, parts=(part("p", "absent", text, text),))],
        (text,),
    )
    of_raft = raft_report(
        three_nodes(),
        text,
        {
            text: follows(
                text, leader=text, cluster_id=text, removed=(text,), learners=(text,),
                foreign_cluster_ids=(text,),
            )
        },
        (text,),
    )  # fmt: skip
    of_leases = leases_report(three_nodes(), text, read(lease(text, text)))

    for shown in (
        status_text(report),
        reason_shown(text),
        raft_text(of_raft),
        leases_text(of_leases),
    ):
        printed = render(shown, width=width, color=False)
        assert all(one.isprintable() for one in printed.replace("\n", ""))


def test_only_the_first_of_many_addresses_are_shown() -> None:
    cluster = view(service("web", "alpha", endpoints=tuple(at("10.0.0.1", n) for n in range(6))))

    text = render(services_text(services_report(cluster)), width=200, color=False)

    assert "10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3 +2" in text
    assert "10.0.0.1:0" not in text


def test_status_shows_the_leader_and_the_lease_holders() -> None:
    none = LeaseView(leader="beta")
    without = render(status_text(status_report(WELL, [], (), none)), width=200, color=False)
    leases = (lease("lb-leader", "beta"), lease("dns-writer", "alpha"))
    some = none.with_table(LeaseTableState(index=9, leases=leases))
    with_leases = render(status_text(status_report(WELL, [], (), some)), width=200, color=False)

    assert without.splitlines()[1] == "beta leads"
    assert with_leases.splitlines()[1] == "beta leads; leases: dns-writer: alpha, lb-leader: beta"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("", "alive, cordoned"), ("new\nkernel", "alive, cordoned (new kernel)")],
)
def test_cordoned_node_is_shown_with_the_reason(reason: str, shown: str) -> None:
    node = said("alpha", cordoned=True, cordon_reason=reason)
    report: NodesReport = nodes_report(view(members=members(), nodes=(node,)), {})

    assert f"{shown}  0 s" in render(nodes_text(report), width=200, color=False)


def test_instances_of_a_cordoned_node_are_shown_with_the_reason() -> None:
    cluster = view(
        service("web", "alpha"),
        service("web", "beta"),
        members=members(beta="alive"),
        nodes=(said("alpha"), said("beta", cordoned=True, cordon_reason="kernel upgrade")),
    )

    lines = render(services_text(services_report(cluster)), width=200, color=False).splitlines()

    assert lines[1:] == [
        "web      alpha  healthy  yes      -",
        "         beta   healthy  no       -           its node is cordoned: kernel upgrade",
    ]
