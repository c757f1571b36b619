"""All set-ups at once, read by Traefik's Docker provider, and by an agent for another Traefik."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rigs.agents import Agent, agents
from rigs.docker_engine import PrivateDocker
from rigs.ports import free_ports
from rigs.processes import wait_until
from rigs.traefik import Traefik, traefik
from tests.traefik.compatibility.containers import remove_all, run_all
from tests.traefik.compatibility.normal import SERVICES, DefaultNames, Places, Routes, normal
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
PROVIDER_SETTINGS = {
    "version": "3.7",
    "retry_attempts": 0,
    "http_entry_points": ["web"],
    "entry_points": [*TCP_ENTRY_POINTS, *UDP_ENTRY_POINTS],
    "cert_resolvers": ["le"],
    "default_routes": "unrouted",
    "settle_s": 1.0,
}
RESOLVER = "le.tailscale"
AT_REST_COUNT = 40  # looks at the body that find it unchanged
SERVICES_METRIC = re.compile(r"^constellation_monitor_services\{.*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sides:
    """The routes of both for the same containers."""

    raw: dict[str, Any]  # of Traefik's own Docker provider
    theirs: Routes
    ours: Routes
    places: Places
    their_complaints: list[str]  # error lines
    our_complaints: list[str]
    our_empty_servers: list[str]  # services of which a server has no address
    rejected: list[dict[str, str]]  # by the agent


def containers() -> list[Container]:
    """Return the containers of all set-ups."""
    return [container for setup in SETUPS.values() for container in setup.containers]


def both_sides(engine: PrivateDocker, directory: Path) -> Sides:
    """Run all set-ups, two Traefiks and an agent; return their routes.

    The last container is started once all else is there: both Traefiks then read everything
    anew, and what they log from then on has nothing to do with the order of things at the start.
    """
    *first, last = containers()
    with contextlib.ExitStack() as stack:
        stack.callback(remove_all, engine)
        (agent,) = stack.enter_context(agents(directory, 1, settings=settings(engine), start=False))
        places = run_all(engine, first, agent.address)
        agent.start()
        docker_side = stack.enter_context(
            traefik(
                None,
                directory / "docker-side",
                docker_socket=engine.socket,
                arguments=[*static(directory), *docker_provider()],
            )
        )
        wait_until(docker_side.routers, timeout_s=15, what="Traefik to read the containers")
        body_at_rest(agent, len(first))
        agent_side = stack.enter_context(
            traefik(agent.endpoint, directory / "agent-side", arguments=static(directory))
        )
        # If Traefik refuses the body, everything differs, and the error line says why.
        with contextlib.suppress(AssertionError):
            wait_until(agent_side.routers, timeout_s=5, what="Traefik to take the body")
        for side in (
            docker_side,
            agent_side,
        ):  # until @file is loaded
            wait_until(
                lambda side=side: "guard@file" in str(side.raw().get("middlewares")),  # type: ignore[misc]
                timeout_s=10,
                what="Traefik to read its file",
            )
        logged = [len(side.error_lines()) for side in (docker_side, agent_side)]
        places = places.joined(run_all(engine, [last], agent.address))
        wait_until(
            lambda: last.name in str(docker_side.raw()), timeout_s=10, what="Traefik to read again"
        )
        wait_for_body(agent_side, body_at_rest(agent, len(first) + 1))
        raw, our_raw = docker_side.raw(), agent_side.raw()
        return Sides(
            raw=raw,
            theirs=normal(raw, "docker", places, DefaultNames()),
            ours=normal(our_raw, "http", places, default_names(agent.name)),
            places=places,
            their_complaints=complaints(docker_side)[logged[0] :],
            our_complaints=complaints(agent_side)[logged[1] :],
            our_empty_servers=empty_servers(our_raw),
            rejected=json.loads(agent.get("/api/rejected")[1]),
        )


def settings(engine: PrivateDocker) -> dict[str, Any]:
    """Return the agent's settings."""
    return {
        "domain": DOMAIN,
        "metrics_interval_s": 0.5,
        "docker": {"enabled": True, "socket": str(engine.socket)},
        "traefik": PROVIDER_SETTINGS,
    }


def default_names(node: str) -> DefaultNames:
    """Return Traefik's names of the default routers and services of all containers."""
    called = {f"{container.name}.{DOMAIN}": container.name for container in containers()}
    services = {}
    for container in containers():
        named = {
            label.split(".")[3]
            for label in container.labels
            if label.lower().startswith("traefik.http.services.")
        }
        services[f"{container.name}.{DOMAIN}"] = named.pop() if len(named) == 1 else container.name
    return DefaultNames(called, services, node_suffix=f".{node}.{DOMAIN}")


def static(directory: Path) -> list[str]:
    """Return the static configuration of both Traefiks."""
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
        # A resolver that requests no certificates for these names.
        "--certificatesresolvers.le.tailscale=true",
    ]


def docker_provider() -> list[str]:
    """Return options with which Traefik's Docker provider keeps routes of unhealthy containers."""
    return [
        "--providers.docker.allowemptyservices=true",
        f"--providers.docker.defaultrule=Host(`{{{{ normalize .Name }}}}.{DOMAIN}`)",
    ]


def complaints(side: Traefik) -> list[str]:
    """Return its error lines, without those of the resolver, which has no certificates."""
    lines = side.error_lines()
    return ["" if json.loads(line).get("providerName") == RESOLVER else line for line in lines]


def empty_servers(raw: dict[str, Any]) -> list[str]:
    """Return the services that have a server without an address."""
    return [
        name
        for kind in SERVICES
        for name, service in (raw.get(kind) or {}).items()
        for server in service.get("loadBalancer", {}).get("servers") or ()
        if not server.get("url") and not server.get("address")
    ]


def body_at_rest(agent: Agent, count: int) -> dict[str, Any]:
    """Return the agent's body when it has `count` containers and no longer changes."""
    wait_until(
        lambda: services_count(agent) == count,
        timeout_s=120,
        what=lambda: f"{count} services at the agent; it has {services_count(agent)}",
    )
    bodies: list[bytes] = []

    def is_at_rest() -> bool:
        bodies.append(agent.get("/api/dynamic")[1])
        last = bodies[-AT_REST_COUNT:]
        return agent.health().get("routes") == "settled" and last == [last[-1]] * AT_REST_COUNT

    wait_until(is_at_rest, timeout_s=30, what=lambda: f"the body to rest: {agent.health()}")
    return dict(json.loads(bodies[-1]))


def services_count(agent: Agent) -> int:
    """Return the number of services whose health the agent knows."""
    page = agent.get("/metrics")[1].decode()
    return round(sum(map(float, SERVICES_METRIC.findall(page))))


def wait_for_body(side: Traefik, body: dict[str, Any]) -> None:
    """Wait until Traefik has the routers of `body`, or refuses them."""

    def has_it() -> bool:
        raw = side.raw()
        return all(
            {f"{name}@http" for name in body.get(protocol, {}).get("routers", {})}
            == {name for name in raw.get(kind) or {} if name.endswith("@http")}
            for protocol, kind in (
                ("http", "routers"),
                ("tcp", "tcpRouters"),
                ("udp", "udpRouters"),
            )
        )

    with contextlib.suppress(AssertionError):
        wait_until(has_it, timeout_s=5, what="Traefik to have the body")
