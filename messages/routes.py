"""Messages of the operator about routes; the admin actor relays requests to the HTTP actor.

The fields of the reports are also what `constellation explain --json` and `rejected --json` print.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.operator import OperatorRequest

SUBJECT_CHARACTERS_MAX = 253

Protocol = Literal["http", "tcp", "udp"]
Way = Literal["", "published", "container", "ingress", "url"]


class RejectedRequest(OperatorRequest):
    """Ask what is left out of the routes.  Answered by `RejectedReport`."""

    answered_by = "http"
    needs_cluster = True


class RejectionRow(Message):
    """One label or instance that was left out.  Part of reports."""

    crosses_nodes = True

    service: str
    node: str
    label: str = Field(description="empty: no label is the cause")
    reason: str
    remedy: str


class RejectedReport(Message):
    """Answer to `RejectedRequest`, by service and node."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    rejected: tuple[RejectionRow, ...]
    total: int = Field(ge=0, description="number of rejections, including those not listed")
    degraded: tuple[str, ...] = Field(description="problems to act on, for people")


class ExplainRequest(OperatorRequest):
    """Ask how requests for a host name or a service are routed.  Answered by `ExplainReport`."""

    answered_by = "http"
    needs_cluster = True

    subject: str = Field(min_length=1, max_length=SUBJECT_CHARACTERS_MAX)


class BackendRow(Message):
    """One instance behind a route.  Part of `RouteRow`."""

    crosses_nodes = True

    service: str
    node: str
    address: str = Field(description="where Traefik sends requests; empty: it is not reached")
    way: Way = Field(description="how it is reached; empty: it is not")
    weight: int | None = Field(description="None: no weight is set")
    serving: bool = Field(description="it gets requests")
    why: str = Field(description="why it gets no requests; empty: it does")
    changed_ago_s: float = Field(
        ge=0.0, description="seconds since its record changed, as seen by this node"
    )


class RouteRow(Message):
    """One router and the instances behind it.  Part of `ExplainReport`."""

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
    backends: tuple[BackendRow, ...]


class ExplainReport(Message):
    """Answer to `ExplainRequest`: from the name to the instances, and why some get no requests."""

    crosses_nodes = True

    self_node: str = Field(description="the node whose Traefik this is about")
    subject: str
    found: bool = Field(description="a host, service or router has this name")
    polled_ago_s: float | None = Field(description="seconds since Traefik polled; None: it has not")
    body_age_s: float = Field(ge=0.0, description="seconds since the body for Traefik changed")
    routes: tuple[RouteRow, ...]
    rejected: tuple[RejectionRow, ...] = Field(description="what is left out of these services")
    notes: tuple[str, ...] = Field(description="further remarks, for people")
    degraded: tuple[str, ...] = Field(description="problems to act on, for people")
