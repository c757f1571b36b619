"""Builds of large clusters, without the collector of cyclic garbage.

A build makes hundreds of thousands of objects that live long and no cycle among them.  The
collector would start again and again and walk over all of them: at 10,000 services that is half
of the time, in pauses in which no request is answered.  After the cordon of a node it is a sixth.
"""

from __future__ import annotations

import gc

from constellation.traefik.provider import TraefikProvider


def build_large(provider: TraefikProvider) -> None:
    """Build, and leave the result out of later collections: it is freed when it is replaced."""
    gc.disable()
    try:
        provider.build()
    finally:
        gc.enable()
    gc.freeze()
