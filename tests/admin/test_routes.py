"""`constellation explain` and `rejected`: what is asked and printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from messages.base import Message
from messages.routes import ExplainRequest, RejectedRequest
from tests.admin.conftest import Agent, Ran
from tests.admin.route_builders import LEFT_OUT, explained, rejected

Run = Callable[..., Ran]


@pytest.mark.parametrize(
    ("words", "request_", "answer", "code"),
    [
        (("explain", "web"), ExplainRequest(subject="web"), explained(), 0),
        (
            ("explain", "https://Web.home.example:8443/cart"),
            ExplainRequest(subject="web.home.example"),
            explained(),
            0,
        ),
        (
            ("explain", "web"),
            ExplainRequest(subject="web"),
            explained(routes=(), degraded=("no route leads to web",)),
            2,
        ),
        (("rejected",), RejectedRequest(), rejected(), 0),
        (("rejected",), RejectedRequest(), rejected(LEFT_OUT), 2),
    ],
)
def test_exit_code_is_the_same_for_the_table_and_for_json(
    agent: Agent, run: Run, words: tuple[str, ...], request_: Message, answer: Any, code: int
) -> None:
    agent.answer = answer

    table, document = run(*words), run(*words, "--json")

    assert (table.code, table.err, document.code, document.err) == (code, "", code, "")
    assert [request for _, _, request in agent.asked] == [request_] * 2
    assert type(answer).model_validate_json(document.out) == answer


def test_impossible_name_is_refused_without_asking_the_agent(agent: Agent, run: Run) -> None:
    ran = run("explain", "x" * 254)

    assert (ran.code, ran.err) == (1, "constellation: a name cannot have 254 characters\n")
    assert agent.asked == []


def test_list_that_was_cut_names_where_the_rest_is(agent: Agent, run: Run) -> None:
    agent.answer = rejected(LEFT_OUT, total=300)

    assert "These are the first 1; /api/rejected lists more." in run("rejected").out
