"""The Docker Engine of this host, as monitoring uses it.  Blocking: call it in threads."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

import docker
import docker.errors
import requests

from constellation.errors import AdapterError
from constellation.monitor.container_address import network_owner, with_networks_of
from constellation.monitor.docker_event import CONTAINER_ACTIONS, NETWORK_ACTIONS

T = TypeVar("T")

EVENT_FILTERS = {
    "type": ["container", "network"],
    "event": [*CONTAINER_ACTIONS, *NETWORK_ACTIONS],
}


class EventStream(Protocol):
    """Events as the Engine sends them, from the moment the stream was opened."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Wait for events; end when either side closes the stream."""
        ...

    def close(self) -> None:
        """End the iteration, from any thread.  Safe to repeat."""
        ...


class Engine(Protocol):
    """What monitoring needs of Docker.  All methods raise `AdapterError` if it does not answer."""

    def open_events(self) -> EventStream:
        """Return a stream that is open on the Engine's side, so that no later event is missed."""
        ...

    def list_containers(self) -> list[dict[str, Any]]:
        """Return one row for each container, running or not."""
        ...

    def inspect(self, container_id: str) -> dict[str, Any] | None:
        """Return everything about one container; None if it does not exist.

        A container that shares the network of another has the networks of that container.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class DockerEngine:
    """The Engine behind a Unix socket.  The constructor connects."""

    def __init__(self, socket_path: str, *, request_timeout_s: float) -> None:
        self.socket_path = socket_path
        self.request_timeout_s = request_timeout_s
        self._client = self._ask(
            "connect",
            # Negotiating the version also checks that the Engine answers.
            lambda: docker.APIClient(
                base_url=f"unix://{socket_path}",
                version="auto",
                timeout=math.ceil(request_timeout_s),
            ),
        )

    def open_events(self) -> EventStream:
        stream = self._ask(
            "open_events", lambda: self._client.events(decode=True, filters=EVENT_FILTERS)
        )
        return cast("EventStream", _Stream(stream))

    def list_containers(self) -> list[dict[str, Any]]:
        rows = self._ask("list_containers", lambda: self._client.containers(all=True))
        return cast("list[dict[str, Any]]", rows)

    def inspect(self, container_id: str) -> dict[str, Any] | None:
        found = self._inspect(container_id)
        owner = network_owner(found) if found else ""
        lent = self._inspect(owner) if owner else None
        return with_networks_of(found, lent) if found and lent else found

    def _inspect(self, container_id: str) -> dict[str, Any] | None:
        try:
            found = self._ask("inspect", lambda: self._client.inspect_container(container_id))
        except AdapterError as error:
            if isinstance(error.__cause__, docker.errors.NotFound):
                return None
            raise
        return cast("dict[str, Any]", found)

    def close(self) -> None:
        self._client.close()

    def _ask(self, what: str, ask: Callable[[], T]) -> T:
        try:
            self._knock()
            return ask()
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise AdapterError(
                f"Docker at {self.socket_path} did not answer ({what})",
                why=_cause(error),
                fix="start Docker, or set docker.socket, or docker.enabled=false",
            ) from error

    def _knock(self) -> None:
        """Fail with the error of the system, and without the socket that the library would leak."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(self.request_timeout_s)
            probe.connect(self.socket_path)


class _Stream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        # The library shuts the socket down but leaves it open, so it is closed here.
        self._response: requests.Response = stream._response  # noqa: SLF001 - no other way to it
        self._is_read = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._is_read = True
        try:
            for event in self._stream:
                if isinstance(event, dict):
                    yield event
        except (requests.RequestException, docker.errors.DockerException, ValueError, OSError):
            # Cut off in the middle of an event, which ends the iteration like a closed stream.
            return
        finally:
            self._response.close()

    def close(self) -> None:
        try:
            self._stream.close()  # wakes the reader
        except (OSError, AttributeError):
            # The library uses a socket that its reader has already released.
            return
        if not self._is_read:  # else its reader closes it: closing it twice at once fails
            self._response.close()


def _cause(error: BaseException) -> str:
    match error:
        case FileNotFoundError():
            return "no such socket"
        case ConnectionRefusedError():
            return "connection refused"
        case PermissionError():
            return "this user may not use it"
        case TimeoutError() | requests.Timeout():
            return "it took too long to answer"
        case _:
            return str(error)[:200]
