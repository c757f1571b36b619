"""A client outside the actor systems that exchanges messages with any actor of any node."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, TypeVar

from thespian.actors import ActorAddress
from thespian.system.transport import ReceiveEnvelope, TransmitIntent

from actors.transport import stats
from actors.transport.delivery import TransportSettings
from actors.transport.system_base import OperatorSystemBase
from constellation.transport.address import ActorRef
from messages.base import Message

M = TypeVar("M", bound=Message)


class ActorClient:
    """A connection to the node at `host`:`port`, authenticated with the cluster key."""

    def __init__(self, host: str, port: int, cluster_key: bytes) -> None:
        stats.forget()
        self.host, self.port = host, port
        settings = TransportSettings(host=host, port=port, cluster_key=cluster_key)
        self._base = OperatorSystemBase(settings)

    def close(self) -> None:
        """Close the connection."""
        self._base.close()

    def __enter__(self) -> ActorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, actor: str, message: Message) -> None:
        """Send to the actor of that name on the node."""
        address = ActorAddress(ActorRef(self.host, self.port, f"@{actor}"))
        self._base.transport.scheduleTransmit(None, TransmitIntent(address, message))

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, or None."""
        received: Any = self._base.transport.run(None, timedelta(seconds=timeout_s))
        is_message = isinstance(received, ReceiveEnvelope) and isinstance(received.message, Message)
        return received.message if is_message else None

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
