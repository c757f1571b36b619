"""The admin actor and cordons: what it keeps, publishes, passes on, and whose word it takes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorAddress

from actors.adapters.bounded_save import BoundedSave
from actors.adapters.cordon_file import FILE_NAME, save_cordon
from actors.admin import cordon as admin_cordon
from actors.admin.cordon import RETRY_S, CordonDesk
from constellation.admin.cordon import Cordon
from constellation.errors import AdapterError
from constellation.transport.address import ActorRef
from messages.admin import (
    CordonChange,
    CordonChanged,
    CordonOrder,
    CordonReport,
    StatusRequest,
)
from messages.operator import RequestRefused
from rigs.processes import wait_until
from tests.admin.started_admin import BETA, GAMMA, Admin
from tests.harness import messages_of

CORDON = CordonChange(number=3, node="alpha", cordoned=True, reason="kernel upgrade")
UNCORDON = CordonChange(number=4, node="alpha", cordoned=False)


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    return started(tmp_path)


def started(data_dir: Path) -> Admin:
    made = Admin(data_dir=str(data_dir))
    made.know_three_nodes()
    return made


def last_published(admin: Admin) -> tuple[bool, str]:
    state = admin.published()[-1]
    assert state is not None
    return state.cordoned, state.cordon_reason


def changes(admin: Admin) -> list[CordonChange]:
    return messages_of(CordonChange, admin.harness.sent)


def answers(admin: Admin, change: CordonChange, host: str = BETA, **fields: Any) -> None:
    known = change.model_dump() | {"was_already": False} | fields
    changed = CordonChanged.model_validate(known)
    admin.harness.deliver(changed, sender=ActorAddress(ActorRef(host, 7947, "a1-4")))


def problems(admin: Admin) -> list[str]:
    admin.ask(StatusRequest())
    admin.supervisor_answers()
    admin.pass_time(1.0)
    return [text for text in admin.reports()[-1].degraded if text.startswith("cordon on alpha")]


# Its own node.


def test_order_is_saved_published_measured_and_answered(admin: Admin, tmp_path: Path) -> None:
    admin.ask(CORDON)

    (answer,) = admin.told()
    assert answer == CordonChanged(
        number=3, node="alpha", cordoned=True, reason="kernel upgrade", was_already=False
    )
    assert last_published(admin) == (True, "kernel upgrade")
    assert (tmp_path / FILE_NAME).exists()
    assert admin.metric("constellation_admin_cordoned") == 1


def test_cordon_is_in_the_first_record_after_a_restart(admin: Admin, tmp_path: Path) -> None:
    admin.ask(CORDON)

    again = started(tmp_path)

    assert {(one.cordoned, one.cordon_reason) for one in again.published() if one} == {
        (True, "kernel upgrade")
    }
    assert again.metric("constellation_admin_cordoned") == 1


def test_uncordoned_node_stays_uncordoned_after_a_restart(admin: Admin, tmp_path: Path) -> None:
    admin.ask(CORDON)
    admin.ask(UNCORDON)

    assert [one.was_already for one in admin.told()] == [False, False]
    assert last_published(admin) == (False, "")
    assert last_published(started(tmp_path)) == (False, "")
    assert admin.metric("constellation_admin_cordoned") == 0


def test_repeated_order_is_neither_saved_nor_published(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.ask(CORDON)
    count = len(admin.published())
    monkeypatch.setattr(admin_cordon, "save_cordon", None)  # calling it would fail

    admin.ask(CORDON)
    admin.ask(CORDON.model_copy(update={"reason": ""}))

    assert [(one.was_already, one.reason) for one in admin.told()[1:]] == [
        (True, "kernel upgrade")
    ] * 2
    assert len(admin.published()) == count


def test_new_reason_replaces_the_old_one(admin: Admin) -> None:
    admin.ask(CORDON)
    admin.ask(CORDON.model_copy(update={"reason": "disk"}))

    assert admin.told()[-1].was_already
    assert last_published(admin) == (True, "disk")


def test_order_that_cannot_be_saved_fails_and_is_in_the_status(
    admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, cordon: object) -> None:
        raise AdapterError(f"{path} cannot be written", why="no space", fix="make room")

    with monkeypatch.context() as patched:
        patched.setattr(admin_cordon, "save_cordon", full)
        admin.ask(CORDON)

    (answer,) = admin.told()
    assert (answer.cordoned, answer.fix) == (False, "make room")
    assert answer.why.endswith("cannot be written: no space")
    assert last_published(admin) == (False, "")
    path = tmp_path / FILE_NAME
    assert problems(admin) == [
        (
            f"cordon on alpha does not work: {path} cannot be written: no space; alpha counts as "
            "not cordoned; make room"
        )
    ]
    admin.ask(UNCORDON)
    assert problems(admin) == []


def test_refused_order_is_no_problem_any_more_once_the_disk_has_space(
    admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[object] = []

    def full(path: Path, cordon: Cordon) -> None:
        attempts.append(cordon.cordoned)
        path.write_bytes(Cordon(cordoned=True, reason="refused").encode())  # only the sync failed
        raise AdapterError(f"{path} cannot be written", why="no space", fix="free space")

    with monkeypatch.context() as patched:
        patched.setattr(admin_cordon, "save_cordon", full)
        admin.ask(CORDON)
        admin.pass_time(RETRY_S + 0.1)
        assert len(problems(admin)) == 1
        assert attempts == [True, False]
        assert admin.metric("constellation_file_unsaved", file=FILE_NAME) == 1

    admin.pass_time(RETRY_S + 0.1)

    assert problems(admin) == []
    assert admin.metric("constellation_file_unsaved", file=FILE_NAME) == 0
    assert last_published(started(tmp_path)) == (False, "")


def test_hanging_disk_fails_the_order_and_the_write_that_lands_late_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedSave, "patience_s", 0.05)
    admin = started(tmp_path)
    disk_works, writers = threading.Event(), list[threading.Thread]()

    def hang(path: Path, cordon: Cordon) -> None:
        writers.append(threading.current_thread())
        disk_works.wait(10)
        save_cordon(path, cordon)

    monkeypatch.setattr(admin_cordon, "save_cordon", hang)
    for _ in range(2):
        admin.ask(CORDON)
    admin.pass_time(RETRY_S + 0.1)

    assert [(one.cordoned, "has not answered" in one.why) for one in admin.told()] == [
        (False, True)
    ] * 2
    assert len(writers) == 1  # two at once would share a temporary file
    assert len(problems(admin)) == 1

    disk_works.set()
    (desk,) = [one for one in admin.harness.actor.desks if isinstance(one, CordonDesk)]
    wait_until(lambda: not desk._saving.hangs, timeout_s=5, what="the late write")
    assert (tmp_path / FILE_NAME).exists()
    admin.pass_time(RETRY_S + 0.1)
    assert not (tmp_path / FILE_NAME).exists()
    assert problems(admin) == []
    admin.ask(CORDON)
    assert last_published(admin) == (True, "kernel upgrade")


def test_file_that_cannot_be_read_is_not_overwritten_by_a_retry(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("?")
    admin = started(tmp_path)

    admin.pass_time(RETRY_S + 0.1)

    assert (tmp_path / FILE_NAME).read_text() == "?"
    assert len(problems(admin)) == 1


def test_damaged_file_means_not_cordoned_and_is_in_the_status_until_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / FILE_NAME
    path.write_text("?")
    admin = started(tmp_path)

    assert last_published(admin) == (False, "")
    assert problems(admin) == [
        (
            f"cordon on alpha does not work: {path} cannot be used: it is not what this agent "
            "writes; alpha counts as not cordoned; run `constellation cordon` or `uncordon` for "
            "this node: either replaces the file"
        )
    ]
    admin.ask(UNCORDON)
    assert admin.told()[-1].was_already
    assert not path.exists()
    assert problems(admin) == []


def test_order_for_another_node_is_not_carried_out_here(admin: Admin) -> None:
    admin.ask(CORDON.model_copy(update={"node": "beta"}))

    (answer,) = admin.told()
    assert answer.why == "another node, alpha, is at its address"
    assert last_published(admin) == (False, "")
    assert changes(admin) == []


# Any node.


def test_order_for_the_asked_node_is_answered_at_once(admin: Admin) -> None:
    admin.ask(CordonOrder(node="alpha", cordoned=True, reason="kernel upgrade"))

    (report,) = admin.told()
    assert isinstance(report, CordonReport)
    assert (report.node, report.cordoned, report.was_already) == ("alpha", True, False)
    assert last_published(admin) == (True, "kernel upgrade")


def test_order_goes_to_the_named_node_and_the_report_to_the_operator(
    admin: Admin,
) -> None:
    admin.ask(CordonOrder(node="beta", cordoned=True, reason="kernel upgrade"))

    (change,) = admin.harness.sent_to("@admin")
    assert isinstance(change, CordonChange)
    assert (change.node, change.cordoned, change.reason) == ("beta", True, "kernel upgrade")
    answers(admin, change, GAMMA)
    assert admin.told() == []
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1
    answers(admin, change)
    (report,) = admin.told()
    assert isinstance(report, CordonReport)
    assert (report.services, report.sole_services) == (("web",), ("web",))
    assert last_published(admin) == (False, "")


def test_silent_node_leads_to_a_refusal_and_its_late_answer_is_counted(admin: Admin) -> None:
    admin.ask(CordonOrder(node="beta", cordoned=True))
    admin.pass_time(1.9)
    before = admin.told()
    admin.pass_time(0.1)
    answers(admin, changes(admin)[0])

    assert before == []
    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_unknown_node_is_refused_with_the_known_ones(admin: Admin) -> None:
    admin.ask(CordonOrder(node="delta", cordoned=True))

    (refusal,) = admin.told()
    assert (refusal.why, refusal.fix) == (
        "no node named delta", "the nodes are: alpha, beta, gamma",
    )  # fmt: skip
    assert changes(admin) == []


def test_order_is_refused_until_the_cluster_is_known() -> None:
    admin = Admin()

    admin.ask(CordonOrder(node="alpha", cordoned=True))

    (refusal,) = admin.told()
    assert "its gossip actor is starting" in refusal.why
    assert changes(admin) == []
