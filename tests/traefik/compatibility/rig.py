"""All set-ups at once, read by Traefik's Docker provider, and by an agent for another Traefik."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
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
from tests.traefik.compatibility.requests import Answers, Probe, ask_all, probes
from tests.traefik.compatibility.setups import Container, Setup
from tests.traefik.compatibility.table import LAST

DOMAIN = "localhost"
TCP_ENTRY_POINTS = ("websecure", "tls", *(f"tcp-{letter}" for letter in "abcdefgh"))
UDP_ENTRY_POINTS = tuple(f"udp-{letter}" for letter in "abcdef")
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
AT_REST_S = 1.0
INSTANCES_METRIC = re.compile(r"^constellation_monitor_services\{.*\} (\S+)$", re.MULTILINE)
HOST_CHARACTERS_MAX = 253
TRUE = {"true", "t", "1"}
NOT_IN_NAME = re.compile(r"[^A-Za-z0-9]+")


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
    their_answers: dict[str, dict[str, Answers]]  # by set-up, by request
    our_answers: dict[str, dict[str, Answers]]

    def joined(self, other: Sides) -> Sides:
        """Return both, of different set-ups; `raw` and `places` are those of `other` alone."""
        return Sides(
            raw=other.raw,
            theirs=_joined(self.theirs, other.theirs),
            ours=_joined(self.ours, other.ours),
            places=other.places,
            their_complaints=self.their_complaints + other.their_complaints,
            our_complaints=self.our_complaints + other.our_complaints,
            our_empty_servers=self.our_empty_servers + other.our_empty_servers,
            rejected=self.rejected + other.rejected,
            their_answers={**self.their_answers, **other.their_answers},
            our_answers={**self.our_answers, **other.our_answers},
        )


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {kind: {**(one.get(kind) or {}), **(other.get(kind) or {})} for kind in {*one, *other}}


def containers(setups: Iterable[Setup]) -> list[Container]:
    """Return the containers of all set-ups."""
    return [container for setup in setups for container in setup.containers]


def both_sides(engine: PrivateDocker, directory: Path, batches: Sequence[Sequence[Setup]]) -> Sides:
    """Return both sides of all set-ups, one batch after another."""
    found = (
        _of_batch(engine, directory / str(number), batch) for number, batch in enumerate(batches)
    )
    return functools.reduce(Sides.joined, found)


def _of_batch(engine: PrivateDocker, directory: Path, setups: Sequence[Setup]) -> Sides:
    """Run set-ups, two Traefiks and an agent; return their routes.

    The last container is started once all else is there: both Traefiks then read everything
    anew, and what they log from then on has nothing to do with the order of things at the start.
    """
    everything = containers([*setups, LAST])
    *first, last = everything
    with contextlib.ExitStack() as stack:
        stack.callback(remove_all, engine)
        (agent,) = stack.enter_context(agents(directory, 1, settings=settings(engine), start=False))
        places = run_all(engine, first, agent.address)
        agent.start()
        their_ports, our_ports = ports(), ports()
        docker_side = stack.enter_context(
            traefik(
                None,
                directory / "docker-side",
                docker_socket=engine.socket,
                arguments=[*static(directory, their_ports), *docker_provider()],
            )
        )
        wait_until(docker_side.routers, timeout_s=15, what="Traefik to read the containers")
        body_at_rest(agent, first)
        agent_side = stack.enter_context(
            traefik(
                agent.endpoint, directory / "agent-side", arguments=static(directory, our_ports)
            )
        )
        # If Traefik refuses the body, everything differs, and the error line says why.
        with contextlib.suppress(AssertionError):
            wait_until(agent_side.routers, timeout_s=5, what="Traefik to take the body")
        for side in (docker_side, agent_side):
            wait_for_file(side)
        logged = [len(side.error_lines()) for side in (docker_side, agent_side)]
        places = places.joined(run_all(engine, [last], agent.address))
        wait_until(
            lambda: last.name in str(docker_side.raw()), timeout_s=10, what="Traefik to read again"
        )
        wait_for_body(agent_side, body_at_rest(agent, everything))
        raw, our_raw = docker_side.raw(), agent_side.raw()
        asked = {one.name: (len(one.containers), all_probes(one)) for one in setups}
        return Sides(
            raw=raw,
            theirs=normal(raw, "docker", places, DefaultNames()),
            ours=normal(our_raw, "http", places, default_names(everything, agent.name)),
            places=places,
            their_complaints=complaints(docker_side)[logged[0] :],
            our_complaints=complaints(agent_side)[logged[1] :],
            our_empty_servers=empty_servers(our_raw),
            rejected=rejected_by(agent),
            their_answers=ask_all(docker_side, their_ports, asked, places),
            our_answers=ask_all(agent_side, our_ports, asked, places),
        )


def rejected_by(agent: Agent) -> list[dict[str, Any]]:
    """Return what `constellation rejected` lists; a busy agent may need a second question."""
    answers: list[str] = []

    def is_answered() -> bool:
        answers.append(agent.run_command("rejected", "--json").stdout)
        return answers[-1] != ""

    wait_until(is_answered, timeout_s=60, what="`constellation rejected` to be answered")
    return list(json.loads(answers[-1])["rejected"])


def all_probes(setup: Setup) -> list[Probe]:
    """Return the requests of a set-up, also for the default host names of its containers."""
    hosts = dict.fromkeys(default_host(one) for one in setup.containers)
    return probes(setup, [host for host in hosts if len(host) <= HOST_CHARACTERS_MAX])


def default_host(container: Container) -> str:
    """Return the host name that Traefik's default rule gives a container."""
    name = NOT_IN_NAME.sub("-", traefik_name(container)).strip("-")
    return f"{name}.{DOMAIN}"


def traefik_name(container: Container) -> str:
    """Return the name of a container's service as Traefik's Docker provider makes it."""
    labels = container.labels
    if project := labels.get("com.docker.compose.project"):
        return f"{labels['com.docker.compose.service']}_{project}"
    return container.name


def wait_for_file(side: Traefik) -> None:
    """Return once `side` has the elements of `@file`."""
    wait_until(
        lambda: "guard@file" in str(side.raw().get("middlewares")),
        timeout_s=10,
        what="Traefik to read its file",
    )


def instances_of(some: Iterable[Container]) -> int:
    """Return how many are instances: not the jobs of Compose, nor what was never started."""
    started = [one for one in some if one.condition != "created"]
    enabled = [one for one in started if one.labels.get("traefik.enable", "").lower() in TRUE]
    jobs = [one for one in enabled if one.labels.get("com.docker.compose.oneoff") == "True"]
    return sum(one.is_watched or (one in enabled and one not in jobs) for one in started)


def settings(engine: PrivateDocker) -> dict[str, Any]:
    """Return the agent's settings."""
    return {
        "domain": DOMAIN,
        "docker": {"enabled": True, "socket": str(engine.socket)},
        "traefik": PROVIDER_SETTINGS,
    }


def default_names(some: Iterable[Container], node: str) -> DefaultNames:
    """Return Traefik's names of the default routers and services of containers."""
    called, services = {}, {}
    for container in some:
        name = NOT_IN_NAME.sub("-", traefik_name(container)).strip("-")
        host = f"{name.lower()}.{DOMAIN}"
        named = {
            label.split(".")[3]
            for label in container.labels
            if label.lower().startswith("traefik.http.services.")
        }
        called[host] = name
        services[host] = named.pop() if len(named) == 1 else name
    return DefaultNames(called, services, node_suffix=f".{node}.{DOMAIN}")


def ports() -> dict[str, int]:
    """Return free ports for the entry points, by name."""
    names = (*TCP_ENTRY_POINTS, *UDP_ENTRY_POINTS)
    return dict(zip(names, free_ports(len(names)), strict=True))


def static(directory: Path, at: Mapping[str, int]) -> list[str]:
    """Return the static configuration of a Traefik with its entry points `at` these ports."""
    directory.mkdir(exist_ok=True)
    file = directory / "file.yaml"
    file.write_text(json.dumps(FILE))  # JSON is YAML
    entry_points = [
        f"--entrypoints.{name}.address=127.0.0.1:{port}{'/udp' if name in UDP_ENTRY_POINTS else ''}"
        for name, port in at.items()
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


def body_at_rest(agent: Agent, some: Sequence[Container]) -> dict[str, Any]:
    """Return the agent's body when it knows the health of all and the body no longer changes."""
    wanted = instances_of(some)
    wait_until(
        lambda: instances_count(agent) == wanted,
        timeout_s=180,
        what=lambda: f"{wanted} instances at the agent; it has {instances_count(agent)}",
    )
    seen, since_s = b"", time.monotonic()

    def is_at_rest() -> bool:
        nonlocal seen, since_s
        now_seen = agent.get("/api/dynamic")[1]
        if now_seen != seen:
            seen, since_s = now_seen, time.monotonic()
        is_settled = agent.health().get("routes") == "settled"
        return is_settled and time.monotonic() - since_s > AT_REST_S

    wait_until(is_at_rest, timeout_s=60, what=lambda: f"the body to rest: {agent.health()}")
    return dict(json.loads(seen))


def instances_count(agent: Agent) -> int:
    """Return the number of containers whose health the agent knows."""
    page = agent.get("/metrics")[1].decode()
    return round(sum(map(float, INSTANCES_METRIC.findall(page))))


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
