"""A cordoned node: it asks not to be given requests, until its operator takes that back.

Only the node itself says so of itself, in its own record, and keeps it on its disk.  What follows
for a service is what follows when its instance there is not healthy: requests go to the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from constellation.admin.words import counted, plain
from constellation.cluster_view import ClusterView
from messages.admin import CordonChange, CordonChanged, CordonReport
from messages.gossip import CORDON_REASON_CHARACTERS_MAX

FILE_BYTES_MAX = 4096
NAMES_SHOWN_MAX = 12


class CordonError(ValueError):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Cordon:
    """Whether a node is cordoned, and why.  Without it there is no file."""

    cordoned: bool = False
    reason: str = ""

    def encode(self) -> bytes:
        """Return the content of the file: one JSON object, which people may read."""
        fields = {"cordoned": self.cordoned, "reason": self.reason}
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def decode(cls, content: bytes) -> Cordon:
        """Return what `encode` wrote, without what only later versions know.

        Raises:
            CordonError: `content` is too large, damaged, or something else altogether.
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
        """Return what the operator wants.  A reason stays until another one is given."""
        if not change.cordoned:
            return Cordon()
        return Cordon(cordoned=True, reason=change.reason or self.reason)


# What follows from it.


def healthy_on(view: ClusterView, node: str) -> tuple[str, ...]:
    """Return the services with a healthy instance on `node`, by name; none if that is dead."""
    if not view.is_living(node):
        return ()
    return tuple(
        service
        for service in sorted(view.services)
        if (state := view.services[service].get(node)) is not None and state.health == "healthy"
    )


def cordon_report(view: ClusterView, changed: CordonChanged) -> CordonReport:
    """Return what the operator is told; `view` may not have heard of the change yet."""
    services = healthy_on(view, changed.node)
    return CordonReport(
        node=changed.node,
        cordoned=changed.cordoned,
        reason=changed.reason,
        was_already=changed.was_already,
        services=services,
        sole_services=tuple(one for one in services if not _others(view, one, changed.node)),
    )


def _others(view: ClusterView, service: str, node: str) -> bool:
    return any(other != node for other, _ in view.routable(service))


def cordon_lines(report: CordonReport) -> tuple[str, ...]:
    """Return what a person is told: what holds, what follows, and until when."""
    if not report.cordoned:
        word = "was not cordoned" if report.was_already else "is uncordoned"
        return (f"{report.node} {word}: {_taken(report)}",)
    word = "was cordoned already" if report.was_already else "is cordoned"
    why = f" ({report.reason})" if report.reason else ""
    return (
        f"{report.node} {word}{why}: {_refused(report)}",
        f"it stays so, whenever its agent starts, until `constellation uncordon {report.node}`",
    )


def _refused(report: CordonReport) -> str:
    if not report.services:
        return "no service there was healthy, so no request goes another way"
    after = f"; {_sole(report)} (503 now)" if report.sole_services else ""
    return f"{_instances(report)} no requests{after}"


def _taken(report: CordonReport) -> str:
    if not report.services:
        return "no service there is healthy, so no request goes there yet"
    after = f"; {_sole(report)}" if report.sole_services else ""
    return f"{_instances(report)} requests{after}"


def _instances(report: CordonReport) -> str:
    count = len(report.services)
    return f"{counted(count, 'service instance')} {'takes' if count == 1 else 'take'}"


def _sole(report: CordonReport) -> str:
    count = len(report.sole_services)
    shown = ", ".join(plain(name) for name in report.sole_services[:NAMES_SHOWN_MAX])
    more = f" and {count - NAMES_SHOWN_MAX} more" if count > NAMES_SHOWN_MAX else ""
    verb = "has" if count == 1 else "have"
    return f"{count} of them {verb} no other healthy instance: {shown}{more}"
