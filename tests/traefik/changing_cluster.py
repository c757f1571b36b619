"""A small cluster that changes at random, one step at a time; each step returns its deltas.

There are few names, so elements of different owners often have the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from constellation.settings.traefik import TraefikSettings
from messages.gossip import (
    ClusterChanged,
    MemberState,
    NamedNodeState,
    NodeServiceState,
    NodeState,
    RecordName,
)
from messages.monitor import Endpoint, Health, Label, ServiceState
from tests.traefik.builders import member

NODES = ("alpha", "beta", "gamma")
SERVICES = ("web", "api", "cache", "my_app", "my-app")
# All labels that an instance may have, each with its possible values.
LABELS: dict[str, tuple[str, ...]] = {
    "traefik.http.routers.r.rule": ("Host(`r.example.net`)", "Host(`other`)", "Host("),
    "traefik.http.routers.r.service": ("s", "web", "my_app", "nowhere", "page@file"),
    "traefik.http.routers.r.middlewares": ("m", "n", "m,n", "gzip@file", "nowhere"),
    "traefik.http.routers.q.rule": ("Host(`q.example.net`)",),
    "traefik.http.routers.q.service": ("s", "api", "s@docker"),
    "traefik.http.routers.q.middlewares": ("n", "m@docker"),
    "traefik.http.services.s.loadbalancer.passhostheader": ("true", "false"),
    "traefik.http.services.s.loadbalancer.server.port": ("80", "81"),
    "traefik.http.services.s.middlewares": ("m", "n", "m,n", "gzip@file"),
    "traefik.http.services.u.loadbalancer.server.port": ("80",),
    "traefik.http.middlewares.m.addprefix.prefix": ("/x", "/y"),
    "traefik.http.middlewares.m.chain.middlewares": ("n", "n,n", "m"),
    "traefik.http.middlewares.n.errors.service": ("s", "web", "page@file"),
    "traefik.http.middlewares.n.errors.status": ("500-599",),
    "traefik.http.middlewares.n.stripprefix.prefixes": ("/z",),
    "traefik.tcp.routers.t.rule": ("HostSNI(`*`)", "HostSNI("),
    "traefik.tcp.routers.t.entrypoints": ("redis", "tcp"),
    "traefik.tcp.routers.t.service": ("s", "cache"),
    "traefik.tcp.services.s.loadbalancer.server.port": ("80", "81"),
    "traefik.tcp.routerz.t.rule": ("HostSNI(`*`)",),
    "traefik.udp.routers.d.entrypoints": ("udp",),
    "traefik.enable": ("true", "false", "perhaps"),
    "constellation.http": ("true", "false"),
    "constellation.tcp": ("redis", "none", "smtp"),
    "constellation.service": ("named",),
    "com.docker.compose.project": ("one", "two"),
}
LIKELY_PARTS = (".http.r", ".http.s", ".m.", "compose")
LIKELY = tuple(name for name in LABELS if any(part in name for part in LIKELY_PARTS))
IMAGES = ("", "app:1", "app:2", "other")
HEALTHS: tuple[Health, ...] = ("healthy", "unhealthy", "starting", "stopped")
LIVINGS: tuple[MemberState | None, ...] = ("alive", "suspect", "dead", "left", None)
SETTINGS = tuple(
    TraefikSettings(
        version="3.7",
        entry_points=("tcp", "udp", "redis"),
        local_preference=preference,
        default_routes=routes,
        ingress_port=port,
    )
    for preference in ("weights", "failover")
    for routes, port in (("unrouted", 9000), ("all", 0))
)

INSTANCES = ("one", "two", "three", "four")  # on each node at most
Place = tuple[str, str]  # instance, node


class ChangingCluster:
    """The current state; each step changes one thing.  Most labels are from `likely`."""

    def __init__(self, random: Random, likely: tuple[str, ...] = LIKELY) -> None:
        self._random = random
        self._likely = likely
        self._version = 0
        self._clock = 0.0
        self.states: dict[Place, ServiceState] = {}
        self.livings: dict[str, MemberState | None] = dict.fromkeys(NODES, "alive")
        self.cordoned: set[str] = set()
        for service in SERVICES:
            for node in random.sample(NODES, random.choice((1, 1, 2))):
                place = random.choice(INSTANCES), node
                self.states[place] = self._new(place[0], service)

    def snapshot(self) -> ClusterChanged:
        """Return the whole state, in new objects, as gossip sends it after a start."""
        self._version += 1
        return ClusterChanged(
            version=self._version,
            snapshot=True,
            self_node=NODES[0],
            members=tuple(
                member(node, current) for node, current in self.livings.items() if current
            ),
            nodes=tuple(self._node(node) for node in NODES),
            services=tuple(
                NodeServiceState(node=node, state=state.model_copy())
                for (_, node), state in self.states.items()
            ),
        )

    def step(self) -> list[ClusterChanged]:
        """Change one thing and return the deltas; sometimes undo the change and repeat it."""
        kinds: list[Callable[[], list[ClusterChanged]]] = [
            *(self._label,) * 8,
            *(self._health,) * 3,
            *(self._living, self._cordon) * 2,
            *(self._rename, self._recreate, self._redeploy, self._ports, self._deploy),
            lambda: [self.snapshot()],
        ]
        before = dict(self.states), dict(self.livings), set(self.cordoned)
        changes = self._random.choice(kinds)()
        if self._random.random() < 0.3:
            after = dict(self.states), dict(self.livings), set(self.cordoned)
            changes += [self._back_to(*before), self._back_to(*after)]
        return changes

    # Steps.

    def _label(self) -> list[ClusterChanged]:
        """Add, remove or change one label of one instance."""
        place = self._some()
        labels = {label.name: label.value for label in self.states[place].labels}
        name = self._random.choice(self._likely if self._random.random() < 0.7 else tuple(LABELS))
        values = [value for value in LABELS[name] if value != labels.get(name)]
        if name in labels and (not values or self._random.random() < 0.4):
            del labels[name]
        else:
            labels[name] = self._random.choice(values)
        return [self._update(place, labels=_labels(labels))]

    def _health(self) -> list[ClusterChanged]:
        if self._random.random() < 0.3:
            place = self._some()
            return [self._update(place, draining=not self.states[place].draining)]
        return [self._update(self._some(), health=self._random.choice(HEALTHS))]

    def _living(self) -> list[ClusterChanged]:
        """A node fails, leaves, is forgotten, or returns.  Its records stay."""
        node = self._random.choice(NODES[1:])
        self.livings[node] = self._random.choice(LIVINGS)
        return [self._members(node)]

    def _cordon(self) -> list[ClusterChanged]:
        node = self._random.choice(NODES)
        self.cordoned ^= {node}
        return [self._delta(nodes=(self._node(node),))]

    def _rename(self) -> list[ClusterChanged]:
        """Give an instance another service, or another name."""
        place = self._some()
        if self._random.random() < 0.5:
            return [self._update(place, service=self._random.choice(SERVICES))]
        name, node = self._random.choice(INSTANCES), place[1]
        state = self.states.pop(place).model_copy(update={"name": name})
        self.states[name, node] = state
        removed = () if name == place[0] else (_record(place),)
        current = (NodeServiceState(node=node, state=state),)
        return [self._delta(removed=removed, services=current)]

    def _recreate(self) -> list[ClusterChanged]:
        """Remove an instance and create it again under the same name with other labels."""
        place = self._some()
        service = self.states.pop(place).service
        gone = self._delta(removed=(_record(place),))
        self.states[place] = self._new(place[0], service)
        return [gone, self._update(place)]

    def _redeploy(self) -> list[ClusterChanged]:
        self._clock += 1
        return [self._update(self._some(), created_at_utc_s=self._clock)]

    def _ports(self) -> list[ClusterChanged]:
        place = self._some()
        published = () if self.states[place].endpoints else (_endpoint(80), _endpoint(6379))
        return [self._update(place, endpoints=published)]

    def _deploy(self) -> list[ClusterChanged]:
        """Add or remove an instance."""
        place = self._random.choice(INSTANCES), self._random.choice(NODES)
        if place in self.states and len(self.states) > 2:
            del self.states[place]
            return [self._delta(removed=(_record(place),))]
        self.states[place] = self._new(place[0], self._random.choice(SERVICES))
        return [self._update(place)]

    # Parts of the steps.

    def _some(self) -> Place:
        return self._random.choice(sorted(self.states))

    def _new(self, name: str, service: str) -> ServiceState:
        names = self._random.sample(tuple(LABELS), self._random.randint(0, 3))
        names += self._random.sample(self._likely, self._random.randint(1, 5))
        self._clock += self._random.choice((0, 0, 1))
        return ServiceState(
            service=service,
            name=name,
            health="healthy",
            source="docker",
            instance="c1",
            image="redis:7" if service == "cache" else self._random.choice(IMAGES),
            labels=_labels({name: self._random.choice(LABELS[name]) for name in names}),
            endpoints=(_endpoint(80), _endpoint(6379)),
            exposed_ports=(80,),
            container_host="172.17.0.2",
            created_at_utc_s=self._clock,
        )

    def _update(self, place: Place, **fields: object) -> ClusterChanged:
        self.states[place] = self.states[place].model_copy(update=fields)
        return self._delta(services=(NodeServiceState(node=place[1], state=self.states[place]),))

    def _back_to(
        self,
        states: dict[Place, ServiceState],
        livings: dict[str, MemberState | None],
        cordoned: set[str],
    ) -> ClusterChanged:
        """Restore an earlier state in one delta."""
        changed = [place for place, state in states.items() if self.states.get(place) != state]
        gone = self.states.keys() - states.keys()
        self.states, self.livings, self.cordoned = dict(states), dict(livings), set(cordoned)
        return self._delta(
            services=tuple(NodeServiceState(node=p[1], state=states[p]) for p in changed),
            removed=tuple(_record(place) for place in sorted(gone)),
            nodes=tuple(self._node(node) for node in NODES),
            members=tuple(member(node, current) for node, current in livings.items() if current),
            departed_members=tuple(node for node, current in livings.items() if not current),
        )

    def _members(self, node: str) -> ClusterChanged:
        current = self.livings[node]
        if current is None:
            return self._delta(departed_members=(node,))
        return self._delta(members=(member(node, current),))

    def _node(self, node: str) -> NamedNodeState:
        state = NodeState(
            address=f"10.0.0.{NODES.index(node) + 1}",
            gossip_port=7946,
            actor_port=7947,
            ingress_port=9000 if node == "beta" else 0,
            cordoned=node in self.cordoned,
        )
        return NamedNodeState(node=node, state=state)

    def _delta(self, **fields: object) -> ClusterChanged:
        self._version += 1
        return ClusterChanged(
            version=self._version,
            snapshot=False,
            self_node=NODES[0],
            **fields,  # type: ignore[arg-type]
        )


def _labels(labels: dict[str, str]) -> tuple[Label, ...]:
    return tuple(Label(name=name, value=value) for name, value in sorted(labels.items()))


def _record(place: Place) -> RecordName:
    return RecordName(kind="service", key=place[0], node=place[1])


def _endpoint(port: int) -> Endpoint:
    return Endpoint(protocol="tcp", host="10.0.0.9", port=10_000 + port, container_port=port)
