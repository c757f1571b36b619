"""The admin actor and gossip keys: an order goes to the gossip of every living node."""

from __future__ import annotations

import pytest
from thespian.actors import ActorAddress

from constellation.transport.address import ActorRef
from messages.keyring import KeyringOrder, KeyringOrderDone, KeyringReport, KeyringState
from messages.operator import RequestRefused
from tests.admin.started_admin import BETA, GAMMA, Admin
from tests.harness import messages_of

ORDER = KeyringOrder(action="list")


@pytest.fixture
def admin() -> Admin:
    made = Admin()
    made.know_three_nodes()
    return made


def answers(admin: Admin, node: str, host: str, *key_ids: str, number: int = 1) -> None:
    state = KeyringState(node=node, key_ids=key_ids or ("k1",))
    done = KeyringOrderDone(number=number, state=state)
    admin.harness.deliver(done, sender=ActorAddress(ActorRef(host, 7947, "a1-2")))


def test_order_goes_to_every_living_node_and_the_report_to_the_asker(admin: Admin) -> None:
    admin.ask(ORDER)
    asked = messages_of(KeyringOrder, admin.harness.sent)
    answers(admin, "beta", BETA)
    answers(admin, "gamma", GAMMA)
    before = admin.told()
    answers(admin, "alpha", "127.0.0.1")

    assert asked == [KeyringOrder(action="list", number=1)] * 3
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
        == [KeyringOrder(action="use", key_id="k1", number=3)] * 3
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


def test_late_answer_to_an_earlier_order_does_not_count_for_the_next(admin: Admin) -> None:
    admin.ask(ORDER)
    admin.pass_time(2.0)
    admin.ask(KeyringOrder(action="use", key_id="k2"))

    answers(admin, "beta", BETA, "k1", "k2", number=1)
    answers(admin, "beta", BETA, "k2", "k1", number=2)
    admin.pass_time(2.0)

    report = admin.told()[-1]
    assert [(one.node, one.key_ids) for one in report.nodes] == [("beta", ("k2", "k1"))]
    assert report.unanswered == ("alpha", "gamma")
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_without_a_view_of_the_cluster_no_order_is_given() -> None:
    admin = Admin()

    admin.ask(ORDER)

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert messages_of(KeyringOrder, admin.harness.sent) == []
