"""A client outside the actor systems that exchanges messages with any actor of any node."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from typing import TypeVar

from actors.transport import payload, stats
from actors.transport.delivery import EXTERNAL_PREFIX, Delivery, TransportSettings
from actors.transport.reactor import Reactor
from constellation.transport.address import ActorRef
from constellation.transport.envelope import ActorEnvelope
from messages.base import Message

M = TypeVar("M", bound=Message)
_numbers = itertools.count(1)


class ActorClient:
    """A connection to the node at `host`:`port`, authenticated with the cluster key."""

    def __init__(self, host: str, port: int, cluster_key: bytes) -> None:
        stats.forget()
        self.host, self.port = host, port
        settings = TransportSettings(host=host, port=port, cluster_key=cluster_key)
        self.reactor = Reactor()
        actor_id = f"{EXTERNAL_PREFIX}{os.getpid()}-client-{next(_numbers)}"
        self._delivery = Delivery(self.reactor, settings, actor_id, self._arrive)
        self._arrived: deque[Message] = deque()

    def close(self) -> None:
        """Close the connection."""
        self._delivery.close()
        self.reactor.close()

    def __enter__(self) -> ActorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, actor: str, message: Message) -> None:
        """Send to the actor of that name on the node."""
        target = ActorRef(self.host, self.port, f"@{actor}")
        self._delivery.send(self._delivery.ref, target, payload.encode(message))

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, or None."""
        deadline_s = time.monotonic() + timeout_s
        while not self._arrived and (left_s := deadline_s - time.monotonic()) > 0:
            self.reactor.poll(left_s)
        return self._arrived.popleft() if self._arrived else None

    @property
    def has_received(self) -> bool:
        """Whether `receive` returns a message at once."""
        return bool(self._arrived)

    def _arrive(self, envelope: ActorEnvelope) -> None:
        sender = ActorRef.parse(envelope.sender)
        message = payload.decode(envelope.payload, source=sender, from_this_node=False)
        if isinstance(message, Message):
            self._arrived.append(message)

    def ask(self, actor: str, message: Message, kind: type[M], timeout_s: float = 5.0) -> M:
        """Send a message and return the answer of that kind.

        Raises:
            TimeoutError: no such answer arrived in time.
        """
        self.send(actor, message)
        deadline_s = time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            answer = self.receive(left_s)
            if isinstance(answer, kind):
                return answer
        raise TimeoutError(f"no {kind.__name__} from {actor} of {self.host} in {timeout_s:g} s")
