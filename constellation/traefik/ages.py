"""How long ago the record of each instance changed, as seen by this node."""

from __future__ import annotations

from constellation.cluster_view import InstanceId
from constellation.traefik.elements import Instance
from messages.gossip import ClusterChanged


class Ages:
    """When the record of each instance changed.  `now_s` is monotonic seconds.

    A snapshot repeats known records, so it dates only those that are new or different.
    """

    def __init__(self) -> None:
        self._changed_at_s: dict[InstanceId, float] = {}
        self._records: dict[InstanceId, object] = {}

    def record(self, change: ClusterChanged, now_s: float) -> None:
        """Date the records that `change` has changed."""
        named = {InstanceId(item.node, item.state.key): item.state for item in change.services}
        for instance, state in named.items():
            if self._records.get(instance) != state:
                self._records[instance] = state
                self._changed_at_s[instance] = now_s
        gone = [
            InstanceId(name.node, name.key) for name in change.removed if name.kind == "service"
        ]
        if change.snapshot:
            gone += [instance for instance in self._records if instance not in named]
        for instance in gone:
            self._records.pop(instance, None)
            self._changed_at_s.pop(instance, None)

    def age_s(self, instance: Instance, now_s: float) -> float:
        """Return the seconds since the record of `instance` changed; 0 if there is none."""
        return now_s - self._changed_at_s.get(instance.id, now_s)
