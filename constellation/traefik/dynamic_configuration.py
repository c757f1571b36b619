"""The body that Traefik polls: canonical, stable to the byte, and always accepted by Traefik.

Traefik hashes the body and ignores an equal one, so equal states must give equal bytes: keys are
sorted, and so is every list whose order has no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from operator import is_not

from constellation.cluster_view import ClusterView, InstanceId
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.compose import compose
from constellation.traefik.composition import Composition
from constellation.traefik.elements import Contribution, ElementKey, Instance
from constellation.traefik.host_names import dns_label, dns_labels
from constellation.traefik.hosts_allowed import HostsAllowed
from constellation.traefik.instance_plan import InstancePlan, plan_instance
from constellation.traefik.naming import name_elements
from constellation.traefik.places import Places, places
from constellation.traefik.rejection import Rejection
from messages.monitor import ServiceState

REJECTED_MAX = 1000  # that are listed, of both kinds; the counts are of all


@dataclass(frozen=True, slots=True)
class DynamicConfiguration:
    """One body, what it routes to, and what does not work as its labels ask."""

    body: bytes
    router_count: int
    service_count: int
    routed: frozenset[Instance]  # every instance that gets requests
    rejected: tuple[Rejection, ...]
    rejected_count: int  # of what was left out
    warned_count: int = 0  # of what is sent and will not work

    @property
    def fault_count(self) -> int:
        """How many of both kinds there are."""
        return self.rejected_count + self.warned_count


@dataclass(frozen=True, slots=True)
class _Known:
    """One instance as of the last build."""

    state: ServiceState
    plan: InstancePlan
    contributions: Mapping[ElementKey, Contribution]
    rejected: tuple[Rejection, ...]


class ConfigurationBuilder:
    """Builds one configuration after another, composing only what changed.

    The result depends on the argument of `build` alone, not on earlier builds.
    """

    def __init__(self, *, settings: TraefikSettings, domain: str) -> None:
        self.composition = Composition(settings, domain)
        self.places: Places | None = None
        self._settings = settings
        self._hosts_allowed = HostsAllowed(settings)
        self._domain = domain
        self._services: Mapping[str, Mapping[InstanceId, ServiceState]] = {}
        self._names: list[str] = []  # of services, in the order of the view
        self._labels: dict[str, str] = {}  # the part of each service in its host name
        self._known: dict[Instance, _Known] = {}
        self._rejected_of: dict[
            Instance, tuple[Rejection, ...]
        ] = {}  # only of instances that have some
        self._elsewhere_of: dict[Instance, tuple[Rejection, ...]] = {}  # as above

    def build(self, view: ClusterView) -> DynamicConfiguration:
        """Return the configuration for the cluster in `view`."""
        now = places(view, self._settings)
        labels, names = self._labels, list(view.services)
        if names != self._names:
            labels = dns_labels(sorted(names))
        dirty = self._plan_changed(view, labels)
        if self.places is not None and now != self.places:
            dirty |= self.composition.services_at(self.places.changed(now))
        self.places, self._services = now, view.services
        self._labels, self._names = labels, names
        compose(self.composition, dirty, view.services, now)
        return self._configuration()

    def _plan_changed(self, view: ClusterView, labels: Mapping[str, str]) -> set[ElementKey]:
        """Plan the instances that changed; return the keys to compose again."""
        dirty: set[ElementKey] = set()
        for service in _differing(self._services, view.services, self._labels, labels):
            before = self._services.get(service, {})
            after = view.services.get(service, {})
            label = labels.get(service, "")
            for one in before.keys() | after.keys():
                dirty |= self._plan_one(Instance(service, *one), after.get(one), label)
        return dirty

    def _plan_one(
        self, instance: Instance, state: ServiceState | None, label: str
    ) -> set[ElementKey]:
        known = self._known.pop(instance, None)
        self._rejected_of.pop(instance, None)
        self._elsewhere_of.pop(instance, None)
        before = known.contributions if known is not None else {}
        if state is None:
            return self.composition.contribute(instance, before, {})
        if known is not None and known.state is state:
            plan = known.plan
            if label == self._labels.get(instance.service):
                self._keep(instance, known)
                return set()
        else:
            plan = plan_instance(state, self._settings)
        named = name_elements(instance, plan, state.created_at_utc_s, label, self._domain)
        kept, refused = self._hosts_allowed.restrict(instance, named.contributions)
        rejected = (*named.rejected, *refused)
        if not label:
            rejected = (*rejected, self._no_name(instance))
        self._keep(instance, _Known(state, plan, kept, rejected))
        return self.composition.contribute(instance, before, kept)

    def _keep(self, instance: Instance, known: _Known) -> None:
        self._known[instance] = known
        if known.rejected:
            self._rejected_of[instance] = known.rejected
        if known.plan.elsewhere:
            elsewhere = known.plan.elsewhere
            self._elsewhere_of[instance] = tuple(one.of(*instance.place) for one in elsewhere)

    def _no_name(self, instance: Instance) -> Rejection:
        reason = f"the name {instance.service[:64]!r} cannot be part of a host name"
        if taken := dns_label(instance.service):
            reason = f"another service has the host name {taken!r}"
        return Rejection(
            *instance.place, "", reason, "rename the service, using only a-z, 0-9 and '-'"
        )

    def _configuration(self) -> DynamicConfiguration:
        document = self.composition.document
        routers = [document.section(protocol, "routers") for protocol in ("http", "tcp", "udp")]
        services = [document.section(protocol, "services") for protocol in ("http", "tcp", "udp")]
        rejected = self._rejected()
        return DynamicConfiguration(
            body=document.body(),
            router_count=sum(map(len, routers)),
            service_count=sum(map(len, services)),
            routed=self.composition.routed,
            rejected=rejected[:REJECTED_MAX],
            rejected_count=sum(not item.is_sent for item in rejected),
            warned_count=sum(item.is_sent for item in rejected),
        )

    def _rejected(self) -> tuple[Rejection, ...]:
        found = {item for items in self._rejected_of.values() for item in items}
        for rejections in self.composition.rejections.values():
            found.update(rejections)
        if self.places is not None and len(self.places.nodes) > 1:
            found.update(item for items in self._elsewhere_of.values() for item in items)
        return tuple(sorted(found, key=lambda item: (item.is_sent, item)))


def _differing(
    before: Mapping[str, object],
    after: Mapping[str, object],
    labels_before: Mapping[str, str],
    labels: Mapping[str, str],
) -> set[str]:
    """Return the services that were added, removed or changed, or have another host name.

    Mappings of instances are compared by identity: an unchanged service keeps its mapping.
    """
    if list(before) == list(after):  # nearly always, and much faster than a lookup for each
        return set(compress(after, map(is_not, before.values(), after.values())))
    known = before.get
    found = {service for service, instances in after.items() if known(service) is not instances}
    found |= before.keys() - after.keys()
    if labels is not labels_before:
        found |= {name for name, label in labels.items() if labels_before.get(name) != label}
    return found
