"""The body that Traefik polls: canonical, stable to the byte, and always accepted by Traefik.

Traefik hashes the body and ignores an equal one, so equal states must give equal bytes: keys are
sorted, and so is every list whose order has no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import compress
from operator import is_not

from constellation.cluster_view import ClusterView, InstanceId
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.compose import compose
from constellation.traefik.composition import Composition
from constellation.traefik.elements import Contribution, ElementKey, Instance, Owner
from constellation.traefik.host_names import dns_labels
from constellation.traefik.hosts_allowed import HostsAllowed
from constellation.traefik.instance_plan import InstancePlan, plan_instance
from constellation.traefik.naming import name_complaints, name_elements
from constellation.traefik.owners import ONE_PROGRAM, Programs, author_of, programs
from constellation.traefik.places import Places, places
from constellation.traefik.rejection import Complaint, Rejection
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
    programs: Programs  # of its service
    label: str  # in its host name
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
        self._programs: dict[str, Programs] = {}  # only of services that have several
        self._labels: dict[Owner, str] = {}  # the part of each owner in its host name
        self._known: dict[Instance, _Known] = {}
        self._rejected_of: dict[
            Instance, tuple[Rejection, ...]
        ] = {}  # only of instances that have some
        self._elsewhere_of: dict[Instance, tuple[Rejection, ...]] = {}  # as above

    def build(self, view: ClusterView) -> DynamicConfiguration:
        """Return the configuration for the cluster in `view`."""
        now = places(view, self._settings)
        dirty = self._plan_changed(view)
        if self.places is not None and now != self.places:
            dirty |= self.composition.services_at(self.places.changed(now))
        self.places, self._services = now, view.services
        compose(self.composition, dirty, view.services, now)
        return self._configuration()

    def _plan_changed(self, view: ClusterView) -> set[ElementKey]:
        """Plan the instances that changed; return the keys to compose again."""
        changed = _differing(self._services, view.services)
        changed |= self._name_services(view, changed)
        dirty: set[ElementKey] = set()
        for service in changed:
            before = self._services.get(service, {})
            after = view.services.get(service, {})
            for one in before.keys() | after.keys():
                dirty |= self._plan_one(Instance(service, *one), after.get(one))
        return dirty

    def _name_services(self, view: ClusterView, changed: AbstractSet[str]) -> set[str]:
        """Tell apart what has one name; return the services that have another host name now."""
        known, names = dict(self._programs), list(view.services)
        for service in changed:
            known.pop(service, None)
            found = programs(view.services.get(service, {}))
            if found != ONE_PROGRAM:
                known[service] = found
        if (known, names) == (self._programs, self._names):
            return set()
        before, self._programs, self._names = self._labels, known, names
        others = [
            Owner(service, program)
            for service, several in known.items()
            for program in {*several.others.values()}
        ]
        self._labels = dns_labels([*map(Owner, names), *others])
        return {
            owner.service for owner, label in self._labels.items() if before.get(owner) != label
        }

    def _plan_one(self, instance: Instance, state: ServiceState | None) -> set[ElementKey]:
        known = self._known.pop(instance, None)
        self._rejected_of.pop(instance, None)
        self._elsewhere_of.pop(instance, None)
        before = known.contributions if known is not None else {}
        if state is None:
            return self.composition.contribute(instance, before, {})
        several = self._programs.get(instance.service, ONE_PROGRAM)
        author = author_of(instance, state, several)
        label = self._labels[author.owner]
        if known is not None and known.state is state:
            plan = known.plan
            if (known.label, known.programs) == (label, several):
                self._keep(instance, known)
                return set()
        else:
            plan = _plan(state, self._settings)
        named = name_elements(instance, author, plan, state.created_at_utc_s, label, self._domain)
        kept, refused = self._hosts_allowed.restrict(instance, named.contributions)
        of_name = name_complaints(author, label, several, self._domain)
        told = (complaint.of(*instance.place) for complaint in of_name)
        rejected = (*named.rejected, *refused, *told)
        self._keep(instance, _Known(state, several, label, plan, kept, rejected))
        return self.composition.contribute(instance, before, kept)

    def _keep(self, instance: Instance, known: _Known) -> None:
        self._known[instance] = known
        if known.rejected:
            self._rejected_of[instance] = known.rejected
        if known.plan.elsewhere:
            elsewhere = known.plan.elsewhere
            self._elsewhere_of[instance] = tuple(one.of(*instance.place) for one in elsewhere)

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


def _plan(state: ServiceState, settings: TraefikSettings) -> InstancePlan:
    """Return the plan of an instance, whatever its labels are.

    A label that our code cannot read would end the routes of every service, on every node.
    """
    try:
        return plan_instance(state, settings)
    except Exception as error:  # a fault of ours: told, and limited to this instance
        # Only the kind: the text of the error may quote a secret of a label.
        kind = type(error).__name__
        reason = f"its labels cannot be read, which is a fault of the agent ({kind})"
        return InstancePlan(complaints=(Complaint("", reason, "report it with these labels"),))


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """Return the services that were added, removed or changed.

    Mappings of instances are compared by identity: an unchanged service keeps its mapping.
    """
    if list(before) == list(after):  # nearly always, and much faster than a lookup for each
        return set(compress(after, map(is_not, before.values(), after.values())))
    known = before.get
    found = {service for service, instances in after.items() if known(service) is not instances}
    return found | (before.keys() - after.keys())
