"""Elements that one instance contributes: routers, services and middlewares, each under a key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from constellation.cluster_view import InstanceId
from constellation.settings.types import NAME_PATTERN

Protocol = Literal["http", "tcp", "udp"]
Section = Literal["routers", "services", "middlewares"]
Writer = Literal["labels", "host", "entry point", "agent"]


class Origin(NamedTuple):
    """Who wrote an element.

    Attributes:
        writer: `labels` of containers; `host`, made for the host name of a service; `entry point`,
            the default TCP router of a whole entry point; `agent`, Constellation's own.
        service: whose labels alone mean this element; empty: all that use its name mean it.
    """

    writer: Writer
    service: str = ""

    @property
    def is_default(self) -> bool:
        """No label names the element: it exists because the service does."""
        return self.writer in {"host", "entry point"}


LABELS = Origin("labels")
HOST = Origin("host")
ENTRY_POINT = Origin("entry point")
AGENT = Origin("agent")

# Parts of names in the body.  A name from labels has no dot, and a host name no underscore.
_BEFORE_ENTRY_POINT = "_default."
_BEFORE_SERVICE = "._of."


class ElementKey(NamedTuple):
    """One element in Traefik's dynamic configuration.

    Attributes:
        name: as its writer names it; of the writer `entry point` the entry point's name.
        variant: which of several elements that were made of one; empty: the first.
    """

    protocol: Protocol
    section: Section
    name: str
    origin: Origin = LABELS
    variant: str = ""

    @property
    def body_name(self) -> str:
        """The name in the body; no two keys of one section have the same."""
        writer, service = self.origin
        name = _BEFORE_ENTRY_POINT + self.name if writer == "entry point" else self.name
        if service:
            name = f"{name}{_BEFORE_SERVICE}{as_name(service)}"
        return name + self.variant

    def meant_by(self, service: str) -> ElementKey:
        """Return the key of what the labels of `service` alone mean by this name."""
        return self._replace(origin=self.origin._replace(service=service))

    @property
    def written(self) -> ElementKey:
        """The key under which instances contribute the element."""
        if not self.origin.service and not self.variant:
            return self
        return self._replace(origin=self.origin._replace(service=""), variant="")


def as_name(service: str) -> str:
    """Return `service` if it can be part of a name in the body, else a digest of it."""
    if NAME_PATTERN.fullmatch(service):
        return service
    return hashlib.blake2b(service.encode(errors="surrogatepass"), digest_size=8).hexdigest()


class Instance(NamedTuple):
    """An instance of a service.  Its name is unique on its node."""

    service: str
    node: str
    name: str

    @property
    def id(self) -> InstanceId:
        """Its id in the cluster."""
        return InstanceId(self.node, self.name)

    @property
    def place(self) -> tuple[str, str]:
        """Its service and node."""
        return self.service, self.node


@dataclass(frozen=True, slots=True)
class Wish:
    """How labels want one service reached.  0 or empty: not specified.

    `options` go into the server as they are: `weight`, `preservePath`, `tls`.
    """

    port: int = 0
    scheme: str = ""
    url: str = ""
    label: str = ""  # to blame for the port
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Middleware:
    """A middleware with its whole configuration."""

    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A service without its servers.  `config` is `{"loadBalancer": ...}` without them.

    `middlewares` are put into every router to it.  `is_routed`: the labels of the instance are
    about routing, so no default router may lead to it.
    """

    config: Mapping[str, Any]
    wish: Wish
    middlewares: tuple[str, ...] = ()
    is_routed: bool = False


@dataclass(frozen=True, slots=True)
class Router:
    """A router without its service and what every router gets.  `config` has no such keys.

    `service` and `middlewares` are names, of this configuration or, with an @, of another
    provider.
    """

    config: Mapping[str, Any]
    service: str
    middlewares: tuple[str, ...] = ()


Element = Router | Service | Middleware


@dataclass(frozen=True, slots=True)
class Contribution:
    """An element, and the instance that contributes it."""

    instance: Instance
    created_at_utc_s: float
    element: Element

    @property
    def seniority(self) -> tuple[float, Instance]:
        """Order of deployment; the highest is the newest."""
        return self.created_at_utc_s, self.instance


Parts = dict[ElementKey, Mapping[str, Any]]  # elements of the body
