"""A real Traefik and small real backends, on free ports."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.http.actor import HttpActor
from constellation.settings.agent import Settings
from constellation.settings.http import HttpSettings
from constellation.settings.raft import LeaseSettings
from constellation.settings.traefik import TraefikSettings
from rigs import processes
from rigs.ports import answers, free_port
from rigs.traefik import Traefik, traefik
from tests.harness import Harness

__all__ = [
    "Answering",
    "Traefik",
    "answering",
    "connects",
    "free_port",
    "run_traefik",
    "wait_until",
]


def connects(port: int) -> bool:
    return answers("127.0.0.1", port)


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    processes.wait_until(condition, timeout_s=timeout_s, what="what is asserted here")


class Answering(http.server.ThreadingHTTPServer):
    """Answers every GET with `body` and `status`; counts them."""

    daemon_threads = True

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body, self.status, self.requests_count = body, status, 0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        body = self.server.body
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.requests_count += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture(scope="module")
def run_traefik(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Traefik]]:
    """Start a Traefik that polls an endpoint so often that tests need not wait long."""
    with ExitStack() as stack:

        def run(endpoint: str, arguments: Sequence[str] = ()) -> Traefik:
            directory = tmp_path_factory.mktemp("traefik")
            return stack.enter_context(
                traefik(
                    endpoint,
                    directory,
                    poll_interval_s=0.05,
                    throttle_s=0.02,
                    arguments=arguments,
                )
            )

        yield run


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[Answering]:
    server = Answering(body, status)
    try:
        yield server
    finally:
        server.stop()


StartHttp = Callable[..., Harness[HttpActor]]


@pytest.fixture
def start_http(tmp_path: Path) -> Iterator[StartHttp]:
    running: list[Harness[HttpActor]] = []

    def begin(
        *,
        traefik: TraefikSettings | None = None,
        leases: LeaseSettings | None = None,
        **http: float,
    ) -> Harness[HttpActor]:
        settings = Settings(
            node_name="alpha",
            data_dir=str(tmp_path),
            http=HttpSettings(**{"port": free_port(), **http}),
            traefik=traefik or TraefikSettings(settle_s=0.3),
            leases=leases or LeaseSettings(),
        )
        harness = Harness(HttpActor(), settings, name="http")
        running.append(harness)
        wait_until(lambda: connects(settings.http.port))
        return harness

    yield begin
    for harness in running:
        stop(harness)


def stop(harness: Harness[HttpActor]) -> None:
    if harness.actor.loop is not None and not harness.actor.loop.is_closed():
        harness.stop()
