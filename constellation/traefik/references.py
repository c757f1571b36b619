"""Routers and middlewares that name others: what is missing takes down what needs it, no more.

Traefik disables a router whose service or middleware is missing, and writes an error line at
every change; a router without one of its middlewares would let in more than its owner wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from constellation.traefik.elements import ElementKey, Middleware, Protocol

CHAIN_DEPTH_MAX = 16


def is_foreign(reference: str) -> bool:
    """Return whether another provider of Traefik defines it, which cannot be looked up here."""
    return "@" in reference


def references_of(protocol: Protocol, middleware: Middleware) -> tuple[ElementKey, ...]:
    """Return what a middleware names."""
    config = middleware.config
    if protocol != "http":
        return ()
    if "chain" in config:
        names = config["chain"]["middlewares"]
        return tuple(ElementKey("http", "middlewares", name) for name in names)
    if "errors" in config:
        return (ElementKey("http", "services", config["errors"]["service"]),)
    return ()


def missing_of(
    key: ElementKey,
    middlewares: Mapping[ElementKey, Middleware],
    has_service: Callable[[str], bool],
    path: tuple[ElementKey, ...] = (),
) -> str:
    """Return what is wrong with the middleware `key`; empty: nothing."""
    middleware = middlewares.get(key)
    if middleware is None:
        return f"the middleware {key.name[:64]!r} is not defined, or was left out"
    if key in path:
        return f"the middleware {key.name[:64]!r} is a part of itself"
    if len(path) >= CHAIN_DEPTH_MAX:
        return f"middlewares are nested deeper than {CHAIN_DEPTH_MAX}"
    for reference in references_of(key.protocol, middleware):
        if is_foreign(reference.name):
            continue
        if reference.section == "services":
            if not has_service(reference.name):
                return f"the service {reference.name[:64]!r} is not defined, or was left out"
        elif wrong := missing_of(reference, middlewares, has_service, (*path, key)):
            return wrong
    return ""


def with_services(middleware: Middleware, resolve: Callable[[str], str]) -> Mapping[str, Any]:
    """Return the middleware's configuration with its service named as the body names it."""
    if "errors" not in middleware.config:
        return middleware.config
    errors = middleware.config["errors"]
    return {"errors": {**errors, "service": resolve(errors["service"])}}


def unique(names: Iterable[str]) -> list[str]:
    """Return `names` in order, each once."""
    return list(dict.fromkeys(names))
