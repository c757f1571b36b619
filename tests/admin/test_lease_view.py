"""The leases as an operator sees them, built from Raft's table and from its changes."""

from __future__ import annotations

import pytest

from constellation.admin.lease_view import lease_rows
from constellation.leases.view import NO_LEASES, LeaseView
from messages.leases import Lease, LeaseFreed, LeasesChanged, LeaseTableState
from messages.raft_reports import HeldLease
from tests.admin.raft_builders import lease, three_nodes

TABLE = LeaseTableState(index=1, leases=(lease("b", "beta"), lease("a", "beta")))


def freed(name: str, token: int = 812) -> LeaseFreed:
    return LeaseFreed(name=name, fencing_token=token, holder="beta", why="late")


def test_table_replaces_everything_but_the_leader() -> None:
    before = NO_LEASES.with_leader("gamma").with_table(
        LeaseTableState(index=0, leases=(lease("old", "alpha"),))
    )

    view = before.with_table(TABLE)

    assert (view.leader, view.index) == ("gamma", 1)
    assert view.holders == (
        HeldLease(name="a", holder="beta"), HeldLease(name="b", holder="beta"),
    )  # fmt: skip
    assert [one.name for one in before.holders] == ["old"]


@pytest.mark.parametrize(
    ("change", "holders"),
    [
        (LeasesChanged(index=2, freed=(freed("a"),)), {"b": "beta"}),
        (
            LeasesChanged(index=2, held=(lease("c", "alpha"),)),
            {"a": "beta", "b": "beta", "c": "alpha"},
        ),
        (
            LeasesChanged(
                index=2,
                held=(lease("b", "gamma", fencing_token=1050),),
                freed=(freed("a"), freed("b")),
            ),
            {"b": "gamma"},
        ),
        (LeasesChanged(index=2, freed=(freed("a", token=811),)), {"a": "beta", "b": "beta"}),
        (LeasesChanged(index=2, freed=(freed("unknown"),)), {"a": "beta", "b": "beta"}),
    ],
    ids=["freed", "granted", "freed and granted again", "freed before this grant", "unknown"],
)
def test_change_is_merged(change: LeasesChanged, holders: dict[str, str]) -> None:
    view = LeaseView.of(TABLE).with_changes(change)

    assert {one.name: one.holder for one in view.holders} == holders
    assert view.index == 2


def test_changes_lead_to_the_same_view_as_the_table_they_lead_to() -> None:
    again = lease("b", "gamma", fencing_token=1050)
    table = LeaseTableState(index=2, leases=(lease("a", "beta"), again))

    view = LeaseView.of(TABLE).with_changes(
        LeasesChanged(index=2, held=(again,), freed=(freed("b"),))
    )

    assert view == LeaseView.of(table)


def test_rows_list_lb_leader_in_any_case_and_the_state_of_each_holder() -> None:
    held: Lease = lease("backup", "gamma", ttl_s=30.0)
    view = LeaseView.of(LeaseTableState(index=9, leases=(held,)))

    rows = {row.name: row for row in lease_rows(view, three_nodes(gamma="suspect"))}

    assert [*rows] == ["backup", "lb-leader"]
    assert (rows["backup"].holder, rows["backup"].holder_state) == ("gamma", "suspect")
    assert (rows["backup"].ttl_s, rows["backup"].fencing_token) == (30.0, 812)
    assert (rows["lb-leader"].holder, rows["lb-leader"].fencing_token) == ("", None)
