"""The service name of a container."""

from __future__ import annotations

import re
from collections.abc import Mapping

SERVICE_LABEL = "constellation.service"
DNS_LABEL_CHARACTERS_MAX = 63

COMPOSE_LABEL = "com.docker.compose.project"

# Docker Compose prefixes the name of a container while it is being replaced.
_REPLACEMENT_PREFIX = re.compile(r"^[0-9a-f]{12}_(?=.)")
_NOT_IN_DNS_LABEL = re.compile(r"[^a-z0-9]+")


def service_name(container_name: str, labels: Mapping[str, str]) -> str | None:
    """Return the service name as a DNS label; None if no character of the name is usable.

    It is taken from the label `constellation.service`, or else from the container's name:
    `/proj_web_1` becomes `proj-web-1`.
    """
    if COMPOSE_LABEL in labels:
        container_name = _REPLACEMENT_PREFIX.sub("", container_name)
    return dns_label(labels.get(SERVICE_LABEL, "")) or dns_label(container_name)


def dns_label(text: str) -> str | None:
    """Return `text` with characters not allowed in a DNS label replaced by '-'; None if empty."""
    label = _NOT_IN_DNS_LABEL.sub("-", text.lower()).strip("-")
    return label[:DNS_LABEL_CHARACTERS_MAX].rstrip("-") or None
