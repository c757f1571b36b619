"""Services for a node to watch: many that are well, and one whose death is timed.

Those that are well are one listener for TCP checks, and one that answers HTTP checks with 200.

The victim has a TCP check.  When it dies, its listener is closed.  Its death counts from the
refused check that makes it unhealthy, so the interval between checks is no part of it.  The kernel
counts refused connections; the count is read every millisecond, and the last moment before it rose
is taken.  Connections of other programs that are refused meanwhile can only make a death longer.
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
from pathlib import Path
from typing import Any, Literal

from rigs.agents import HTTP_PORT, Agent
from rigs.ports import free_port
from rigs.processes import wait_until

CHECK_INTERVAL_S = 5.0  # of the services that are well
VICTIM = "victim"
VICTIM_INTERVAL_S = 0.2
FAILING_COUNT = 2  # the default of monitor.failing_count
POLL_S = 0.002
SAMPLE_S = 0.001
BACKLOG = 4096  # more checks than the victim lives for: it need not accept them
TCP_COUNTERS = Path("/proc/net/snmp")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
DEATH_TIMEOUT_S = 20.0
DOMAIN = "home.example"
ROUTER = re.compile(rb"Host\(`[a-z0-9-]+\.%b`\)" % re.escape(DOMAIN).encode())


class Services:
    """The listeners of all services."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._http = socket.create_server(("127.0.0.1", 0), backlog=1024)
        # Not a port that the kernel gives to a connection while the victim is dead.
        self._victim = socket.create_server(("127.0.0.1", free_port()), backlog=BACKLOG)
        self.victim = _address(self._victim)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="services", daemon=True)
        self._thread.start()

    def settings(
        self, count: int, *, with_victim: bool = False, check: Literal["tcp", "http"] = "tcp"
    ) -> dict[str, Any]:
        """Return the settings of an agent that watches `count` services, the victim included."""
        listener = self._tcp if check == "tcp" else self._http
        well = [
            {
                "name": f"service-{number}",
                "address": _address(listener),
                "check": check,
                "interval_s": CHECK_INTERVAL_S,
            }
            for number in range(count - with_victim)
        ]
        victim = {"name": VICTIM, "address": self.victim, "interval_s": VICTIM_INTERVAL_S}
        return {
            "domain": DOMAIN,
            "raft": {"bootstrap_expect": 1},
            "static_services": [*well, victim] if with_victim else well,
        }

    def let_victim_die(self) -> float:
        """Refuse the victim's checks; return when the one was refused that makes it unhealthy."""
        before = refused_count()
        self._victim.close()
        give_up_at_s = time.monotonic() + DEATH_TIMEOUT_S
        sampled_at_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            if refused_count() - before >= FAILING_COUNT:
                return sampled_at_s
            assert now_s < give_up_at_s, "the dead service is not checked"
            sampled_at_s = now_s
            time.sleep(SAMPLE_S)

    def revive_victim(self) -> None:
        """Accept the victim's checks again."""
        host, _, port = self.victim.rpartition(":")
        self._victim = socket.create_server((host, int(port)), backlog=BACKLOG)

    def close(self) -> None:
        """Close the listeners."""
        self._ends.set()
        self._thread.join()
        for listener in (self._tcp, self._http, self._victim):
            listener.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in (self._tcp, self._http):
                selector.register(listener, selectors.EVENT_READ)
            while not self._ends.is_set():
                for key, _ in selector.select(timeout=0.1):
                    assert isinstance(key.fileobj, socket.socket)
                    connection, _ = key.fileobj.accept()
                    with contextlib.suppress(OSError), connection:
                        if key.fileobj is self._http:
                            connection.settimeout(1.0)
                            connection.recv(4096)
                            connection.sendall(OK)


def refused_count() -> int:
    """Return how many connections of this host were refused so far."""
    names, values = (
        line.split() for line in TCP_COUNTERS.read_text().splitlines() if line.startswith("Tcp:")
    )
    return int(values[names.index("AttemptFails")])


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
    """Let the victim die; return how long it is still routed to after the check that shows it."""
    routes = Routes(agent)
    victim = services.victim
    wait_until(lambda: routes.lead_to(victim), timeout_s=20, what="a route to the victim")
    died_at_s = services.let_victim_die()
    give_up_at_s = time.monotonic() + DEATH_TIMEOUT_S
    while routes.lead_to(victim):
        assert time.monotonic() < give_up_at_s, "the dead service is still routed to"
        time.sleep(POLL_S)
    took_ms = (time.monotonic() - died_at_s) * 1000
    services.revive_victim()
    return took_ms


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"
