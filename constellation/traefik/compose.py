"""The passes that compose the configuration, in order.

Each pass is a function that reads the tables of a `Composition` that earlier passes wrote, and
writes its own, for the keys in `Work`.  The result depends on the current state alone, not on the
changes that led to it.  A new feature adds its pass to `PASSES`.

    ingress      addresses of the peers     -> the router for passed-on requests without a service
    services     instances, states, places  -> services with their servers
    meanings     labels of all services     -> which middleware each service means by a name
    definitions  meanings                   -> middlewares with their references resolved
    middlewares  definitions, services      -> middlewares in the document
    routers      services, middlewares      -> routers in the document
    common       routers                    -> the middlewares that all HTTP routers share
    claims       routers                    -> warnings about hosts of other services
"""

from __future__ import annotations

from collections.abc import Callable

from constellation.traefik import claim_passes, middleware_passes, router_passes, service_passes
from constellation.traefik.composition import Composition
from constellation.traefik.work import Work

Pass = Callable[[Composition, Work], None]

PASSES: tuple[Pass, ...] = (
    service_passes.ingress,
    service_passes.services,
    middleware_passes.meanings,
    middleware_passes.definitions,
    middleware_passes.middlewares,
    router_passes.routers,
    router_passes.common,
    claim_passes.claims,
)


def compose(composition: Composition, work: Work) -> None:
    """Compose the elements in `work` again, and everything that depends on them."""
    for run in PASSES:
        run(composition, work)
