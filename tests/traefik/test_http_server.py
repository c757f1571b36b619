"""The HTTP listener over real sockets, without the actor."""

from __future__ import annotations

import asyncio
import os
import socket

import uvloop

from actors.adapters.http_server import HttpAnswer, HttpLimits, HttpServer
from rigs.agents import process_memory_bytes
from rigs.ports import free_port

BODY = bytes(16 << 20)
CLIENTS = 8


async def memory_of_clients_that_do_not_read(port: int) -> int:
    """Return by how much the process grows while all of them wait for the same body."""
    server = HttpServer(lambda _: HttpAnswer(200, BODY), HttpLimits(128, 10.0, 10.0))
    await server.start("127.0.0.1", port)
    before = process_memory_bytes([os.getpid()])
    clients = []
    for _ in range(CLIENTS):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients.append(client)
        # The first bytes have arrived, so the whole answer was handed to the socket.
        await asyncio.to_thread(client.recv, 1)
    grown = process_memory_bytes([os.getpid()]) - before
    for client in clients:
        client.close()
    await server.stop()
    return grown


def test_slow_clients_share_one_copy_of_the_body() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        grown = runner.run(memory_of_clients_that_do_not_read(free_port()))

    assert grown < 2 * len(BODY)
