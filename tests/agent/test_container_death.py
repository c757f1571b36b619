"""A container dies on one of two nodes under load, with Traefik as shipped on both."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rigs.availability import ComponentUnavailableError
from rigs.load import Load
from rigs.needs import give_up
from rigs.processes import wait_until
from tests.agent.ingress_rig import Rig, ingress_rig

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker", "netns", "traefik"),
    pytest.mark.timeout(300),
]

CLIENTS = 8
GONE_WITHIN_S = 1.0
# Of the requests since the death.  By weights Traefik may try the dead instance each time.
FAILED_MAX = {"failover": 0.0, "weights": 0.02}
ANSWER_WITHIN_S = 5.0


@pytest.fixture(scope="module", params=["failover", "weights"])
def preference(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def rig(preference: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    try:
        settings = {"local_preference": preference}
        with ingress_rig(tmp_path_factory.mktemp("death"), 2, settings) as made:
            yield made
    except ComponentUnavailableError as error:
        give_up("docker", str(error))


@pytest.mark.scenario(26)
@pytest.mark.parametrize("published", [True, False], ids=["published", "unpublished"])
def test_no_request_to_the_other_node_fails_and_the_dead_container_is_unrouted_within_1_s(
    rig: Rig, preference: str, published: bool
) -> None:
    dies_on, other = rig.nodes
    name = f"web-{published}".lower()
    host = f"{name}.localhost"
    dying, _ = (node.run_web(name, published=published) for node in rig.nodes)
    rig.wait_for(name, 2)

    with Load(other, host, threads=CLIENTS).running() as load:
        wait_until(lambda: len(load.answers) > 100, timeout_s=20, what="some load")
        began_s = time.monotonic()
        dying.kill()
        died_s = time.monotonic()
        wait_until(
            lambda: all(len(node.agent.servers(host)) == 1 for node in rig.nodes),
            timeout_s=10,
            what="it to be in no body",
        )
        gone_s = time.monotonic()
        rig.wait_for(name, 1)
        rest_s = time.monotonic()
        wait_until(lambda: load.answers[-1].began_s > rest_s + 0.5, timeout_s=10, what="more load")

    since = [one for one in load.answers if one.began_s >= began_s]
    failed = load.failed(since_s=began_s)
    assert gone_s - died_s < GONE_WITHIN_S
    assert len(failed) <= FAILED_MAX[preference] * len(since), failed[:5]
    assert load.served_by(since_s=rest_s) == {other.agent.name}
    assert max(one.took_s for one in since) < ANSWER_WITHIN_S
    assert dies_on.get(host)[0] == 200
