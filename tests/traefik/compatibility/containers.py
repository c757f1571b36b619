"""The containers of all set-ups in a Docker Engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rigs.docker_engine import IMAGE, PrivateDocker
from rigs.processes import wait_until
from tests.traefik.compatibility.normal import Places
from tests.traefik.compatibility.setups import Container

CHECKS = {
    "healthy": {"test": ["CMD", "true"], "interval": 500_000_000, "retries": 1},
    "unhealthy": {"test": ["CMD", "false"], "interval": 500_000_000, "retries": 1},
    "starting": {"test": ["CMD", "true"], "interval": 3_600_000_000_000, "retries": 1},
}
AT_ONCE = 4


def run_all(engine: PrivateDocker, wanted: Sequence[Container], address: str) -> Places:
    """Start containers, their ports published at `address`; return where they are.

    Each is then as it shall be: stopped, or with the health that its check is to find.
    """
    with contextlib.closing(engine.client()) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        for network in sorted({name for container in wanted for name in container.networks}):
            client.networks.create(network, driver="bridge")
        found = list(pool.map(lambda container: _run(client.api, container, address), wanted))
    return _places(found, wanted, address)


def remove_all(engine: PrivateDocker) -> None:
    """Remove all containers, several at once: that takes half the time."""
    with contextlib.closing(engine.client()) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        ids = [found["Id"] for found in client.api.containers(all=True)]
        list(pool.map(lambda one: client.api.remove_container(one, force=True, v=True), ids))
    engine.remove_all()


def _run(api: Any, container: Container, address: str) -> dict[str, Any]:
    bindings = dict.fromkeys(container.exposed, (address,)) if container.is_published else {}
    first, *others = container.networks or ("host" if container.on_host_network else "bridge",)
    container_id = api.create_container(
        IMAGE,
        ["sleep", "3600"],
        name=container.name,
        labels={"constellation.enable": "true", **container.labels},
        ports=[tuple(port.split("/")) for port in container.exposed],
        healthcheck=CHECKS.get(container.check),
        host_config=api.create_host_config(port_bindings=bindings, init=True, network_mode=first),
    )["Id"]
    for network in others:
        api.connect_container_to_network(container_id, network)
    api.start(container_id)
    if container.is_stopped:
        api.kill(container_id)
        api.wait(container_id)

    def is_checked() -> bool:
        health = api.inspect_container(container_id)["State"].get("Health", {})
        return bool(health.get("Status", "") == container.check)

    wait_until(is_checked, timeout_s=30, what=f"{container.name} to be {container.check}")
    return dict(api.inspect_container(container_id))


def _places(found: Sequence[dict[str, Any]], wanted: Sequence[Container], address: str) -> Places:
    """Return where containers are; on two networks only the one that their labels name."""
    own, published = {}, {}
    for inspected, container in zip(found, wanted, strict=True):
        settings = inspected["NetworkSettings"]
        named = container.labels.get("traefik.docker.network")
        for name, network in settings["Networks"].items():
            if network["IPAddress"] and named in {None, name}:
                own[network["IPAddress"]] = container.name
        for port, bindings in settings["Ports"].items():
            number, protocol = port.split("/")
            for binding in bindings or ():
                at = f"{binding['HostIp']}:{binding['HostPort']}"
                published[at, protocol] = f"{container.name}:{number}"
        if container.on_host_network:
            own |= {"127.0.0.1": container.name, address: container.name}
    return Places(own, published)
