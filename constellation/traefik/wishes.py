"""Labels that ask for a host name and have no effect, and why.

Such a host name is in no router, so only the labels themselves tell who wants it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from constellation.cluster_view import ClusterView
from constellation.traefik.rejection import Rejection

WISHES_MAX = 20
_ROUTER = re.compile(r"(?i)traefik\.(?:http|tcp)\.routers\.([^.]+)\.")
_MATCHES_HOST = re.compile(r"(?i)\bhost\w*\s*\(")


@dataclass(frozen=True, slots=True)
class Wish:
    """One label that asks for the host name in vain; `text` says why, for people."""

    service: str
    text: str


def wishes_for(
    host: str,
    view: ClusterView,
    having: Collection[tuple[str, str, str]],
    rejected: Iterable[Rejection],
) -> Iterator[Wish]:
    """Yield the labels that ask for `host` in vain.

    `having` are the service, node and router of each label that has an effect for the host.
    """
    if "." not in host:
        return
    reasons = _Reasons(rejected)
    asks = re.compile(rf"(?i)(?<![\w.*-]){re.escape(host)}(?![\w-]|\.\w)")
    found = (
        (service, node, label.name)
        for service, node, state in view.instances()
        for label in state.labels
        if _MATCHES_HOST.search(label.value) and asks.search(label.value)
    )
    vain = (one for one in found if not _has_effect(one, having))
    for service, node, label in islice(dict.fromkeys(vain), WISHES_MAX):
        why = reasons.of(service, node, label)
        yield Wish(service, f"the label {label} of {service} on {node} asks for {host}, {why}")


def _has_effect(label: tuple[str, str, str], having: Collection[tuple[str, str, str]]) -> bool:
    service, node, name = label
    router = _ROUTER.match(name)
    return router is not None and (service, node, router[1].lower()) in having


class _Reasons:
    def __init__(self, rejected: Iterable[Rejection]) -> None:
        self._of: dict[tuple[str, str], list[Rejection]] = {}
        for item in rejected:
            if not item.is_sent:
                self._of.setdefault((item.service, item.node), []).append(item)

    def of(self, service: str, node: str, label: str) -> str:
        """Return why a label has no effect: its own rejection, one of its element, or any."""
        own = self._of.get((service, node), [])
        element = label.rpartition(".")[0].lower()
        ranked = sorted(own, key=lambda item: _distance(item.label.lower(), label.lower(), element))
        if not ranked:
            return "and has no effect: see the labels of that container, e.g. traefik.enable"
        item = ranked[0].shown()
        return f"but is rejected: {item.reason}; {item.remedy}"


def _distance(rejected: str, label: str, element: str) -> int:
    if rejected == label:
        return 0
    if element and rejected.startswith(element):
        return 1
    return 2 if not rejected else 3
