"""The components as pytest fixtures, which `tests/conftest.py` makes available to every test."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigs import http_backend
from rigs.availability import ComponentUnavailableError
from rigs.docker_engine import PrivateDocker, private_docker
from rigs.needs import give_up
from rigs.netns import Network, network_hosts
from rigs.ports import free_port
from rigs.processes import Process, running
from rigs.serf import SerfAgent, serf_agent
from rigs.small_disk import small_disk
from rigs.traefik import Traefik, traefik
from rigs.worker_groups import DOCKER, check_group

RunTraefik = Callable[..., Traefik]
RunSerf = Callable[..., SerfAgent]
MakeHosts = Callable[[int], Network]
StartBackend = Callable[[str], tuple[Process, int]]


@pytest.fixture(scope="session")
def private_engine() -> Iterator[PrivateDocker]:
    """One Docker Engine for the whole run.  A test that stops it must start it again."""
    with contextlib.ExitStack() as stack:
        try:
            engine = stack.enter_context(private_docker())
        except ComponentUnavailableError as error:
            give_up("docker", str(error))
        yield engine


@pytest.fixture
def docker_engine(
    request: pytest.FixtureRequest, private_engine: PrivateDocker
) -> Iterator[PrivateDocker]:
    """The Docker Engine of this run, without containers before and after the test."""
    check_group(request.node, DOCKER)
    private_engine.remove_all()
    yield private_engine
    private_engine.remove_all()


@pytest.fixture
def start_traefik(tmp_path: Path) -> Iterator[RunTraefik]:
    """Start a Traefik for one test: `start_traefik(endpoint, ...)`, arguments as of `traefik`."""
    with contextlib.ExitStack() as stack:

        def run(endpoint: str | None, **options: object) -> Traefik:
            directory = tmp_path / f"traefik-{free_port()}"
            return stack.enter_context(traefik(endpoint, directory, **options))  # type: ignore[arg-type]

        yield run


@pytest.fixture
def start_serf(tmp_path: Path) -> Iterator[RunSerf]:
    """Start Serf agents for one test: `start_serf(name="a", ...)`, arguments as of `serf_agent`."""
    with contextlib.ExitStack() as stack:

        def run(**options: object) -> SerfAgent:
            return stack.enter_context(serf_agent(tmp_path, **options))  # type: ignore[arg-type]

        yield run


@pytest.fixture
def make_hosts() -> Iterator[MakeHosts]:
    """Make hosts for one test: `make_hosts(3)`."""
    with contextlib.ExitStack() as stack:
        yield lambda count: stack.enter_context(network_hosts(count))


@pytest.fixture
def start_backend(tmp_path: Path) -> Iterator[StartBackend]:
    """Start small HTTP services for one test: a call takes a name and returns process and port."""
    with contextlib.ExitStack() as stack:

        def run(name: str) -> tuple[Process, int]:
            port = free_port()
            command = [sys.executable, http_backend.__file__, "--name", name, "--port", str(port)]
            process = stack.enter_context(running(command, log_file=tmp_path / f"{name}.log"))
            process.wait_for_port(port)
            return process, port

        yield run


@pytest.fixture
def mounted_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, mounted with the parameter's options."""
    with small_disk(tmp_path / "disk", request.param) as directory:
        yield directory
