"""The Raft cluster: `status` and `raft` say the same, and name why a voter does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.admin.raft_report import raft_report
from constellation.admin.reports import status_report
from constellation.cluster_view import ClusterView
from constellation.wellness.facts import Facts
from messages.admin import NodeStatus
from messages.raft_member import RaftStatus
from tests.admin.builders import members, said, status
from tests.admin.raft_builders import follows, heard, leads, three_nodes
from tests.traefik.builders import view

LEADER = leads("alpha", heard("beta"), heard("gamma", ago_s=40.0))
BLANK = RaftStatus(node="beta", condition="waiting", trouble="waiting", why="it has no log")


def told(cluster: ClusterView, *answered: NodeStatus, unanswered: tuple[str, ...] = ()) -> str:
    """Return the one line about Raft, which is the same in both reports."""
    facts = Facts.of("alpha", cluster, answered, unanswered)
    (line,) = raft_report(facts).degraded
    assert line in status_report(facts).degraded
    return line


def renamed(**states: Any) -> ClusterView:
    """Return a cluster whose gamma is now called delta."""
    return view(
        members=members(**{"beta": "alive", "delta": "alive", **states}),
        nodes=(said("alpha"), said("beta"), said("delta", former_names=("gamma",))),
    )


def of(node: str, raft: RaftStatus | None) -> NodeStatus:
    return status(node, raft=raft)


@pytest.mark.case("C3")
def test_renamed_voter_is_named_with_its_new_name_and_to_be_removed() -> None:
    delta = of("delta", follows("delta", "alpha", learners=("delta",)))
    line = told(renamed(gamma="left"), of("alpha", LEADER), of("beta", follows("beta")), delta)

    assert line == (
        "voter gamma does not answer the leader (2 of 3 do, 2 are needed; one more failure loses "
        "the quorum): it is now called delta; run `constellation raft remove gamma`"
    )


@pytest.mark.case("C3")
def test_without_a_quorum_a_renamed_voter_can_only_get_its_name_back() -> None:
    alone, delta = follows("alpha", leader=""), follows("delta", leader="")
    line = told(renamed(), of("alpha", alone), of("beta", BLANK), of("delta", delta))

    assert line == (
        "no quorum: 1 of 3 voters is alive, 2 are needed; until then there is no leader, no lease "
        "is granted or renewed, and members cannot change, but routing continues: beta has lost "
        "its log, gamma is now called delta; set node_name of delta back to gamma and restart its "
        "agent"
    )


def test_name_that_is_in_use_again_is_not_renamed() -> None:
    assert Facts.of("alpha", renamed(gamma="alive"), ()).renamed_to("gamma") == ""


@pytest.mark.case("S4")
@pytest.mark.parametrize(
    ("gamma", "why"),
    [
        pytest.param(
            RaftStatus(
                node="gamma",
                condition="refuses",
                trouble="disk",
                why="/data/raft/journal: the disk has not answered for 5 s",
                fix="check the disk",
            ),
            "it takes no part: /data/raft/journal: the disk has not answered for 5 s; "
            "check the disk",
            id="its disk hangs",
        ),
        pytest.param(
            None,
            "it runs its agent, but the Raft actor there does not answer; see `constellation "
            "status` and the log on gamma",
            id="its actor hangs",
        ),
        pytest.param(
            follows("gamma", leader=""),
            "it runs its agent, but the leader does not hear it; check that the nodes reach each "
            "other at actors.port",
            id="its network fails",
        ),
    ],
)
def test_agent_that_runs_is_not_to_be_started(gamma: RaftStatus | None, why: str) -> None:
    beta = of("beta", follows("beta", "alpha"))
    line = told(three_nodes(), of("alpha", LEADER), beta, of("gamma", gamma))

    assert line.endswith(f": {why}")
    assert "start its agent" not in line


def test_majority_without_a_log_needs_a_new_cluster() -> None:
    alone = follows("alpha", leader="")
    gamma = BLANK.model_copy(update={"node": "gamma"})
    line = told(three_nodes(), of("alpha", alone), of("beta", BLANK), of("gamma", gamma))

    assert line.endswith("a majority has lost its log: begin a new cluster, see the runbook")


def test_learner_whose_disk_fails_is_reported_as_well() -> None:
    full = RaftStatus(node="delta", condition="refuses", trouble="disk", why="full", fix="free it")
    leader = leads("alpha", heard("beta"), heard("gamma"), learners=("delta",))

    line = told(three_nodes(delta="alive"), of("alpha", leader), of("delta", full))

    assert line == "Raft does not work on delta: full; free it"


def test_nodes_where_raft_is_off_are_one_note() -> None:
    fields: dict[str, Any] = {"condition": "waiting", "trouble": "off", "why": "it is not set"}
    off = [of(node, RaftStatus(node=node, **fields)) for node in ("alpha", "beta")]
    facts = Facts.of("alpha", three_nodes(), off)

    assert raft_report(facts).notes == ("Raft is off on alpha, beta: it is not set",)
    assert status_report(facts).degraded == ()
