"""Labels that ask for a host name and have no effect, and why.

Such a host name is in no router, so only the labels themselves tell who wants it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from constellation.cluster_view import ClusterView
from constellation.traefik.go_regexp import regexp_fault
from constellation.traefik.precedence import is_quick
from constellation.traefik.rejection import Rejection
from constellation.traefik.rule_matchers import has_placeholder, host_pattern
from constellation.value import Value

WISHES_MAX = 20
_FAR = 2  # the distance of what is not about the label's own element
_ROUTER = re.compile(r"(?i)traefik\.(?:http|tcp)\.routers\.([^.]+)\.")
_PATTERN = re.compile(r"(?i)\bhost(?:sni)?regexp\s*\(\s*`([^`]*)`")
_MATCHES_HOST = re.compile(r"(?i)\bhost\w*\s*\(")


class Wish(Value):
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
        if _MATCHES_HOST.search(label.value)
        and (asks.search(label.value) or _matches_placeholder(label.value, host))
    )
    vain = (one for one in found if not _has_effect(one, having))
    for service, node, label in islice(dict.fromkeys(vain), WISHES_MAX):
        why = reasons.of(service, node, label)
        yield Wish(service, f"the label {label} of {service} on {node} asks for {host}, {why}")


def _matches_placeholder(rule: str, host: str) -> bool:
    """Return whether a rule matches `host` as Traefik 2 read it, e.g. `{name:[a-z]+}.home`."""
    patterns = (host_pattern(text) for text in _PATTERN.findall(rule) if has_placeholder(text))
    return any(is_quick(one) and re.search(one, host) for one in patterns if not regexp_fault(one))


def _has_effect(label: tuple[str, str, str], having: Collection[tuple[str, str, str]]) -> bool:
    service, node, name = label
    router = _ROUTER.match(name)
    return router is not None and (service, node, router[1].lower()) in having


class _Reasons:
    def __init__(self, rejected: Iterable[Rejection]) -> None:
        self._of: dict[tuple[str, str], list[Rejection]] = {}
        for item in rejected:
            self._of.setdefault((item.service, item.node), []).append(item)

    def of(self, service: str, node: str, label: str) -> str:
        """Return why a label has no effect: its own rejection, one of its element, or any."""
        own = self._of.get((service, node), [])
        element = f"{label.rpartition('.')[0].lower()}."
        ranked = sorted(
            (distance, item.is_sent, item)
            for item in own
            if (distance := _distance(item.label.lower(), label.lower(), element)) < _FAR
            or not item.is_sent
        )
        if not ranked:
            return "and has no effect: see the labels of that container, e.g. traefik.enable"
        item = ranked[0][2].shown()
        what = "will not work" if item.is_sent else "is rejected"
        return f"but {what}: {item.reason}; {item.remedy}"


def _distance(rejected: str, label: str, element: str) -> int:
    if rejected == label:
        return 0
    if rejected.startswith(element):
        return 1
    return _FAR if not rejected else _FAR + 1
