"""A flood of the HTTP listener: Traefik's poll is always answered, and the log stays small.

Each flood is bounded by time and by its connections, and goes to a loopback address of this run.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rigs.agents import HTTP_PORT, Agent, agents
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FLOOD_S = float(os.environ.get("FLOOD_S", "3"))  # a campaign floods for a minute
POLL_INTERVAL_S = 0.5
LOG_BYTES_PER_MINUTE_MAX = 1_000_000
OPEN_MAX = 500

Ended = Callable[[], bool]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with agents(Path(tmp_path_factory.mktemp("flood")), 1) as made:
        wait_until(lambda: poll(made[0]) == 200, timeout_s=20, what="the first body")
        yield made[0]


def poll(agent: Agent) -> int:
    """Poll as Traefik does when it has no connection; return the status, 0 if there is none."""
    connection = HTTPConnection(agent.address, HTTP_PORT, timeout=5)
    try:
        connection.request("GET", "/api/dynamic")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def connect(agent: Agent) -> socket.socket:
    return socket.create_connection((agent.address, HTTP_PORT), timeout=5)


def send_broken_headers(agent: Agent, has_ended: Ended) -> None:
    while not has_ended():
        with contextlib.suppress(OSError), connect(agent) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + bytes([255]) * 8000 + b"\r\n\r\n")
            client.recv(100)


def open_and_wait(agent: Agent, has_ended: Ended) -> None:
    """Keep up to `OPEN_MAX` connections open that send half a request."""
    with contextlib.ExitStack() as stack:
        kept: list[socket.socket] = []
        while not has_ended():
            with contextlib.suppress(OSError):
                client = stack.enter_context(connect(agent))
                client.sendall(b"GET /api/dyn")
                kept.append(client)
            if len(kept) > OPEN_MAX:
                kept.pop(0).close()
            time.sleep(0.002)


def ask_once_and_keep(agent: Agent, has_ended: Ended) -> None:
    """As `open_and_wait`, but each connection gets one answer."""
    kept: list[socket.socket] = []
    while not has_ended():
        with contextlib.suppress(OSError):
            client = connect(agent)
            kept.append(client)
            client.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
        if len(kept) > OPEN_MAX:
            kept.pop(0).close()
    for client in kept:
        client.close()


def open_and_close(agent: Agent, has_ended: Ended) -> None:
    while not has_ended():
        with contextlib.suppress(OSError):
            connect(agent).close()
            time.sleep(0.002)


@pytest.mark.case("S3")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "flood", [send_broken_headers, open_and_wait, ask_once_and_keep, open_and_close]
)
def test_a_flood_neither_fills_the_log_nor_keeps_out_a_poll(
    agent: Agent, flood: Callable[[Agent, Ended], None]
) -> None:
    ends_at_s = time.monotonic() + FLOOD_S
    log_bytes = agent.log_file.stat().st_size
    threads = [
        threading.Thread(target=flood, args=(agent, lambda: time.monotonic() >= ends_at_s))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()

    statuses = []
    while time.monotonic() < ends_at_s:
        statuses.append(poll(agent))
        time.sleep(POLL_INTERVAL_S)
    for thread in threads:
        thread.join()

    assert statuses
    assert set(statuses) == {200}
    grown = agent.log_file.stat().st_size - log_bytes
    assert grown < LOG_BYTES_PER_MINUTE_MAX * max(1.0, FLOOD_S / 60)
    assert agent.events("actor_exited") == []
