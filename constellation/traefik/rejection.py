"""What does not work as its labels ask, and what to do about it.

A rejection is left out of the body, because Traefik would refuse the body or that element.  A
warning is sent, because Traefik takes it, although it will not work as written.
"""

from __future__ import annotations

from msgspec.structs import replace

from constellation.traefik.secrecy import text_without_secrets
from constellation.value import Value


class Rejection(Value, order=True):
    """One label or instance that does not work.  `label` is empty if no label is the cause.

    `is_sent`: it is in the body nevertheless (a warning); otherwise it was left out.
    """

    service: str
    node: str
    label: str
    reason: str
    remedy: str
    is_sent: bool = False

    def shown(self) -> Rejection:
        """Return it as people and logs may see it: a reason may quote what a label says."""
        return replace(self, reason=text_without_secrets(self.reason))


class Complaint(Value):
    """A `Rejection` without its instance."""

    label: str
    reason: str
    remedy: str
    is_sent: bool = False

    def of(self, service: str, node: str) -> Rejection:
        """Return the rejection for one instance."""
        return Rejection(service, node, self.label, self.reason, self.remedy, self.is_sent)
