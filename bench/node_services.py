"""Services for a node to watch: many that are well, and one whose death is timed.

Those that are well are one listener, which accepts each check.  The one that dies answers an HTTP
check with 200 or 503, and notes when it gave the answer that makes it unhealthy.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from rigs.agents import HTTP_PORT, Agent
from rigs.processes import wait_until

CHECK_INTERVAL_S = 5.0  # of the services that are well
VICTIM = "victim"
VICTIM_INTERVAL_S = 0.2
FAILING_COUNT = 2  # the default of monitor.failing_count
POLL_S = 0.002
DEATH_TIMEOUT_S = 20.0
DOMAIN = "home.example"
ROUTER = re.compile(rb"Host\(`[a-z0-9-]+\.%b`\)" % re.escape(DOMAIN).encode())


class Services:
    """The listeners of all services."""

    def __init__(self) -> None:
        self._well = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._victim = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._is_dead = False
        self._refusals_at_s: list[float] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="services", daemon=True)
        self._thread.start()

    def settings(self, count: int, *, with_victim: bool = False) -> dict[str, Any]:
        """Return the settings of an agent that watches `count` services, the victim included."""
        well = [
            {
                "name": f"service-{number}",
                "address": _address(self._well),
                "interval_s": CHECK_INTERVAL_S,
            }
            for number in range(count - with_victim)
        ]
        victim = {
            "name": VICTIM,
            "address": self.victim,
            "check": "http",
            "interval_s": VICTIM_INTERVAL_S,
        }
        return {
            "domain": DOMAIN,
            "raft": {"bootstrap_expect": 1},
            "static_services": [*well, victim] if with_victim else well,
        }

    @property
    def victim(self) -> str:
        """The victim's address."""
        return _address(self._victim)

    def die(self) -> None:
        """Answer the victim's checks with 503 from now on."""
        self._refusals_at_s.clear()
        self._is_dead = True

    def revive(self) -> None:
        """Answer the victim's checks with 200 from now on."""
        self._is_dead = False

    @property
    def died_at_s(self) -> float:
        """When the answer was sent that makes the victim unhealthy; 0 if it was not sent yet."""
        sent = self._refusals_at_s
        return sent[FAILING_COUNT - 1] if len(sent) >= FAILING_COUNT else 0.0

    def close(self) -> None:
        """Close the listeners."""
        self._ends.set()
        self._thread.join()
        self._well.close()
        self._victim.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in (self._well, self._victim):
                selector.register(listener, selectors.EVENT_READ)
            while not self._ends.is_set():
                for key, _ in selector.select(timeout=0.1):
                    assert isinstance(key.fileobj, socket.socket)
                    connection, _ = key.fileobj.accept()
                    with contextlib.suppress(OSError), connection:
                        if key.fileobj is self._victim:
                            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(1.0)
        connection.recv(4096)
        status = "503 Service Unavailable" if self._is_dead else "200 OK"
        if self._is_dead:
            self._refusals_at_s.append(time.monotonic())
        connection.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )


@contextlib.contextmanager
def running_services() -> Iterator[Services]:
    """Serve until the block ends."""
    services = Services()
    try:
        yield services
    finally:
        services.close()


class Routes:
    """What an agent offers to Traefik, read so that the agent has little to do for it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._etag = ""
        self._body = b""

    def body(self) -> bytes:
        """Return the present body; empty if there is none."""
        connection = http.client.HTTPConnection(self._agent.address, HTTP_PORT, timeout=5)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("HEAD", "/api/dynamic")
            etag = connection.getresponse().headers.get("ETag", "")
            if etag != self._etag:
                status, body = self._agent.get("/api/dynamic")
                self._etag, self._body = etag, body if status == 200 else b""
            return self._body
        return b""

    def count(self) -> int:
        """Return how many services have a router, the victim included."""
        return len(ROUTER.findall(self.body()))

    def lead_to(self, address: str) -> bool:
        """Return whether some requests are routed to a server with that address."""
        return f"http://{address}".encode() in self.body()


def static_death_ms(services: Services, agent: Agent) -> float:
    """Let the victim die; return how long it is still routed to after the answer that says so."""
    routes = Routes(agent)
    victim = services.victim
    wait_until(lambda: routes.lead_to(victim), timeout_s=20, what="a route to the victim")
    services.die()
    give_up_at_s = time.monotonic() + DEATH_TIMEOUT_S
    while not services.died_at_s or routes.lead_to(victim):
        assert time.monotonic() < give_up_at_s, "the dead service is still routed to"
        time.sleep(POLL_S)
    took_ms = (time.monotonic() - services.died_at_s) * 1000
    services.revive()
    return took_ms


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"
