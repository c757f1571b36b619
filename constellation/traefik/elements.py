"""What one instance brings into the configuration: routers, services and middlewares, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Protocol = Literal["http", "tcp", "udp"]
Section = Literal["routers", "services", "middlewares"]


class ElementKey(NamedTuple):
    """The name of one element in Traefik's dynamic configuration."""

    protocol: Protocol
    section: Section
    name: str


class Instance(NamedTuple):
    """A service on a node."""

    service: str
    node: str


@dataclass(frozen=True, slots=True)
class Wish:
    """How labels want one service reached.  0 or empty: not said.

    `options` go into the server as they are: `weight`, `preservePath`, `tls`.
    """

    port: int = 0
    scheme: str = ""
    url: str = ""
    label: str = ""  # to blame for the port
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Middleware:
    """A middleware, whole."""

    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A service but for its servers.  `config` is `{"loadBalancer": ...}` without them.

    `middlewares` are put into every router to it.  `is_routed`: the instance has a router of its
    own, and is not to be had by a default one.
    """

    config: Mapping[str, Any]
    wish: Wish
    middlewares: tuple[str, ...] = ()
    is_routed: bool = False


@dataclass(frozen=True, slots=True)
class Router:
    """A router but for its service and what every router gets.  `config` has no such keys.

    `service` and `middlewares` are names, of this configuration or, with an @, of another
    provider's.
    """

    config: Mapping[str, Any]
    service: str
    middlewares: tuple[str, ...] = ()


Element = Router | Service | Middleware


@dataclass(frozen=True, slots=True)
class Contribution:
    """An element, and whose it is."""

    instance: Instance
    created_at_utc_s: float
    element: Element

    @property
    def seniority(self) -> tuple[float, Instance]:
        """Order of deployment; the highest is the newest."""
        return self.created_at_utc_s, self.instance
