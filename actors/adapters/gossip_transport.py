"""The UDP and TCP sockets of gossip: performs the effects of a `GossipNode` on an asyncio loop."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from actors.adapters.gossip_incoming import IncomingStreams
from constellation.effects import Note
from constellation.errors import AdapterError, WireError
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.foreign_keys import ForeignKeys
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.outbox import (
    Effect,
    MemberChanged,
    OpenPushPull,
    OpenTcpPing,
    ProbeEnded,
    SendDatagram,
    SendStream,
)
from constellation.gossip.packets import Ack, Ping
from constellation.gossip.security import NONCE_BYTES, Keyring
from constellation.gossip.stream import (
    PushPull,
    Refusal,
    StreamMessage,
    StreamReader,
    UserStream,
    encode_stream,
    seal_stream,
)

EXCHANGES_MAX = 64  # outgoing TCP connections at once
READ_BYTES = 1 << 16
SOCKET_BUFFER_BYTES = 2 << 20
TIMER_SLACK_S = 0.001  # uvloop rounds to milliseconds; a timer that fires early has nothing to do

UNREADABLE = frozenset({"wrong_key", "not_encrypted"})  # reasons of a drop

Observer = Callable[[Note | MemberChanged | ProbeEnded], None]


class GossipTransport(asyncio.DatagramProtocol):
    """The sockets and the timer of one node.

    `observe` receives the effects for logs and metrics.  `stepped` is called after every step of
    the node, because each may have changed what readers follow.
    """

    def __init__(
        self,
        node: GossipNode,
        envelope: GossipEnvelope,
        *,
        tcp_timeout_s: float,
        observe: Observer,
        stepped: Callable[[], None],
    ) -> None:
        self.node = node
        self.counts: Counter[str] = Counter()  # received_packets, sent_packets, ...
        self.drops: Counter[str] = Counter()  # by reason
        self._envelope = envelope
        self._tcp_timeout_s = tcp_timeout_s
        self._observe = observe
        self._stepped = stepped
        self._loop = asyncio.get_running_loop()
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s: float | None = None
        self._exchanges: set[asyncio.Task[None]] = set()
        self._incoming = IncomingStreams()
        self.foreign_keys = ForeignKeys()

    async def open_sockets(self, address: Address) -> None:
        """Listen on `address` only.

        Raises:
            AdapterError: it is in use, or not an address of this host.
        """
        try:
            udp, _ = await self._loop.create_datagram_endpoint(
                lambda: self, local_addr=(address.ip, address.port)
            )
            self._udp = udp
            raw: socket.socket = udp.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
            self._server = await asyncio.start_server(self._serve, *address, limit=READ_BYTES)
        except OSError as error:
            await self.close_sockets()
            in_use = error.errno == errno.EADDRINUSE
            raise AdapterError(
                f"gossip cannot listen on {address.ip} port {address.port}",
                why="another program uses that port" if in_use else str(error),
                fix="stop it or set gossip.port" if in_use else "check bind_address",
            ) from error

    async def close_sockets(self) -> None:
        """Close the sockets and end all exchanges at once."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for task in list(self._exchanges):
            task.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        if self._udp is not None:
            self._udp.close()

    @property
    def keyring(self) -> Keyring:
        """The key ring in use.  It may be replaced at any time."""
        return self._envelope.keyring

    @keyring.setter
    def keyring(self, keyring: Keyring) -> None:
        self._envelope = replace(self._envelope, keyring=keyring)

    @property
    def not_understood(self) -> int:
        """How many packets and exchanges failed in the way they do if a peer has other keys."""
        return self.counts["exchanges_unanswered"] + self.drops["wrong_key"]

    def perform(self, effects: list[Effect]) -> None:
        """Perform effects in order, and set the timer for the next step."""
        for effect in effects:
            self._perform(effect)
        self._arm()
        self._stepped()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SendDatagram(to, parts):
                self._send(to, parts)
            case OpenPushPull(to, join):
                self._open(self._push_pull(to, join=join))
            case OpenTcpPing():
                self._open(self._tcp_ping(effect))
            case SendStream(to, body):
                self._open(self._send_stream(to, body))
            case Note() | MemberChanged() | ProbeEnded():
                self._observe(effect)
            case _:
                raise AssertionError(f"unknown effect: {effect!r}")

    # UDP.

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take one packet, or drop it and count the reason."""
        self.counts["received_packets"] += 1
        self.counts["received_bytes"] += len(data)
        try:
            body = self._envelope.open(data)
            self.foreign_keys.understood(addr[0])
            effects = self.node.on_packet(body, Address(*addr[:2]), self._loop.time())
        except WireError as error:
            self._drop(error, addr[0])
            return
        self.perform(effects)

    def _drop(self, error: WireError, ip: str) -> None:
        self.drops[error.reason] += 1
        if error.reason in UNREADABLE:
            self.foreign_keys.not_decrypted(ip, self._loop.time())

    def error_received(self, exc: Exception) -> None:
        """Count a sent packet that was refused: probes detect the failure."""
        self.counts["send_errors"] += 1

    def _send(self, to: Address, parts: tuple[bytes, ...]) -> None:
        if self._udp is None or self._udp.is_closing():
            return
        datagram = self._envelope.seal(parts, nonce=os.urandom(NONCE_BYTES))
        self.counts["sent_packets"] += 1
        self.counts["sent_bytes"] += len(datagram)
        self._udp.sendto(datagram, tuple(to))

    def _arm(self) -> None:
        due_s = self.node.next_due_s
        if due_s == self._timer_due_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s = due_s
        if due_s is not None:
            self._timer = self._loop.call_at(due_s + TIMER_SLACK_S, self._on_time)

    def _on_time(self) -> None:
        self._timer_due_s = None
        self.perform(self.node.on_time(self._loop.time()))

    # Outgoing TCP.

    def _open(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._exchanges) >= EXCHANGES_MAX:
            work.close()
            self.counts["exchanges_refused"] += 1
            return
        task = self._loop.create_task(work)
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)

    async def _push_pull(self, to: Address, *, join: bool) -> None:
        request = self.node.push_pull_request(to, join=join)
        answer = await self._ask(to, request, self._tcp_timeout_s)
        if isinstance(answer, PushPull):
            self.counts["push_pulls"] += 1
            effects = self._guard(self.node.on_push_pull_reply, answer, to, self._loop.time())
            self.perform(effects)
        elif isinstance(answer, Refusal):
            self._observe(
                Note("push_pull_refused", {"by": str(to), "why": answer.text[:200]}, "warning")
            )

    async def _tcp_ping(self, ping: OpenTcpPing) -> None:
        timeout_s = max(0.0, ping.deadline_s - self._loop.time())

        def refused() -> None:
            self.perform(self.node.on_tcp_refused(ping.seq_no, self._loop.time()))

        message = Ping(ping.seq_no, ping.node)
        answer = await self._ask(ping.to, message, timeout_s, refused=refused)
        if isinstance(answer, Ack):
            self.perform(self.node.on_tcp_ack(answer, self._loop.time()))

    async def _send_stream(self, to: Address, body: bytes) -> None:
        await self._ask(to, UserStream(body), self._tcp_timeout_s, answered=False)

    async def _ask(
        self,
        to: Address,
        message: StreamMessage,
        timeout_s: float,
        *,
        answered: bool = True,
        refused: Callable[[], None] = lambda: None,
    ) -> StreamMessage | None:
        """Return the answer of `to`; None if the exchange failed."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(timeout_s):
                local = (self.node.address.ip, 0)
                reader, writer = await asyncio.open_connection(*to, local_addr=local)
                writer.write(self._envelope.header + self._sealed(message))
                await writer.drain()
                if not answered:
                    writer.write_eof()
                    return None
                answer = await self._read(reader, StreamReader(self._envelope, initiated=True))
                if answer is None:
                    self.counts["exchanges_unanswered"] += 1
                    if isinstance(message, PushPull):
                        self.foreign_keys.not_understood(to.ip, self._loop.time())
                else:
                    self.foreign_keys.understood(to.ip)
                return answer
        except ConnectionRefusedError:
            self.counts["exchanges_failed"] += 1
            refused()
        except (OSError, TimeoutError):
            self.counts["exchanges_failed"] += 1
        except WireError as error:
            self._drop(error, to.ip)
        finally:
            if writer is not None:
                writer.close()
        return None

    # Incoming TCP.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._incoming.opened(writer)
        try:
            async with asyncio.timeout(self._tcp_timeout_s):
                message = await self._read(reader, StreamReader(self._envelope), writer)
                if message is not None:
                    await self._answer(message, writer)
        except (OSError, TimeoutError):
            self.counts["exchanges_failed"] += 1
        except WireError as error:
            self._drop(error, str((writer.get_extra_info("peername") or ("",))[0]))
        finally:
            self._incoming.closed(writer)
            self.counts["exchanges_evicted"] = self._incoming.evicted
            writer.close()

    async def _answer(self, message: StreamMessage, writer: asyncio.StreamWriter) -> None:
        now_s = self._loop.time()
        match message:
            case PushPull():
                answer, effects = self.node.on_push_pull_request(message, now_s)
                self.perform(effects)
                writer.write(self._sealed(answer))
            case UserStream(body):
                self.perform(self.node.on_user_stream(body, now_s))
            case Ping(seq_no, node) if self.node.answers_to(node):
                writer.write(self._sealed(Ack(seq_no)))
            case _:
                raise WireError("the stream is not a request", reason="unknown_type")
        await writer.drain()

    async def _read(
        self,
        stream: asyncio.StreamReader,
        reader: StreamReader,
        opened_by_other: asyncio.StreamWriter | None = None,
    ) -> StreamMessage | None:
        while data := await stream.read(READ_BYTES):
            self.counts["stream_received_bytes"] += len(data)
            if opened_by_other is not None:
                self._incoming.received(opened_by_other, len(data))
            message = reader.feed(data)
            if message is not None:
                return message
        return None

    def _sealed(self, message: StreamMessage) -> bytes:
        plain = encode_stream(message)
        data = seal_stream(plain, self._envelope, nonce=os.urandom(NONCE_BYTES))
        self.counts["stream_sent_bytes"] += len(data)
        return data

    def _guard(self, step: Callable[..., list[Effect]], *arguments: Any) -> list[Effect]:
        try:
            return step(*arguments)
        except WireError as error:
            self.drops[error.reason] += 1
            return []
