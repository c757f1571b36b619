"""Nodes on loopback addresses, each with a real Traefik as shipped, and bodies from the provider.

No agents and no containers: a service listens at an address of its own, which only its node's
Traefik is told of.  So a request that another node receives must take the hop.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import ClusterMember, NamedNodeState, NodeServiceState, NodeState
from messages.monitor import Label, ServiceState
from rigs import shipped_traefik
from rigs.availability import binary
from rigs.loopback import loopback_addresses
from rigs.ports import answers
from rigs.processes import Process, wait_until
from tests.traefik.builders import on, view
from tests.traefik.conftest import Answering, answering
from tests.traefik.hop_service import ask

DOMAIN = "example.org"
WEB_PORT, SECURE_PORT, INSIDE_PORT = 18080, 18443, 18082
NAMES = ("alpha", "beta", "gamma")
NOTHING = b'{"http":{"middlewares":{"none":{"retry":{"attempts":1}}}}}'


@dataclass
class Node:
    """One node: its Traefik, and the body that it polls."""

    name: str
    address: str
    source: Answering
    traefik: Process

    @property
    def web(self) -> tuple[str, int]:
        """The entry point for clients."""
        return self.address, WEB_PORT


class HopRig:
    """All nodes.  `settings` are those of every provider."""

    def __init__(self, nodes: Sequence[Node], settings: Mapping[str, Any]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self._settings = {
            "version": "3.7",
            "ingress_port": shipped_traefik.INGRESS_PORT,
            "retry_initial_interval_s": 0.01,
            **settings,
        }

    def serve(self, services: Sequence[NodeServiceState], *, awaited: str) -> None:
        """Give every Traefik the routes to `services`, and wait until it has that to `awaited`."""
        members = tuple(
            ClusterMember(node=n.name, state="alive", address=n.address, port=7946, incarnation=1)
            for n in self.nodes.values()
        )
        states = tuple(
            NamedNodeState(
                node=n.name,
                state=NodeState(
                    address=n.address, gossip_port=7946, actor_port=7947, ingress_port=7948
                ),
            )
            for n in self.nodes.values()
        )
        for node in self.nodes.values():
            settings = TraefikSettings(**self._settings)
            builder = ConfigurationBuilder(settings=settings, domain=DOMAIN)
            seen = view(*services, self_node=node.name, members=members, nodes=states)
            node.source.body = builder.build(seen).body
        for node in self.nodes.values():
            wait_until(
                lambda node=node: ask(node.web, f"{awaited}.{DOMAIN}").status != 404,  # type: ignore[misc]
                timeout_s=10,
                what=f"{node.name} to route to {awaited}",
            )


def unpublished(
    node: str, service: str, host: str, port: int, labels: Mapping[str, str] | None = None
) -> NodeServiceState:
    """Return a healthy service on a node that publishes no port."""
    state = ServiceState(
        service=service,
        health="healthy",
        source="docker",
        instance=f"{service}-{node}",
        exposed_ports=(port,),
        container_host=host,
        labels=tuple(Label(name=n, value=v) for n, v in (labels or {}).items()),
    )
    return on(node, state)


@contextlib.contextmanager
def hop_rig(
    directory: Path,
    count: int = 2,
    file_provider: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[HopRig]:
    """Run `count` nodes until the block ends; `file_provider` is what Traefik reads from a file."""
    more = directory / "more.yaml"
    more.write_text(json.dumps(file_provider or {}))
    with contextlib.ExitStack() as stack:
        nodes = []
        for name, address in zip(NAMES, loopback_addresses(count), strict=False):
            source = stack.enter_context(answering(NOTHING))
            command = [binary("traefik"), *_flags(address, source.server_port, more)]
            process = Process(command, log_file=directory / f"traefik-{name}.log", name=name)
            stack.callback(process.stop)
            nodes.append(Node(name, address, source, process))
        for node in nodes:
            node.traefik.wait_for(
                lambda node=node: answers(*node.web),  # type: ignore[misc]
                timeout_s=20,
                what="Traefik",
            )
        yield HopRig(nodes, settings)


def _flags(address: str, provider_port: int, more: Path) -> list[str]:
    """Return the flags as shipped, with the ports of tests; the last value of a flag counts."""
    return [
        *shipped_traefik.flags(address=address),
        f"--entrypoints.web.address={address}:{WEB_PORT}",
        f"--entrypoints.websecure.address={address}:{SECURE_PORT}",
        f"--entrypoints.traefik.address={address}:{INSIDE_PORT}",
        f"--providers.http.endpoint=http://127.0.0.1:{provider_port}/",
        f"--providers.file.filename={more}",
        "--providers.http.pollinterval=50ms",
        "--providers.providersthrottleduration=20ms",
        "--log.level=INFO",
    ]
