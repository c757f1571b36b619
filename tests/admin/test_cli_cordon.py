"""`constellation cordon` and `uncordon`: what is ordered, printed, and the exit code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from messages.admin import (
    CordonOrder,
    CordonReport,
)
from messages.operator import RequestRefused
from tests.admin.conftest import Agent, Ran

Run = Callable[..., Ran]

CORDONED = CordonReport(
    node="beta",
    cordoned=True,
    reason="kernel upgrade",
    was_already=False,
    services=("a", "b"),
    instances_total=2,
    sole_services=("a",),
)
UNCORDONED = CORDONED.model_copy(update={"cordoned": False, "reason": ""})


def test_cordon_gives_the_order_and_prints_what_follows(agent: Agent, run: Run) -> None:
    agent.answer = CORDONED

    ran = run("cordon", "beta", "--reason", "kernel upgrade")

    assert (ran.code, ran.err) == (0, "")
    assert [request for _, _, request in agent.asked] == [
        CordonOrder(node="beta", cordoned=True, reason="kernel upgrade")
    ]
    assert ran.out.splitlines() == [
        (
            "beta is cordoned (kernel upgrade): 2 service instances take no requests; 1 of them "
            "has no other healthy instance: a (503 now)"
        ),
        "it stays cordoned, also after a restart, until `constellation uncordon beta`",
    ]


def test_uncordon_gives_the_order_and_prints_what_follows(agent: Agent, run: Run) -> None:
    agent.answer = UNCORDONED

    ran = run("uncordon", "beta")

    assert (ran.code, ran.err) == (0, "")
    assert [request for _, _, request in agent.asked] == [CordonOrder(node="beta", cordoned=False)]
    assert ran.out == (
        "beta is uncordoned: 2 service instances take requests; 1 of them has no other healthy "
        "instance: a\n"
    )


@pytest.mark.parametrize("command", ["cordon", "uncordon"])
def test_json_output_is_the_report_alone(agent: Agent, run: Run, command: str) -> None:
    agent.answer = CORDONED

    ran = run(command, "beta", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert CordonReport.model_validate_json(ran.out) == CORDONED


@pytest.mark.parametrize("command", ["cordon", "uncordon"])
def test_refusal_is_one_line_and_exit_code_1(agent: Agent, run: Run, command: str) -> None:
    agent.answer = RequestRefused(what="x was not cordoned", why="no node", fix="there are: a, b")

    ran = run(command, "x")

    assert ran.code == 1
    assert "x was not cordoned: no node; there are: a, b" in ran.line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cordon", ""], "a node's name cannot have 0 characters"),
        (["uncordon", "x" * 129], "a node's name cannot have 129 characters"),
        (
            ["cordon", "beta", "--reason", "x" * 201],
            "the reason has 201 characters; the limit is 200",
        ),
        (["cordon"], "--help"),
        (["uncordon", "beta", "--reason", "x"], "--help"),
    ],
)
def test_wrong_usage_is_one_line_and_the_agent_is_not_asked(
    agent: Agent, run: Run, words: list[str], says: str
) -> None:
    ran = run(*words)

    assert ran.code == 1
    assert says in ran.line
    assert agent.asked == []


def test_escape_sequences_in_a_reason_are_not_sent(agent: Agent, run: Run) -> None:
    agent.answer = CORDONED
    run("cordon", "beta", "--reason", "\x1b[2Jnew\nkernel \udcff")

    ((_, _, order),) = agent.asked
    assert order == CordonOrder(node="beta", cordoned=True, reason="?[2Jnew kernel ?")
