"""Explains how this node routes requests for a host name or a service, and why it does not.

It reads the same composition as the body, so it describes exactly what Traefik gets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from constellation.admin.words import counted, listed
from constellation.cluster_view import ClusterView
from constellation.near_names import similar
from constellation.traefik.composition import Composition
from constellation.traefik.elements import AGENT, ElementKey, Instance, Protocol
from constellation.traefik.host_names import dns_label
from constellation.traefik.precedence import Candidate, HostMatcher
from constellation.traefik.references import is_foreign
from constellation.traefik.rejection import Rejection
from constellation.traefik.resolution import PROTOCOLS, backends_of, leaves
from constellation.traefik.routers import rule_as_written
from constellation.traefik.rule_match import named_hosts
from constellation.traefik.secrecy import text_without_secrets
from constellation.traefik.service_servers import Backend
from constellation.traefik.wishes import wishes_for
from constellation.value import Value
from constellation.wellness.problem import because
from constellation.wellness.routes import rejected_texts_of
from messages.routes import BackendRow, NodeTrouble, RejectionRow, RouteRow

ROUTES_MAX = 20
BACKENDS_MAX = 64
REJECTED_MAX = 50
SIMILAR_MAX = 3
COMPARED_MAX = 1000  # names, each costs 0.2 ms


AgeOf = Callable[[Instance], float]


class Explanation(Value):
    """The explanation of one subject."""

    routes: tuple[RouteRow, ...]
    rejected: tuple[RejectionRow, ...]
    notes: tuple[str, ...]
    degraded: tuple[str, ...]
    found: bool


def explain(
    subject: str,
    composition: Composition,
    view: ClusterView,
    rejected: Iterable[Rejection],
    age_s: AgeOf,
    troubles: Sequence[NodeTrouble] = (),
) -> Explanation:
    """Return the explanation of `subject`: a host name, a service, or a name from labels.

    `troubles` are what nodes report about it, such as a container that is not watched.
    """
    name = subject.strip().lower().rstrip(".")
    explainer = _Explainer(name, composition, view, age_s, troubles)
    return explainer.explain(tuple(rejected))


def rejection_rows(rejected: Iterable[Rejection], most: int) -> tuple[RejectionRow, ...]:
    """Return the rows of the first `most` of `rejected`."""
    return tuple(
        RejectionRow(
            service=item.service,
            node=item.node,
            label=item.label,
            reason=item.reason,
            remedy=item.remedy,
            is_sent=item.is_sent,
        )
        for item in (one.shown() for one in list(rejected)[:most])
    )


class _Explainer:
    def __init__(
        self,
        subject: str,
        composition: Composition,
        view: ClusterView,
        age_s: AgeOf,
        troubles: Sequence[NodeTrouble],
    ) -> None:
        self._subject = subject
        self._composition = composition
        self._contributions = composition.contributions
        self._view = view
        self._age_s = age_s
        self._troubles = troubles
        self._is_host = "." in subject and subject not in view.services
        self._matcher = HostMatcher(subject)
        self._candidates: dict[ElementKey, Candidate] = {}

    def explain(self, rejected: tuple[Rejection, ...]) -> Explanation:
        self._candidates = {one.key: one for one in self._matching()}
        named = {*self._by_name()} - self._candidates.keys()
        keys = [*self._candidates, *sorted(named, key=lambda key: (key.protocol, key.body_name))]
        wishes = list(wishes_for(self._subject, self._view, self._contributing(), rejected))
        services = self._services(keys)
        relevant = services | {wish.service for wish in wishes} | self._by_default_host()
        own = [item for item in rejected if item.service in relevant]
        found = bool(keys or relevant or self._troubles)
        routes = tuple(self._route(key) for key in keys[:ROUTES_MAX])
        notes = list(self._notes(routes, services, len(keys)))
        if self._matcher.untried_count:
            rules = counted(self._matcher.untried_count, "rule")
            notes.append(
                f"{rules} with HostRegexp not tried: matching could take too long, or only Go can "
                "read the expression"
            )
        if not found:
            notes += self._similar()
        degraded = [*self._degraded(routes, services, own)]
        degraded += [wish.text for wish in wishes]
        degraded += [_told(one) for one in self._troubles if not one.trouble.is_note]
        return Explanation(
            routes, rejection_rows(own, REJECTED_MAX), tuple(notes), tuple(degraded), found
        )

    # Finding routers and services.

    def _routers(self) -> Iterator[tuple[ElementKey, Mapping[str, Any]]]:
        found = self._composition.routers.items()
        yield from sorted(found, key=lambda one: PROTOCOLS.index(one[0].protocol))

    def _matching(self) -> Iterator[Candidate]:
        """Yield the routers for the subject as a host name: not those that never get a request."""
        if self._subject in self._view.services:
            return  # a service; a host name without a domain is not asked for
        for one in self._matcher.candidates(self._routers()):
            if one.names_host or (self._is_host and one.before is None):
                yield one

    def _contributing(self) -> set[tuple[str, str, str]]:
        """Return the service, node and router of each label that has an effect for the host."""
        return {
            (one.service, one.node, key.name.lower())
            for key in self._candidates
            for one in self._contributions.definers(key)
        }

    def _by_default_host(self) -> set[str]:
        """Return the services whose default host name the subject is, or would be."""
        label, _, rest = self._subject.partition(".")
        nodes = {f"{node}.{self._composition.domain}" for node in self._view.members}
        if rest not in {self._composition.domain, *nodes}:
            return set()
        return {name for name in self._view.services if dns_label(name) == label}

    def _by_name(self) -> Iterator[ElementKey]:
        """Yield the routers that have that name or lead to a service of that name."""
        led: set[ElementKey] = set()
        for key, composed in self._composition.services.items():
            names = {backend.instance.service.lower() for backend in composed.backends.all}
            if self._subject in {*names, key.name.lower()}:
                led.add(key)
        for key, config in self._routers():
            names = {key.body_name.lower(), key.written.body_name.lower()}
            is_own = self._subject in names | self._definers(key)
            if (is_own or self._leads_to(key.protocol, config, led)) and (
                key.origin.writer != AGENT.writer
            ):
                yield key

    def _leads_to(
        self, protocol: Protocol, config: Mapping[str, Any], led: Collection[ElementKey]
    ) -> bool:
        found = leaves(self._composition.document, protocol, [str(config["service"])])
        return any(key._replace(variant="") in led for key in found)

    def _definers(self, key: ElementKey) -> set[str]:
        return {instance.service.lower() for instance in self._contributions.definers(key)}

    def _services(self, keys: Iterable[ElementKey]) -> set[str]:
        """Return the names of the services that the subject is about."""
        found = {name for name in self._view.services if name.lower() == self._subject}
        for key in keys:
            found |= {instance.service for instance in self._contributions.definers(key)}
            for backend in self._backends(key):
                found.add(backend.instance.service)
        return found

    def _config(self, router: ElementKey) -> Mapping[str, Any]:
        return self._composition.routers[router]

    def _backends(self, router: ElementKey) -> tuple[Backend, ...]:
        service = str(self._config(router)["service"])
        return backends_of(self._composition, router.protocol, service)

    # Describing them.

    def _route(self, key: ElementKey) -> RouteRow:
        config = self._config(key)
        definers = self._contributions.definers(key)
        service = str(config["service"])
        weights = self._weights(key.protocol, service)
        candidate = self._candidates.get(key)
        before = candidate.before if candidate is not None else None
        return RouteRow(
            protocol=key.protocol,
            router=key.body_name,
            rule=text_without_secrets(config.get("rule", "")),
            priority=config.get("priority"),
            entry_points=tuple(config.get("entryPoints", ())),
            middlewares=tuple(config.get("middlewares", ())),
            tls="tls" in config,
            service=service,
            before=before.body_name if before is not None else "",
            defined_by=tuple(sorted(f"{one.service} on {one.node}" for one in definers)),
            backends=tuple(
                self._backend(backend, weights) for backend in self._backends(key)[:BACKENDS_MAX]
            ),
        )

    def _weights(self, protocol: Protocol, service: str) -> Mapping[str, int]:
        document = self._composition.document
        found = (
            document.config_of(protocol, "services", key.body_name) or {}
            for key in leaves(document, protocol, [service])
        )
        return {
            server.get("url") or server.get("address"): server["weight"]
            for config in found
            for server in config.get("loadBalancer", {}).get("servers", ())
            if "weight" in server
        }

    def _backend(self, backend: Backend, weights: Mapping[str, int]) -> BackendRow:
        reached = backend.reached
        address = backend.address
        return BackendRow(
            service=backend.instance.service,
            node=backend.instance.node,
            instance=backend.instance.name,
            address=address,
            way=reached.how if reached is not None else "",
            weight=weights.get(address),
            serving=not backend.left_out,
            why=backend.left_out,
            changed_ago_s=max(0.0, self._age_s(backend.instance)),
        )

    def _notes(
        self, routes: Iterable[RouteRow], services: Iterable[str], routes_count: int
    ) -> Iterator[str]:
        if routes_count > ROUTES_MAX:
            yield f"{routes_count} routers match; these are the first {ROUTES_MAX}"
        for route in routes:
            if is_foreign(route.service):
                yield f"{route.router}: another provider defines its service {route.service}"
            if any(backend.way == "ingress" for backend in route.backends):
                yield (
                    f"{route.router}: 'ingress' instances publish no port and are reached through "
                    "the Traefik of their node"
                )
        if self._is_host and routes_count and not self._candidates:
            yield "no rule has this host name; the rules above lead to the service of that name"
        for candidate in self._candidates.values():
            if candidate.rival is not None:
                names = f"{candidate.key.body_name} and {candidate.rival.body_name}"
                yield f"{names} match with the same priority: Traefik chooses one of them"
        routed = {name for route in routes for name in self._routed_to(route)}
        for service in sorted(set(services) - routed):
            yield from self._without_route(service)

    def _routed_to(self, route: RouteRow) -> set[str]:
        key = self._composition.document.key_of(route.protocol, "routers", route.router)
        definers = (
            {one.service for one in self._contributions.definers(key)} if key is not None else set()
        )
        return definers | {backend.service for backend in route.backends}

    def _without_route(self, service: str) -> Iterator[str]:
        instances = self._view.services.get(service, {})
        for one, state in sorted(instances.items()):
            health = f"{state.health}: {state.reason}" if state.reason else state.health
            name = "" if one.name == service else f"{one.name} of "
            yield f"{name}{service} on {one.node} ({health}) has no route"

    def _degraded(
        self, routes: Sequence[RouteRow], services: Collection[str], rejected: Sequence[Rejection]
    ) -> Iterator[str]:
        getting = [route for route in routes if not route.before]
        if not getting or (self._is_host and not self._candidates):
            yield self._nowhere(services)
        for route in getting:
            is_own = not is_foreign(route.service)
            if is_own and not any(backend.serving for backend in route.backends):
                yield f"{route.router} answers 503: no instance of {route.service} gets requests"
        if not self._is_host:  # of a host name only the labels that ask for it: see `wishes`
            yield from rejected_texts_of(rejected)

    def _nowhere(self, services: Collection[str]) -> str:
        if self._is_host:
            return f"no router matches {self._subject}: Traefik answers 404"
        if services:
            return f"no route leads to {listed(services)}"
        return f"no service, router or host is named {self._subject}"

    def _similar(self) -> Iterator[str]:
        known = {name.lower() for name in self._view.services}
        known |= {
            host
            for _, config in self._routers()
            for host in named_hosts(rule_as_written(config.get("rule", ""))).hosts
        }
        near = self._near(known)
        if near:
            yield f"similar names are {', '.join(near)}"
        yield (
            "a container is watched if it has the label traefik.enable=true, or if docker.watch is "
            "'all'; `constellation services` lists all known services"
        )

    def _near(self, known: Collection[str]) -> list[str]:
        """Return the names that the operator may mean; the domain that all share does not count."""
        end = f".{self._composition.domain}"
        short = self._subject.removesuffix(end)
        names = {
            name.removesuffix(end): name
            for name in sorted(known)
            if len(known) <= COMPARED_MAX or name[:2] == self._subject[:2]
        }
        near = similar(short, list(names)[:COMPARED_MAX], SIMILAR_MAX)
        return [names[one] for one in near]


def _told(told: NodeTrouble) -> str:
    return because(f"{told.trouble.what} on {told.node}", told.trouble.why, told.trouble.fix)
