"""Routers and middlewares that name others: if one is missing, only what needs it is left out.

Traefik disables a router whose service or middleware is missing, and logs an error at every
change.  To drop only the middleware would let in more than the router's owner intended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from constellation.traefik.elements import ElementKey, Middleware, Protocol
from constellation.value import Value

CHAIN_DEPTH_MAX = 16
CHAIN_SIZE_MAX = 256  # with repetitions: Traefik builds a middleware again for each use


class ResolvedMiddleware(Value):
    """A middleware as its owner means it.

    `references` are the middlewares and services that it names, which are already written into
    `config` with their names in the body.
    """

    config: Mapping[str, Any]
    references: tuple[ElementKey, ...] = ()


def is_foreign(reference: str) -> bool:
    """Return whether another provider of Traefik defines it; its elements are not known here."""
    return "@" in reference


def references_of(protocol: Protocol, middleware: Middleware) -> tuple[ElementKey, ...]:
    """Return the elements that the labels of a middleware name."""
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
    middlewares: Mapping[ElementKey, ResolvedMiddleware],
    service_missing: Callable[[ElementKey], str],
) -> str:
    """Return why the middleware `key` cannot be used; empty: it can."""
    return _Walk(middlewares, service_missing).missing_of(key, ())


class _Walk:
    """Walks from one middleware to everything that it names, through all chains."""

    def __init__(
        self,
        middlewares: Mapping[ElementKey, ResolvedMiddleware],
        service_missing: Callable[[ElementKey], str],
    ) -> None:
        self._middlewares = middlewares
        self._service_missing = service_missing
        self._met = 0

    def missing_of(self, key: ElementKey, path: tuple[ElementKey, ...]) -> str:
        self._met += 1
        middleware = self._middlewares.get(key)
        if middleware is None:
            return f"the middleware {key.name[:64]!r} is not defined, or was left out"
        if key in path:
            return f"the middleware {key.name[:64]!r} contains itself"
        if len(path) >= CHAIN_DEPTH_MAX:
            return f"middlewares are nested deeper than {CHAIN_DEPTH_MAX}"
        if self._met > CHAIN_SIZE_MAX:
            return f"its chains have more than {CHAIN_SIZE_MAX} middlewares"
        for reference in middleware.references:
            if is_foreign(reference.name):
                continue
            if reference.section == "services":
                wrong = self._service_missing(reference)
            else:
                wrong = self.missing_of(reference, (*path, key))
            if wrong:
                return wrong
        return ""
