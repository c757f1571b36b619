"""Events that leave a container as it was: the stop signal, and the end of a health check."""

from __future__ import annotations

from typing import Any

import pytest

from tests.monitor.lab import Lab


def watching(**container: Any) -> tuple[Lab, str]:
    lab = Lab()
    web = lab.docker.run("web", **container)
    lab.settle()
    lab.look()
    lab.inspect()
    return lab, web


def test_stop_signal_is_told_at_once_and_asks_nothing() -> None:
    lab, web = watching()

    lab.docker.signal(web, "SIGTERM")
    lab.hear()

    assert (lab.told["web"].draining, lab.told["web"].running) == (True, True)
    assert lab.wanted == []


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGQUIT"])
def test_other_signals_are_no_news(name: str) -> None:
    lab, web = watching()

    lab.docker.signal(web, name)
    lab.hear()

    assert not lab.told["web"].draining
    assert lab.wanted == []


def test_death_ends_the_draining() -> None:
    lab, web = watching()
    lab.docker.signal(web, "SIGTERM")
    lab.docker.kill(web)

    lab.settle()

    assert (lab.told["web"].draining, lab.told["web"].running) == (False, False)
    lab.docker.start_again(web)
    lab.settle()
    assert (lab.told["web"].draining, lab.told["web"].running) == (False, True)


def test_signal_that_is_told_after_the_death_it_brought_is_no_news() -> None:
    lab, web = watching()
    lab.docker.kill(web)
    lab.settle()

    lab.docker.signal(web, "SIGTERM")
    lab.docker.start_again(web)
    lab.settle()

    assert (lab.told["web"].draining, lab.told["web"].running) == (False, True)


def test_looks_and_inspections_meanwhile_leave_it_draining() -> None:
    lab, web = watching()
    since, found = lab.inventory.sequence, lab.docker.found(web)
    lab.docker.signal(web, "SIGTERM")
    lab.hear()

    lab.now_s += 14.0
    lab.perform(lab.inventory.inspected(web, found, since, lab.now_s))
    lab.look()

    assert lab.told["web"].draining
    assert lab.wanted == []


def test_signal_that_was_ignored_is_forgotten_by_a_look() -> None:
    lab, web = watching()
    lab.docker.signal(web, "SIGTERM")
    lab.hear()

    lab.now_s += 15.1
    lab.look()
    asked = [*lab.wanted]
    lab.inspect()

    assert asked == [web]
    assert (lab.told["web"].draining, lab.told["web"].running) == (False, True)
    lab.look()
    assert (lab.wanted, lab.unreported) == ([], [])


def test_restart_that_no_event_told_ends_the_draining() -> None:
    lab, web = watching()
    lab.docker.signal(web, "SIGTERM")
    lab.hear()
    found = lab.docker.found(web)
    assert found is not None
    found["State"]["StartedAt"] = "2026-01-03T00:00:00Z"

    lab.perform(lab.inventory.inspected(web, found, lab.inventory.sequence, lab.now_s))

    assert not lab.told["web"].draining


def test_its_replacement_takes_the_name_of_one_that_drains() -> None:
    lab, web = watching()
    lab.docker.signal(web, "SIGTERM")
    lab.hear()
    new = lab.docker.run("new", labels={"constellation.service": "web"})

    lab.settle()

    assert (lab.told["web"].instance, lab.told["web"].draining) == (new, False)
    assert lab.notes == []
    lab.docker.remove(web)
    lab.settle()
    assert lab.told["web"].instance == new


def test_unknown_containers_have_no_signals() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.docker.signal(web, "SIGTERM")
    lab.hear()
    lab.docker.remove(web)
    lab.settle()

    assert (lab.told, lab.wanted) == ({}, [])


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
