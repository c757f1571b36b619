"""Events that leave a container as it was: the end of a health check."""

from __future__ import annotations

from typing import Any

from tests.monitor.lab import Lab


def watching(**container: Any) -> tuple[Lab, str]:
    lab = Lab()
    web = lab.docker.run("web", **container)
    lab.settle()
    lab.look()
    lab.inspect()
    return lab, web


def test_end_of_a_check_that_tells_a_role_is_looked_at_soon() -> None:
    lab, db = watching(checked=True, labels={"constellation.primary": "health"})

    lab.docker.say(db, "role: primary")
    lab.hear()

    assert (lab.soon, lab.wanted) == ([db], [])
    assert lab.inventory.complete
    lab.wanted = lab.soon
    lab.inspect()
    assert lab.told["web"].role == "primary"


def test_end_of_another_check_is_not() -> None:
    lab, web = watching(checked=True)

    lab.docker.say(web, "role: primary")
    lab.hear()

    assert (lab.soon, lab.wanted) == ([], [])


def test_every_look_asks_again_for_a_role_that_a_check_tells() -> None:
    lab, db = watching(checked=True, labels={"constellation.primary": "health"})
    lab.docker.mute()
    lab.docker.say(db, "role: replica")

    lab.look()
    lab.inspect()

    assert lab.told["web"].role == "replica"
    assert lab.unreported == []


def test_label_that_names_no_role_is_reported_once() -> None:
    lab, web = watching(labels={"constellation.primary": "yes"})
    lab.docker.kill(web)
    lab.settle()

    assert lab.notes == ["container_role_unknown"]
    assert lab.told["web"].role == ""
