"""A strict model of what Traefik 3 accepts, written from its source; it checks the schema.

`check_body` decodes as Traefik does (YAML, then `paerser/parser/nodes_metadata.go`): a key that
the version does not have and an empty object that "cannot be a standalone element" make it refuse
the whole body.  Then it looks for what Traefik would disable: names that lead nowhere, and elements
of no type or of several.  A name with an @ is another provider's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.traefik.traefik_model_base import Element
from tests.traefik.traefik_model_http import Http, Middleware, Service
from tests.traefik.traefik_model_stream import Tcp, TcpRouter, Udp

KEY_CHARACTERS_MAX = 1024  # yaml.v3: of a simple key
UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
KINDS_OF_SERVICE = {"loadBalancer", "weighted", "highestRandomWeight", "failover"}
SURROGATE = re.compile(r"(?<!\\)(\\\\)*\\ud[89a-f]", re.IGNORECASE)


class Body(Element):
    """pkg/config/dynamic/config.go."""

    http: Http | None = None
    tcp: Tcp | None = None
    udp: Udp | None = None


def check_body(body: bytes, version: str = "3.7") -> Body:
    """Return the body as Traefik `version` decodes it.

    Raises:
        ValueError: Traefik would refuse it, or disable something in it.
    """
    _check_yaml(body.decode())
    read = Body.model_validate_json(body, context={"version": version})
    if not read.model_fields_set:
        raise ValueError("{} is taken as an order to forget everything")
    if read.http is not None:
        _check_http(read.http)
    for stream in (read.tcp, read.udp):
        if stream is not None:
            _check_stream(stream)
    return read


def _check_yaml(text: str) -> None:
    if UNREADABLE.search(text) or SURROGATE.search(text):
        raise ValueError("YAML cannot be read with such a character")
    if any(len(json.dumps(key)) > KEY_CHARACTERS_MAX for key in _keys(json.loads(text))):
        raise ValueError("YAML cannot be read with so long a key")


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def _check_http(http: Http) -> None:
    services, middlewares = http.services or {}, http.middlewares or {}
    for name, router in (http.routers or {}).items():
        if not router.rule:
            raise ValueError(f"router {name} has no rule")
        _check_there(router.service, services, f"router {name}")
        for middleware in router.middlewares:
            _check_middleware(middleware, middlewares, services, ())
    for name, service in services.items():
        _check_service(name, service, services)
        for middleware in service.middlewares:
            _check_middleware(middleware, middlewares, services, ())
    for name in middlewares:
        _check_middleware(name, middlewares, services, ())


def _check_service(name: str, service: Service, services: Mapping[str, Service]) -> None:
    kinds = KINDS_OF_SERVICE & service.model_fields_set
    if len(kinds) != 1:
        raise ValueError(f"service {name} is {sorted(kinds)}")
    choosing = service.weighted or service.highestRandomWeight
    for part in choosing.services if choosing is not None else ():
        _check_there(part.name, services, f"service {name}")
        # Traefik refuses to build a service that wants to know the health of one without a check.
        found = services[part.name].loadBalancer
        is_checked = found is not None and found.healthCheck is not None
        if choosing is not None and choosing.healthCheck is not None and not is_checked:
            raise ValueError(f"service {name} wants to know the health of {part.name}")
    if service.failover is not None:
        for target in (service.failover.service, service.failover.fallback):
            _check_there(target, services, f"service {name}")
            if "failover" in services[target].model_fields_set:
                raise ValueError(f"service {name} fails over to what fails over")


def _check_middleware(
    name: str,
    middlewares: Mapping[str, Middleware],
    services: Mapping[str, Service],
    path: tuple[str, ...],
) -> None:
    if name in path:
        raise ValueError(f"middleware {name} is a part of itself")
    _check_there(name, middlewares, f"what asks for it ({path})")
    if "@" in name:
        return
    kinds = middlewares[name].model_fields_set
    if len(kinds) != 1:
        raise ValueError(f"middleware {name} is {sorted(kinds)}")
    chain, errors = middlewares[name].chain, middlewares[name].errors
    for part in chain.middlewares if chain is not None else ():
        _check_middleware(part, middlewares, services, (*path, name))
    if errors is not None:
        _check_there(errors.service, services, f"middleware {name}")


def _check_stream(stream: Tcp | Udp) -> None:
    services = stream.services or {}
    for name, router in (stream.routers or {}).items():
        _check_there(router.service, services, f"router {name}")
        if isinstance(router, TcpRouter) and isinstance(stream, Tcp):
            if not router.rule:
                raise ValueError(f"router {name} has no rule")
            for middleware in router.middlewares:
                _check_there(middleware, stream.middlewares or {}, f"router {name}")
    for name, service in services.items():
        if service.loadBalancer is None:
            raise ValueError(f"service {name} has no type")
    for name, middleware in (getattr(stream, "middlewares", None) or {}).items():
        if len(middleware.model_fields_set) != 1:
            raise ValueError(f"middleware {name} is {sorted(middleware.model_fields_set)}")


def _check_there(name: str, there: Mapping[str, object], who: str) -> None:
    if not name or ("@" not in name and name not in there):
        raise ValueError(f"{who}: there is no {name!r}")
