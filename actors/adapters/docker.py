"""The Docker Engine of this host, as monitoring uses it.  Blocking: call it in threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

import docker
import docker.errors
import requests

from actors.adapters.docker_failure import docker_failure
from actors.adapters.docker_knock import knock
from actors.adapters.docker_tls import tls_config
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.monitor.docker_event import CONTAINER_ACTIONS, NETWORK_ACTIONS
from constellation.monitor.network_lender import with_lenders
from constellation.settings.docker import DockerSettings

log = get_logger(__name__)

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

    def info(self) -> dict[str, Any]:
        """Return what the Engine says of itself; nothing if it, or a proxy, refuses to."""
        ...

    def list_containers(self) -> list[dict[str, Any]]:
        """Return one row for each container, running or not."""
        ...

    def inspect(self, container_id: str) -> dict[str, Any] | None:
        """Return everything about one container; None if it does not exist.

        With it come the drivers of its networks, as far as they are known, and the containers
        whose network it uses.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class _DirectClient(docker.APIClient):
    """A client that uses no HTTP proxy of the environment: the Engine is on this host."""

    @property
    def trust_env(self) -> bool:
        """Whether `requests` reads proxies from the environment."""
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        """Keep it so: the constructor of `requests` sets it."""


class DockerEngine:
    """The Engine behind a Unix socket or a TCP listener.  The constructor connects."""

    def __init__(self, settings: DockerSettings) -> None:
        self.endpoint = settings.endpoint
        self.request_timeout_s = settings.request_timeout_s
        self._drivers: dict[str, str] = {}  # of networks, by id
        self._refused: set[str] = set()  # requests that were refused, already logged
        self._client = self._ask(
            "connect",
            # Negotiating the version also checks that the Engine answers.
            lambda: _DirectClient(
                base_url=self.endpoint.url,
                version="auto",
                timeout=math.ceil(settings.request_timeout_s),
                tls=tls_config(settings),
            ),
        )

    def open_events(self) -> EventStream:
        return self._ask("open_events", self._open_events)

    def _open_events(self) -> EventStream:
        stream = _Stream(self._client.events(decode=True, filters=EVENT_FILTERS))
        stream.raise_for_status()
        return stream

    def info(self) -> dict[str, Any]:
        found = self._unless_refused("info", self._client.info)
        return found if found is not None else {}

    def list_containers(self) -> list[dict[str, Any]]:
        rows = self._ask("list_containers", lambda: self._client.containers(all=True))
        return cast("list[dict[str, Any]]", rows)

    def inspect(self, container_id: str) -> dict[str, Any] | None:
        found = self._inspect(container_id)
        return with_lenders(found, self._inspect) if found else None

    def _inspect(self, container_id: str) -> dict[str, Any] | None:
        try:
            found = self._ask("inspect", lambda: self._client.inspect_container(container_id))
        except AdapterError as error:
            if isinstance(error.__cause__, docker.errors.NotFound):
                return None
            raise
        return self._with_drivers(cast("dict[str, Any]", found))

    def _with_drivers(self, found: dict[str, Any]) -> dict[str, Any]:
        """Add its driver to each network, which an inspection does not say."""
        networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
        ids = {one["NetworkID"] for one in networks.values() if one and one.get("NetworkID")}
        if not ids <= self._drivers.keys():
            listed = self._unless_refused("list_networks", self._client.networks) or []
            # Also those that are not listed, so that nobody asks for them again and again.
            self._drivers = dict.fromkeys(ids, "")
            self._drivers |= {one["Id"]: str(one.get("Driver") or "") for one in listed}
        for network in networks.values():
            if network and self._drivers.get(network.get("NetworkID")):
                network["Driver"] = self._drivers[network["NetworkID"]]
        return found

    def close(self) -> None:
        self._client.close()

    def _unless_refused(self, what: str, ask: Callable[[], T]) -> T | None:
        """Return the answer to what a socket proxy may forbid; None: it does."""
        try:
            return self._ask(what, ask)
        except AdapterError as error:
            if not isinstance(error.__cause__, docker.errors.APIError):
                raise
            if what not in self._refused:
                self._refused.add(what)
                log.info("docker_request_refused", what=what, why=error.why, fix=error.fix)
            return None

    def _ask(self, what: str, ask: Callable[[], T]) -> T:
        try:
            if what == "connect" or self.endpoint.path:
                knock(self.endpoint, self.request_timeout_s)
            return ask()
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise docker_failure(self.endpoint, what, error) from error


class _Stream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        # The library shuts the socket down but leaves it open, so it is closed here.
        self._response: requests.Response = stream._response  # noqa: SLF001 - no other way to it
        self._is_read = False

    def raise_for_status(self) -> None:
        """Fail if the answer is an error, which the library would take for an ended stream."""
        try:
            self._response.raise_for_status()
        except requests.HTTPError:
            self._response.close()
            raise

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
