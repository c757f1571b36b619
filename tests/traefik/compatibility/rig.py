"""All set-ups at once, read by Traefik's Docker provider and, by way of an agent, by another."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constellation.config import TraefikSettings
from tests.components.agents import Agent, agents
from tests.components.docker_engine import IMAGE, PrivateDocker
from tests.components.ports import free_ports
from tests.components.processes import wait_until
from tests.components.traefik import Traefik, traefik
from tests.traefik.compatibility.normal import DefaultNames, Places, Routes, normal
from tests.traefik.compatibility.setups import Container
from tests.traefik.compatibility.table import SETUPS

DOMAIN = "localhost"
TCP_ENTRY_POINTS = ("websecure", "tls", "tcp-a", "tcp-b", "tcp-c", "tcp-d", "tcp-e")
UDP_ENTRY_POINTS = ("udp-a", "udp-b", "udp-c", "udp-d")
SERVERS = {"servers": [{"url": "http://192.0.2.1"}]}
FILE = {
    "http": {
        "middlewares": {"guard": {"ipAllowList": {"sourceRange": ["127.0.0.0/8"]}}},
        "services": {"elsewhere": {"loadBalancer": SERVERS}},
        "serversTransports": {"loose": {"insecureSkipVerify": True}},
    },
    "tcp": {"serversTransports": {"loose": {"dialTimeout": "5s"}}},
    "tls": {"options": {"modern": {"minVersion": "VersionTLS13"}}},
}
# What the provider is to be told, of which an agent is given the settings that it has.
WANTED_SETTINGS = {
    "version": "3.7",
    "retry_attempts": 0,
    "http_entry_points": ["web"],
    "entry_points": [*TCP_ENTRY_POINTS, *UDP_ENTRY_POINTS],
    "tcp_entry_points": list(TCP_ENTRY_POINTS),
    "udp_entry_points": list(UDP_ENTRY_POINTS),
    "cert_resolvers": ["le"],
    "default_routes": "unrouted",
    "settle_s": 1.0,
}
CHECKS = {
    "healthy": {"test": ["CMD", "true"], "interval": 500_000_000, "retries": 1},
    "unhealthy": {"test": ["CMD", "false"], "interval": 500_000_000, "retries": 1},
    "starting": {"test": ["CMD", "true"], "interval": 3_600_000_000_000, "retries": 1},
}
AT_ONCE = 4
RESOLVER = "le.tailscale"
AT_REST_COUNT = 40  # looks at the body that find it unchanged
SERVICES_METRIC = re.compile(r"^constellation_monitor_services\{.*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sides:
    """What both have made of the same containers."""

    raw: dict[str, Any]  # of Traefik's own Docker provider
    theirs: Routes
    ours: Routes
    places: Places
    their_complaints: list[str]  # error lines
    our_complaints: list[str]
    rejected: str


def containers() -> list[Container]:
    """Return the containers of all set-ups."""
    return [container for setup in SETUPS.values() for container in setup.containers]


def default_names(node: str) -> DefaultNames:
    """Return what Traefik calls the default routers and services of all containers."""
    routers = {f"{container.name}.{DOMAIN}": container.name for container in containers()}
    services = {}
    for container in containers():
        named = {
            label.split(".")[3]
            for label in container.labels
            if label.lower().startswith("traefik.http.services.")
        }
        services[f"{container.name}.{DOMAIN}"] = named.pop() if len(named) == 1 else container.name
    return DefaultNames(routers, services, node_suffix=f".{node}.{DOMAIN}")


@contextlib.contextmanager
def both_sides(engine: PrivateDocker, directory: Path) -> Iterator[Sides]:
    """Run all set-ups, both Traefiks and an agent for the length of the block."""
    known = TraefikSettings.model_fields  # not all of them, for now
    wanted = {name: value for name, value in WANTED_SETTINGS.items() if name in known}
    settings = {
        "domain": DOMAIN,
        "metrics_interval_s": 0.5,
        "docker": {"enabled": True, "socket": str(engine.socket)},
        "traefik": wanted,
    }
    with contextlib.ExitStack() as stack:
        stack.callback(remove_all, engine)
        (agent,) = stack.enter_context(agents(directory, 1, settings=settings, start=False))
        places = run_all(engine, agent.address)
        agent.start()
        docker_side = stack.enter_context(
            traefik(
                None,
                directory / "docker-side",
                docker_socket=engine.socket,
                arguments=[*static(directory), *docker_provider()],
            )
        )
        agent_side = stack.enter_context(
            traefik(agent.endpoint, directory / "agent-side", arguments=static(directory))
        )
        raw = when_whole(docker_side)
        wait_for_the_agent(agent, agent_side)
        names = default_names(agent.name)
        yield Sides(
            raw=raw,
            theirs=normal(raw, "docker", places, DefaultNames()),
            ours=normal(agent_side.raw(), "http", places, names),
            places=places,
            their_complaints=complaints(docker_side),
            our_complaints=complaints(agent_side),
            rejected=agent.get("/api/rejected")[1].decode(),
        )


def static(directory: Path) -> list[str]:
    """Return the static configuration that both Traefiks have."""
    file = directory / "file.yaml"
    file.write_text(json.dumps(FILE))  # JSON is YAML
    names = [*TCP_ENTRY_POINTS, *(f"{name}/udp" for name in UDP_ENTRY_POINTS)]
    ports = free_ports(len(names))
    entry_points = [
        f"--entrypoints.{name.partition('/')[0]}.address=127.0.0.1:{port}{''.join(udp)}"
        for name, port in zip(names, ports, strict=True)
        for udp in [name.partition("/")[1:]]
    ]
    return [
        *entry_points,
        "--entrypoints.web.asdefault=true",
        f"--providers.file.filename={file}",
        # A resolver that asks nobody for a certificate of such names.
        "--certificatesresolvers.le.tailscale=true",
    ]


def complaints(side: Traefik) -> list[str]:
    """Return its error lines, without the resolver's, which has no certificate for our names."""
    return [line for line in side.error_lines() if json.loads(line).get("providerName") != RESOLVER]


def docker_provider() -> list[str]:
    """Return what makes Traefik's Docker provider keep what we keep: routes of ill containers."""
    return [
        "--providers.docker.allowemptyservices=true",
        f"--providers.docker.defaultrule=Host(`{{{{ normalize .Name }}}}.{DOMAIN}`)",
    ]


def when_whole(docker_side: Traefik) -> dict[str, Any]:
    """Return what Traefik has: it takes up all containers at once."""
    wait_until(docker_side.routers, timeout_s=15, what="Traefik's Docker provider to have read")
    return docker_side.raw()


def wait_for_the_agent(agent: Agent, agent_side: Traefik) -> None:
    """Return once the agent knows every container and Traefik has its body, if it takes it."""
    count = len(containers())
    wait_until(
        lambda: services_count(agent) == count,
        timeout_s=60,
        what=lambda: f"{count} services at the agent; it has {services_count(agent)}",
    )
    bodies: list[bytes] = []

    def is_at_rest() -> bool:
        bodies.append(agent.get("/api/dynamic")[1])
        return agent.health().get("routes") == "settled" and len(set(bodies[-AT_REST_COUNT:])) == 1

    wait_until(is_at_rest, timeout_s=30, what=lambda: f"the body to rest: {agent.health()}")
    routers = json.loads(bodies[-1])["http"].get("routers", {})
    # A body that is refused shows as a difference of everything, beside its error line.
    with contextlib.suppress(AssertionError):
        wait_until(
            lambda: set(agent_side.routers()) == set(routers), timeout_s=10, what="that body"
        )


def services_count(agent: Agent) -> int:
    """Return how many services the agent's monitors have judged."""
    page = agent.get("/metrics")[1].decode()
    return round(sum(map(float, SERVICES_METRIC.findall(page))))


def run_all(engine: PrivateDocker, address: str) -> Places:
    """Start the containers of all set-ups; return where they are, once each is as it shall be."""
    made = containers()
    with contextlib.closing(engine.client()) as client:
        for network in sorted({name for container in made for name in container.networks}):
            client.networks.create(network, driver="bridge")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda container: run(client.api, container, address), made))
        return places_of(found, made, address)


def remove_all(engine: PrivateDocker) -> None:
    """Remove all containers, several at once: it takes a third of the time."""
    with contextlib.closing(engine.client()) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        ids = [found["Id"] for found in client.api.containers(all=True)]
        list(pool.map(lambda one: client.api.remove_container(one, force=True, v=True), ids))
    engine.remove_all()


def run(api: Any, container: Container, address: str) -> dict[str, Any]:
    """Start one container; return its inspection once it is as it shall be."""
    ports = [tuple(port.split("/")) for port in container.exposed]
    bindings = dict.fromkeys(container.exposed, (address,)) if container.is_published else {}
    first, *others = container.networks or ("host" if container.on_host_network else "bridge",)
    container_id = api.create_container(
        IMAGE,
        ["sleep", "3600"],
        name=container.name,
        labels={"constellation.enable": "true", **container.labels},
        ports=ports,
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


def places_of(found: list[dict[str, Any]], made: list[Container], address: str) -> Places:
    """Return where the inspected containers are; on two networks only the one that labels name."""
    own, published = {}, {}
    for inspected, container in zip(found, made, strict=True):
        settings = inspected["NetworkSettings"]
        wanted = container.labels.get("traefik.docker.network")
        for name, network in settings["Networks"].items():
            if network["IPAddress"] and wanted in {None, name}:
                own[network["IPAddress"]] = container.name
        for port, bindings in settings["Ports"].items():
            number, protocol = port.split("/")
            for binding in bindings or ():
                at = f"{binding['HostIp']}:{binding['HostPort']}"
                published[at, protocol] = f"{container.name}:{number}"
        if container.on_host_network:
            own |= {"127.0.0.1": container.name, address: container.name}
    return Places(own, published)
