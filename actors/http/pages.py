"""The pages of the HTTP listener, answered from memory.

`/health` answers 200 while Traefik gets a body, the current or the last good one, and otherwise
503.  Its `status` is "ok" if there is no problem, else "degraded"; the problems are those of
`constellation status`, as of some seconds ago, after those of this process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import asdict

from actors.adapters.http_server import HttpAnswer, HttpRequest
from actors.http.metrics import HttpMetrics
from actors.http.wellness import HttpWellness
from constellation.metrics.exposition import ReportBook, render
from constellation.traefik.provider import TraefikProvider
from constellation.traefik.settling import Phase
from constellation.traefik.views import VIEWS, Views
from messages.metrics import MetricsReport

JSON = "application/json"
METRICS = "/metrics"
PATHS = {
    "/api/dynamic": "dynamic configuration, for Traefik's HTTP provider",
    **{path: f"its {section} of {protocol.upper()}" for path, (protocol, section) in VIEWS.items()},
    "/api/rejected": "labels and services that were left out or will not work, and why",
    "/health": "the state of this node",
    METRICS: "metrics of all actors, for Prometheus",
}
INDEX = "".join(f"{path}\t{what}\n" for path, what in PATHS.items()).encode()
UNKNOWN = b"the cluster is not known yet: keep your routes\n"
NOT_FOUND = f"path not found; there are {', '.join(PATHS)}\n".encode()


class HttpPages:
    """Answers every request.  `own_report` reads the metrics of this process."""

    def __init__(
        self,
        node_name: str,
        provider: TraefikProvider,
        reports: ReportBook,
        metrics: HttpMetrics,
        wellness: HttpWellness,
        *,
        own_report: Callable[[], MetricsReport],
    ) -> None:
        self.provider = provider
        self.reports = reports
        self.metrics = metrics
        self.wellness = wellness
        self.node_name = node_name
        self._own_report = own_report
        self.body_at_s = 0.0
        self._etag = ""
        self._views = Views()
        self._answers: dict[str, Callable[[HttpRequest], HttpAnswer]] = {
            "/": lambda _: HttpAnswer(200, INDEX),
            "/api/dynamic": self._dynamic,
            **dict.fromkeys(VIEWS, self._view),
            "/api/rejected": self._rejected,
            "/health": self._health,
            METRICS: self._metrics,
        }
        self.body_changed(time.monotonic())

    def body_changed(self, now_s: float) -> None:
        """The provider has a new body."""
        self.body_at_s = now_s
        served = self.provider.served
        self._etag = f'"{served.tag}"' if served is not None else ""
        self.metrics.body_bytes.set(served.size_bytes if served is not None else 0)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        answer = self._route(request)
        path = request.path if request.path in self._answers else "other"
        self.metrics.requests.labels(path, str(answer.status)).inc()
        return answer

    def _route(self, request: HttpRequest) -> HttpAnswer:
        make = self._answers.get(request.path)
        if make is None:
            return HttpAnswer(404, NOT_FOUND)
        if request.method not in {"GET", "HEAD"}:
            return HttpAnswer(
                405, b"only GET and HEAD are allowed\n", headers={"Allow": "GET, HEAD"}
            )
        return make(request)

    def _dynamic(self, request: HttpRequest) -> HttpAnswer:
        body = self.provider.body
        now_s = time.monotonic()
        self.wellness.polled(request.user_agent, now_s, was_served=body is not None)
        if body is None:
            return HttpAnswer(503, UNKNOWN, headers={"Retry-After": "1"})
        return HttpAnswer(200, body, JSON, {"ETag": self._etag, "Cache-Control": "no-store"})

    def _view(self, request: HttpRequest) -> HttpAnswer:
        body = self.provider.body
        if body is None:
            return HttpAnswer(503, UNKNOWN, headers={"Retry-After": "1"})
        rows = self._views.rows(body, request.path)
        lines = b",\n".join(json.dumps(row).encode() for row in rows)
        return HttpAnswer(200, b"[\n%b\n]\n" % lines, JSON)

    def _rejected(self, request: HttpRequest) -> HttpAnswer:
        configuration = self.provider.configuration
        rejected = configuration.rejected if configuration is not None else ()
        # A list: Traefik would read any object as an empty configuration.
        return HttpAnswer(200, _json([asdict(rejection.shown()) for rejection in rejected]), JSON)

    def _health(self, request: HttpRequest) -> HttpAnswer:
        view, problems = self.provider.view, self.wellness.problems()
        fields = {
            "status": "degraded" if problems else "ok",
            "problems": problems,
            "node": self.node_name,
            "cluster_version": view.version,
            "members": len(view.members),
            "members_alive": sum(member.state == "alive" for member in view.members.values()),
            "routes": self.provider.phase.name.lower(),
            "routers": self._router_count(),
            "body_age_s": round(time.monotonic() - self.body_at_s, 3),
        }
        return HttpAnswer(200 if self.provider.served is not None else 503, _json(fields), JSON)

    def _metrics(self, request: HttpRequest) -> HttpAnswer:
        self.metrics.body_age_s.set(time.monotonic() - self.body_at_s)
        self.metrics.settled.set(self.provider.phase is Phase.SETTLED)
        reports = self.reports.reports()
        self.metrics.scraped(self.reports)
        page, content_type = render([self._own_report(), *reports], request.accept)
        return HttpAnswer(200, page, content_type)

    def _router_count(self) -> int:
        configuration = self.provider.configuration
        return configuration.router_count if configuration is not None else 0


def _json(content: Mapping[str, object] | Sequence[object]) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"
