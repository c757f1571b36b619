"""Explains how this node routes requests for a host name or a service, and why it does not.

It reads the same composition as the body, so it describes exactly what Traefik gets.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from constellation.cluster_view import ClusterView
from constellation.traefik.composition import Composition
from constellation.traefik.elements import ElementKey, Instance, Protocol
from constellation.traefik.references import is_foreign
from constellation.traefik.rejection import Rejection
from constellation.traefik.secrecy import text_without_secrets
from constellation.traefik.service_servers import Backend
from messages.routes import BackendRow, RejectionRow, RouteRow

ROUTES_MAX = 20
BACKENDS_MAX = 64
REJECTED_MAX = 50
SIMILAR_MAX = 3
COMPARED_MAX = 1000  # names, each costs 0.2 ms

_QUOTED = r"""\(\s*[`"]([^`"]+)[`"]\s*\)"""
_HOST = re.compile(rf"(?i:\bHost(?:SNI)?){_QUOTED}")
_HOST_REGEXP = re.compile(rf"(?i:\bHost(?:SNI)?Regexp){_QUOTED}")

# Python's matching backtracks and may take exponential time, Go's does not.  So only patterns that
# are always fast are tried: with few alternatives, and without nested repetition.
PATTERNS_TRIED_MAX = 256
_ATOM = re.compile(r"\\.|\[(?:\\.|[^\]])+\]")
_REPEATED_GROUP = re.compile(r"\)[*+?{]")
_REPEAT = re.compile(r"[*+{]|(?<!\()\?")
_REPEATS_MAX, _ALTERNATIVES_MAX = 2, 3

AgeOf = Callable[[Instance], float]


@dataclass(frozen=True, slots=True)
class Explanation:
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
) -> Explanation:
    """Return the explanation of `subject`: a host name, a service, or a name from labels."""
    explainer = _Explainer(subject.strip().lower().rstrip("."), composition, view, age_s)
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
        self, subject: str, composition: Composition, view: ClusterView, age_s: AgeOf
    ) -> None:
        self._subject = subject
        self._composition = composition
        self._view = view
        self._age_s = age_s
        self._tried = 0
        self._untried = 0

    def explain(self, rejected: tuple[Rejection, ...]) -> Explanation:
        found_keys = {*self._by_host(), *self._by_name()}
        keys = sorted(found_keys, key=lambda key: (key.protocol, key.body_name))
        services = self._services(keys)
        own = [item for item in rejected if item.service in services]
        found = bool(keys or services)
        routes = tuple(self._route(key) for key in keys[:ROUTES_MAX])
        notes = list(self._notes(routes, services, len(keys)))
        if self._untried:
            count = self._untried
            notes.append(
                f"{count} rules with HostRegexp were not tried: matching could take too long"
            )
        if not found:
            notes += self._similar()
        return Explanation(
            routes,
            rejection_rows(own, REJECTED_MAX),
            tuple(notes),
            tuple(self._degraded(routes, services, own, found=found)),
            found,
        )

    # Finding routers and services.

    def _routers(self) -> Iterator[tuple[ElementKey, Mapping[str, Any]]]:
        for protocol in ("http", "tcp", "udp"):
            for name, config in self._composition.document.section(protocol, "routers").items():
                key = self._composition.document.key_of(protocol, "routers", name)
                assert key is not None
                yield key, config

    def _by_host(self) -> Iterator[ElementKey]:
        for key, config in self._routers():
            rule = config.get("rule", "")
            hosts = {host.lower() for host in _HOST.findall(rule)}
            if self._subject in hosts or any(map(self._matches, _HOST_REGEXP.findall(rule))):
                yield key

    def _matches(self, pattern: str) -> bool:
        """Return whether a regular expression that was checked before matches the subject."""
        if self._tried >= PATTERNS_TRIED_MAX or not _is_quick(pattern):
            self._untried += 1
            return False
        self._tried += 1
        return re.search(pattern, self._subject) is not None

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
            leads_there = self._service(key.protocol, config) in led
            if (is_own or leads_there) and key.origin.writer != "agent":
                yield key

    def _definers(self, key: ElementKey) -> set[str]:
        return {instance.service.lower() for instance in self._contributors(key)}

    def _contributors(self, router: ElementKey) -> list[Instance]:
        """Return the instances whose labels define `router`."""
        found = self._composition.contributions.get(router.written, {})
        return [one for one in found if router.origin.service in {"", one.service}]

    def _services(self, keys: Iterable[ElementKey]) -> set[str]:
        """Return the names of the services that the subject is about."""
        found = {name for name in self._view.services if name.lower() == self._subject}
        for key in keys:
            found |= {instance.service for instance in self._contributors(key)}
            for backend in self._backends(key):
                found.add(backend.instance.service)
        return found

    def _config(self, router: ElementKey) -> Mapping[str, Any]:
        return self._composition.document.section(router.protocol, "routers")[router.body_name]

    def _service(self, protocol: Protocol, config: Mapping[str, Any]) -> ElementKey | None:
        """Return the service that a router leads to; None if another provider defines it."""
        key = self._composition.document.key_of(protocol, "services", str(config["service"]))
        return key._replace(variant="") if key is not None else None

    def _backends(self, router: ElementKey) -> tuple[Backend, ...]:
        key = self._service(router.protocol, self._config(router))
        composed = self._composition.services.get(key) if key is not None else None
        return composed.backends.all if composed is not None else ()

    # Describing them.

    def _route(self, key: ElementKey) -> RouteRow:
        config = self._config(key)
        definers = self._contributors(key)
        service = str(config["service"])
        weights = self._weights(key.protocol, service)
        return RouteRow(
            protocol=key.protocol,
            router=key.body_name,
            rule=text_without_secrets(config.get("rule", "")),
            priority=config.get("priority"),
            entry_points=tuple(config.get("entryPoints", ())),
            middlewares=tuple(config.get("middlewares", ())),
            tls="tls" in config,
            service=service,
            defined_by=tuple(sorted(f"{one.service} on {one.node}" for one in definers)),
            backends=tuple(
                self._backend(backend, weights) for backend in self._backends(key)[:BACKENDS_MAX]
            ),
        )

    def _weights(self, protocol: Protocol, service: str) -> Mapping[str, int]:
        config = self._composition.document.section(protocol, "services").get(service, {})
        servers = config.get("loadBalancer", {}).get("servers", ())
        return {
            server.get("url") or server.get("address"): server["weight"]
            for server in servers
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
        routed = {name for route in routes for name in self._routed_to(route)}
        for service in sorted(set(services) - routed):
            yield from self._without_route(service)

    def _routed_to(self, route: RouteRow) -> set[str]:
        key = self._composition.document.key_of(route.protocol, "routers", route.router)
        definers = {one.service for one in self._contributors(key)} if key is not None else set()
        return definers | {backend.service for backend in route.backends}

    def _without_route(self, service: str) -> Iterator[str]:
        instances = self._view.services.get(service, {})
        for one, state in sorted(instances.items()):
            health = f"{state.health}: {state.reason}" if state.reason else state.health
            name = "" if one.name == service else f"{one.name} of "
            yield f"{name}{service} on {one.node} ({health}) has no route"

    def _degraded(
        self,
        routes: Iterable[RouteRow],
        services: Iterable[str],
        rejected: Sequence[Rejection],
        *,
        found: bool,
    ) -> Iterator[str]:
        if not found:
            yield f"{self._subject} not found: no host in a rule, service or router has this name"
        elif not routes:
            yield f"no route leads to {', '.join(sorted(services))}"
        for route in routes:
            is_own = not is_foreign(route.service)
            if is_own and not any(backend.serving for backend in route.backends):
                yield f"{route.router} answers 503: no instance of {route.service} gets requests"

        left_out = [item for item in rejected if not item.is_sent]
        if left_out:
            names = ", ".join(sorted({item.service for item in left_out}))
            one = "1 label or instance of {} was left out"
            many = f"{len(left_out)} labels or instances of {{}} were left out"
            yield (one if len(left_out) == 1 else many).format(names)
        if warned := [item for item in rejected if item.is_sent]:
            names = ", ".join(sorted({item.service for item in warned}))
            count = "1 label" if len(warned) == 1 else f"{len(warned)} labels"
            yield f"{count} of {names} will not work as written"

    def _similar(self) -> Iterator[str]:
        known = {name.lower() for name in self._view.services}
        known |= {
            host.lower()
            for _, config in self._routers()
            for host in _HOST.findall(config.get("rule", ""))
        }
        if len(known) > COMPARED_MAX:
            known = {name for name in known if name[:2] == self._subject[:2]}
        near = difflib.get_close_matches(self._subject, sorted(known)[:COMPARED_MAX], n=SIMILAR_MAX)
        if near:
            yield f"similar names are {', '.join(near)}"
        yield (
            "a container is watched if it has the label traefik.enable=true, or if docker.watch is "
            "'all'; `constellation services` lists all known services"
        )


def _is_quick(pattern: str) -> bool:
    bare = _ATOM.sub("x", pattern)
    return (
        not _REPEATED_GROUP.search(bare)
        and len(_REPEAT.findall(bare)) <= _REPEATS_MAX
        and bare.count("|") <= _ALTERNATIVES_MAX
    )
