"""A proxy of Docker's socket over TCP, as careful people put one before the engine.

It refuses requests for some paths with 403, as such proxies do, and speaks TLS if asked to.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

REQUEST = re.compile(rb"[A-Z]+ (?:/v[0-9.]+)?(/[^ ?]*)")
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nConnection: close\r\n\r\nForbidden"
READ_BYTES = 1 << 16


class SocketProxy:
    """Forwards each connection to the Unix socket at `target`.

    Args:
        forbidden: paths that are refused, without the API's version, e.g. "/events".
        tls: the server's side of TLS; None: plain TCP.
    """

    def __init__(
        self, target: Path, port: int, *, forbidden: tuple[str, ...], tls: ssl.SSLContext | None
    ) -> None:
        self.port = port
        self.forbidden = forbidden
        self._target = target
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut all connections."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(str(self._target))
            self._open += [client, engine]
            threading.Thread(target=_copy, args=(engine, client), daemon=True).start()
            # The library sends the head of a request, which has no body here, at once.
            while head := client.recv(READ_BYTES):
                found = REQUEST.match(head)
                if found and found[1].decode() in self.forbidden:
                    client.sendall(FORBIDDEN)
                    break
                engine.sendall(head)
            engine.shutdown(socket.SHUT_RDWR)
        client.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(READ_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
    source.close()


@contextlib.contextmanager
def socket_proxy(
    target: Path, port: int, *, forbidden: tuple[str, ...] = (), tls: ssl.SSLContext | None = None
) -> Iterator[SocketProxy]:
    """Run a proxy of `target` on 127.0.0.1 until the block ends."""
    proxy = SocketProxy(target, port, forbidden=forbidden, tls=tls)
    try:
        yield proxy
    finally:
        proxy.close()
