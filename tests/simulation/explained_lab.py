"""Real Traefiks, one for each node of a random cluster, and the containers as small listeners.

The agents' bodies have the addresses of the cluster; before a Traefik gets one, they are replaced
by ports of 127.0.0.1 where that node would reach the same, and by a closed port where it would not.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from constellation.cluster_view import ClusterView
from constellation.monitor.health import ServiceHealth
from constellation.monitor.inventory import Inspect, Inventory, InventoryPolicy
from constellation.monitor.published_ports import PublishPolicy
from constellation.monitor.troubles import docker_troubles
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.explanation import Explanation, explain
from constellation.traefik.unserved import unserved
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from constellation.wellness.routes import counts_of
from constellation.wellness.troubles import about
from messages.admin import NodeStatus
from messages.gossip import ClusterMember, NamedNodeState, NodeServiceState, NodeState
from messages.routes import UNSERVED_MAX, RoutesHealth
from rigs.ports import free_ports
from rigs.processes import wait_until
from rigs.traefik import Traefik, traefik
from tests.simulation.explained_cluster import DOMAIN, NODES, Box, Cluster, Node
from tests.traefik.builders import snapshot
from tests.traefik.conftest import Answering

LISTENERS = 64
CLOSED = "127.0.0.1:1"
PASSWORD = "Basic dGVzdDp0ZXN0"  # that guarded routers ask for
TIMEOUT_S = 5.0
ENTRY_POINTS = ("websecure", "constellation")


# What the agents make of a cluster.


def inventory_of(node: Node, boxes: Sequence[Box]) -> Inventory:
    """Return what the agent of `node` knows of its containers."""
    policy = InventoryPolicy(publish=PublishPolicy(node.address, node.address))
    inventory = Inventory(policy)
    own = {box.name: box for box in boxes if box.node == node.name}
    for effect in inventory.listed([_row(box) for box in own.values()], 0, 0.0):
        if isinstance(effect, Inspect):
            found = _inspection(own[effect.container_id])
            inventory.inspected(effect.container_id, found, inventory.sequence, 0.0)
    return inventory


def states_of(node: Node, inventory: Inventory) -> list[NodeServiceState]:
    """Return the states that the agent of `node` publishes."""
    return [
        NodeServiceState(node=node.name, state=ServiceHealth().step(seen).state(seen))
        for seen in inventory.everything().observations
    ]


@dataclass
class Routes:
    """What the agent of one node makes of a cluster.

    `statuses` are those of all living nodes.
    """

    node: Node
    view: ClusterView
    builder: ConfigurationBuilder
    made: DynamicConfiguration
    statuses: Sequence[NodeStatus] = ()

    def explain(self, host: str) -> Explanation:
        """Return what `constellation explain` tells of a host name on this node."""
        troubles = tuple(about(host, self.statuses))
        rejected = self.made.rejected
        return explain(host, self.builder.composition, self.view, rejected, lambda _: 0.0, troubles)

    def status(self) -> tuple[str, ...]:
        """Return what `constellation status` tells on this node; empty: all is well."""
        return judge(Facts.of(self.node.name, self.view, self.statuses)).degraded()

    def own_status(self, inventory: Inventory) -> NodeStatus:
        """Return what this node tells the others of itself."""
        rejected = self.made.rejected
        found = unserved(self.builder.composition, self.view, rejected)
        return NodeStatus(
            node=self.node.name,
            agent_version="",
            uptime_s=1.0,
            actors=(),
            troubles=docker_troubles(inventory, DOMAIN).troubles,
            routes=RoutesHealth(
                has_traefik=True,
                has_body=True,
                is_settled=True,
                unserved=tuple(found[:UNSERVED_MAX]),
                unserved_total=len(found),
                no_candidate="",
                **counts_of(rejected),
            ),
        )


def routes_of(cluster: Cluster) -> list[Routes]:
    """Build the body of each living node."""
    inventories = {node: inventory_of(node, cluster.boxes) for node in cluster.nodes}
    states = [one for node in cluster.nodes for one in states_of(node, inventories[node])]
    made = [_routes_of(cluster, node, states) for node in cluster.living]
    statuses = [routes.own_status(inventories[routes.node]) for routes in made]
    return [replace(routes, statuses=statuses) for routes in made]


def _routes_of(cluster: Cluster, node: Node, states: Sequence[NodeServiceState]) -> Routes:
    told = snapshot(
        *states,
        self_node=node.name,
        members=tuple(_member(other, node) for other in cluster.nodes),
        nodes=tuple(_node_state(cluster, other) for other in cluster.nodes),
    )
    view = ClusterView().apply(told)
    builder = ConfigurationBuilder(settings=cluster.settings(node), domain=DOMAIN)
    return Routes(node, view, builder, builder.build(view))


def _member(node: Node, seen_by: Node) -> ClusterMember:
    return ClusterMember(
        node=node.name,
        state=node.state,  # type: ignore[arg-type]
        address=node.address,
        port=7946,
        incarnation=1,
        is_self=node == seen_by,
    )


def _node_state(cluster: Cluster, node: Node) -> NamedNodeState:
    state = NodeState(
        address=node.address,
        gossip_port=7946,
        actor_port=7947,
        ingress_port=cluster.settings(node).offered_ingress_port,
        cordoned=node.cordoned,
    )
    return NamedNodeState(node=node.name, state=state)


def _row(box: Box) -> dict[str, Any]:
    status = f"Up 1 minute ({'health: ' * (box.check == 'starting')}{box.check})"
    return {
        "Id": box.name,
        "Names": [f"/{box.name}"],
        "State": box.status,
        "Status": status if box.check else "Up 1 minute",
        "Labels": dict(box.labels),
    }


def _inspection(box: Box) -> dict[str, Any]:
    ports = {
        f"{port}/tcp": [{"HostIp": at, "HostPort": str(number)}]
        for port, (at, number) in box.published.items()
    }
    is_running = box.status in {"running", "paused"}
    state = {
        "Status": box.status,
        "Running": is_running,
        "Paused": box.status == "paused",
        "Restarting": False,
        "ExitCode": 0,
        "StartedAt": "2026-01-01T00:00:00Z",
        **({"Health": {"Status": box.check, "Log": []}} if box.check else {}),
    }
    networks = {"bridge": {"IPAddress": box.address if is_running else ""}}
    return {
        "Id": box.name,
        "Name": f"/{box.name}",
        "Created": "2026-01-01T00:00:00Z",
        "State": state,
        "HostConfig": {"NetworkMode": "bridge"},
        "Config": {
            "Image": "example/app",
            "Labels": dict(box.labels),
            "ExposedPorts": {f"{port}/tcp": {} for port in box.exposed},
        },
        "NetworkSettings": {"Ports": ports if is_running else {}, "Networks": networks},
    }


# The containers.


class Containers:
    """Listeners that answer as the containers of one cluster after another."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}  # by the listener's port
        self._ports: list[int] = []
        self._servers: list[asyncio.Server] = []
        self._at: dict[tuple[str, int], int] = {}  # container and its port: the listener's port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Stop listening."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def become(self, boxes: Sequence[Box]) -> None:
        """Answer as `boxes` from now on."""
        running = [box for box in boxes if box.status == "running"]
        places = [(box.name, box.node, port) for box in running for port in box.listens]
        assert len(places) <= LISTENERS, f"{len(places)} ports, and {LISTENERS} listeners"
        self._names = {at: name for at, (name, _, _) in zip(self._ports, places, strict=False)}
        self._at = {
            (f"{name} on {node}", port): at
            for at, (name, node, port) in zip(self._ports, places, strict=False)
        }

    def at(self, box: Box, port: int) -> str:
        """Return where a port of a container answers here."""
        found = self._at.get((f"{box.name} on {box.node}", port))
        return f"127.0.0.1:{found}" if found else CLOSED

    async def _listen(self) -> None:
        for _ in range(LISTENERS):
            server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
            self._servers.append(server)
            self._ports.append(server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(0)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            name = self._names.get(port, "")
            head = f"HTTP/1.1 200 OK\r\nX-Answered-By: {name}\r\nContent-Length: 0\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()


# The Traefiks.


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request got.  `by`: the container; empty: Traefik itself."""

    status: int
    by: str = ""

    @property
    def is_failure(self) -> bool:
        """Nobody meant this answer."""
        return not self.by and self.status in {0, 404, 500, 502, 503, 504}


@dataclass
class Lab:
    """The Traefik of each node, and the containers."""

    traefiks: Mapping[str, Traefik]
    ports: Mapping[str, Mapping[str, int]]  # of the entry points, by node
    sources: Mapping[str, Answering]
    containers: Containers
    round: int = field(default=0)

    def take(self, cluster: Cluster) -> dict[str, Routes]:
        """Give each living node's Traefik its body; return the routes by node."""
        self.containers.become(cluster.boxes)
        self.round += 1
        made = {routes.node.name: routes for routes in routes_of(cluster)}
        for name, routes in made.items():
            self.sources[name].body = self._body(cluster, routes)
        for name in made:
            wait_until(
                lambda name=name: self._has_taken(name),  # type: ignore[misc]
                timeout_s=10,
                what=lambda name=name: (  # type: ignore[misc]
                    f"seed {cluster.seed}: {name} to take {self.sources[name].body.decode()}; "
                    f"{self.traefiks[name].error_lines()[-3:]}"
                ),
            )
        return made

    def ask(self, node: str, host: str, path: str, entry_point: str) -> Answer:
        """Send one request to the Traefik of a node."""
        port = self.ports[node].get(entry_point) or self.traefiks[node].web_port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        try:
            connection.connect()
            if entry_point == "websecure":
                connection.sock = _tls().wrap_socket(connection.sock, server_hostname=host)
            connection.request("GET", path, headers={"Host": host, "Authorization": PASSWORD})
            response = connection.getresponse()
            response.read()
            return Answer(response.status, response.getheader("X-Answered-By", ""))
        except (OSError, http.client.HTTPException):
            return Answer(0)
        finally:
            connection.close()

    def _has_taken(self, name: str) -> bool:
        return f"round-{self.round}@http" in (self.traefiks[name].raw().get("middlewares") or {})

    def _body(self, cluster: Cluster, routes: Routes) -> bytes:
        """Return the body with addresses of this machine, and a mark to know it by."""
        body = json.loads(routes.made.body)
        http_part = body.setdefault("http", {})
        for service in http_part.get("services", {}).values():
            for server in service.get("loadBalancer", {}).get("servers", ()):
                place = urlsplit(server["url"]).netloc
                server["url"] = server["url"].replace(place, self._locate(cluster, routes, place))
        for router in http_part.get("routers", {}).values():
            router["rule"] = re.sub(r"ClientIP\(`[^`]*`\)", "ClientIP(`127.0.0.1`)", router["rule"])
        mark = {"addPrefix": {"prefix": "/"}}
        http_part.setdefault("middlewares", {})[f"round-{self.round}"] = mark
        return json.dumps(body).encode()

    def _locate(self, cluster: Cluster, routes: Routes, place: str) -> str:
        """Return where `place` is on this machine, as the node of `routes` reaches it."""
        host, _, text = place.rpartition(":")
        port = int(text)
        for node in cluster.living:
            if host == node.address and port == node.ingress_port:
                return f"127.0.0.1:{self.ports[node.name]['constellation']}"
        addresses = {node.address: node.name for node in cluster.living}
        for box in cluster.boxes:
            if host == box.address and box.node == routes.node.name:
                return self.containers.at(box, port)
            if box.node == addresses.get(host):
                for own, (at, number) in box.published.items():
                    if number == port and at == "0.0.0.0":
                        return self.containers.at(box, own)
        return CLOSED


@contextlib.contextmanager
def lab(directory: Path) -> Iterator[Lab]:
    """Run a Traefik for each node until the block ends."""
    with contextlib.ExitStack() as stack:
        containers = Containers()
        stack.callback(containers.stop)
        sources, traefiks, ports = {}, {}, {}
        for name in NODES:
            sources[name] = source = Answering(b"", status=200)
            source.body = b'{"http":{"middlewares":{"none":{"addPrefix":{"prefix":"/"}}}}}'
            stack.callback(source.stop)
            ports[name] = dict(zip(ENTRY_POINTS, free_ports(len(ENTRY_POINTS)), strict=True))
            traefiks[name] = stack.enter_context(
                traefik(
                    f"http://127.0.0.1:{source.server_port}/",
                    directory / name,
                    poll_interval_s=0.05,
                    throttle_s=0.02,
                    arguments=[
                        f"--entrypoints.{entry_point}.address=127.0.0.1:{port}"
                        for entry_point, port in ports[name].items()
                    ],
                )
            )
        yield Lab(traefiks, ports, sources, containers)


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
