"""Passes a connection from another node on to the actor that it is for.

The node's listener authenticates every connection.  The first envelope on one names an actor, and
the sender keeps a connection of its own for each named actor.  So the listener gives the socket to
that actor's process, over its private Unix socket, with the keys and frame numbers of the session.
From then on messages reach the actor without a stop in the listener's process.  A listener that
cannot give the socket away forwards the envelope, and tries again with the next one.
"""

from __future__ import annotations

import array
import socket
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import cast

import msgpack

from actors.transport.local_links import HANDOVER_MARK, address_of
from constellation.errors import WireError
from constellation.transport.frame import frame

HANDOVER_BYTES_MAX = 1 << 16  # fits into the buffer of a new Unix socket: nothing waits


@dataclass(frozen=True, slots=True)
class Handover:
    """An authenticated connection, without its socket."""

    actor_id: str  # that it is for
    identity: str  # of the peer
    seal_key: bytes = field(repr=False)
    open_key: bytes = field(repr=False)
    sealed_count: int
    opened_count: int
    unread: bytes = field(repr=False)  # received, and not opened yet

    def pack(self) -> bytes:
        """Return the bytes of a frame."""
        return HANDOVER_MARK + cast("bytes", msgpack.packb(astuple(self)))

    @classmethod
    def unpack(cls, body: bytes) -> Handover:
        """Return what `pack` wrote.

        Raises:
            WireError: it did not.
        """
        try:
            return cls(*msgpack.unpackb(body[len(HANDOVER_MARK) :], use_list=False))
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise WireError(f"handover refused: {error}", reason="malformed") from error


def give(path: Path, handover: Handover, connected: socket.socket) -> bool:
    """Send a connection to the process that listens at `path`; False if it cannot be sent now."""
    framed = frame(handover.pack())
    if len(framed) > HANDOVER_BYTES_MAX:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to_actor:
        to_actor.setblocking(False)
        rights = array.array("i", [connected.fileno()])
        try:
            with address_of(path) as address:
                to_actor.connect(address)
            sent = to_actor.sendmsg(
                [framed], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights.tobytes())]
            )
        except OSError:
            return False
        # A part of a frame is dropped there, with the copy of the socket.
        return sent == len(framed)
