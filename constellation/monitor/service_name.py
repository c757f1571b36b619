"""The name of the service that a container is an instance of."""

from __future__ import annotations

import re
from collections.abc import Mapping

SERVICE_LABEL = "constellation.service"
DNS_LABEL_CHARACTERS_MAX = 63

COMPOSE_LABEL = "com.docker.compose.project"

# Docker Compose gives a container such a prefix while another takes its place.
_REPLACEMENT_PREFIX = re.compile(r"^[0-9a-f]{12}_(?=.)")
_NOT_IN_DNS_LABEL = re.compile(r"[^a-z0-9]+")


def service_name(container_name: str, labels: Mapping[str, str]) -> str | None:
    """Return the name as a DNS label, or None if nothing of it can be kept.

    The label `constellation.service` names it; else the container's own name does: `/proj_web_1`
    becomes `proj-web-1`.
    """
    if COMPOSE_LABEL in labels:
        container_name = _REPLACEMENT_PREFIX.sub("", container_name)
    return dns_label(labels.get(SERVICE_LABEL, "")) or dns_label(container_name)


def dns_label(text: str) -> str | None:
    """Return `text` with everything a DNS label cannot hold replaced by '-'; None if empty."""
    label = _NOT_IN_DNS_LABEL.sub("-", text.lower()).strip("-")
    return label[:DNS_LABEL_CHARACTERS_MAX].rstrip("-") or None
