"""All set-ups, by name."""

from __future__ import annotations

from tests.traefik.compatibility.app_setups import APPS
from tests.traefik.compatibility.behaviour_setups import BEHAVIOUR
from tests.traefik.compatibility.middleware_setups import MIDDLEWARES
from tests.traefik.compatibility.name_setups import NAMES
from tests.traefik.compatibility.place_setups import PLACES
from tests.traefik.compatibility.router_setups import ROUTERS
from tests.traefik.compatibility.service_setups import SERVICES
from tests.traefik.compatibility.setups import Setup, one
from tests.traefik.compatibility.stack_setups import STACKS
from tests.traefik.compatibility.stream_setups import STREAMS
from tests.traefik.compatibility.wrong_setups import WRONG

FIRST = (*ROUTERS, *SERVICES, *MIDDLEWARES, *STREAMS)
SECOND = (*APPS, *STACKS, *WRONG, *PLACES, *NAMES, *BEHAVIOUR)
LAST = one("last-of-all")  # of every batch
EVERY = 5  # of the second set-ups, in a sample
AT_A_TIME = 65
SETUPS: dict[str, Setup] = {setup.name: setup for setup in (*SECOND, *FIRST, LAST)}


def batches(*, everything: bool) -> list[tuple[Setup, ...]]:
    """Return all set-ups, or the first and a sample of the second: those that run at one time."""
    if not everything:
        return [(*SECOND[::EVERY], *FIRST)]
    starts = range(0, len(SECOND), AT_A_TIME)
    return [*(SECOND[start : start + AT_A_TIME] for start in starts), FIRST]
