"""The check of explanations against requests finds planted contradictions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.explained_checks import contradictions
from tests.simulation.explained_cluster import Box, Cluster, Node, random_cluster
from tests.simulation.explained_lab import Answer, Routes, routes_of

SHOP = {
    "traefik.enable": "true",
    "traefik.http.routers.shop.rule": "Host(`shop.example.org`)",
}


def cluster(**how: Any) -> Cluster:
    box = Box("shop", "alpha", "shop", SHOP, (8080,), (8080,), {}, "172.18.0.2", **how)
    node = Node("alpha", "100.64.0.1", 0, cordoned=False, state="alive")
    return Cluster(0, (node,), (box,), {"reaches_containers": True})


def found(of: Cluster, answer: Answer) -> list[str]:
    (routes,) = routes_of(of)
    lines = contradictions(of, lambda *_: answer, routes)
    return [line for line in lines if line.startswith("shop.example.org")]


def test_a_served_request_that_is_not_complained_of_is_no_contradiction() -> None:
    assert found(cluster(), Answer(200, "shop")) == []


def test_a_failure_that_is_explained_is_no_contradiction() -> None:
    assert found(cluster(check="unhealthy"), Answer(503)) == []


@pytest.mark.parametrize(
    ("of", "answer", "words"),
    [
        (cluster(), Answer(502), "a request fails and nothing is said"),
        (cluster(), Answer(502), "status says that all is well"),
        (cluster(check="unhealthy"), Answer(200, "shop"), "all requests succeed and it says"),
        (cluster(), Answer(200, "blog"), "blog answered, which does not ask for it"),
    ],
)
def test_a_contradiction_is_found(of: Cluster, answer: Answer, words: str) -> None:
    assert any(words in line for line in found(of, answer))


def test_the_clusters_differ_in_what_matters() -> None:
    made = [random_cluster(seed) for seed in range(200)]
    boxes = [box for one in made for box in one.boxes]

    assert {len(one.nodes) for one in made} == {2, 3, 4}
    assert {node.state for one in made for node in one.nodes} == {"alive", "dead", "left"}
    assert {bool(box.published) for box in boxes} == {True, False}
    assert {box.status for box in boxes} == {"running", "paused", "exited"}
    assert len({tuple(sorted(box.labels)) for box in boxes}) > 30
    assert all(isinstance(routes, Routes) for one in made[:3] for routes in routes_of(one))
