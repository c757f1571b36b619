"""Elements that one instance contributes: routers, services and middlewares, each under a key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from msgspec import field

from constellation.cluster_view import InstanceId
from constellation.settings.types import NAME_PATTERN
from constellation.value import Value

Protocol = Literal["http", "tcp", "udp"]
Section = Literal["routers", "services", "middlewares"]
Writer = Literal["labels", "host", "entry point", "agent"]


class Owner(NamedTuple):
    """Whose labels: all instances of a service, or a whole stack.

    Attributes:
        service: its name; empty: the whole stack.
        program: tells apart different programs that have one service name (see `owners`); empty:
            the one that keeps the name.
        stack: the Docker Compose project, for a whole stack.
    """

    service: str
    program: str = ""
    stack: str = ""


class Origin(NamedTuple):
    """Who wrote an element.

    Attributes:
        writer: `labels` of containers; `host`, made for the host name of a service; `entry point`,
            the default TCP router of a whole entry point; `agent`, Constellation's own.
        owner: whose labels alone mean this element; None: all that use its name mean it.
        is_plain: its name in the body does not show the owner, because no other has the name.
    """

    writer: Writer
    owner: Owner | None = None
    is_plain: bool = False

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
_BEFORE_STACK = "._in."


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
        writer, owner, is_plain = self.origin
        name = _BEFORE_ENTRY_POINT + self.name if writer == "entry point" else self.name
        if owner is not None and not is_plain:
            name += _suffix(owner)
        return name + self.variant

    @property
    def full_name(self) -> str:
        """The name with its owner, which means the same on all nodes, whatever each of them knows.

        Whether another owner has the name, nodes learn at different times.
        """
        writer, owner, _ = self.origin
        if writer == "host" and owner is not None and not owner.program:
            # A host name that is spelled as a service is never another one's.
            is_exact = self.name.partition(".")[0] == owner.service
            return self._replace(origin=Origin(writer, owner, is_exact)).body_name
        return self._replace(origin=Origin(writer, owner)).body_name

    def meant_by(self, owner: Owner, *, is_plain: bool = False) -> ElementKey:
        """Return the key of what the labels of `owner` alone mean by this name."""
        origin = Origin(self.origin.writer, owner, is_plain)
        return ElementKey(self.protocol, self.section, self.name, origin, self.variant)

    @property
    def written(self) -> ElementKey:
        """The key under which instances contribute the element."""
        if self.origin.owner is None and not self.variant:
            return self
        return self._replace(origin=Origin(self.origin.writer), variant="")


def _suffix(owner: Owner) -> str:
    """Return the part of a name that shows the owner."""
    if owner.program:
        return f"{_BEFORE_SERVICE}_{digest(owner.service, owner.program)}"
    before = _BEFORE_SERVICE if owner.service else _BEFORE_STACK
    return before + as_name(owner.service or owner.stack)


def as_name(text: str) -> str:
    """Return `text` if it can be part of a name in the body, else a digest, which begins with '_'.

    No name begins so.
    """
    return text if NAME_PATTERN.fullmatch(text) else f"_{digest(text)}"


def digest(*parts: str) -> str:
    """Return 16 hexadecimal digits that differ for different `parts`."""
    text = "\0".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


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


class Wish(Value):
    """How labels want one service reached.  0 or empty: not specified.

    `options` go into the server as they are: `weight`, `preservePath`, `tls`.
    """

    port: int = 0
    scheme: str = ""
    url: str = ""
    label: str = ""  # to blame for the port
    options: Mapping[str, Any] = field(default_factory=dict)


class Middleware(Value):
    """A middleware with its whole configuration."""

    config: Mapping[str, Any]


class Service(Value):
    """A service without its servers.  `config` is `{"loadBalancer": ...}` without them.

    `middlewares` are put into every router to it.  `is_routed`: the labels of the instance are
    about routing, so no default router may lead to it.
    """

    config: Mapping[str, Any]
    wish: Wish
    middlewares: tuple[str, ...] = ()
    is_routed: bool = False


class Router(Value):
    """A router without its service and what every router gets.  `config` has no such keys.

    `service` and `middlewares` are names, of this configuration or, with an @, of another
    provider.
    """

    config: Mapping[str, Any]
    service: str
    middlewares: tuple[str, ...] = ()


Element = Router | Service | Middleware


# What tells apart the services that share a service name: images, or only the hosts of their rules.
# Empty: the name means one service.
Dispute = Literal["", "programs", "hosts"]


class Author(NamedTuple):
    """Whose labels the labels of one instance are.

    Attributes:
        owner: the instance's service.
        stack: its Docker Compose project; empty: none.
        dispute: what tells it apart from others with the same service name.
    """

    owner: Owner
    stack: str = ""
    dispute: Dispute = ""


Site = tuple[str, str]  # a stack on a node


class Whose(NamedTuple):
    """Whose names are meant, to find what they name: an owner, and its stacks on nodes."""

    owner: Owner
    sites: frozenset[Site]


class Contribution(NamedTuple):
    """An element, the instance that contributes it, and whose labels these are."""

    instance: Instance
    created_at_utc_s: float
    element: Element
    author: Author

    @property
    def seniority(self) -> tuple[float, Instance]:
        """Order of deployment; the highest is the newest."""
        return self.created_at_utc_s, self.instance


Parts = dict[ElementKey, Mapping[str, Any]]  # elements of the body
