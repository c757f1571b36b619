"""The admin actor and gossip keys: an order goes to the gossip of every living node."""

from __future__ import annotations

import pytest
from thespian.actors import ActorAddress

from constellation.transport.address import ActorRef
from messages.keyring import KeyringOrder, KeyringReport, KeyringState
from messages.operator import RequestRefused
from tests.admin.started_admin import BETA, GAMMA, Admin
from tests.harness import messages_of

ORDER = KeyringOrder(action="list")


@pytest.fixture
def admin() -> Admin:
    made = Admin()
    made.know_three_nodes()
    return made


def answers(admin: Admin, node: str, host: str, *key_ids: str) -> None:
    state = KeyringState(node=node, key_ids=key_ids or ("k1",))
    admin.harness.deliver(state, sender=ActorAddress(ActorRef(host, 7947, "a1-2")))


def test_order_goes_to_every_living_node_and_the_report_to_the_asker(admin: Admin) -> None:
    admin.ask(ORDER)
    asked = messages_of(KeyringOrder, admin.harness.sent)
    answers(admin, "beta", BETA)
    answers(admin, "gamma", GAMMA)
    before = admin.told()
    answers(admin, "alpha", "127.0.0.1")

    assert asked == [ORDER] * 3
    assert len(admin.harness.sent_to("@gossip")) == 2
    assert before == []
    (report,) = admin.told()
    assert isinstance(report, KeyringReport)
    assert [one.node for one in report.nodes] == ["alpha", "beta", "gamma"]
    assert report.degraded == ()


def test_silent_node_is_named_after_two_seconds(admin: Admin) -> None:
    admin.ask(ORDER)
    answers(admin, "alpha", "127.0.0.1")
    answers(admin, "gamma", GAMMA)

    admin.pass_time(1.9)
    before = admin.told()
    admin.pass_time(0.1)

    assert before == []
    (report,) = admin.told()
    assert report.unanswered == ("beta",)


def test_second_order_is_refused_until_the_first_has_ended(admin: Admin) -> None:
    admin.ask(ORDER)
    admin.ask(KeyringOrder(action="use", key_id="k1"))

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert refusal.why == "another order about them is under way"
    admin.pass_time(2.0)
    admin.ask(KeyringOrder(action="use", key_id="k1"))
    assert (
        messages_of(KeyringOrder, admin.harness.sent)[3:]
        == [KeyringOrder(action="use", key_id="k1")] * 3
    )


@pytest.mark.parametrize(("node", "host"), [("beta", GAMMA), ("mallory", BETA)])
def test_answer_from_another_node_than_it_names_is_dropped_and_counted(
    admin: Admin, node: str, host: str
) -> None:
    admin.ask(ORDER)

    answers(admin, node, host, "k9")
    admin.pass_time(2.0)

    (report,) = admin.told()
    assert report.nodes == ()
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_second_answer_of_a_node_changes_nothing(admin: Admin) -> None:
    admin.ask(ORDER)
    answers(admin, "beta", BETA, "k1")
    answers(admin, "beta", BETA, "k9")
    admin.pass_time(2.0)

    (report,) = admin.told()
    assert [one.key_ids for one in report.nodes] == [("k1",)]


def test_without_a_view_of_the_cluster_no_order_is_given() -> None:
    admin = Admin()

    admin.ask(ORDER)

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert messages_of(KeyringOrder, admin.harness.sent) == []
