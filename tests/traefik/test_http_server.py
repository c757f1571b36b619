"""The HTTP listener over real sockets, without the actor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from actors.adapters.http_exchange import HEAD_BYTES_MAX
from actors.adapters.http_server import HttpAnswer, HttpLimits, HttpRequest, HttpServer
from rigs.agents import process_memory_bytes
from rigs.ports import free_port

BODY = bytes(16 << 20)
CLIENTS = 8


async def memory_of_clients_that_do_not_read(port: int) -> int:
    """Return by how much the process grows while all of them wait for the same body."""
    server = HttpServer(
        lambda _: HttpAnswer(200, BODY), HttpLimits(128, 10.0, 10.0), lambda _: None
    )
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


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT = 8
FLOOD_COUNT = 5 * LIMIT

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the status line of an answer; empty if the connection was closed."""
    writer.write(GET)
    status = await reader.readline()
    while (await reader.readline()).strip():
        pass
    return status if not status.startswith(b"HTTP/1.1 200") or await reader.read(4) else b""


async def flood_silent(connect: Connect) -> None:
    for _ in range(FLOOD_COUNT):
        await connect()


async def flood_asking_once(connect: Connect) -> None:
    for _ in range(FLOOD_COUNT):
        await ask(*await connect())


async def flood_asking_often(connect: Connect) -> None:
    for _ in range(FLOOD_COUNT):
        reader, writer = await connect()
        for _ in range(5):
            await ask(reader, writer)


async def flood_broken(connect: Connect) -> None:
    for _ in range(FLOOD_COUNT):
        _, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nA: " + bytes([255]) * 8000 + b"\r\n\r\n")


@pytest.mark.case("S3")
@pytest.mark.parametrize(
    "flood", [flood_silent, flood_asking_once, flood_asking_often, flood_broken]
)
def test_a_flood_neither_ends_the_connection_of_a_poller_nor_keeps_a_new_one_out(
    flood: Callable[[Connect], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    faults: Counter[str] = Counter()

    async def scenario() -> None:
        port = free_port()
        limits = HttpLimits(LIMIT, 10.0, 10.0)
        server = HttpServer(
            lambda _: HttpAnswer(200, b"body"), limits, lambda fault: faults.update([fault])
        )
        await server.start("127.0.0.1", port)
        kept: list[asyncio.StreamWriter] = []

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            kept.append(writer)
            return reader, writer

        poller = await connect()
        for _ in range(3):
            assert await ask(*poller) == b"HTTP/1.1 200 OK\r\n"
        await flood(connect)
        assert await ask(*poller) == b"HTTP/1.1 200 OK\r\n"
        assert await ask(*await connect()) == b"HTTP/1.1 200 OK\r\n"
        for writer in kept:
            writer.close()
        await asyncio.gather(*(one.wait_closed() for one in kept), return_exceptions=True)
        await server.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())

    assert faults["evicted"] + faults["bad_request"] >= FLOOD_COUNT - LIMIT
    assert faults["refused"] == 0
    assert caplog.records == []


async def exchange(port: int, sent: bytes) -> bytes:
    """Return everything that the listener sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    return answer


def served(sent: bytes, answer: HttpAnswer, limits: HttpLimits | None = None) -> bytes:
    """Return what a listener with that answer sends to a client that sends `sent`."""

    async def scenario() -> bytes:
        port = free_port()
        server = HttpServer(
            lambda _: answer, limits or HttpLimits(LIMIT, 10.0, 10.0), lambda _: None
        )
        await server.start("127.0.0.1", port)
        got = await exchange(port, sent)
        await server.stop()
        return got

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scenario())


LAST = b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_requests_sent_together_are_answered_in_order_a_large_body_included() -> None:
    body = bytes(range(256)) * 4096
    got = served(b"\r\n" + GET * 3 + LAST, HttpAnswer(200, body))

    assert got.count(body) == got.count(b"HTTP/1.1 200 OK\r\n") - 1 == 3
    head = got[got.rindex(b"HTTP/1.1 200 OK") :]
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert b"Connection: close\r\n" in head
    assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n", head)


def test_the_body_of_a_request_is_not_taken_for_a_request() -> None:
    got = served(b"POST" + GET[3:-2] + b"Content-Length: 99\r\n\r\n" + GET, HttpAnswer(405, b"no"))

    assert got.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert got.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("sent", [b"GET /\r\n\r\n" + GET, b"x" * (HEAD_BYTES_MAX + 1)])
def test_what_is_no_request_is_refused_and_ends_the_connection(sent: bytes) -> None:
    got = served(sent, HttpAnswer(200, b"body"))

    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert got.count(b"Content-Length") == 1


def test_a_head_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.adapters.http_server.SWEEP_INTERVAL_S", 0.02)

    assert served(GET[:-2], HttpAnswer(200, b"body"), HttpLimits(LIMIT, 0.05, 10.0)) == b""


async def requests_of_two(answered: list[str], port: int) -> None:
    """One client sends 400 requests at once; while they are answered, another sends one."""

    def note(request: HttpRequest) -> HttpAnswer:
        answered.append(request.path)
        return HttpAnswer(200, b"body")

    server = HttpServer(note, HttpLimits(LIMIT, 10.0, 10.0), lambda _: None)
    await server.start("127.0.0.1", port)
    greedy, modest = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    greedy[1].write(GET * 400)
    modest[1].write(b"HEAD /modest" + LAST[6:])
    assert (await modest[0].read()).startswith(b"HTTP/1.1 200 OK\r\n")
    greedy[1].write(LAST)
    assert (await greedy[0].read()).count(b"HTTP/1.1 200 OK") == 401
    for _, writer in (greedy, modest):
        writer.close()
        await writer.wait_closed()
    await server.stop()


def test_a_client_that_asks_much_at_once_does_not_delay_others() -> None:
    answered: list[str] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(requests_of_two(answered, free_port()))

    assert answered.index("/modest") < 150


@pytest.mark.parametrize("is_slow", [False, True])
def test_what_a_client_sends_without_reading_does_not_pile_up(
    is_slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.adapters.http_server.STOP_S", 0.02)

    async def answer_late() -> HttpAnswer:
        await asyncio.sleep(60.0)
        return HttpAnswer(200, b"body")

    async def grown() -> int:
        port = free_port()
        server = HttpServer(
            lambda _: answer_late() if is_slow else HttpAnswer(200, BODY[: 1 << 20]),
            HttpLimits(LIMIT, 10.0, 10.0),
            lambda _: None,
        )
        await server.start("127.0.0.1", port)
        before = process_memory_bytes([os.getpid()])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setblocking(False)
            for _ in range(200):
                with contextlib.suppress(BlockingIOError):
                    client.send(GET * 2000)
                await asyncio.sleep(0)
            grown = process_memory_bytes([os.getpid()]) - before
        await server.stop()
        return grown

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(grown()) < 4 << 20


def test_an_answer_that_takes_time_comes_in_order_and_delays_no_other_client() -> None:
    may_end = asyncio.Event()

    async def later() -> HttpAnswer:
        await may_end.wait()
        return HttpAnswer(200, b"later")

    async def scenario() -> bytes:
        port = free_port()
        server = HttpServer(
            lambda request: later() if request.path == "/later" else HttpAnswer(200, b"now"),
            HttpLimits(LIMIT, 10.0, 10.0),
            lambda _: None,
        )
        await server.start("127.0.0.1", port)
        first = asyncio.create_task(exchange(port, b"GET /later" + GET[5:] + GET + LAST))
        assert (await exchange(port, GET + LAST)).count(b"now") == 1
        assert not first.done()
        may_end.set()
        got = await first
        await server.stop()
        return got

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        got = runner.run(scenario())

    assert got.count(b"HTTP/1.1 200 OK") == 3
    assert 0 < got.index(b"later") < got.index(b"now")


def test_an_answer_that_fails_ends_the_connection_and_is_reported() -> None:
    async def fail() -> HttpAnswer:
        raise ValueError("broken")

    async def scenario() -> list[object]:
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context["exception"])
        )
        port = free_port()
        server = HttpServer(lambda _: fail(), HttpLimits(LIMIT, 10.0, 10.0), lambda _: None)
        await server.start("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        await server.stop()
        return reported

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        reported = runner.run(scenario())

    assert [str(error) for error in reported] == ["broken"]
