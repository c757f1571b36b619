"""A real Traefik that polls an HTTP provider, on loopback ports of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rigs.availability import binary
from rigs.ports import answers, free_ports
from rigs.processes import Process, assert_nothing_left, wait_until

QUIET_LEVELS = {"debug", "info"}
# Its warnings at every start with default settings, whatever its provider returns.
OWN_WARNINGS = ("Traefik can reject some encoded characters", "aliasHeadersStrategy is not")


class Traefik:
    """A running Traefik.  Names are those of the provider, without its `@http`."""

    def __init__(
        self, process: Process, *, web_port: int, api_port: int, provider: str = "http"
    ) -> None:
        self.process = process
        self.web_port = web_port
        self.api_port = api_port
        self._suffix = f"@{provider}"

    @property
    def url(self) -> str:
        """The web entry point."""
        return f"http://127.0.0.1:{self.web_port}"

    def get(
        self, host: str, path: str = "/", *, method: str = "GET", timeout_s: float = 10.0
    ) -> tuple[int, bytes]:
        """Send one request for `host` through the web entry point; return status and body."""
        return _request(self.web_port, path, host=host, method=method, timeout_s=timeout_s)

    def routers(self) -> dict[str, dict[str, Any]]:
        """Return the provider's HTTP routers that Traefik uses now."""
        return self._elements("routers")

    def services(self) -> dict[str, dict[str, Any]]:
        """Return the provider's HTTP services that Traefik uses now."""
        return self._elements("services")

    def servers(self) -> dict[str, list[str]]:
        """Return the URLs of the servers of each load-balanced service, in order."""
        return {
            name: sorted(server["url"] for server in service["loadBalancer"].get("servers") or ())
            for name, service in self.services().items()
            if "loadBalancer" in service
        }

    def raw(self) -> dict[str, Any]:
        """Return the current configuration of all providers."""
        status, body = _request(self.api_port, "/api/rawdata", host="localhost")
        assert status == 200, f"Traefik's API answers {status}: {body!r}"
        return dict(json.loads(body))

    def wait_for_router(self, name: str, *, timeout_s: float = 10.0) -> None:
        """Return as soon as the router exists."""
        wait_until(
            lambda: name in self.routers(),
            timeout_s=timeout_s,
            what=lambda: f"router {name}; Traefik has {sorted(self.routers())}",
        )

    def error_lines(self) -> list[str]:
        """Return its log lines above level warn."""
        return [json.dumps(line) for line in self._loud_lines() if line["level"] != "warn"]

    def complaints(self) -> list[str]:
        """Return its log lines above level info, except those about its own defaults."""
        return [
            json.dumps(line)
            for line in self._loud_lines()
            if not str(line.get("message", "")).startswith(OWN_WARNINGS)
        ]

    def _elements(self, kind: str) -> dict[str, dict[str, Any]]:
        found = self.raw().get(kind) or {}
        return {
            name.removesuffix(self._suffix): element
            for name, element in found.items()
            if name.endswith(self._suffix)
        }

    def _loud_lines(self) -> list[dict[str, Any]]:
        lines = []
        for text in self.process.log_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                line = {"level": "error", "message": text}  # a panic, or text of a library
            if line.setdefault("level", "error") not in QUIET_LEVELS:
                lines.append(line)
        return lines


@contextlib.contextmanager
def traefik(
    endpoint: str | None,
    directory: Path,
    *,
    poll_interval_s: float = 0.2,
    throttle_s: float = 0.1,
    docker_socket: Path | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Traefik]:
    """Run Traefik until the block ends.

    Args:
        endpoint: URL of the HTTP provider; None: no HTTP provider.
        directory: for its log.
        poll_interval_s: between polls of `endpoint`.
        throttle_s: minimum time between two configurations that Traefik applies.
        docker_socket: enable Traefik's own Docker provider on this socket.
        arguments: additional flags of Traefik's static configuration.
    """
    web_port, api_port = free_ports(2)
    command = [
        binary("traefik"),
        f"--entrypoints.web.address=127.0.0.1:{web_port}",
        f"--entrypoints.traefik.address=127.0.0.1:{api_port}",
        "--api.insecure=true",
        "--log.level=INFO",
        "--log.format=json",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        f"--providers.providersthrottleduration={_milliseconds(throttle_s)}",
        *_providers(endpoint, docker_socket, poll_interval_s),
        *arguments,
    ]
    process = Process(command, log_file=directory / "traefik.log", name="traefik")
    provider = "docker" if endpoint is None and docker_socket else "http"
    started = Traefik(process, web_port=web_port, api_port=api_port, provider=provider)
    try:
        process.wait_for(lambda: _is_up(started), timeout_s=30.0, what="both entry points")
        yield started
    finally:
        process.stop()
    assert_nothing_left(process)


def _providers(
    endpoint: str | None, docker_socket: Path | None, poll_interval_s: float
) -> Iterator[str]:
    if endpoint is not None:
        yield f"--providers.http.endpoint={endpoint}"
        yield f"--providers.http.pollinterval={_milliseconds(poll_interval_s)}"
        yield "--providers.http.polltimeout=5s"
    if docker_socket is not None:
        yield f"--providers.docker.endpoint=unix://{docker_socket}"
        yield "--providers.docker.exposedbydefault=false"


def _is_up(started: Traefik) -> bool:
    if not answers("127.0.0.1", started.web_port) or not answers("127.0.0.1", started.api_port):
        return False
    return _request(started.api_port, "/api/rawdata", host="localhost")[0] == 200


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _request(
    port: int, path: str, *, host: str, method: str = "GET", timeout_s: float = 10.0
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read()
