"""Routers as they are in the body, with the middlewares that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import AGENT, ElementKey, Parts
from constellation.traefik.hop import TO, services_name_themselves
from constellation.traefik.service_parts import FAILOVER, Hop, ServiceFace

# Middlewares of all HTTP routers; a name from labels has no dot.
RETRY = "constellation.retry"
BREAKER = "constellation.circuit-breaker"

# Replaces RETRY in routers that pass requests on.  Another node's Traefik answers 504 if the
# container has just died, but also if the service is too slow, so 504 is retried only for a while.
RETRY_PASSED_ON = "constellation.retry-passed-on"
_PASSED_ON_AGAIN_WITHIN_S = 10

# Replaces it if the hop is HTTP/2.  There an answer may arrive before Traefik notes that it has
# sent the request; it would take that for a network error and send the request again.  So only the
# status counts, which also says that an ingress does not respond.
RETRY_OVER_HTTP2 = "constellation.retry-over-http2"

# Traefik refuses an empty object and ignores the body `{}`.  The only way to say "no routers" is a
# middleware that nothing uses.
NOTHING: Parts = {
    ElementKey("http", "middlewares", "constellation.none", AGENT): {"retry": {"attempts": 1}}
}

TRIED_ELSEWHERE = "Method(`GET`) || Method(`HEAD`) || Method(`OPTIONS`)"


def router_parts(
    key: ElementKey,
    config: Mapping[str, Any],
    middlewares: Sequence[str],
    service: str,
    face: ServiceFace | None,
    settings: TraefikSettings,
) -> Parts:
    """Return the router `key`, and a second one if its service fails over.

    `middlewares` and `service` are names in the body; `face` is of the service, None if that is
    another provider's.
    """
    if key.protocol != "http":
        made = {**config, "service": service}
        if middlewares:
            made["middlewares"] = list(middlewares)
        return {key: made}
    names = [*middlewares]
    if face is not None:
        names += common_middlewares(settings, face.hop)
        if face.hop and not services_name_themselves(settings):
            names.append(TO + service)
    made = {**config, "service": service}
    if "entryPoints" not in made and settings.http_entry_points:
        made["entryPoints"] = settings.http_entry_points
    if names:
        made["middlewares"] = names
    if face is None or not face.fails_over:
        return {key: made}
    return _split(key, made)


def _split(key: ElementKey, router: Mapping[str, Any]) -> Parts:
    """Return two routers: one for methods that may be retried elsewhere, one for the others.

    Both have the priority of the original rule, which is its length unless labels set one.
    """
    rule = router["rule"]
    priority = router.get("priority") or len(rule)
    rest = {**router, "rule": f"({rule}) && !({TRIED_ELSEWHERE})", "priority": priority}
    tried = {
        **rest,
        "rule": f"({rule}) && ({TRIED_ELSEWHERE})",
        "service": router["service"] + FAILOVER,
    }
    return {key: rest, key._replace(variant=FAILOVER): tried}


def rule_as_written(rule: str) -> str:
    """Return the rule from which `_split` made `rule`; any other rule as it is."""
    for end in (f") && ({TRIED_ELSEWHERE})", f") && !({TRIED_ELSEWHERE})"):
        if rule.endswith(end):
            return rule[1 : -len(end)]
    return rule


def common_middlewares(settings: TraefikSettings, hop: Hop) -> Iterable[str]:
    """Return the names of the middlewares of all HTTP routers, the outermost first."""
    if settings.circuit_breaker:
        yield BREAKER
    if settings.retry_attempts:
        retries: dict[Hop, str] = {"": RETRY, "http": RETRY_PASSED_ON, "h2c": RETRY_OVER_HTTP2}
        yield retries[hop] if settings.version == "3.7" else RETRY


def common_parts(settings: TraefikSettings) -> Parts:
    """Return the middlewares of all HTTP routers."""
    retry = _retry(settings)
    again = {"status": ["502", "504"], "timeout": f"{_PASSED_ON_AGAIN_WITHIN_S}s"}
    made = {
        BREAKER: {"circuitBreaker": {"expression": settings.circuit_breaker}},
        RETRY: {"retry": retry},
        RETRY_PASSED_ON: {"retry": {**retry, **again}},
        RETRY_OVER_HTTP2: {"retry": {**retry, **again, "disableRetryOnNetworkError": True}},
    }
    hops: tuple[Hop, ...] = ("", "http", "h2c")
    names = {name for hop in hops for name in common_middlewares(settings, hop)}
    return {ElementKey("http", "middlewares", name, AGENT): made[name] for name in sorted(names)}


def _retry(settings: TraefikSettings) -> dict[str, Any]:
    wait_ms = max(1, round(settings.retry_initial_interval_s * 1000))
    retry: dict[str, Any] = {
        "attempts": settings.retry_attempts,
        "initialInterval": f"{wait_ms}ms",
    }
    if settings.version == "3.7":
        # Traefik also answers 502 if a server closes the connection before it answers.
        retry["status"] = ["502"]
    return retry
