"""`constellation raft`, `leases` and `transfer`: what is asked, printed, and the exit code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from messages.base import Message
from messages.operator import RequestRefused
from messages.raft_member import RaftOrder, RaftOrderDone
from messages.raft_reports import LeasesReport, LeasesRequest, RaftReport, RaftRequest
from tests.admin.conftest import Agent, Ran
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

Run = Callable[..., Ran]

LEADER = leads("alpha", heard("beta"), heard("gamma"))
WELL = {
    "raft": raft_report(three_nodes(), "alpha", {"alpha": LEADER}),
    "leases": leases_report(three_nodes(), "alpha", read(lease("dns-writer", "alpha"))),
}
BAD = {
    "raft": raft_report(three_nodes(), "alpha", {"alpha": follows("alpha", leader="")}),
    "leases": leases_report(three_nodes(), "alpha", read(is_confirmed=False)),
}
REQUESTS = {"raft": RaftRequest(), "leases": LeasesRequest()}
KINDS: dict[str, type[Message]] = {"raft": RaftReport, "leases": LeasesReport}
ORDERS = {
    "transfer": ["transfer"],
    "add": ["raft", "add"],
    "remove": ["raft", "remove"],
    "promote": ["raft", "promote"],
    "demote": ["raft", "demote"],
}
DONE = RaftOrderDone(number=1, is_done=True, text="it is done")


@pytest.mark.parametrize("command", REQUESTS)
@pytest.mark.parametrize(("reports", "code"), [(WELL, 0), (BAD, 2)], ids=["well", "degraded"])
def test_exit_code_is_the_same_for_the_table_and_for_json(
    agent: Agent, run: Run, command: str, reports: dict[str, Message], code: int
) -> None:
    agent.answer = reports[command]

    table, document = run(command), run(command, "--json")

    assert (table.code, table.err, document.code, document.err) == (code, "", code, "")
    assert [request for _, _, request in agent.asked] == [REQUESTS[command]] * 2
    assert "alpha" in table.out or "lb-leader" in table.out
    assert KINDS[command].model_validate_json(document.out) == reports[command]


@pytest.mark.parametrize("action", ORDERS)
def test_order_is_given_and_its_outcome_printed(agent: Agent, run: Run, action: str) -> None:
    agent.answer = DONE

    ran = run(*ORDERS[action], "beta")

    assert (ran.code, ran.err) == (0, "")
    assert [request for _, _, request in agent.asked] == [
        RaftOrder.model_validate({"action": action, "node": "beta"})
    ]
    assert ran.out.splitlines()[0] == "it is done"


def test_removal_prints_that_the_node_stays_out(agent: Agent, run: Run) -> None:
    agent.answer = DONE

    lines = run("raft", "remove", "beta").out.splitlines()

    assert lines[1:] == [
        "beta stays out, also after a restart, until `constellation raft add beta`"
    ]


def test_json_output_of_an_order_is_the_answer_alone(agent: Agent, run: Run) -> None:
    agent.answer = DONE

    ran = run("raft", "remove", "beta", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert RaftOrderDone.model_validate_json(ran.out) == DONE


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("action", ORDERS)
def test_order_that_was_not_done_is_one_line_and_exit_code_1(
    agent: Agent, run: Run, action: str, form: list[str]
) -> None:
    agent.answer = RaftOrderDone(is_done=False, text="beta only\nlearns; promote it first")

    ran = run(*ORDERS[action], "beta", *form)

    assert ran.code == 1
    assert ran.line.startswith("constellation: cannot ")
    assert ran.line.endswith(" beta: beta only learns; promote it first\n")


@pytest.mark.parametrize("action", ORDERS)
def test_refusal_is_printed_with_its_reason_and_remedy(agent: Agent, run: Run, action: str) -> None:
    agent.answer = RequestRefused(what="not done", why="no node is called x", fix="there are: a, b")

    ran = run(*ORDERS[action], "x")

    assert ran.code == 1
    assert "not done: no node is called x; there are: a, b" in ran.line


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_impossible_name_is_refused_without_asking_the_agent(
    agent: Agent, run: Run, name: str
) -> None:
    ran = run("transfer", name)

    assert ran.code == 1
    assert "a node's name cannot have" in ran.line
    assert agent.asked == []


@pytest.mark.parametrize("words", [["transfer"], ["raft", "add"], ["raft", "ad"]])
def test_wrong_usage_is_one_line(run: Run, words: list[str]) -> None:
    ran = run(*words)

    assert ran.code == 1
    assert "--help" in ran.line


def test_escape_sequences_in_an_outcome_are_not_printed(agent: Agent, run: Run) -> None:
    agent.answer = RaftOrderDone(is_done=True, text="\x1b[2Jdone\nreally")

    assert run("raft", "promote", "beta").out == "?[2Jdone really\n"


def test_order_waits_longer_than_the_agent_waits_for_the_leader(agent: Agent, run: Run) -> None:
    agent.answer = DONE
    run("transfer", "beta")

    assert agent.timeouts_s[-1] > 5
