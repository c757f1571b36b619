"""Containers that are renamed while they run."""

from __future__ import annotations

import time

import pytest

from constellation.monitor.renames import SETTLE_S, SETTLE_S_MAX
from tests.monitor.lab import Lab
from tests.monitor.watched import Host, Start, has

pytestmark = pytest.mark.xdist_group("docker engine")


def settle_names(lab: Lab, part: float = 1.0) -> None:
    lab.now_s += SETTLE_S * part
    lab.perform(lab.inventory.names_settled(lab.now_s))


@pytest.mark.case("D4")
def test_two_that_swap_names_do_so_at_once() -> None:
    lab = Lab()
    one, two = lab.docker.run("one"), lab.docker.run("two")
    lab.settle()
    seen: list[set[str]] = []

    for container_id, name in [(one, "spare"), (two, "one"), (one, "two")]:
        lab.docker.rename(container_id, name)
        lab.hear()
        lab.look()
        lab.inspect()
        seen.append({*lab.told})
        assert (lab.told["one"].instance, lab.told["two"].instance) == (one, two)
    settle_names(lab, 0.9)
    assert (lab.told["one"].instance, lab.settling) == (one, 4)  # asked again
    settle_names(lab, 0.2)
    assert lab.settling == 4
    swapped = lab.told["one"].instance, lab.told["two"].instance
    lab.inspect()

    assert seen == [{"one", "two"}] * 3
    assert swapped == (two, one)
    assert (lab.told["one"].instance, lab.told["two"].instance) == (two, one)
    assert lab.notes == []


@pytest.mark.case("D4")
def test_new_name_is_not_put_off_for_ever() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.settle()

    while lab.now_s < SETTLE_S_MAX:
        lab.docker.rename(web, f"web{lab.now_s}")
        lab.hear()
        lab.now_s += SETTLE_S / 2
    lab.perform(lab.inventory.names_settled(lab.now_s))

    assert lab.told.keys() != {"web"}


def test_container_that_does_not_run_has_its_new_name_when_it_starts() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.docker.kill(web)
    lab.settle()
    lab.docker.rename(web, "shop")
    lab.docker.start_again(web)
    lab.settle()

    assert lab.running() == {"shop": True}


def test_container_that_is_removed_under_its_new_name_leaves_nothing() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.settle()
    lab.docker.rename(web, "shop")
    lab.docker.remove(web)
    lab.settle()
    settle_names(lab)
    lab.inspect()

    assert lab.told == {}


@pytest.mark.case("D4")
def test_names_follow_within_a_second_on_an_engine(host: Host, start: Start) -> None:
    watched = start(host)
    one, two = host.run("one"), host.run("two")
    watched.until(has("one", running=True))
    watched.until(has("two", running=True))

    host.rename(one, "spare")
    host.rename(two, "one")
    began_s = time.monotonic()
    host.rename(one, "two")
    watched.until(has("one", instance=two))
    watched.until(has("two", instance=one))

    assert time.monotonic() - began_s < 1.0
    told = {seen.service for report in watched.reports() for seen in report.observations}
    vanished = {name for report in watched.reports() for name in report.vanished}
    assert (told, vanished) == ({"one", "two"}, set())
