"""Reports of routes for tests."""

from __future__ import annotations

from typing import Any

from messages.routes import BackendRow, ExplainReport, RejectedReport, RejectionRow, RouteRow

LEFT_OUT = RejectionRow(
    service="web",
    node="beta",
    label="traefik.http.routers.x.rule",
    reason="Traefik cannot parse this rule: 'Host(' ends too soon",
    remedy="write it as in Traefik's documentation",
)
BACKENDS = (
    BackendRow(
        service="web",
        node="alpha",
        address="http://100.64.0.1:8080",
        way="published",
        weight=2,
        serving=True,
        why="",
        changed_ago_s=75.0,
    ),
    BackendRow(
        service="web",
        node="beta",
        address="http://100.64.0.2:8082",
        way="ingress",
        weight=None,
        serving=False,
        why="it is unhealthy: health check failing",
        changed_ago_s=3.0,
    ),
)
ROUTE = RouteRow(
    protocol="http",
    router="web",
    rule="Host(`web.example.org`)",
    priority=None,
    entry_points=("web", "websecure"),
    middlewares=("auth", "constellation.retry"),
    tls=True,
    service="web.example.org",
    defined_by=("web on alpha", "web on beta"),
    backends=BACKENDS,
)


def explained(**changes: Any) -> ExplainReport:
    fields: dict[str, Any] = {
        "self_node": "alpha",
        "subject": "web.example.org",
        "found": True,
        "polled_ago_s": 1.2,
        "body_age_s": 3.4,
        "routes": (ROUTE,),
        "rejected": (),
        "notes": (),
        "degraded": (),
    }
    return ExplainReport(**{**fields, **changes})


def rejected(*rows: RejectionRow, total: int | None = None) -> RejectedReport:
    count = len(rows) if total is None else total
    degraded = (f"{count} left out of the routes, of 1 services",) if count else ()
    return RejectedReport(self_node="alpha", rejected=rows, total=count, degraded=degraded)
