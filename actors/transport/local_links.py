"""Connections between the processes of one node: Unix sockets with mode 0600.

The kernel reports the user at the other end, so local frames carry no authentication code.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actors.transport import stats
from actors.transport.connection import RECEIVE_BYTES, Connection
from actors.transport.reactor import Reactor
from constellation.errors import WireError
from constellation.transport.frame import FRAME_BYTES_MAX

LOCAL_QUEUE_BYTES_MAX = 2 * FRAME_BYTES_MAX
ACCEPT_AGAIN_S = 0.1
_BACKLOG = 1024
_ADDRESS_BYTES_MAX = 107  # the kernel's limit without the terminating zero
_PEER_CREDENTIALS = struct.Struct("3i")  # process id, user id, group id


# In place of an envelope, which begins with the length of its target: never zero.
HANDOVER_MARK = b"\x00"


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Yield a socket address of `path`; if it is too long, by a descriptor of its directory."""
    if len(os.fsencode(path)) <= _ADDRESS_BYTES_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def listen_at(path: Path) -> socket.socket:
    """Return a listening socket at `path`, to which only this user may connect.

    Raises:
        OSError: it cannot be created in its directory.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        with address_of(path) as address:
            listener.bind(address)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


class LocalLink:
    """Sends to one actor of this node.  Connects when it is first used."""

    def __init__(self, reactor: Reactor, path: Path, on_closed: Callable[[], object]) -> None:
        self._reactor = reactor
        self._path = path
        self._on_closed = on_closed
        self._connection: Connection | None = None

    def send(self, body: bytes) -> bool:
        """Send one envelope.

        Raises:
            FileNotFoundError, ConnectionRefusedError: the actor does not exist (any more).
        """
        for _ in range(2):
            connection = self._connection or self._connect()
            self._connection = connection
            if connection.send(body):
                return True
            if self._connection is connection:
                return False  # its queue is full
        return False  # it broke twice in a row

    @property
    def is_connected(self) -> bool:
        """Whether it is connected, as far as is known."""
        return self._connection is not None

    def pending(self) -> bool:
        """Whether bytes are queued."""
        return self._connection is not None and bool(self._connection.queue)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close("no longer needed")

    def _connect(self) -> Connection:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Blocking: a Unix socket connects at once unless the backlog of the listener is full.
            connecting.settimeout(1.0)
            with address_of(self._path) as address:
                connecting.connect(address)
        except OSError:
            connecting.close()
            raise
        return Connection(
            self._reactor,
            connecting,
            on_frame=lambda _: None,  # the actor answers on a link of its own
            on_closed=self._closed,
            queue_bytes_max=LOCAL_QUEUE_BYTES_MAX,
        )

    def _closed(self, _: str) -> None:
        self._connection = None
        self._on_closed()


class LocalInbound(Connection):
    """A connection from a process of this node: envelopes, or one handover before all else."""

    def __init__(
        self,
        reactor: Reactor,
        connected: socket.socket,
        on_body: Callable[[bytes], None],
        on_handover: Callable[[bytes, socket.socket], None],
    ) -> None:
        self._on_body = on_body
        self._on_handover = on_handover
        self._is_new = True
        self._passed: socket.socket | None = None
        super().__init__(
            reactor,
            connected,
            on_frame=self._frame,
            on_closed=lambda _: self._drop_passed(),
            queue_bytes_max=0,
        )

    def _read(self) -> bytes:
        if not self._is_new:
            return super()._read()
        flags = socket.MSG_CMSG_CLOEXEC
        data, files, _, _ = socket.recv_fds(self.socket, RECEIVE_BYTES, 1, flags)
        self._is_new = False
        for file in files:
            try:
                self._passed = socket.socket(fileno=file)
            except OSError:
                os.close(file)
                raise
        return data

    def _frame(self, body: bytes) -> None:
        if not body.startswith(HANDOVER_MARK):
            self._on_body(body)
            return
        passed, self._passed = self._passed, None
        if passed is None:
            raise WireError("handover without a socket refused", reason="malformed")
        try:
            self._on_handover(body, passed)
        except BaseException:
            passed.close()
            raise

    def _drop_passed(self) -> None:
        if self._passed is not None:
            self._passed.close()


def accept(reactor: Reactor, listener: socket.socket) -> tuple[socket.socket, Any] | None:
    """Accept one connection of a listener that is ready, with its source; None if that fails.

    If this process has no file descriptors left, the connection stays in the backlog meanwhile.
    """
    try:
        return listener.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return None  # the peer has already closed it
    except OSError as error:
        stats.refused("not_accepted", source="unknown", detail=str(error))
        reactor.pause(listener, ACCEPT_AGAIN_S)
        return None


def accept_local(
    reactor: Reactor,
    listener: socket.socket,
    on_body: Callable[[bytes], None],
    on_handover: Callable[[bytes, socket.socket], None],
) -> None:
    """Accept one connection of a process of this node, if it belongs to this user or to root."""
    accepted = accept(reactor, listener)
    if accepted is None:
        return
    connected, _ = accepted
    packed = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _, user_id, _ = _PEER_CREDENTIALS.unpack(packed)
    if user_id not in {0, os.geteuid()}:
        stats.refused("user", source=f"user {user_id}", detail="socket of another user")
        connected.close()
        return
    LocalInbound(reactor, connected, on_body, on_handover)
