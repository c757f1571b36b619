"""A large build is not slowed down by the collector of cyclic garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from actors.http.large_build import build_large
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.provider import TraefikProvider
from messages.gossip import ClusterChanged
from tests.traefik.builders import node_state, on, state, view

SERVICES = 400


@pytest.fixture
def collections() -> Iterator[list[dict[str, int]]]:
    seen: list[dict[str, int]] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.unfreeze()


def provider() -> TraefikProvider:
    made = TraefikProvider(
        settings=TraefikSettings(), domain="localhost", expects_others=False, last_good=None
    )
    services = (on("alpha", state(f"service-{n}")) for n in range(SERVICES))
    made.cluster_changed(view(*services), is_snapshot=True)
    return made


def test_no_garbage_collection_runs_during_a_large_build(collections: list[dict[str, int]]) -> None:
    made = provider()
    assert made.builds_long
    gc.collect()
    collections.clear()

    build_large(made)

    assert collections == []
    assert gc.isenabled()
    assert gc.get_freeze_count() > SERVICES
    provider().build()
    assert collections, "an ordinary build of this size is interrupted"


def test_a_change_is_a_large_build_if_it_moves_the_services_of_a_node() -> None:
    made = provider()
    build_large(made)
    is_large = []
    changes: list[dict[str, Any]] = [
        {"services": (on("alpha", state("service-1", "unhealthy")),)},
        {"nodes": (node_state("alpha", cordoned=True),)},
        {"nodes": (node_state("alpha", cordoned=True),)},  # the same again
    ]
    for version, change in enumerate(changes, made.view.version + 1):
        delta = ClusterChanged(version=version, snapshot=False, self_node="alpha", **change)
        made.cluster_changed(made.view.apply(delta), is_snapshot=False)
        is_large.append(made.builds_long)
        made.build()

    assert is_large == [False, True, False]


def test_garbage_collection_resumes_after_a_failed_build() -> None:
    class Failing(TraefikProvider):
        def build(self) -> None:
            raise RuntimeError

    settings: dict[str, Any] = {"settings": TraefikSettings(), "domain": "localhost"}
    with pytest.raises(RuntimeError):
        build_large(Failing(**settings, expects_others=False, last_good=None))

    assert gc.isenabled()
