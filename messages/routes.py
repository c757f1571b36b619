"""Messages of the operator about routes; the admin actor relays requests to the HTTP actor.

The fields of the reports are also what `constellation explain --json` and `rejected --json` print.
"""

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.operator import OperatorRequest
from messages.wellness import Trouble

SUBJECT_CHARACTERS_MAX = 253
UNSERVED_MAX = 200
TROUBLES_TOLD_MAX = 20
CONTENTS_MAX = 64
CONTAINERS_TOLD_MAX = 100

Protocol = Literal["http", "tcp", "udp"]
Way = Literal["", "published", "container", "ingress", "url"]


class NodeTrouble(Message):
    """A trouble of a named node.  Part of requests."""

    crosses_nodes = True

    node: str
    trouble: Trouble


class RejectedRequest(OperatorRequest):
    """Ask for what is left out of the routes.  Answered by `RejectedReport`."""

    answered_by = "http"
    needs_cluster = True

    troubles: tuple[NodeTrouble, ...] = Field(
        default=(),
        max_length=CONTAINERS_TOLD_MAX,
        description="containers without routes that nodes report; filled in by the admin actor",
    )


class RejectionRow(Message):
    """One label or instance that does not work as asked.  Part of reports."""

    crosses_nodes = True

    service: str
    node: str
    label: str = Field(description="the cause; empty: not a label")
    reason: str
    remedy: str
    is_sent: bool = Field(
        default=False, description="sent, but will not work as written; otherwise left out"
    )


class RejectedReport(Message):
    """Answer to `RejectedRequest`, by service and node."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    rejected: tuple[RejectionRow, ...]
    total: int = Field(ge=0, description="including those that are not listed")
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")


class DnsLead(Message):
    """Where DNS leads who asks for a host name.  Part of `ExplainRequest` and `ExplainReport`."""

    crosses_nodes = True

    record: str = Field(default="", description="that answers, such as '*.home.example'; or empty")
    zone: str = ""
    contents: tuple[str, ...] = Field(
        default=(),
        max_length=CONTENTS_MAX,
        description="wanted there, such as 'A 203.0.113.1'; none: it stays as it is",
    )
    nodes: tuple[str, ...] = Field(default=(), description="where requests arrive")
    why: str = Field(default="", description="what the contents follow from")
    problems: tuple[str, ...] = Field(
        default=(),
        max_length=TROUBLES_TOLD_MAX,
        description="why it does not lead there, for people",
    )


class ExplainRequest(OperatorRequest):
    """Ask how requests for a host name or a service are routed.  Answered by `ExplainReport`."""

    answered_by = "http"
    needs_cluster = True

    subject: str = Field(min_length=1, max_length=SUBJECT_CHARACTERS_MAX)
    troubles: tuple[NodeTrouble, ...] = Field(
        default=(),
        max_length=TROUBLES_TOLD_MAX,
        description="what nodes report about the subject; filled in by the admin actor",
    )
    dns: DnsLead | None = Field(
        default=None, description="None: not of DNS; filled in by the admin actor"
    )


class BackendRow(Message):
    """One instance behind a route.  Part of `RouteRow`."""

    crosses_nodes = True

    service: str
    node: str
    instance: str = Field(default="", description="its name, unique on its node")
    address: str = Field(description="where Traefik sends requests; empty: nowhere")
    way: Way = Field(description="how Traefik reaches it; empty: it does not")
    weight: int | None = Field(description="None: the same as the others")
    serving: bool = Field(description="it gets requests")
    why: str = Field(description="why it gets none; empty: it gets some")
    changed_ago_s: float = Field(ge=0.0, description="since this node received its present record")


class RouteRow(Message):
    """One router and its instances.  Part of `ExplainReport`."""

    crosses_nodes = True

    protocol: Protocol
    router: str
    rule: str
    priority: int | None = Field(description="None: the length of the rule")
    entry_points: tuple[str, ...]
    middlewares: tuple[str, ...]
    tls: bool
    service: str
    defined_by: tuple[str, ...] = Field(description="the instances whose labels define it")
    before: str = Field(
        default="",
        description="the router that gets its requests for the host name; empty: it gets some",
    )
    backends: tuple[BackendRow, ...]


class ExplainReport(Message):
    """Answer to `ExplainRequest`: the chain from the name to the instances."""

    crosses_nodes = True

    self_node: str = Field(description="the node whose Traefik this is about")
    subject: str
    found: bool = Field(description="a route or a service has this name")
    polled_ago_s: float | None = Field(description="since Traefik polled; None: never")
    body_age_s: float = Field(ge=0.0, description="since the configuration for Traefik changed")
    routes: tuple[RouteRow, ...]
    dns: DnsLead | None = Field(
        default=None, description="None: no record of the cluster is for that name"
    )
    rejected: tuple[RejectionRow, ...] = Field(description="what is left out of its services")
    notes: tuple[str, ...] = Field(description="what is worth knowing, for people")
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")


class RoutesHealthRequest(Message):
    """Ask the HTTP actor of this node how it routes.  Answered by `RoutesHealth`."""


class UnservedRow(Message):
    """One healthy instance that gets no requests.  Part of `RoutesHealth`."""

    crosses_nodes = True

    service: str
    node: str
    name: str = Field(description="of the instance, unique on its node")
    why: str


class RoutesHealth(Message):
    """Answer to `RoutesHealthRequest`: whether requests get to what is healthy.

    Part of `NodeStatus`.
    """

    crosses_nodes = True

    has_traefik: bool = Field(description="a Traefik has polled this node, or is configured")
    has_body: bool = Field(description="Traefik gets a configuration, the current or an older one")
    is_settled: bool = Field(description="it gets the current one")
    unserved: tuple[UnservedRow, ...] = Field(
        max_length=UNSERVED_MAX,
        description="healthy instances, on nodes that may serve, that get no requests from here",
    )
    unserved_total: int = Field(ge=0, description="including those that are not listed")
    rejected_count: int = Field(ge=0, description="labels and instances that are left out")
    rejected_services_count: int = Field(ge=0, description="the services they belong to")
    warned_count: int = Field(ge=0, description="labels that are sent, but will not work")
    warned_services_count: int = Field(ge=0, description="the services they belong to")
    no_candidate: str = Field(
        default="",
        max_length=512,
        description="why this node does not want the lease lb-leader; empty: it does",
    )
