"""Answers to operators' questions about routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.http.pages import HttpPages
from constellation.admin.words import counted
from constellation.traefik.ages import Ages
from constellation.traefik.explanation import explain, rejection_rows
from constellation.traefik.settling import Phase
from constellation.wellness.problem import because
from constellation.wellness.routes import rejected_texts
from messages.routes import (
    ExplainReport,
    ExplainRequest,
    NodeTrouble,
    RejectedReport,
    RejectedRequest,
    RejectionRow,
)

REJECTED_MAX = 200  # in one report; /api/rejected lists more


def answer(
    request: ExplainRequest | RejectedRequest, pages: HttpPages, ages: Ages, now_s: float
) -> ExplainReport | RejectedReport:
    """Return the answer to an operator's request."""
    if isinstance(request, RejectedRequest):
        return _rejected(pages, request.troubles)
    return _explained(request, pages, ages, now_s)


def _rejected(pages: HttpPages, troubles: Sequence[NodeTrouble]) -> RejectedReport:
    configuration = pages.provider.configuration
    rejected = configuration.rejected if configuration is not None else ()
    total = configuration.fault_count if configuration is not None else 0
    counts = [*rejected_texts(pages.wellness.routes(is_building=False))]
    mistaken = [told for told in troubles if not told.trouble.is_note]
    if mistaken:
        counts.append(f"{counted(len(mistaken), 'container')} without routes by mistake")
    return RejectedReport(
        self_node=pages.node_name,
        rejected=(*map(_of_container, troubles), *rejection_rows(rejected, REJECTED_MAX)),
        total=total + len(troubles),
        degraded=(*_unsettled(pages), *counts),
    )


def _of_container(told: NodeTrouble) -> RejectionRow:
    """Return the row of a container that has no routes: only its own node knows of it."""
    trouble = told.trouble
    reason = because(trouble.what, trouble.why, "")
    return RejectionRow(
        service=trouble.subject, node=told.node, label="", reason=reason, remedy=trouble.fix
    )


def _explained(
    request: ExplainRequest, pages: HttpPages, ages: Ages, now_s: float
) -> ExplainReport:
    provider = pages.provider
    rejected = provider.configuration.rejected if provider.configuration is not None else ()
    found = explain(
        request.subject,
        provider.composition,
        provider.view,
        rejected,
        lambda instance: ages.age_s(instance, now_s),
        request.troubles,
    )
    polled_at_s = pages.wellness.traefik.polled_at_s
    polled_ago_s = None if polled_at_s is None else max(0.0, now_s - polled_at_s)
    return ExplainReport(
        self_node=pages.node_name,
        subject=request.subject,
        found=found.found,
        polled_ago_s=polled_ago_s,
        body_age_s=max(0.0, now_s - pages.body_at_s),
        routes=found.routes,
        dns=request.dns,
        rejected=found.rejected,
        notes=found.notes,
        degraded=(
            *_unsettled(pages),
            *_traefik_lost(pages, now_s),
            *found.degraded,
            *(request.dns.problems if request.dns is not None else ()),
        ),
    )


def _traefik_lost(pages: HttpPages, now_s: float) -> Iterator[str]:
    part = pages.wellness.traefik.part(now_s)
    if part.state == "lost":
        yield because(f"{part.part} on {pages.node_name} does not work", part.why, part.fix)


def _unsettled(pages: HttpPages) -> Iterator[str]:
    if pages.provider.phase is not Phase.SETTLED:
        served = "nothing" if pages.provider.served is None else "the last good body"
        yield f"the cluster is not fully known yet: Traefik gets {served}, not these routes"
