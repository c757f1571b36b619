"""Measures how soon a change on one of five real agents is in the bodies of the others.

The agents have default settings.  Records of services that nobody watches are published to the
gossip actor of each node by an actor of it, as monitors do; one static service has a real check.
Whether a body has changed is seen by its tag, asked for every few milliseconds: the times are as
exact as that.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom
from threading import Thread

from bench.provider_programs import cluster
from bench.provider_programs.publisher import SERVICES_VARIABLE, SOCKET_NAME
from constellation.settings.monitor import StaticService
from messages.monitor import Health
from rigs.agents import HTTP_PORT, Agent, agents, start_all
from rigs.http_backend import Backend
from rigs.ports import free_port
from rigs.processes import wait_until

POLL_S = 0.004
LIMIT_S = 20.0
SETTLE_S = 2.0
PAUSE_S = (0.3, 0.8)  # random, so that changes do not all fall on the same phase of gossip
PROBE = "probe"
PROBE_ROUTERS = 2
CHECKS_FAILED = 2  # an instance is unhealthy after as many
CHECK_INTERVAL_S = StaticService.model_fields["interval_s"].default


@dataclass(slots=True)
class Visible:
    """Times in ms from a record to the body of its own node, and to that of each other node.

    `failing` and `passing` are of a check: from the backend's change to the bodies of the others.
    Most of that is the wait for the next check, whose phase is an accident.  `noticed` is without
    it, for both: from the answer to the check that tells, to the bodies of the others.
    """

    own: list[float]
    others: list[float]
    failing: list[float]
    passing: list[float]
    noticed: list[float]


def measure(directory: Path, *, services: int, changes: int, checks: int) -> Visible:
    """Run the agents and make one change after another."""
    with _backend() as backend:
        static = {"name": PROBE, "address": f"127.0.0.1:{backend.server_port}", "check": "http"}
        traefik = {
            "entry_points": cluster.SETTINGS.entry_points,
            "cert_resolvers": cluster.SETTINGS.cert_resolvers,
        }
        settings: list[dict[str, object]] = [{"traefik": traefik} for _ in cluster.NODES]
        settings[0]["static_services"] = [{**static, "path": "/healthz"}]
        with agents(directory, len(cluster.NODES), settings=settings, start=False) as nodes:
            for node in nodes:
                node.program = "bench.provider_programs.publisher"
                node.environment = {SERVICES_VARIABLE: str(services)}
            start_all(nodes)
            wanted = cluster.routers_count(services) + PROBE_ROUTERS
            for node in nodes:
                wait_until(
                    lambda node=node: node.health().get("routers") == wanted,  # type: ignore[misc]
                    timeout_s=60,
                    what=lambda node=node: f"{wanted} routers; {node.health()}",  # type: ignore[misc]
                )
            time.sleep(SETTLE_S)
            with contextlib.closing(_Watch(nodes)) as watch:
                own, others = _changes(nodes, watch, services, changes)
                failing, passing, noticed = _checks(backend, nodes, watch, checks)
    return Visible(own, others, failing, passing, noticed)


def _changes(
    nodes: Sequence[Agent], watch: _Watch, services: int, changes: int
) -> tuple[list[float], list[float]]:
    own: list[float] = []
    others: list[float] = []
    for node in nodes:
        numbers = [n for n in range(services) if cluster.nodes_of(n)[0] == node.name]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as publisher:
            publisher.connect(str(node.data_dir / SOCKET_NAME))
            for count in range(changes // len(nodes)):
                health: Health = "healthy" if count % 2 else "unhealthy"
                words = f"{numbers[count // 2]} {health}".encode()
                took_ms = watch.change(partial(publisher.send, words))
                own.append(took_ms.pop(node.name))
                others += took_ms.values()
    return own, others


def _checks(
    backend: _CheckedBackend, nodes: Sequence[Agent], watch: _Watch, checks: int
) -> tuple[list[float], list[float], list[float]]:
    times: dict[bool, list[float]] = {False: [], True: []}
    noticed: list[float] = []
    for count in range(checks):
        is_healthy = bool(count % 2)
        took_ms = watch.change(partial(backend.turn, is_healthy=is_healthy))
        del took_ms[nodes[0].name]
        times[is_healthy] += took_ms.values()
        telling_s = backend.checked_at_s[(1 if is_healthy else CHECKS_FAILED) - 1]
        wait_ms = (telling_s - watch.began_s) * 1000
        noticed += (took - wait_ms for took in took_ms.values())
    return times[False], times[True], noticed


class _CheckedBackend(Backend):
    """A backend that notes when it was checked; its health is asked for by each check."""

    checked_at_s: list[float]  # since the last turn
    _is_healthy = True

    @property
    def is_healthy(self) -> bool:
        """What it answers to a check."""
        self.checked_at_s.append(time.monotonic())
        return self._is_healthy

    @is_healthy.setter
    def is_healthy(self, is_healthy: bool) -> None:
        self.checked_at_s = []
        self._is_healthy = is_healthy

    def turn(self, *, is_healthy: bool) -> None:
        """Become healthy or unhealthy."""
        self.is_healthy = is_healthy


class _Watch:
    """Polls the body of each agent on a persistent connection."""

    def __init__(self, nodes: Sequence[Agent]) -> None:
        self._connections = {
            node.name: http.client.HTTPConnection(node.address, HTTP_PORT, timeout=LIMIT_S)
            for node in nodes
        }
        self._random = SystemRandom()
        self.began_s = 0.0  # the last change

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()

    def change(self, change: Callable[[], object]) -> dict[str, float]:
        """Call `change` after a pause; return the ms until the body has changed, by node.

        Raises:
            SystemExit: it is not.
        """
        time.sleep(self._random.uniform(*PAUSE_S))
        before = {name: self._tag(name) for name in self._connections}
        took_ms: dict[str, float] = {}
        self.began_s = began_s = time.monotonic()
        change()
        while len(took_ms) < len(before):
            for name, tag in before.items():
                if name not in took_ms and self._tag(name) != tag:
                    took_ms[name] = (time.monotonic() - began_s) * 1000
            if time.monotonic() > began_s + LIMIT_S:
                raise SystemExit(f"provider: a change is in the bodies of {sorted(took_ms)} only")
            time.sleep(POLL_S)
        return took_ms

    def _tag(self, name: str) -> str | None:
        connection = self._connections[name]
        connection.request("HEAD", "/api/dynamic")
        response = connection.getresponse()
        response.read()
        return response.getheader("ETag")


@contextlib.contextmanager
def _backend() -> Iterator[_CheckedBackend]:
    backend = _CheckedBackend(PROBE, "127.0.0.1", free_port(), 0.0)
    thread = Thread(target=backend.serve_forever, daemon=True)
    thread.start()
    try:
        yield backend
    finally:
        backend.shutdown()
        backend.server_close()
        thread.join()
