"""From the name of a service in the body to the instances behind it, however deep.

A router leads to a service.  That may be a load balancer with servers, or one that chooses among
other services: `failover`, `weighted`, `highestRandomWeight` or `mirroring`.  A mirror gets copies
of requests, and nobody sees its answers, so it is not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from constellation.traefik.composition import Composition
from constellation.traefik.document import Document
from constellation.traefik.elements import ElementKey, Instance, Protocol
from constellation.traefik.service_servers import Backend

PROTOCOLS: tuple[Protocol, ...] = ("http", "tcp", "udp")


def leaves(document: Document, protocol: Protocol, names: Iterable[str]) -> Iterator[ElementKey]:
    """Yield the load balancers to which requests for the services `names` may go, each once."""
    waiting, seen = [*names], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        key = document.key_of(protocol, "services", name)
        if key is None:
            continue  # of another provider
        chosen = [*_chosen(document, key)]
        waiting += chosen
        if not chosen:
            yield key


def _chosen(document: Document, key: ElementKey) -> Iterator[str]:
    """Yield the services among which one chooses."""
    if document.begins_with(key, "loadBalancer"):
        return  # nearly always, and not worth decoding
    config = document.config_of(key.protocol, key.section, key.body_name) or {}
    if "failover" in config:
        yield config["failover"]["service"]
        yield config["failover"].get("fallback", "")
    for kind in ("weighted", "highestRandomWeight"):
        yield from (one["name"] for one in config.get(kind, {}).get("services", ()))
    if "mirroring" in config:
        yield config["mirroring"]["service"]


def backends_of(composition: Composition, protocol: Protocol, service: str) -> tuple[Backend, ...]:
    """Return the instances behind the service `service` of the body, each once."""
    found: dict[tuple[Instance, str], Backend] = {}
    for key in leaves(composition.document, protocol, [service]):
        composed = composition.services.get(key._replace(variant=""))
        for backend in composed.backends.all if composed is not None else ():
            found.setdefault((backend.instance, backend.address), backend)
    return tuple(found[one] for one in sorted(found))
