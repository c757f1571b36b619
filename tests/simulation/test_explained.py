"""`explain` never contradicts what a request gets, in any cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.explained_checks import contradictions
from tests.simulation.explained_cluster import random_cluster
from tests.simulation.explained_lab import Lab, lab

pytestmark = [pytest.mark.integration, pytest.mark.needs("traefik"), pytest.mark.slow]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("explained")) as made:
        yield made


def test_explain_never_contradicts_what_a_request_gets(running: Lab, sim_seed: int) -> None:
    cluster = random_cluster(sim_seed)

    found = [
        line
        for routes in running.take(cluster).values()
        for line in contradictions(cluster, running.ask, routes)
    ]

    if found:
        pytest.fail("\n".join(found), pytrace=False)
