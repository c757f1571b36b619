"""One name that several services define: each has its own, where they differ.

Names in labels were chosen for one host.  In a cluster two hosts' "auth" meet, and a router must
not be guarded, or led, by what a stranger defined under the same name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from constellation.settings.types import NAME_PATTERN
from constellation.traefik.elements import Contribution, ElementKey

OF = "._of."  # element + this + service; no name from labels, and no host name, has it


def by_service(contributions: Iterable[Contribution]) -> dict[str, list[Contribution]]:
    """Return `contributions` by the service that they are of, in order of services."""
    found: dict[str, list[Contribution]] = {}
    for contribution in sorted(contributions, key=lambda one: one.instance):
        found.setdefault(contribution.instance.service, []).append(contribution)
    return found


def scoped(key: ElementKey, service: str) -> ElementKey:
    """Return the name of what `service` alone means by `key`."""
    scope = service
    if not NAME_PATTERN.fullmatch(service):
        scope = hashlib.blake2b(service.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return key._replace(name=f"{key.name}{OF}{scope}")


def without_scope(key: ElementKey) -> ElementKey:
    """Return the name that labels give."""
    return key._replace(name=key.name.partition(OF)[0])
