"""What actors report to be wrong is seen in the status of every node."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.wellness.judgement import judge
from constellation.wellness.troubles import LISTED_MAX, TroubleBook
from constellation.wire import decode
from messages.admin import StatusRequest
from messages.operator import Relayed
from messages.routes import NodeTrouble, RejectedRequest
from messages.wellness import TROUBLES_MAX, Trouble, TroubleKind, TroublesReported
from tests.admin.builders import degraded, facts, members, status
from tests.admin.started_admin import Admin
from tests.traefik.builders import view


def trouble(kind: TroubleKind = "container", what: str = "it fails", **fields: Any) -> Trouble:
    return Trouble(kind=kind, what=what, **fields)


def test_report_of_an_actor_replaces_its_last_one() -> None:
    book = TroubleBook()
    book.report(TroublesReported(actor="docker", troubles=(trouble(),)))
    book.report(TroublesReported(actor="gossip", troubles=(trouble("unheard"),)))

    book.report(TroublesReported(actor="docker", troubles=()))

    assert book.listed == (trouble("unheard"),)


def test_worst_troubles_are_listed_and_the_others_counted() -> None:
    book = TroubleBook()
    for number in range(3):
        many = tuple(trouble(subject=f"{number}-{one}") for one in range(TROUBLES_MAX))
        book.report(TroublesReported(actor=f"a{number}", troubles=many, unlisted=number))
    book.report(TroublesReported(actor="raft", troubles=(trouble("disk"),)))

    assert book.listed[0].kind == "disk"
    assert len(book.listed) == LISTED_MAX
    assert book.unlisted_count == 3 * TROUBLES_MAX + 1 - LISTED_MAX + 3


def test_equal_troubles_of_several_nodes_are_one_problem_and_notes_are_none() -> None:
    hangs = trouble("disk", "the disk does not answer", why="for 5 s", fix="look at it")
    hint = trouble("setting", "a hint", is_note=True)
    answered = [status(node, troubles=(hangs, hint)) for node in ("alpha", "beta")]
    cluster = view(members=members(beta="alive"))

    assert degraded(cluster, answered, ()) == (
        "the disk does not answer on alpha, beta: for 5 s; look at it",
    )
    assert judge(facts(cluster, answered)).notes_on() == ("a hint on alpha, beta",)


def test_what_does_not_fit_into_a_status_is_counted() -> None:
    answered = [status("alpha", troubles_unlisted=2)]

    assert degraded(view(members=members()), answered, ()) == (
        "2 further troubles on alpha: see the logs there",
    )


def test_trouble_of_this_node_is_in_its_status() -> None:
    admin = Admin()
    admin.know_three_nodes()
    admin.harness.deliver(TroublesReported(actor="docker", troubles=(trouble(what="it is lost"),)))

    admin.ask(StatusRequest())
    admin.supervisor_answers()
    admin.pass_time(2.0)

    assert "it is lost on alpha" in admin.reports()[0].degraded


@pytest.mark.case("R10", "O6")
def test_rejected_is_asked_for_with_the_containers_that_nodes_report() -> None:
    admin = Admin(neighbours=("gossip", "http"))
    admin.know_three_nodes()
    unwatched = trouble("unwatched", "container blog is not watched", subject="blog")
    report = TroublesReported(actor="docker", troubles=(trouble("disk"), unwatched))
    admin.harness.deliver(report)

    admin.ask(RejectedRequest())
    admin.supervisor_answers()
    admin.pass_time(2.0)

    (relayed,) = [one for one in admin.harness.sent_to("http") if isinstance(one, Relayed)]
    asked = decode(relayed.request)
    assert isinstance(asked, RejectedRequest)
    assert asked.troubles == (NodeTrouble(node="alpha", trouble=unwatched),)
