"""Both ends of a connection between nodes, in one process and driven by one reactor."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from itertools import count

from actors.transport.peer_inbound import PeerInbound, PeerInboundOwner
from actors.transport.peer_links import PeerLink
from actors.transport.reactor import READ, Reactor
from constellation.transport import session
from constellation.transport.frame import FrameReader, frame
from constellation.transport.session import Channel, Handshake, derive_key

CLUSTER_KEY = b"k" * 32
KEY = derive_key(CLUSTER_KEY, b"actors")
OTHER_KEY = derive_key(b"x" * 32, b"actors")
HOST = "127.0.0.1"
QUEUE_BYTES_MAX = 1 << 16
_identities = count(1)


def run_until(reactor: Reactor, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Poll until `condition()` is true; AssertionError after a while."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s"
        reactor.poll(0.02)


def run_for(reactor: Reactor, rounds: int = 5) -> None:
    """Poll a few times: enough for whatever is under way on loopback."""
    for _ in range(rounds):
        reactor.poll(0.005)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, and no objects of them


class Acceptor(PeerInboundOwner):
    """A node's listener: takes every connection and remembers what became of it."""

    def __init__(self, reactor: Reactor, port: int = 0, key: bytes = KEY) -> None:
        self.reactor = reactor
        self.queue_bytes_max = QUEUE_BYTES_MAX
        self.listener = socket.create_server((HOST, port), backlog=512)
        self.listener.setblocking(False)
        self.port = int(self.listener.getsockname()[1])
        self.node = (HOST, self.port)
        self.key = key
        self.accepted: list[PeerInbound] = []
        self.joined: list[PeerInbound] = []
        self.left: list[PeerInbound] = []
        self.bodies: list[bytes] = []
        reactor.register(self.listener, READ, self._accept)

    def _accept(self, _: int) -> None:
        connected, _name = self.listener.accept()
        address = f"{HOST}:{self.port}"
        self.accepted.append(
            PeerInbound(self.reactor, connected, key=self.key, acceptor_address=address, owner=self)
        )

    def open_count(self) -> int:
        return sum(peer.connection.is_open for peer in self.accepted)

    def close(self) -> None:
        for peer in self.accepted:
            peer.connection.close("closing")
        self.reactor.unregister(self.listener.fileno())
        self.listener.close()

    def peer_joined(self, peer: PeerInbound) -> None:
        self.joined.append(peer)

    def peer_left(self, peer: PeerInbound) -> None:
        self.left.append(peer)

    def peer_body(self, body: bytes, peer: PeerInbound) -> None:
        self.bodies.append(body)


class Dialler(PeerLink):
    """A link that remembers what is answered on it."""

    def __init__(
        self,
        reactor: Reactor,
        node: tuple[str, int],
        *,
        key: bytes = KEY,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> None:
        self.answers: list[bytes] = []
        super().__init__(
            reactor,
            node,
            key=key,
            identity=f"10.0.0.{next(_identities)}:7947/system",
            on_body=lambda body, _: self.answers.append(body),
            queue_bytes_max=queue_bytes_max,
            user_timeout_s=5.0,
        )


class RawPeer:
    """A peer that says exactly what a test wants, and records it."""

    def __init__(self, reactor: Reactor, node: tuple[str, int]) -> None:
        self.reactor = reactor
        self.node = node
        self.socket = socket.create_connection(node)
        self.socket.setblocking(False)
        self.sent = b""
        self._reader = FrameReader()
        self._frames: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Send all of `data`, or as much as is taken before the other side hangs up."""
        self.sent += data
        with contextlib.suppress(ConnectionError):
            while data:
                try:
                    data = data[self.socket.send(data) :]
                except BlockingIOError:
                    self.reactor.poll(0.01)

    def read_frame(self) -> bytes:
        run_until(self.reactor, self._has_frame)
        return self._frames.pop(0)

    def _has_frame(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self._frames += self._reader.feed(self.socket.recv(1 << 16))
        return bool(self._frames)

    def introduce(self, key: bytes = KEY, identity: str = "10.0.1.1:7947/system") -> Handshake:
        """Say who it is; return what both sides now know."""
        handshake = Handshake(
            key,
            session.read_greeting(self.read_frame()),
            os.urandom(session.NONCE_BYTES),
            identity.encode(),
            f"{self.node[0]}:{self.node[1]}".encode(),
        )
        self.send(frame(session.introduction(handshake)))
        return handshake

    def join(self) -> Channel:
        """Complete the handshake."""
        handshake = self.introduce()
        session.check_acceptance(self.read_frame(), handshake)
        return handshake.channel(initiator=True)

    def is_hung_up_on(self) -> bool:
        try:
            while self.socket.recv(1 << 16):
                pass
        except BlockingIOError:
            return False
        except ConnectionError:
            pass
        return True

    def reset(self) -> None:
        """Vanish without a goodbye: the kernel answers everything with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()
