"""Events that leave a container as it was: the stop signal, and the end of a health check."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.monitor.renames import SETTLE_S
from tests.monitor.lab import Lab


def watching(**container: Any) -> tuple[Lab, str]:
    lab = Lab()
    web = lab.docker.run("web", **container)
    lab.settle()
    lab.look()
    lab.inspect()
    return lab, web


def test_stop_signal_is_reported_at_once_without_an_inspection() -> None:
    lab, web = watching()

    lab.docker.signal(web, "SIGTERM")
    lab.hear()

    assert (lab.told["web"].draining, lab.told["web"].running) == (True, True)
    assert lab.wanted == []


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGQUIT"])
def test_other_signals_are_ignored(name: str) -> None:
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


def test_signal_event_after_the_death_is_ignored() -> None:
    lab, web = watching()
    lab.docker.kill(web)
    lab.settle()

    lab.docker.signal(web, "SIGTERM")
    lab.docker.start_again(web)
    lab.settle()

    assert (lab.told["web"].draining, lab.told["web"].running) == (False, True)


def test_listings_and_inspections_keep_a_container_draining() -> None:
    lab, web = watching()
    since, found = lab.inventory.sequence, lab.docker.found(web)
    lab.docker.signal(web, "SIGTERM")
    lab.hear()

    lab.now_s += 14.0
    lab.perform(lab.inventory.inspected(web, found, since, lab.now_s))
    lab.look()

    assert lab.told["web"].draining
    assert lab.wanted == []


def test_listing_ends_the_draining_of_a_container_that_ignored_its_signal() -> None:
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


def test_restart_without_an_event_ends_the_draining() -> None:
    lab, web = watching()
    lab.docker.signal(web, "SIGTERM")
    lab.hear()
    found = lab.docker.found(web)
    assert found is not None
    found["State"]["StartedAt"] = "2026-01-03T00:00:00Z"

    lab.perform(lab.inventory.inspected(web, found, lab.inventory.sequence, lab.now_s))

    assert not lab.told["web"].draining


COMPOSE = {"com.docker.compose.project": "proj", "com.docker.compose.service": "web"}


@pytest.mark.case("R3")
def test_replacement_takes_over_the_name_of_a_draining_container() -> None:
    lab = Lab()
    old = lab.docker.run("proj-web-1", labels=COMPOSE)
    lab.settle()
    lab.docker.signal(old, "SIGTERM")
    lab.docker.rename(old, "0123456789ab_proj-web-1")
    new = lab.docker.run("proj-web-1", labels=COMPOSE)

    lab.settle()

    (told,) = lab.told.values()
    assert (told.service, told.key) == ("web-proj", "proj-web-1")
    assert (told.instance, told.draining, lab.notes) == (new, False, [])
    lab.docker.remove(old)
    lab.settle()
    assert lab.told["proj-web-1"].instance == new


@pytest.mark.case("R3")
def test_green_serves_beside_blue_and_alone_while_blue_drains() -> None:
    lab = Lab()
    label = {"constellation.service": "web"}
    blue, green = (lab.docker.run(name, labels=label) for name in ("blue", "green"))
    lab.settle()
    assert {seen.service: seen.instance for seen in lab.told.values()} == {"web": green}
    assert lab.running() == {"blue": True, "green": True}

    lab.docker.signal(blue, "SIGTERM")
    lab.hear()

    assert (lab.told["blue"].draining, lab.told["green"].draining) == (True, False)


def test_renamed_container_is_another_instance() -> None:
    lab = Lab()
    first = lab.docker.run("web")
    lab.settle()
    lab.docker.rename(first, "old")
    second = lab.docker.run("web")
    lab.settle()
    lab.now_s += SETTLE_S
    lab.perform(lab.inventory.names_settled(lab.now_s))
    lab.settle()

    assert {name: seen.instance for name, seen in lab.told.items()} == {"old": first, "web": second}


@pytest.mark.case("O4")
def test_container_named_as_a_static_service_is_another_instance() -> None:
    lab = Lab(static_names=frozenset({"web"}))
    lab.docker.run("web")
    lab.settle()

    assert list(lab.told) == ["web@docker"]


def test_signals_of_unknown_containers_are_ignored() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.docker.signal(web, "SIGTERM")
    lab.hear()
    lab.docker.remove(web)
    lab.settle()

    assert (lab.told, lab.wanted) == ({}, [])


def test_end_of_a_role_check_causes_a_delayed_inspection() -> None:
    lab, db = watching(checked=True, labels={"constellation.primary": "health"})

    lab.docker.say(db, "role: primary")
    lab.hear()

    assert (lab.soon, lab.wanted) == ([db], [])
    assert lab.inventory.complete
    lab.wanted = lab.soon
    lab.inspect()
    assert lab.told["web"].role == "primary"


def test_end_of_another_check_causes_no_inspection() -> None:
    lab, web = watching(checked=True)

    lab.docker.say(web, "role: primary")
    lab.hear()

    assert (lab.soon, lab.wanted) == ([], [])


def test_every_listing_inspects_containers_with_a_role_check() -> None:
    lab, db = watching(checked=True, labels={"constellation.primary": "health"})
    lab.docker.mute()
    lab.docker.say(db, "role: replica")

    lab.look()
    lab.inspect()

    assert lab.told["web"].role == "replica"
    assert lab.unreported == []


def test_label_with_an_unknown_role_is_reported_once() -> None:
    lab, web = watching(labels={"constellation.primary": "yes"})
    lab.docker.kill(web)
    lab.settle()

    assert lab.notes == ["container_role_unknown"]
    assert lab.told["web"].role == ""
