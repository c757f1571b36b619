"""A node that answers one command, over its authenticated listener."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat

from constellation import wire
from constellation.transport.address import ActorRef
from constellation.transport.envelope import OURS, ActorEnvelope
from constellation.transport.frame import LENGTH_BYTES, frame
from constellation.transport.session import (
    acceptance,
    derive_key,
    greeting,
    read_introduction,
)
from messages.base import Message
from rigs.loopback import loopback_addresses

PORT = 7947


@contextmanager
def answering(key: bytes, *answers: Message) -> Iterator[str]:
    """Serve one command until it hangs up, the last answer again and again; give the address."""
    (address,) = loopback_addresses(1)
    with socket.create_server((address, PORT)) as server:
        thread = threading.Thread(target=_serve, args=(server, address, key, answers))
        thread.start()
        yield address
        thread.join()


def _serve(server: socket.socket, address: str, key: bytes, answers: tuple[Message, ...]) -> None:
    client, _ = server.accept()
    with client, suppress(ConnectionError):  # it may hang up at any time
        nonce = os.urandom(32)
        client.sendall(frame(greeting(nonce)))
        handshake = read_introduction(
            _frame_of(client),
            key=derive_key(key, b"actors"),
            acceptor_nonce=nonce,
            acceptor_address=f"{address}:{PORT}".encode(),
        )
        client.sendall(frame(acceptance(handshake)))
        channel = handshake.channel(initiator=False)
        sender = ActorRef(address, PORT, "abc123-1")
        for answer in chain(answers, repeat(answers[-1])):
            body = _frame_of(client)
            if not body:
                return
            asked = ActorEnvelope.unpack(channel.open(body))
            said = ActorEnvelope(asked.sender, str(sender), OURS + wire.encode(answer))
            client.sendall(frame(channel.seal(said.pack())))


def _frame_of(client: socket.socket) -> bytes:
    length = int.from_bytes(client.recv(LENGTH_BYTES, socket.MSG_WAITALL))
    return client.recv(length, socket.MSG_WAITALL)
