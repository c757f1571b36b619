"""The plans of all instances: those whose labels have the same content share one.

To read labels is the longest part of a build.  Instances of one service on several nodes have the
same labels, most services have none, and a change of health changes no label.
"""

from __future__ import annotations

from collections.abc import Hashable
from weakref import WeakValueDictionary

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.instance_plan import InstancePlan, Planned, plan_instance, planned
from constellation.traefik.rejection import Complaint
from messages.monitor import ServiceState


class Plans:
    """Finds plans; one that no instance has any more is forgotten."""

    def __init__(self, settings: TraefikSettings) -> None:
        self._settings = settings
        self._known: WeakValueDictionary[Hashable, InstancePlan] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return how many different plans there are."""
        return len(self._known)

    def of(self, state: ServiceState) -> InstancePlan:
        """Return the plan of an instance: the same object for the same content."""
        what = planned(state)
        content = what.content
        plan = self._known.get(content)
        if plan is None:
            plan = self._known[content] = _plan(what, self._settings)
        return plan


def _plan(of: Planned, settings: TraefikSettings) -> InstancePlan:
    """Return the plan of an instance, whatever its labels are.

    A label that our code cannot read would end the routes of every service, on every node.
    """
    try:
        return plan_instance(of, settings)
    except Exception as error:  # a fault of ours: told, and limited to the instances with it
        # Only the kind: the text of the error may quote a secret of a label.
        kind = type(error).__name__
        reason = f"its labels cannot be read, which is a fault of the agent ({kind})"
        return InstancePlan(complaints=(Complaint("", reason, "report it with these labels"),))
