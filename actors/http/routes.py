"""Answers to operators' questions about routes."""

from __future__ import annotations

from collections.abc import Iterator

from actors.http.pages import HttpPages
from constellation.traefik.ages import Ages
from constellation.traefik.explanation import explain, rejection_rows
from constellation.traefik.settling import Phase
from messages.routes import ExplainReport, ExplainRequest, RejectedReport, RejectedRequest

REJECTED_MAX = 200  # in one report; /api/rejected lists more


def answer(
    request: ExplainRequest | RejectedRequest, pages: HttpPages, ages: Ages, now_s: float
) -> ExplainReport | RejectedReport:
    """Return the answer to an operator's request."""
    if isinstance(request, RejectedRequest):
        return _rejected(pages)
    return _explained(request.subject, pages, ages, now_s)


def _rejected(pages: HttpPages) -> RejectedReport:
    configuration = pages.provider.configuration
    rejected = configuration.rejected if configuration is not None else ()
    left_out = configuration.rejected_count if configuration is not None else 0
    warned = configuration.warned_count if configuration is not None else 0
    degraded = [*_unsettled(pages)]
    if left_out:
        services = len({item.service for item in rejected if not item.is_sent})
        degraded.append(
            f"{left_out} labels or instances of {services} services are left out of the routes"
        )
    if warned:
        services = len({item.service for item in rejected if item.is_sent})
        degraded.append(
            f"{warned} labels of {services} services are sent, but will not work as written"
        )
    return RejectedReport(
        self_node=pages.node_name,
        rejected=rejection_rows(rejected, REJECTED_MAX),
        total=left_out + warned,
        degraded=tuple(degraded),
    )


def _explained(subject: str, pages: HttpPages, ages: Ages, now_s: float) -> ExplainReport:
    provider = pages.provider
    rejected = provider.configuration.rejected if provider.configuration is not None else ()
    found = explain(
        subject,
        provider.composition,
        provider.view,
        rejected,
        lambda instance: ages.age_s(instance, now_s),
    )
    polled_at_s = pages.wellness.traefik.polled_at_s
    polled_ago_s = None if polled_at_s is None else max(0.0, now_s - polled_at_s)
    return ExplainReport(
        self_node=pages.node_name,
        subject=subject,
        found=found.found,
        polled_ago_s=polled_ago_s,
        body_age_s=max(0.0, now_s - pages.body_at_s),
        routes=found.routes,
        rejected=found.rejected,
        notes=found.notes,
        degraded=(*_unsettled(pages), *found.degraded),
    )


def _unsettled(pages: HttpPages) -> Iterator[str]:
    if pages.provider.phase is not Phase.SETTLED:
        served = "nothing" if pages.provider.body is None else "the last good body"
        yield f"the cluster is not fully known yet: Traefik gets {served}, not these routes"
