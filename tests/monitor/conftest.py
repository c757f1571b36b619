"""A Docker Engine, once in memory and once for real, for tests that must hold on both."""

from collections.abc import Iterator

import pytest

from tests.monitor.fake_engine import FakeDocker
from tests.monitor.real_docker import RealDocker
from tests.monitor.watched import Host, Start, Watched

REAL = pytest.param(
    "real", marks=[pytest.mark.integration, pytest.mark.needs("docker"), pytest.mark.slow]
)


@pytest.fixture(params=["fake", REAL])
def host(request: pytest.FixtureRequest) -> Iterator[FakeDocker | RealDocker]:
    """Whatever a test does with Docker, it does with both."""
    if request.param == "fake":
        yield FakeDocker()
        return
    real = RealDocker(request.getfixturevalue("docker_engine"))
    yield real
    real.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Docker actor for one test: `start(host, ...)`, with settings of Docker."""
    started: list[Watched] = []

    def start(host: Host, **docker: object) -> Watched:
        started.append(Watched(host, **docker))
        return started[-1]

    yield start
    for watched in started:
        watched.harness.stop()
