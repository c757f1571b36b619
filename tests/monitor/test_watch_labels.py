"""Which labels make a container watched, and what is said of those that nearly do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.monitor.troubles import docker_troubles
from constellation.monitor.watch_labels import (
    ENABLE_LABELS,
    FALSE,
    TRUE,
    is_watched,
    why_not_watched,
)
from messages.wellness import TROUBLES_MAX, Trouble
from rigs.docker_engine import PrivateDocker
from rigs.processes import wait_until
from rigs.traefik import traefik
from tests.monitor.lab import Lab

pytestmark = pytest.mark.xdist_group("docker engine")

PORT = "traefik.http.services.{}.loadbalancer.server.port"
RULE = "traefik.http.routers.blog.rule"

# Labels as people write them, and whether Traefik takes them for "yes".
SPELLINGS: dict[str, dict[str, str]] = {
    "true": {"traefik.enable": "true"},
    "title": {"traefik.enable": "True"},
    "upper": {"traefik.enable": "TRUE"},
    "digit": {"traefik.enable": "1"},
    "letter": {"traefik.enable": "t"},
    "name-in-capitals": {"traefik.ENABLE": "true"},
    "root-in-capitals": {"Traefik.enable": "true"},
    "mixed": {"traefik.enable": "tRUE"},
    "space": {"traefik.enable": " true "},
    "quotes": {"traefik.enable": "'true'"},
    "double-quotes": {"traefik.enable": '"true"'},
    "yes": {"traefik.enable": "yes"},
    "ture": {"traefik.enable": "ture"},
    "empty": {"traefik.enable": ""},
    "enabled": {"traefik.enabled": "true"},
    "name-with-space": {"traefik.enable ": "true"},
    "name-with-value": {"traefik.enable: true": ""},
    "false": {"traefik.enable": "false"},
}


@pytest.mark.integration
@pytest.mark.needs("docker", "traefik")
@pytest.mark.slow
@pytest.mark.case("R10")
def test_exactly_what_the_real_traefik_enables_is_watched(
    docker_engine: PrivateDocker, tmp_path: Path
) -> None:
    for name, labels in SPELLINGS.items():
        known = {"constellation.enable": "false", PORT.format(name): "80"}
        docker_engine.run(name, labels={**known, **labels})
    with traefik(None, tmp_path, docker_socket=docker_engine.socket) as running:
        wait_until(lambda: "true" in running.services(), timeout_s=15, what="its configuration")
        served = set(running.services())

    ours = {name for name, labels in SPELLINGS.items() if is_watched(labels, "enabled")}
    assert ours == served


@pytest.mark.case("R10")
@pytest.mark.parametrize("name", sorted(SPELLINGS))
def test_what_is_not_watched_is_told_unless_it_says_no(name: str) -> None:
    labels = SPELLINGS[name]
    found = why_not_watched(labels, "enabled")

    if is_watched(labels, "enabled") or name == "false":
        assert found is None
        return
    assert found is not None
    assert found.is_mistake
    (label,) = labels
    assert label[:64] in found.why
    assert labels[label] in found.why
    assert found.fix == "write traefik.enable=true, or =false"


@pytest.mark.case("R10", "O6")
@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("traefik.enabled", "traefik.enable"),
        ("traefic.enable", "traefik.enable"),
        ("treafik.enable", "traefik.enable"),
        ("Traefik_Enable", "traefik.enable"),
        ("treafik.enabled", "traefik.enable"),
        ("com.traefik.enable", "traefik.enable"),
        ("traefik.http.enable", "traefik.enable"),
        ("traefikenable", "traefik.enable"),
        ("constellation.enabled", "constellation.enable"),
        ("constelation.enable", "constellation.enable"),
        ("constellation.eneble", "constellation.enable"),
    ],
)
def test_near_miss_names_the_label_that_was_meant(label: str, meant: str) -> None:
    found = why_not_watched({label: "true"}, "enabled")

    assert found is not None
    assert f"is not {meant}" in found.why
    assert meant in found.fix
    assert why_not_watched({label: "false"}, "enabled") is None


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"com.example.enable": "yes", "traefik.docker.network": "web"},
        {"watchtower.enable": "true", "traefik.tags": "x", "traefik.port": "80"},
        {"traefik.enable": "false", RULE: "Host(`a.example`)"},
        {"traefik.enable": "ture", "constellation.enable": "true"},
        {"traefik.enable": "ture", "com.docker.compose.oneoff": "True"},
        {RULE: "Host(`a.example`)", "com.docker.compose.oneoff": "True"},
    ],
    ids=str,
)
def test_what_does_not_ask_for_routes_is_not_told(labels: dict[str, str]) -> None:
    assert why_not_watched(labels, "enabled") is None


@pytest.mark.case("O6")
def test_labels_of_routes_without_an_enabling_one_are_told_as_maybe_intended() -> None:
    rule = "Host(`Blog.home.example`) || Host(`b.example`, `c.example`) && PathPrefix(`/x`)"
    found = why_not_watched({RULE: rule, "other": "x"}, "enabled")

    assert found is not None
    assert not found.is_mistake
    assert found.hosts == ("b.example", "blog.home.example", "c.example")
    assert RULE in found.why
    assert "add the label traefik.enable=true" in found.fix
    assert why_not_watched({RULE: rule}, "all") is None


@given(st.dictionaries(st.sampled_from(ENABLE_LABELS), st.text(max_size=8)))
def test_only_what_go_reads_as_true_is_watched(labels: dict[str, str]) -> None:
    watched = is_watched(labels, "enabled")

    assert watched == any(value in TRUE for value in labels.values())
    if watched or all(value in FALSE for value in labels.values()):
        assert why_not_watched(labels, "enabled") is None
    else:
        assert why_not_watched(labels, "enabled") is not None


# What the actor tells.


def troubles(lab: Lab) -> dict[str, Trouble]:
    report = docker_troubles(lab.inventory, "home.example")
    return {trouble.subject: trouble for trouble in report.troubles}


def unwatched(labels: dict[str, str]) -> dict[str, str]:
    return {"constellation.enable": "", **labels}


@pytest.mark.case("R10", "O6")
def test_container_that_is_not_watched_is_told_once_with_the_hosts_it_asks_for() -> None:
    lab = Lab()
    lab.docker.run("blog", labels=unwatched({"traefik.enable": "ture", RULE: "Host(`b.example`)"}))
    lab.docker.run("shop_1", labels=unwatched({"traefik.enabled": "true"}))
    lab.docker.run("maybe", labels=unwatched({RULE: "Host(`b.example`)"}))
    lab.docker.run("other", labels=unwatched({"a": "b"}))
    stopped = lab.docker.run("stopped", labels=unwatched({"traefik.enable": "yes"}))
    lab.docker.kill(stopped)
    lab.hear()
    lab.look()
    lab.look()

    told = troubles(lab)
    assert lab.notes == ["container_not_watched"] * 3
    assert told.keys() == {"blog", "shop_1", "maybe"}
    assert {one.kind for one in told.values()} == {"unwatched"}
    assert (told["blog"].what, told["blog"].hosts) == (
        "container blog is not watched",
        ("b.example",),
    )
    assert "'ture'" in told["blog"].why
    assert told["shop_1"].hosts == ("shop-1.home.example",)
    assert [name for name, one in told.items() if one.is_note] == ["maybe"]


def test_start_and_end_of_a_container_that_is_not_watched_cause_a_listing() -> None:
    lab = Lab()
    lab.look()
    web = lab.docker.run("web", labels=unwatched({"traefik.enable": "yes"}))
    lab.docker.run("other", labels=unwatched({"a": "b"}))
    lab.hear()
    assert lab.listings_due == 1
    lab.look()
    assert troubles(lab).keys() == {"web"}

    lab.docker.remove(web)
    lab.hear()
    assert lab.listings_due > 1
    lab.look()
    assert troubles(lab) == {}


def test_number_of_troubles_is_limited() -> None:
    lab = Lab()
    for number in range(TROUBLES_MAX + 5):
        lab.docker.run(f"web{number}", labels=unwatched({"traefik.enable": "yes"}))
    lab.look()

    report: Any = docker_troubles(lab.inventory, "home.example")
    assert (len(report.troubles), report.unlisted) == (TROUBLES_MAX, 5)


@pytest.mark.case("O6")
def test_what_is_above_a_limit_is_told() -> None:
    lab = Lab(containers_max=1)
    rule = {"traefik.http.routers.web.rule": "Host(`" + "a" * 5000 + "`)"}
    lab.docker.run("web", labels=rule)
    more = lab.docker.run("more")
    lab.look()
    lab.inspect()

    told = troubles(lab)
    assert told["web"].what == "container web has labels that are left out"
    assert "traefik.http.routers.web.rule" in told["web"].why
    assert told["more"].why == "at most 1 container of a node can be watched"
    lab.docker.remove(more)
    lab.look()
    assert troubles(lab).keys() == {"web"}
