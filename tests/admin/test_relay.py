"""Requests that another actor answers: relayed by the admin actor, unwrapped by the shell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from thespian.actors import ActorAddress

from actors.async_shell import AsyncShell, Reply
from actors.shell import ShellActor
from constellation.metrics.names import label_value
from constellation.registry import ACTORS, ActorSpec, runs_on_every_node
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from constellation.wire import decode, encode
from messages.base import REGISTRY, Message
from messages.dns import DnsRequest
from messages.operator import OperatorRequest, Relayed, RequestRefused
from messages.routes import ExplainRequest, RejectedRequest
from tests.admin.started_admin import Admin
from tests.harness import SENDER, Harness

REQUESTS: list[OperatorRequest] = [RejectedRequest(), ExplainRequest(subject="web")]
OPERATOR = ActorAddress(ActorRef("client-1", 0, "ext-2"))


def subclasses_of(kind: type[OperatorRequest]) -> list[type[OperatorRequest]]:
    return [one for one in REGISTRY.values() if issubclass(one, kind)]


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_request_is_relayed_to_the_actor_that_answers_it(request_: OperatorRequest) -> None:
    admin = Admin(neighbours=("gossip", "http"))
    admin.know_three_nodes()

    admin.ask(request_, sender=OPERATOR)
    admin.pass_time(1.0)  # what nodes report about the subject is asked first

    (relayed,) = [one for one in admin.harness.sent_to("http") if isinstance(one, Relayed)]
    assert ActorRef.parse(relayed.asker) == OPERATOR.addressDetails
    assert decode(relayed.request) == request_
    kind = label_value(type(request_))
    assert admin.metric("constellation_admin_requests_total", kind=kind) == 1


def test_record_that_answers_for_a_host_name_is_added_to_the_question() -> None:
    dns = {"zones": [{"name": "home.example"}], "cloudflare": {"api_token": "t"}}
    admin = Admin(neighbours=("gossip", "http"), domain="home.example", dns=dns)
    admin.know_three_nodes()

    admin.ask(ExplainRequest(subject="web.home.example"), sender=OPERATOR)
    admin.pass_time(1.0)

    (relayed,) = [one for one in admin.harness.sent_to("http") if isinstance(one, Relayed)]
    request = decode(relayed.request)
    assert isinstance(request, ExplainRequest)
    assert request.dns is not None
    assert request.dns.record == "*.home.example"
    assert "no node holds the lease lb-leader" in request.dns.problems[0]


def test_request_to_an_actor_that_is_not_running_is_refused() -> None:
    admin = Admin()
    admin.know_three_nodes()

    admin.ask(RejectedRequest())
    admin.pass_time(2.0)

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert refusal.why == "its actor http is not running"


def test_refusal_names_the_setting_that_turns_the_actor_on() -> None:
    admin = Admin()

    admin.ask(DnsRequest())

    (refusal,) = admin.told()
    assert refusal.what == "dns is not used on this node"
    assert "set dns.zones" in refusal.fix


def test_actor_that_a_setting_turned_on_is_only_not_running() -> None:
    dns = {"zones": [{"name": "home.example"}], "cloudflare": {"api_token": "t"}}
    admin = Admin(domain="home.example", dns=dns)

    admin.ask(DnsRequest())

    (refusal,) = admin.told()
    assert refusal.why == "its actor dns is not running"


@pytest.mark.parametrize("spec", ACTORS, ids=lambda spec: spec.name)
def test_actor_that_not_every_node_runs_names_a_setting(spec: ActorSpec) -> None:
    assert bool(spec.turned_on_by) != runs_on_every_node(spec.name)
    assert Settings.model_fields.get(spec.turned_on_by.partition(".")[0] or "node_name")


def test_request_about_the_cluster_is_refused_until_the_cluster_is_known() -> None:
    admin = Admin(neighbours=("gossip", "http"))

    admin.ask(RejectedRequest())
    admin.pass_time(2.0)

    (refusal,) = admin.told()
    assert "does not know the cluster" in refusal.why
    assert not [one for one in admin.harness.sent_to("http") if isinstance(one, Relayed)]


class PokeRequest(OperatorRequest):
    """A request of a feature that the admin actor does not know."""

    answered_by = "docker"


def test_request_of_a_new_feature_is_relayed_without_a_change_of_the_admin_actor() -> None:
    admin = Admin(neighbours=("docker",))

    admin.ask(PokeRequest())

    (relayed,) = [one for one in admin.harness.sent_to("docker") if isinstance(one, Relayed)]
    assert decode(relayed.request) == PokeRequest()


def test_every_such_request_names_an_actor_of_the_node_and_crosses_nodes() -> None:
    kinds = subclasses_of(OperatorRequest)
    actors = {spec.name for spec in ACTORS}

    assert len(kinds) >= len(REQUESTS)
    assert OperatorRequest not in kinds  # it is no message itself
    for kind in kinds:
        assert kind.answered_by in actors, kind
        assert kind.crosses_nodes
    assert not Relayed.crosses_nodes


# The actor that answers.


class Answering(ShellActor):
    """Answers the sender, as a handler always does."""

    def receiveMsg_RejectedRequest(self, message: RejectedRequest, sender: ActorAddress) -> None:
        self.send(sender, RequestRefused(what="answer", why=self.name, fix=""))


class AnsweringLater(AsyncShell):
    """Answers from its loop."""

    async def run(self) -> None:
        self.started()
        await asyncio.Event().wait()

    def on_message(self, message: Message, reply: Reply) -> None:
        assert isinstance(message, RejectedRequest)
        reply(RequestRefused(what="answer", why=self.name, fix=""))


@pytest.mark.parametrize("kind", [Answering, AnsweringLater])
def test_answer_goes_to_the_operator_and_not_to_the_admin_actor(kind: type[ShellActor]) -> None:
    harness: Harness[Any] = Harness(
        kind(), Settings(node_name="alpha", data_dir="/nonexistent"), name="http"
    )
    relayed = Relayed(asker=str(OPERATOR.addressDetails), request=encode(RejectedRequest()))
    try:
        harness.deliver(relayed, sender=SENDER)
        harness.pump_until(lambda: bool(harness.sent_to("ext-2")))
    finally:
        harness.stop()

    assert harness.sent_to("ext-2") == [RequestRefused(what="answer", why="http", fix="")]
    assert RequestRefused not in [type(one) for one in harness.sent_to("sender")]


@pytest.mark.case("S12")
def test_a_wake_up_whose_answers_were_already_sent_is_no_failure() -> None:
    shell = AnsweringLater()
    harness: Harness[Any] = Harness(
        shell, Settings(node_name="alpha", data_dir="/nonexistent"), name="http"
    )
    relayed = Relayed(asker=str(OPERATOR.addressDetails), request=encode(RejectedRequest()))
    try:
        harness.deliver(relayed, sender=SENDER)
        harness.pump_until(lambda: bool(harness.sent_to("ext-2")))
        shell.on_readable(shell.watched_files())  # reported late, after the answers were sent
    finally:
        harness.stop()
