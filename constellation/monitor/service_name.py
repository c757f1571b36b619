"""Which service a container is an instance of, and the name of that instance."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

SERVICE_LABEL = "constellation.service"
PROJECT_LABEL = "com.docker.compose.project"
COMPOSE_SERVICE_LABEL = "com.docker.compose.service"
ONE_OFF_LABEL = "com.docker.compose.oneoff"

NAME_CHARACTERS_MAX = 128  # of a key in gossip
_DIGEST_BYTES = 5

# Docker Compose prefixes the name of a container while it is being replaced.
_REPLACEMENT_PREFIX = re.compile(r"^[0-9a-f]{12}_(?=.)")


def service_name(container_name: str, labels: Mapping[str, str]) -> str:
    """Return the name of the container's service, which is the same on every host.

    It is the label `constellation.service`, or else Docker Compose's service and project as
    `<service>-<project>`, or else the container's name.
    """
    lowered = {name.lower(): value.strip() for name, value in labels.items()}
    service, project = lowered.get(COMPOSE_SERVICE_LABEL), lowered.get(PROJECT_LABEL)
    of_compose = f"{service}-{project}" if service and project else ""
    named = lowered.get(SERVICE_LABEL, "") or of_compose
    return within_limit(named) if named else instance_name(container_name, labels)


def instance_name(container_name: str, labels: Mapping[str, str]) -> str:
    """Return the container's name, the same before and after Docker Compose replaces it."""
    if PROJECT_LABEL in labels:
        container_name = _REPLACEMENT_PREFIX.sub("", container_name)
    return within_limit(container_name)


def within_limit(name: str) -> str:
    """Return `name`; one that is too long is cut, and ends with a digest of the whole."""
    if len(name) <= NAME_CHARACTERS_MAX:
        return name
    encoded = name.encode(errors="surrogatepass")
    digest = hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name[: NAME_CHARACTERS_MAX - len(digest) - 1]}-{digest}"
