"""A conversation with the actors of one node from outside the actor systems: of a command.

It needs neither Thespian nor a listener: answers come on the connection that it made.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import deque

from actors.transport import stats
from actors.transport.peer_links import PeerLink
from actors.transport.reactor import Reactor
from constellation import wire
from constellation.errors import WireError
from constellation.transport.address import ActorRef
from constellation.transport.envelope import OURS, ActorEnvelope
from constellation.transport.session import derive_key
from messages.base import Message

QUEUE_BYTES_MAX = 4 << 20
USER_TIMEOUT_S = 5.0


class Conversation:
    """Sends messages to actors of the node at `host`:`port`, and receives what they answer.

    What goes wrong with the connection is in `stats`, as in every process.
    """

    def __init__(self, host: str, port: int, cluster_key: bytes) -> None:
        stats.forget()
        self._node = host, port
        # A node that does not listen has port 0; the host part tells it from other commands.
        self._ref = ActorRef(f"client-{secrets.token_hex(8)}", 0, f"ext-{os.getpid()}-1")
        self._arrived: deque[Message] = deque()
        self.reactor = Reactor()
        self._link = PeerLink(
            self.reactor,
            self._node,
            key=derive_key(cluster_key, b"actors"),
            identity=str(self._ref),
            on_body=self._on_body,
            queue_bytes_max=QUEUE_BYTES_MAX,
            user_timeout_s=USER_TIMEOUT_S,
        )

    def close(self) -> None:
        """Close the connection."""
        self._link.close()
        self.reactor.close()

    def send(self, actor: str, message: Message) -> None:
        """Send to the actor of that name on the node."""
        target = ActorRef(*self._node, f"@{actor}")
        payload = OURS + wire.encode(message)
        self._link.send(ActorEnvelope(str(target), str(self._ref), payload).pack())

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message; None at the timeout, or as soon as something fails."""
        deadline_s = time.monotonic() + timeout_s
        failures = stats.failure_count()
        left_s = timeout_s
        while not self._arrived and stats.failure_count() == failures and left_s >= 0:
            self.reactor.poll(left_s)
            left_s = deadline_s - time.monotonic()
        return self._arrived.popleft() if self._arrived else None

    @property
    def has_received(self) -> bool:
        """Whether `receive` returns a message at once."""
        return bool(self._arrived)

    def _on_body(self, body: bytes, source: str) -> None:
        envelope = ActorEnvelope.unpack(body)
        if envelope.target_ref() != self._ref:
            raise WireError(f"envelope for {envelope.target} is not ours", reason="misrouted")
        if ActorRef.parse(envelope.sender).node != self._node:
            raise WireError(f"{source} sends in the name of {envelope.sender}", reason="misrouted")
        kind, message = envelope.payload[:1], envelope.payload[1:]
        if kind != OURS:
            return  # one of Thespian's, which are for actors
        stats.count("received_frames", "peer")
        self._arrived.append(wire.decode(message, source=envelope.sender))
