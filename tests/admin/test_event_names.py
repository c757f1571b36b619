"""One vocabulary of events: what producers report, what is documented, and what is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from constellation.admin.history import History
from constellation.admin.tables import EVENT_STYLES, events_text, render
from constellation.cluster_view import ClusterView
from constellation.gossip.troubles import TroubleReporter, trouble
from constellation.raft.chronicle import Chronicle
from constellation.raft.configuration import Configuration
from constellation.raft.effects import RoleChanged
from messages.events import ChangeReported, EventName, EventRow
from messages.gossip import ClusterChanged, MemberEvent, MemberEventKind, RecordName
from messages.leases import LeaseFreed, LeasesChanged
from messages.monitor import Health
from messages.raft import RaftEntry
from messages.warp import WarpHealth
from tests.admin.builders import members, said, service
from tests.admin.raft_builders import lease
from tests.traefik.builders import view
from tests.warp.builders import gateway

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"
VOCABULARY: frozenset[str] = frozenset(get_args(EventName))
KNOWN = view(service("web", "beta"), members=members(beta="alive"), nodes=(said("beta"),))


def rows_of(view_: ClusterView, *changes: Mapping[str, object]) -> list[EventRow]:
    """Return the events of changes that gossip reports, each after the one before."""
    history = History(0.0)
    for version, fields in enumerate(changes, view_.version + 1):
        base = {"version": version, "snapshot": False, "self_node": "alpha"}
        change = ClusterChanged.model_validate({**base, **fields}, strict=False)
        history.add_cluster_change(view_, change, 1.0)
        view_ = view_.apply(change)
    return [*history.report(2.0).events]


def events_of_gossip() -> list[EventRow]:
    kinds: tuple[MemberEventKind, ...] = get_args(MemberEventKind)
    healths: tuple[Health, ...] = get_args(Health)
    return rows_of(
        KNOWN,
        {"events": tuple(MemberEvent(kind=kind, node="beta", ago_s=0.0) for kind in kinds)},
        {"nodes": (said("beta", cordoned=True),)},
        {"nodes": (said("beta"),)},
        {"nodes": (said("beta", priority=1),)},
        *({"services": (service("api", "beta", health),)} for health in healths),
        {"removed": (RecordName(kind="service", node="beta", key="api"),)},
        *({"warps": (gateway("beta", health),)} for health in get_args(WarpHealth)),
    )


def reports_of_raft() -> list[ChangeReported]:
    chronicle = Chronicle()

    def configured(index: int, voters: str, learners: str = "") -> list[ChangeReported]:
        data = Configuration(frozenset(voters), frozenset(learners)).encode()
        entry = RaftEntry(index=index, term=1, kind="configuration", data=data)
        return chronicle.applied([entry], LeasesChanged(index=index), leader_commit_index=index)

    granted = lease("lb-leader", "a", fencing_token=4, renewed_index=4)
    freed = LeaseFreed(name="lb-leader", fencing_token=4, holder="a", why="it was released")
    return [
        *chronicle.role_changed(RoleChanged("leader", 3, "a", "elected")),
        *chronicle.role_changed(RoleChanged("follower", 3, "", "no majority answered")),
        *configured(1, "a", "b"),
        *configured(2, "a"),
        *chronicle.applied([], LeasesChanged(index=4, held=(granted,)), leader_commit_index=4),
        *chronicle.applied([], LeasesChanged(index=5, freed=(freed,)), leader_commit_index=5),
    ]


def reports_of_troubles() -> list[ChangeReported]:
    reporter = TroubleReporter("gossip")
    kinds = ("name", "unheard", "record", "key")
    _, begun = reporter.update([trouble(kind, "beta", "w", "y", "f") for kind in kinds])
    _, ended = reporter.update([])
    return [*begun, *ended]


# test_leases_actor.py, test_gossip_actor.py and test_dns_agents.py
# show that these are reported by the actors.
OF_ACTORS = frozenset({"lease_lost", "keys_changed", "dns_changed", "dns_drift"})
# tests/simulation/test_copies.py shows that the Raft host reports this one.
OF_THE_HOST = frozenset({"raft_fell_back"})


def test_every_name_has_a_producer() -> None:
    produced = {row.what for row in events_of_gossip()}
    produced |= {report.what for report in (*reports_of_raft(), *reports_of_troubles())}

    assert produced | OF_ACTORS | OF_THE_HOST == VOCABULARY


def test_reports_of_raft_are_shown_under_the_documented_names_and_in_their_colours() -> None:
    history = History(0.0)
    for report in reports_of_raft():
        history.add_report(report, 1.0)
    shown = history.report(2.0)

    colored = render(events_text(shown), width=200, color=True)

    assert "leader_lost" in {row.what for row in shown.events}
    assert re.search(r"\x1b\[33mleader lost\s*\x1b\[0m", colored), colored


def test_every_name_has_a_style() -> None:
    assert EVENT_STYLES.keys() == VOCABULARY


def test_documentation_lists_exactly_the_vocabulary() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT.read_text(), re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert set(rows) == VOCABULARY


@pytest.mark.parametrize("name", ["leader lost", "raft voter", "lease-lost", ""])
def test_name_outside_the_vocabulary_is_refused_at_the_producer(name: str) -> None:
    with pytest.raises(ValidationError):
        ChangeReported.model_validate({"what": name, "node": "beta"})
