"""Random clusters of hosts with containers and labels, as people have them and as they go wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from constellation.monitor.service_name import service_name
from constellation.settings.traefik import TraefikSettings

DOMAIN = "home.example"
NODES = ("alpha", "beta", "gamma", "delta")
APPS = ("shop", "blog", "my_app", "my-app", "photos", "API", "wiki", "w" * 70)
HOST = re.compile(r"\bHost\(`([^`]+)`\)")
PATH = re.compile(r"\bPathPrefix\(`([^`]+)`\)")
INGRESS_PORT = 7948

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Box:
    """One container, and what is true of it.

    Attributes:
        exposed: the TCP ports that its image declares.
        listens: those at which it answers.
        published: the port and the address on its host of each published port.
        address: its own, on its host only; empty: it shares its host's network.
        status: Docker's word for its state, `running` with a health check's result or without.
    """

    name: str
    node: str
    app: str
    labels: Mapping[str, str]
    exposed: tuple[int, ...]
    listens: tuple[int, ...]
    published: Mapping[int, tuple[str, int]]
    address: str
    status: str = "running"
    check: str = ""

    @property
    def hosts(self) -> list[str]:
        """The host names that its labels ask for."""
        return [host for value in self.labels.values() for host in HOST.findall(value)]

    @property
    def service(self) -> str:
        """The service of which it is an instance."""
        return service_name(self.name, self.labels)


@dataclass(frozen=True, slots=True)
class Node:
    """One host.  `ingress_port` 0: its Traefik has no entry point for other nodes."""

    name: str
    address: str
    ingress_port: int
    cordoned: bool
    state: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything about one random cluster."""

    seed: int
    nodes: tuple[Node, ...]
    boxes: tuple[Box, ...]
    options: Mapping[str, Any]

    @property
    def living(self) -> tuple[Node, ...]:
        """The nodes whose agents and Traefiks work."""
        return tuple(node for node in self.nodes if node.state == "alive")

    def settings(self, node: Node) -> TraefikSettings:
        """Return the settings of one node's provider."""
        return TraefikSettings(ingress_port=node.ingress_port, **self.options)


# Labels: each recipe returns those of one service of an app that may ask for the host `host`.

Recipe = Callable[[Random, str, str], Labels]


def _router(name: str, host: str, **options: str) -> Labels:
    made = {f"traefik.http.routers.{name}.rule": f"Host(`{host}`)"}
    return made | {f"traefik.http.routers.{name}.{key}": value for key, value in options.items()}


def _word(app: str) -> str:
    return re.sub(r"[^a-z0-9]", "", app.lower())[:20]


def _port(name: str, port: int) -> Labels:
    return {f"traefik.http.services.{name}.loadbalancer.server.port": str(port)}


def _two_routers(_: Random, app: str, host: str) -> Labels:
    word = _word(app)
    return {
        **_router(word, host),
        f"traefik.http.routers.{word}-api.rule": f"Host(`{host}`) && PathPrefix(`/api`)",
        f"traefik.http.routers.{word}-api.middlewares": f"{word}-strip",
        f"traefik.http.middlewares.{word}-strip.stripprefix.prefixes": "/api",
    }


def _bad_middleware(_: Random, app: str, host: str) -> Labels:
    word = _word(app)
    return {
        **_router(word, host, middlewares=f"{word}-m"),
        f"traefik.http.middlewares.{word}-m.headers.nosuch": "1",
    }


def _wrong_beside_right(_: Random, app: str, host: str) -> Labels:
    word = _word(app)
    return {**_router(word, host), f"traefik.http.routers.{word}-b.rule": f"Host(`b.{host}`"}


def _guarded(_: Random, app: str, host: str) -> Labels:
    word = _word(app)
    users = "test:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"
    return {
        **_router(word, host, middlewares=f"{word}-auth"),
        f"traefik.http.middlewares.{word}-auth.basicauth.users": users,
    }


RIGHT: tuple[Recipe, ...] = (
    lambda _, app, host: {},
    lambda _, app, host: _router(_word(app), host),
    lambda _, app, host: _router(_word(app), host) | _port(_word(app), 8080),
    lambda _, app, host: _router("app", host) | _port("app", 8080),  # pasted
    lambda _, app, host: _router("app", host),
    lambda _, app, host: _router(_word(app), host, entrypoints="websecure", tls="true"),
    lambda _, app, host: {f"traefik.http.routers.{_word(app)}.priority": "50"},
    lambda _, app, host: _router(_word(app), host, priority="7"),
    lambda _, app, host: _port(_word(app), 8080),
    _two_routers,
    _guarded,
)
WRONG: tuple[Recipe, ...] = (
    lambda _, app, host: _router(_word(app), f"{host}`"),
    lambda _, app, host: _router(_word(app), host, entrypoints="nowhere"),
    lambda _, app, host: _router(_word(app), host, entrypoints="web,nowhere"),
    lambda _, app, host: _router(_word(app), host, middlewares="nowhere"),
    lambda _, app, host: _router(_word(app), host, middlewares="strip@redis"),
    lambda _, app, host: _router(_word(app), host, service="nowhere"),
    lambda _, app, host: _router(_word(app), host, service="app@docker"),
    lambda _, app, host: _router(_word(app), host, priority="high"),
    lambda _, app, host: _router(f"{_word(app)}.x", host),
    lambda _, app, host: _router("n" * 70, host),
    lambda _, app, host: {f"traefik.http.routers.{_word(app)}.rules": f"Host(`{host}`)"},
    lambda _, app, host: {
        f"traefik.http.routers.{_word(app)}.rule": f"Host(`{host}`) && Query(`mobile=true`)"
    },
    lambda _, app, host: _router(_word(app), host) | {"constellation.http": "false"},
    lambda _, app, host: _router(_word(app), host) | {"traefik.enable": "ture"},
    lambda _, app, host: _router(_word(app), host) | {"traefik.enable": "false"},
    lambda _, app, host: _router(_word(app), host) | _port(_word(app), 20080),  # as published
    lambda _, app, host: (
        _router(_word(app), host, service=f"{_word(app)}-a") | _port(f"{_word(app)}-b", 8080)
    ),
    _bad_middleware,
    _wrong_beside_right,
)
EXPOSED = ((8080,), (8080,), (3000, 8080), (22, 8080), ())
STATES = (
    *(("running", ""),) * 8,
    *(("running", "healthy"),) * 2,
    ("running", "unhealthy"),
    ("running", "starting"),
    ("paused", ""),
    ("exited", ""),
)


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.count = 0
        self.ports: dict[str, int] = {}

    def cluster(self) -> Cluster:
        random = self.random
        nodes = tuple(map(self._node, range(random.randint(2, len(NODES)))))
        apps = random.sample(APPS, random.randint(2, 5))
        boxes = [box for app in apps for box in self._app(app, [node.name for node in nodes])]
        return Cluster(self.seed, nodes, tuple(boxes), self._options())

    def _options(self) -> dict[str, Any]:
        random = self.random
        return {
            "version": "3.7",
            "entry_points": ("websecure",),
            "default_routes": random.choice(("unrouted", "unrouted", "all", "none")),
            "local_preference": random.choice(("weights", "failover", "none")),
            "retry_attempts": random.choice((0, 3)),
            "reaches_containers": random.random() < 0.8,
        }

    def _node(self, number: int) -> Node:
        random = self.random
        state = (
            "alive" if number == 0 or random.random() < 0.85 else random.choice(("dead", "left"))
        )
        return Node(
            NODES[number],
            f"100.64.0.{number + 1}",
            random.choice((0, INGRESS_PORT)),
            cordoned=random.random() < 0.1,
            state=state,
        )

    def _app(self, app: str, nodes: Sequence[str]) -> Iterable[Box]:
        """Yield the containers of one service, which may have replicas."""
        random = self.random
        recipe = random.choice(RIGHT if random.random() < 0.6 else WRONG)
        host = f"{_word(app)}.example.org"
        if random.random() < 0.05:
            host = "shared.example.org"
        labels = {"traefik.enable": "true", **recipe(random, app, host)}
        if random.random() < 0.3:
            labels |= {"com.docker.compose.project": app, "com.docker.compose.service": "web"}
        exposed = random.choice(EXPOSED)
        is_published = random.random() < 0.5
        for node in random.sample(nodes, random.choice((1, 1, 1, 2, len(nodes)))):
            for number in range(random.choice((1, 1, 1, 2))):
                name = app if number == 0 else f"{app}-{number + 1}"
                yield self._box(name, node, app, labels, exposed, is_published=is_published)

    def _box(
        self,
        name: str,
        node: str,
        app: str,
        labels: Labels,
        exposed: tuple[int, ...],
        *,
        is_published: bool,
    ) -> Box:
        random = self.random
        self.count += 1
        status, check = random.choice(STATES)
        at = "127.0.0.1" if random.random() < 0.1 else "0.0.0.0"
        published = {port: (at, self._free(node, port)) for port in exposed if is_published}
        named = {int(value) for label, value in labels.items() if label.endswith("server.port")}
        named -= {number for _, number in published.values()}  # taken for the container's own
        return Box(
            name,
            node,
            app,
            labels,
            exposed,
            tuple(sorted({*exposed, *named})),
            published,
            f"172.18.0.{self.count + 1}",
            status,
            check,
        )

    def _free(self, node: str, port: int) -> int:
        self.ports[node] = max(self.ports.get(node, 0) + 1, 20000 + port % 1000)
        return self.ports[node]


def random_cluster(seed: int) -> Cluster:
    """Return the cluster of a seed."""
    return _Maker(seed).cluster()
