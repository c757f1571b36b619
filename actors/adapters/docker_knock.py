"""Whether something listens where Docker should, found out without its client, which is large."""

from __future__ import annotations

import socket

from actors.adapters.docker_failure import docker_failure
from constellation.errors import AdapterError
from constellation.monitor.docker_endpoint import DockerEndpoint
from constellation.settings.docker import DockerSettings


def why_away(settings: DockerSettings, timeout_s: float) -> AdapterError | None:
    """Return why nothing listens where Docker should; None: something does."""
    try:
        knock(settings.endpoint, timeout_s)
    except (OSError, ValueError) as error:
        return docker_failure(settings.endpoint, "connect", error)
    return None


def knock(endpoint: DockerEndpoint, timeout_s: float) -> None:
    """Fail with the error of the system, and without the socket that the library would leak."""
    if not endpoint.path:
        socket.create_connection((endpoint.host, endpoint.port), timeout_s).close()
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_s)
        probe.connect(endpoint.path)
