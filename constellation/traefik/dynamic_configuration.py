"""The body that Traefik polls: canonical, stable to the byte, and always accepted by Traefik.

Traefik hashes the body and ignores an equal one, so equal states must give equal bytes: keys are
sorted, and so is every list whose order has no meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from constellation.cluster_view import ClusterView, InstanceId
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.compose import compose
from constellation.traefik.composition import Composition
from constellation.traefik.document import Body
from constellation.traefik.elements import Contribution, ElementKey, Instance, Owner, Protocol
from constellation.traefik.host_names import dns_labels
from constellation.traefik.hosts_allowed import HostsAllowed
from constellation.traefik.instance_plan import InstancePlan
from constellation.traefik.naming import name_complaints, name_elements
from constellation.traefik.owners import ONE_PROGRAM, Programs, author_of, programs
from constellation.traefik.places import Places, places
from constellation.traefik.plans import Plans
from constellation.traefik.rejection import Rejection
from constellation.traefik.routed import Routed
from constellation.traefik.work import Work
from constellation.value import Value
from messages.monitor import ServiceState

REJECTED_MAX = 1000  # that are listed, of both kinds; the counts are of all


class DynamicConfiguration(Value):
    """One body, what it routes to, and what does not work as its labels ask."""

    content: Body
    router_count: int
    service_count: int
    routed: Routed  # every instance that gets requests
    rejected: tuple[Rejection, ...]
    rejected_count: int  # of what was left out
    warned_count: int = 0  # of what is sent and will not work

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return bytes(self.content)

    @property
    def fault_count(self) -> int:
        """How many of both kinds there are."""
        return self.rejected_count + self.warned_count


class _Known(Value):
    """One instance as of the last build."""

    state: ServiceState
    programs: Programs  # of its service
    label: str  # in its host name
    plan: InstancePlan
    contributed: tuple[ElementKey, ...]
    rejected: tuple[Rejection, ...]

    def contributes_the_same(
        self, state: ServiceState, programs: Programs, label: str, plan: InstancePlan
    ) -> bool:
        """Return whether its contributions would be as they are, and it has the same twins."""
        before = self.state
        return (
            plan is self.plan
            and label == self.label
            and programs == self.programs
            and (state.created_at_utc_s, state.image, state.source)
            == (before.created_at_utc_s, before.image, before.source)
        )


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
        self._plans = Plans(settings)
        self._view = ClusterView()
        self._programs: dict[str, Programs] = {}  # only of services that have several
        self._labels: dict[Owner, str] = {}  # the part of each owner in its host name
        self._known: dict[Instance, _Known] = {}
        self._rejected_of: dict[
            Instance, tuple[Rejection, ...]
        ] = {}  # only of instances that have some
        self._elsewhere_of: dict[Instance, tuple[Rejection, ...]] = {}  # as above

    def build(self, view: ClusterView) -> DynamicConfiguration:
        """Return the configuration for the cluster in `view`."""
        before, now = self.places, self._places(view)
        dirty = self._plan_changed(view)
        if before is not None and now != before:
            dirty += self.composition.contributions.services_at(before.changed(now))
        self.places, self._view = now, view
        is_moved = now is not before
        compose(self.composition, Work(dirty, view.services, now, places_changed=is_moved))
        return self._configuration()

    def moves_services(self, view: ClusterView) -> bool:
        """Return whether `view` changes how the services of a node are reached, or whether."""
        return self._places(view) != self.places

    def _places(self, view: ClusterView) -> Places:
        """Return the places of all nodes: the same object if nothing about the nodes changed."""
        last = self._view
        is_same = (
            view.members is last.members and view.nodes is last.nodes and view.warps is last.warps
        )
        if self.places is not None and is_same and view.self_node == last.self_node:
            return self.places
        return places(view, self._settings)

    def _plan_changed(self, view: ClusterView) -> list[ElementKey]:
        """Plan the instances that changed; return the keys to compose again, some repeatedly."""
        last, now = self._view.services, view.services
        changed = _changed(self._view, view)
        changed += self._name_services(view, changed).difference(changed)
        dirty: list[ElementKey] = []
        for service in changed:
            before, after = last.get(service, _NO_INSTANCES), now.get(service, _NO_INSTANCES)
            for one in {**before, **after}:
                dirty += self._plan_one(Instance(service, *one), after.get(one))
        return dirty

    def _name_services(self, view: ClusterView, changed: Iterable[str]) -> set[str]:
        """Tell apart what has one name; return the services that have another host name now."""
        last, now = self._view.services, view.services
        found = {service: programs(now.get(service, _NO_INSTANCES)) for service in changed}
        if all(
            (service in last) == (service in now)
            and several == self._programs.get(service, ONE_PROGRAM)
            for service, several in found.items()
        ):
            return set()
        self._programs = {
            service: several
            for service, several in {**self._programs, **found}.items()
            if several != ONE_PROGRAM
        }
        before = self._labels
        others = [
            Owner(service, program)
            for service, several in self._programs.items()
            for program in {*several.others.values()}
        ]
        self._labels = dns_labels([*map(Owner, now), *others])
        return {
            owner.service for owner, label in self._labels.items() if before.get(owner) != label
        }

    def _plan_one(self, instance: Instance, state: ServiceState | None) -> list[ElementKey]:
        known = self._known.pop(instance, None)
        self._rejected_of.pop(instance, None)
        self._elsewhere_of.pop(instance, None)
        contributed = known.contributed if known is not None else ()
        if state is None:
            return self._contribute(instance, contributed, {})
        several = self._programs.get(instance.service, ONE_PROGRAM)
        author = author_of(instance, state, several)
        label = self._labels[author.owner]
        plan = self._plans.of(state)
        if known is not None and known.contributes_the_same(state, several, label, plan):
            self._keep(instance, replace(known, state=state))
            if state is known.state:
                return []
            return [key for key in contributed if key.section == "services"]
        named = name_elements(instance, author, plan, state.created_at_utc_s, label, self._domain)
        kept, refused = self._hosts_allowed.restrict(instance, named.contributions)
        of_name = name_complaints(author, label, several, self._domain)
        told = (complaint.of(*instance.place) for complaint in of_name)
        rejected = (*named.rejected, *refused, *told)
        self._keep(instance, _Known(state, several, label, plan, tuple(kept), rejected))
        return self._contribute(instance, contributed, kept)

    def _contribute(
        self,
        instance: Instance,
        before: tuple[ElementKey, ...],
        after: Mapping[ElementKey, Contribution],
    ) -> list[ElementKey]:
        dirty = self.composition.contributions.replace(instance, before, after)
        self.composition.forget_groups(dirty)
        return dirty

    def _keep(self, instance: Instance, known: _Known) -> None:
        self._known[instance] = known
        if known.rejected:
            self._rejected_of[instance] = known.rejected
        if known.plan.elsewhere:
            elsewhere = known.plan.elsewhere
            self._elsewhere_of[instance] = tuple(one.of(*instance.place) for one in elsewhere)

    def _configuration(self) -> DynamicConfiguration:
        document = self.composition.document
        protocols: tuple[Protocol, ...] = ("http", "tcp", "udp")
        rejected = self._rejected()
        return DynamicConfiguration(
            content=document.body(),
            router_count=sum(document.count(protocol, "routers") for protocol in protocols),
            service_count=sum(document.count(protocol, "services") for protocol in protocols),
            routed=self.composition.routed.all(),
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


_NO_INSTANCES: Mapping[InstanceId, ServiceState] = {}


def _changed(last: ClusterView, now: ClusterView) -> list[str]:
    """Return the services that were added, removed or changed.

    Mappings of instances are compared by identity: an unchanged service keeps its mapping.
    """
    before, after = last.services, now.services
    concerned = now.services_changed_since(last)
    names = {**before, **after} if concerned is None else concerned
    return [service for service in names if before.get(service) is not after.get(service)]
