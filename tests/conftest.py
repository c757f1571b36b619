"""Options shared by all tests, the marks of this project, and the real components as fixtures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random

import pytest
import structlog
from hypothesis import settings

from rigs import needs
from rigs.fixtures import (
    docker_engine,
    make_hosts,
    mounted_disk,
    private_engine,
    start_backend,
    start_serf,
    start_traefik,
)
from rigs.worker_groups import GroupScheduling, put_long_groups_first

# The duration of an example depends on the machine more than on the code.  pytest limits each test.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

__all__ = [
    "docker_engine",
    "make_hosts",
    "mounted_disk",
    "private_engine",
    "start_backend",
    "start_serf",
    "start_traefik",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite", action="store_true", help="rewrite scenario files with the actual results"
    )
    parser.addoption("--sim-seed", type=int, help="replay one simulation seed")
    parser.addoption("--sim-runs", type=int, default=10, help="how many seeds to simulate")
    parser.addoption(
        "--all-setups", action="store_true", help="compare all set-ups with Traefik, not a sample"
    )
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in a random order")


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Restore the logging configuration, which belongs to the whole process."""
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether to rewrite scenario files; commit the diff only if you can explain each line."""
    return bool(request.config.getoption("--rewrite"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sim_seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--sim-seed")
        seeds = [one] if one is not None else range(metafunc.config.getoption("--sim-runs"))
        metafunc.parametrize("sim_seed", seeds, ids="seed={}".format)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needs.check_marks(items)
    seed = config.getoption("--shuffle")
    if seed is not None:
        Random(seed).shuffle(items)
    elif hasattr(config, "workerinput"):
        put_long_groups_first(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    return GroupScheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    needs.check_components(item)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in needs.summary_lines(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line)
