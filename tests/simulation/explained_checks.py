"""What `explain` says of each host name, against what real requests get."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from constellation.traefik.explanation import Explanation
from tests.simulation.explained_cluster import DOMAIN, PATH, Box, Cluster
from tests.simulation.explained_lab import Answer, Routes

Ask = Callable[[str, str, str, str], Answer]  # node, host, path, entry point

SHOWN_CHARACTERS = 64  # of a long name
REQUESTS = 6  # of one kind, to meet all servers


@dataclass(frozen=True, slots=True)
class Asked:
    """One host name, the containers that ask for it, and the requests to send."""

    host: str
    boxes: tuple[Box, ...]
    requests: tuple[tuple[str, str], ...]  # path, entry point


def hosts_of(cluster: Cluster, routes: Routes) -> Iterator[Asked]:
    """Yield the host names that labels ask for, and those of services without routers."""
    living = {node.name for node in cluster.living}
    wanted = [
        box
        for box in cluster.boxes
        # What is not watched only its own agent knows.
        if box.labels["traefik.enable"] == "true"
        or (box.labels["traefik.enable"] == "ture" and box.node in living)
    ]
    for host in sorted({host for box in wanted for host in box.hosts}):
        boxes = tuple(box for box in wanted if host in box.hosts)
        requests = sorted(set(_requests(host, boxes))) or [("/", "web")]
        yield Asked(host, boxes, tuple(requests))
    for host in sorted(_default_hosts(routes)):
        yield Asked(host, (), (("/", "web"),))


def contradictions(cluster: Cluster, ask: Ask, routes: Routes) -> Iterator[str]:
    """Yield where `explain` on one node contradicts what requests to its Traefik get."""
    for asked in hosts_of(cluster, routes):
        answers = {
            ask(routes.node.name, asked.host, path, entry_point)
            for path, entry_point in asked.requests
            for _ in range(REQUESTS)
        }
        told = routes.explain(asked.host)
        wrong = [*_of_failures(asked, answers, told), *_of_strangers(asked, answers)]
        for found in (*wrong, *_of_status(cluster, routes, asked, answers)):
            got = ", ".join(sorted(f"{one.status} {one.by}".strip() for one in answers))
            said = "; ".join((*told.degraded, *told.notes))
            listed = "; ".join(f"{row.service} {row.label}: {row.reason}" for row in told.rejected)
            yield (
                f"{asked.host} on {routes.node.name}: {found}: requests {asked.requests} got "
                f"{got}; explain says [{said}], rejected [{listed}]"
            )


def _of_failures(asked: Asked, answers: set[Answer], told: Explanation) -> Iterator[str]:
    if any(answer.is_failure for answer in answers):
        if not told.degraded and not any(_is_warned(box, told) for box in asked.boxes):
            yield "a request fails and nothing is said"
        elif asked.boxes and not any(_is_named(box, told) for box in asked.boxes):
            names = [box.name for box in asked.boxes]
            yield f"none of the containers that ask for it is named: {names}"
    elif any("chooses one of them" in note for note in told.notes):
        return  # the other one may fail
    elif wrong := [line for line in told.degraded if _is_about_requests(line)]:
        yield f"all requests succeed and it says {wrong}"


def _of_status(
    cluster: Cluster, routes: Routes, asked: Asked, answers: set[Answer]
) -> Iterator[str]:
    """Yield if a host fails whose container should serve, and status says that all is well."""
    serving = {node.name for node in cluster.living if not node.cordoned}
    is_meant = any(
        box.status == "running" and box.node in serving and "constellation.http" not in box.labels
        for box in asked.boxes
    )
    if is_meant and any(answer.is_failure for answer in answers) and not routes.status():
        yield "a request fails and status says that all is well"


def _of_strangers(asked: Asked, answers: set[Answer]) -> Iterator[str]:
    labels = [label for box in asked.boxes for label in box.labels]
    if asked.boxes and not any(label.endswith(".service") for label in labels):
        own = {box.app for box in asked.boxes}
        for answer in sorted(answers, key=str):
            if answer.by and not any(answer.by in {app, f"{app}-2"} for app in own):
                yield f"{answer.by} answered, which does not ask for it"


def _is_warned(box: Box, told: Explanation) -> bool:
    """Return whether a label of a container is sent with a warning."""
    return any(
        row.is_sent and row.service == box.service and row.label in box.labels
        for row in told.rejected
    )


def _is_named(box: Box, told: Explanation) -> bool:
    """Return whether an explanation names a container, or its service."""
    rows = [backend for route in told.routes for backend in route.backends]
    named = {name for row in rows for name in (row.service, row.instance)}
    named |= {row.service for row in told.rejected}
    texts = (*told.degraded, *told.notes, *(text for one in told.routes for text in one.defined_by))
    return bool({box.name, box.service} & named) or any(
        re.search(rf"(?<![\w-]){re.escape(name[:SHOWN_CHARACTERS])}(?![\w-])", text)
        for text in texts
        for name in (box.name, box.service)
    )


def _is_about_requests(line: str) -> bool:
    """Return whether a line says that requests for the host fail."""
    return " answers " in line or "Traefik answers" in line


def _requests(host: str, boxes: tuple[Box, ...]) -> Iterator[tuple[str, str]]:
    for box in boxes:
        for label, rule in box.labels.items():
            if label.endswith(".rule") and f"`{host}`" in rule:
                options = label.removesuffix("rule")
                named = box.labels.get(f"{options}entrypoints", "web")
                path = next(iter(PATH.findall(rule)), "/")
                for entry_point in named.split(","):
                    if entry_point in {"web", "websecure"}:
                        yield path, entry_point


def _default_hosts(routes: Routes) -> set[str]:
    """Return the host names under the domain that routers of this node have."""
    names = routes.view.services
    hosts = {f"{name}.{DOMAIN}" for name in names}
    return {host.lower() for host in hosts if len(host) <= 63 and "_" not in host}
