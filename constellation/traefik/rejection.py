"""What was left out of the body, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Rejection:
    """One label or instance that was left out.  `label` is empty if no label is the cause."""

    service: str
    node: str
    label: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """A `Rejection` without its instance."""

    label: str
    reason: str
    remedy: str

    def of(self, service: str, node: str) -> Rejection:
        """Return the rejection for one instance."""
        return Rejection(service, node, self.label, self.reason, self.remedy)
