"""A cordoned node gets no requests until an operator uncordons it.

Only the node itself can publish that, in its own record, and it keeps the cordon on its disk.  For
a service it is as if its instance there were unhealthy: requests go to the other instances.
"""

from __future__ import annotations

import json

from constellation.admin.words import counted, listed, plain
from constellation.cluster_view import ClusterView
from constellation.value import Value
from messages.admin import CordonChange, CordonChanged, CordonReport
from messages.gossip import CORDON_REASON_CHARACTERS_MAX

FILE_BYTES_MAX = 4096


class CordonError(ValueError):
    """The file cannot be used; the text says why."""


class Cordon(Value):
    """Whether a node is cordoned, and why.  The file exists only while it is."""

    cordoned: bool = False
    reason: str = ""

    def encode(self) -> bytes:
        """Return the content of the file: one JSON object."""
        fields = {"cordoned": self.cordoned, "reason": self.reason}
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def decode(cls, content: bytes) -> Cordon:
        """Return what `encode` wrote; fields of later versions are ignored.

        Raises:
            CordonError: `content` is too large, or not what `encode` writes.
        """
        if len(content) > FILE_BYTES_MAX:
            raise CordonError(f"it has over {FILE_BYTES_MAX} bytes")
        try:
            fields = json.loads(content)
            cordoned, reason = fields["cordoned"], fields["reason"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CordonError("it is not what this agent writes") from error
        if type(cordoned) is not bool or not isinstance(reason, str):
            raise CordonError("it is not what this agent writes")
        return cls(cordoned, reason[:CORDON_REASON_CHARACTERS_MAX])

    def after(self, change: CordonChange) -> Cordon:
        """Return the cordon after an order.  Without a new reason the old one stays."""
        if not change.cordoned:
            return Cordon()
        return Cordon(cordoned=True, reason=change.reason or self.reason)


# What follows from it.


def healthy_on(view: ClusterView, node: str) -> tuple[str, ...]:
    """Return the services with a healthy instance on `node`, by name; none if the node is dead."""
    if not view.is_living(node):
        return ()
    return tuple(
        service
        for service in sorted(view.services)
        if any(
            one.node == node and state.health == "healthy"
            for one, state in view.services[service].items()
        )
    )


def healthy_count(view: ClusterView, node: str) -> int:
    """Return how many healthy instances are on `node`; none if the node is dead."""
    if not view.is_living(node):
        return 0
    instances = view.instances()
    return sum(where == node and state.health == "healthy" for _, where, state in instances)


def cordon_report(view: ClusterView, changed: CordonChanged) -> CordonReport:
    """Return the operator's report; `view` may not include the change yet."""
    services = healthy_on(view, changed.node)
    return CordonReport(
        node=changed.node,
        cordoned=changed.cordoned,
        reason=changed.reason,
        was_already=changed.was_already,
        services=services,
        instances_total=healthy_count(view, changed.node),
        sole_services=tuple(one for one in services if not _others(view, one, changed.node)),
    )


def _others(view: ClusterView, service: str, node: str) -> bool:
    return any(other != node for other, _ in view.routable(service))


def cordon_lines(report: CordonReport) -> tuple[str, ...]:
    """Return the report for a person: the state of the node, what follows, and until when."""
    if not report.cordoned:
        word = "was not cordoned" if report.was_already else "is uncordoned"
        return (f"{report.node} {word}: {_taken(report)}",)
    word = "was cordoned already" if report.was_already else "is cordoned"
    why = f" ({report.reason})" if report.reason else ""
    return (
        f"{report.node} {word}{why}: {_refused(report)}",
        f"it stays cordoned, also after a restart, until `constellation uncordon {report.node}`",
    )


def _refused(report: CordonReport) -> str:
    if not report.services:
        return "no service there was healthy, so no request changes its way"
    after = f"; {_sole(report)} (503 now)" if report.sole_services else ""
    return f"{_instances(report)} no requests{after}"


def _taken(report: CordonReport) -> str:
    if not report.services:
        return "no service there is healthy, so no request goes there yet"
    after = f"; {_sole(report)}" if report.sole_services else ""
    return f"{_instances(report)} requests{after}"


def _instances(report: CordonReport) -> str:
    count = report.instances_total
    return f"{counted(count, 'service instance')} {'takes' if count == 1 else 'take'}"


def _sole(report: CordonReport) -> str:
    count = len(report.sole_services)
    verb = "has" if count == 1 else "have"
    names = listed(map(plain, report.sole_services))
    return f"{count} of them {verb} no other healthy instance: {names}"
