"""A client outside the actor systems that exchanges messages with any actor of any node."""

from __future__ import annotations

import time
from typing import TypeVar

from actors.transport.conversation import Conversation
from messages.base import Message

M = TypeVar("M", bound=Message)


class ActorClient:
    """A connection to the node at `host`:`port`, authenticated with the cluster key."""

    def __init__(self, host: str, port: int, cluster_key: bytes) -> None:
        self.host, self.port = host, port
        self._conversation = Conversation(host, port, cluster_key)
        self.reactor = self._conversation.reactor

    def close(self) -> None:
        """Close the connection."""
        self._conversation.close()

    def __enter__(self) -> ActorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, actor: str, message: Message) -> None:
        """Send to the actor of that name on the node."""
        self._conversation.send(actor, message)

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, or None."""
        return self._conversation.receive(timeout_s)

    @property
    def has_received(self) -> bool:
        """Whether `receive` returns a message at once."""
        return self._conversation.has_received

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
