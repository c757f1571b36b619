"""`constellation explain` and `rejected`: what is asked, passed on, and printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from thespian.actors import ActorAddress

from constellation.transport.address import ActorRef
from messages.admin import RequestRefused
from messages.base import Message
from messages.routes import ExplainRequest, RejectedRequest, RoutesAnswer, RoutesAsk
from tests.admin.conftest import Agent, Ran
from tests.admin.route_builders import LEFT_OUT, explained, rejected
from tests.admin.started_admin import Admin

Run = Callable[..., Ran]


@pytest.mark.parametrize(
    ("words", "request_", "answer", "code"),
    [
        (("explain", "web"), ExplainRequest(subject="web"), explained(), 0),
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
def test_exit_code_says_how_it_is_in_both_forms(
    agent: Agent, run: Run, words: tuple[str, ...], request_: Message, answer: Any, code: int
) -> None:
    agent.answer = answer

    table, document = run(*words), run(*words, "--json")

    assert (table.code, table.err, document.code, document.err) == (code, "", code, "")
    assert [request for _, _, request in agent.asked] == [request_] * 2
    assert type(answer).model_validate_json(document.out) == answer


def test_a_name_that_nothing_can_have_is_refused_before_the_agent_is_asked(
    agent: Agent, run: Run
) -> None:
    ran = run("explain", "x" * 254)

    assert (ran.code, ran.err) == (1, "constellation: nothing has a name of 254 characters\n")
    assert agent.asked == []


def test_more_than_is_listed_is_said(agent: Agent, run: Run) -> None:
    agent.answer = rejected(LEFT_OUT, total=300)

    assert "These are the first 1; /api/rejected lists more." in run("rejected").out


# The admin actor.

QUESTIONS: list[Message] = [RejectedRequest(), ExplainRequest(subject="web")]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: type(one).__name__)
def test_a_question_is_passed_to_the_http_actor_and_its_answer_to_who_asked(
    question: Message,
) -> None:
    admin = Admin(neighbours=("gossip", "http"))
    admin.know_three_nodes()

    admin.ask(question)
    (ask,) = [one for one in admin.harness.sent_to("http") if isinstance(one, RoutesAsk)]
    if ask.explain is None:
        answer = RoutesAnswer(asker=ask.asker, rejected=rejected())
    else:
        answer = RoutesAnswer(asker=ask.asker, explained=explained())
    admin.harness.deliver(answer, sender=http_of("127.0.0.1"))

    assert admin.told() == [answer.explained or answer.rejected]


def test_an_answer_from_another_node_is_not_passed_on() -> None:
    admin = Admin(neighbours=("gossip", "http"))
    admin.know_three_nodes()
    admin.ask(RejectedRequest())
    (ask,) = [one for one in admin.harness.sent_to("http") if isinstance(one, RoutesAsk)]

    answer = RoutesAnswer(asker=ask.asker, rejected=rejected())
    admin.harness.deliver(answer, sender=http_of("10.0.0.2"))

    assert admin.told() == []


def test_without_an_http_actor_it_says_so_at_once() -> None:
    admin = Admin()
    admin.know_three_nodes()

    admin.ask(RejectedRequest())

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert refusal.why == "its HTTP listener is not running"


def http_of(host: str) -> ActorAddress:
    return ActorAddress(ActorRef(host, 7947, "a1-3"))
