"""Which services may claim which host names: the setting `traefik.hosts_allowed`.

The most specific pattern counts: a host name, then the longest `*.domain`, then `*`.  A host that
no pattern matches is free.  A router that could match more hosts than it names, because it names
none or uses a regular expression, must be allowed for every pattern that it could match, or for
`*`.

What is not allowed is left out: the router, and the instance as a server of the service to which it
leads, so that a copy of its labels gets no share of the requests.  A service that is only named
with nodes has no instances on other nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import Contribution, ElementKey, Instance, Router
from constellation.traefik.rejection import Rejection
from constellation.traefik.rule_match import Match, evaluate, named_hosts

ANY = "*"

Contributions = Mapping[ElementKey, Contribution]


class HostsAllowed:
    """The setting.  Without patterns everything is allowed."""

    def __init__(self, settings: TraefikSettings) -> None:
        self._patterns = settings.hosts_allowed
        self._nodes_of: dict[str, set[str]] = {}
        for who in (one for allowed in self._patterns.values() for one in allowed):
            service, at, node = who.partition("@")
            if service and at:
                self._nodes_of.setdefault(service, set()).add(node)

    def restrict(
        self, instance: Instance, made: Contributions
    ) -> tuple[Contributions, tuple[Rejection, ...]]:
        """Return what `instance` may contribute of `made`, and what is left out."""
        if not self._patterns:
            return made, ()
        nodes = self._nodes_of.get(instance.service)
        if nodes is not None and instance.node not in nodes and not self._has_other(instance):
            reason = f"traefik.hosts_allowed has this service only on {', '.join(sorted(nodes))}"
            return {}, (Rejection(*instance.place, "", reason, self._remedy(instance)),)
        refused = {key: host for key in made if (host := self._refused(key, made[key], instance))}
        led_to = {
            (key.protocol, made[key].element.service)  # type: ignore[union-attr]
            for key in refused
        }
        kept = {
            key: one
            for key, one in made.items()
            if key not in refused
            and not (key.section == "services" and (key.protocol, key.name) in led_to)
        }
        rejected = [self._rejection(instance, key, host) for key, host in refused.items()]
        return kept, tuple(rejected)

    def _has_other(self, instance: Instance) -> bool:
        """Return whether a pattern names the service, or its node, without the other."""
        others = {instance.service, f"@{instance.node}"}
        return any(others.intersection(allowed) for allowed in self._patterns.values())

    def _refused(self, key: ElementKey, one: Contribution, instance: Instance) -> str:
        """Return the pattern or host that a router may not claim; empty: it may."""
        router = one.element
        if not isinstance(router, Router) or key.protocol == "udp":
            return ""
        if key.protocol == "tcp" and "tls" not in router.config:
            return ""  # it knows no host names
        rule = str(router.config.get("rule", ""))
        names = named_hosts(rule)
        for host in names.hosts:
            pattern = self._pattern_of(host)
            if pattern and not _allows(self._patterns[pattern], instance):
                return host
        if not names.is_open or _allows(self._patterns.get(ANY, ()), instance):
            return ""
        return next(
            (
                pattern
                for pattern, allowed in self._patterns.items()
                if _could_match(rule, pattern) and not _allows(allowed, instance)
            ),
            "",
        )

    def _pattern_of(self, host: str) -> str:
        if host in self._patterns:
            return host
        labels = host.split(".")
        domains = (f"*.{'.'.join(labels[n:])}" for n in range(1, len(labels)))
        found = next((one for one in domains if one in self._patterns), "")
        return found or (ANY if ANY in self._patterns else "")

    def _rejection(self, instance: Instance, key: ElementKey, host: str) -> Rejection:
        allowed = self._patterns[self._pattern_of(host)]
        who = ", ".join(allowed) or "nobody"
        reason = f"traefik.hosts_allowed gives {host} only to {who}"
        label = "" if key.origin.is_default else f"traefik.{key.protocol}.routers.{key.name}.rule"
        return Rejection(*instance.place, label, reason, self._remedy(instance))

    @staticmethod
    def _remedy(instance: Instance) -> str:
        return f"add {instance.service} or @{instance.node} there, or claim another host"


def _allows(allowed: Iterable[str], instance: Instance) -> bool:
    service, node = instance.service, instance.node
    return not {service, f"@{node}", f"{service}@{node}"}.isdisjoint(allowed)


def _could_match(rule: str, pattern: str) -> bool:
    """Return whether an open rule could match a host of `pattern`.

    Regular expressions are not compared: they could match anything.
    """
    domain = pattern.removeprefix("*.")

    def matcher(name: str, values: Sequence[str]) -> Match:
        if name not in {"host", "hostsni"} or not values:
            return None
        return None if any(map(is_near, values)) else False

    def is_near(value: str) -> bool:
        host = value.lower().rstrip(".").removeprefix("*.")
        if ANY in {pattern, host} or host == domain:
            return True
        return host.endswith(f".{domain}") or domain.endswith(f".{host}")

    return evaluate(rule, matcher) is not False
