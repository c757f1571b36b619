"""All set-ups, by name."""

from __future__ import annotations

from tests.traefik.compatibility.middleware_setups import MIDDLEWARES
from tests.traefik.compatibility.router_setups import ROUTERS
from tests.traefik.compatibility.service_setups import SERVICES
from tests.traefik.compatibility.setups import Setup
from tests.traefik.compatibility.stream_setups import STREAMS

SETUPS: dict[str, Setup] = {
    setup.name: setup for setup in (*ROUTERS, *SERVICES, *MIDDLEWARES, *STREAMS)
}
