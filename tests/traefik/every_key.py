"""A body with every key of the schema, made from labels, and a Traefik that accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from messages.gossip import NodeServiceState
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import on, view
from tests.traefik.schema_labels import STRUCTS, Leaf, element, leaves

# Elements of another provider that labels may name.
FILE_PROVIDER = """
http:
  middlewares:
    gzip: {compress: {}}
  services:
    page: {loadBalancer: {servers: [{url: "http://127.0.0.1:1"}]}}
  serversTransports:
    quick: {forwardingTimeouts: {dialTimeout: 1s}}
tcp:
  middlewares:
    few: {inFlightConn: {amount: 3}}
  services:
    page: {loadBalancer: {servers: [{address: "127.0.0.1:1"}]}}
  serversTransports:
    quick: {dialTimeout: 1s}
udp:
  services:
    page: {loadBalancer: {servers: [{address: "127.0.0.1:1"}]}}
tls:
  options:
    strong: {minVersion: VersionTLS12}
"""
SETTINGS = {"entry_points": ("tcp", "udp"), "cert_resolvers": ("resolver",), "plugins": ("demo",)}


@dataclass(frozen=True, slots=True)
class Case:
    """One key of the schema in the smallest element that can have it."""

    protocol: str
    section: str
    leaf: Leaf

    @property
    def says(self) -> str:
        return f"{self.protocol} {self.section} {self.leaf.path}={self.leaf.value}"

    @property
    def kind(self) -> str:
        """What begins the paths of its labels, where values depend on it."""
        prefix = "" if self.protocol == "http" else self.protocol
        return f"{prefix}{self.section[:-1]}"


def cases(version: str) -> list[Case]:
    """Return a case for every key, but for plugins: Traefik would fetch them."""
    return [
        Case(protocol, section, leaf)
        for (protocol, section), struct in STRUCTS.items()
        for leaf in leaves(struct, Case(protocol, section, None).kind, version)  # type: ignore[arg-type]
        if not leaf.path.startswith("plugin.")
    ]


def labels_of(case: Case, name: str) -> Iterator[tuple[str, str]]:
    """Yield the labels of `case`, in a router to a service that is there."""
    below = f"traefik.{case.protocol}"
    struct = STRUCTS[case.protocol, case.section]
    for path, value in element(struct, case.kind, case.leaf).items():
        yield f"{below}.{case.section}.{name}.{path}", value
    yield f"{below}.routers.{name}.entrypoints", {"http": "web"}.get(case.protocol, case.protocol)
    if case.section == "middlewares":
        yield f"{below}.routers.{name}.middlewares", name
    if case.protocol == "http":
        yield f"{below}.routers.{name}.rule", f"Host(`{name}.localhost`)"
    if case.protocol == "tcp":
        host = f"{name}.localhost" if case.leaf.path.startswith("tls") else "*"
        yield f"{below}.routers.{name}.rule", f"HostSNI(`{host}`)"


def state_of(case: Case, name: str) -> ServiceState:
    labels: dict[str, Label] = {}
    for label, value in labels_of(case, name):
        labels.setdefault(label.lower(), Label(name=label, value=value))
    return ServiceState(
        service=name,
        health="healthy",
        source="static",
        instance="127.0.0.1",
        labels=tuple(labels.values()),
        endpoints=(
            Endpoint(protocol="tcp", host="127.0.0.1", port=1, container_port=80),
            Endpoint(protocol="udp", host="127.0.0.1", port=1, container_port=80),
        ),
    )


def states(version: str) -> list[NodeServiceState]:
    return [on("alpha", state_of(case, f"k{i}")) for i, case in enumerate(cases(version))]


def built(version: str) -> DynamicConfiguration:
    settings = TraefikSettings(version=version, default_routes="none", **SETTINGS)
    builder = ConfigurationBuilder(settings=settings, domain="localhost")
    seen: ClusterView = view(*states(version))
    return builder.build(seen)


def static_configuration(directory: Path, tcp_port: int, udp_port: int) -> list[str]:
    """Return the flags of a Traefik that has what the labels name."""
    (directory / "file.yaml").write_text(FILE_PROVIDER)
    return [
        f"--entrypoints.tcp.address=127.0.0.1:{tcp_port}",
        f"--entrypoints.udp.address=127.0.0.1:{udp_port}/udp",
        f"--providers.file.filename={directory / 'file.yaml'}",
        "--certificatesresolvers.resolver.acme.email=a@example.org",
        f"--certificatesresolvers.resolver.acme.storage={directory / 'acme.json'}",
        "--certificatesresolvers.resolver.acme.caserver=http://127.0.0.1:1/",
        "--certificatesresolvers.resolver.acme.tlschallenge=true",
    ]
