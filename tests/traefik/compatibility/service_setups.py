"""HTTP services: ports, schemes, options of load balancers, and health."""

from __future__ import annotations

from tests.traefik.compatibility.setups import Setup, container, one

REPLICA = """
    traefik.http.routers.{0}.rule=Host(`{0}.example.org`)
    traefik.http.services.{0}.loadbalancer.server.port=80
"""


def balancers(
    name: str, *services: str, exposed: tuple[str, ...] = ("80/tcp",), is_asked: bool = True
) -> Setup:
    """Return a set-up with a router for each service, each of lines of `option=value`.

    Both are called `name-1`, `name-2`, and so on.
    """
    lines = []
    for number, options in enumerate(services, 1):
        called = f"{name}-{number}"
        lines.append(f"traefik.http.routers.{called}.rule=Host(`{called}.example.org`)")
        lines.append(f"traefik.http.routers.{called}.service={called}")
        lines += [
            f"traefik.http.services.{called}.loadbalancer.{line.strip()}"
            for line in options.splitlines()
            if line.strip()
        ]
    return Setup(name, (container(name, "\n".join(lines), *exposed),), is_asked=is_asked)


SERVICES = (
    one("lowest-port", "", "9000/tcp", "8080/tcp", "3000/tcp"),
    Setup("unpublished", (container("unpublished", is_published=False),)),
    one(
        "port-not-exposed",
        """
        traefik.http.routers.port-not-exposed.rule=Host(`not-exposed.example.org`)
        traefik.http.services.port-not-exposed.loadbalancer.server.port=9999
        """,
    ),
    Setup(
        "port-not-published",
        (
            container(
                "port-not-published",
                "traefik.http.services.port-not-published.loadbalancer.server.port=8080",
                "80/tcp",
                "8080/tcp",
                is_published=False,
            ),
        ),
    ),
    balancers(
        "servers",
        """
        server.port=443
        server.scheme=https
        serverstransport=loose@file
        """,
        """
        server.port=50051
        server.scheme=h2c
        """,
        "server.url=http://192.0.2.7:8080/",
        """
        server.port=443
        server.preservepath=true
        server.weight=3
        """,
        exposed=("443/tcp", "50051/tcp"),
    ),
    balancers(
        "sticky",
        """
        sticky.cookie.name=lb
        sticky.cookie.secure=true
        sticky.cookie.httponly=true
        sticky.cookie.samesite=strict
        sticky.cookie.maxage=3600
        sticky.cookie.path=/app
        sticky.cookie.domain=example.org
        """,
        "sticky.cookie=true",
        "sticky.cookie=false",
        "sticky=true",
    ),
    balancers(
        "health-check",
        """
        server.port=80
        healthcheck.path=/health?deep=1
        healthcheck.scheme=https
        healthcheck.mode=http
        healthcheck.method=HEAD
        healthcheck.status=204
        healthcheck.port=8081
        healthcheck.interval=20s
        healthcheck.unhealthyinterval=1500ms
        healthcheck.timeout=3
        healthcheck.hostname=health.example.org
        healthcheck.followredirects=false
        healthcheck.headers.X-Probe=Yes, please
        healthcheck.headers.accept=text/plain
        """,
        "healthcheck.path=/ping",
        """
        server.scheme=h2c
        healthcheck.mode=grpc
        """,
        """
        passivehealthcheck.failurewindow=30s
        passivehealthcheck.maxfailedattempts=4
        """,
        is_asked=False,  # Traefik checks after the first interval
    ),
    balancers(
        "balancers",
        "passhostheader=false",
        "responseforwarding.flushinterval=1s",
        "responseforwarding.flushinterval=-1ms",
        "strategy=p2c",
        "strategy=hrw",
        "strategy=leasttime",
        "strategy=wrr",
    ),
    Setup(
        "replicas",
        tuple(container(f"replicas-{number}", REPLICA.format("replicas")) for number in (1, 2)),
    ),
    Setup(
        "replicas-at-two-ports",
        (
            container("replicas-at-two-ports-a", REPLICA.format("replicas-at-two-ports"), "80/tcp"),
            container(
                "replicas-at-two-ports-b",
                """
                traefik.http.routers.replicas-at-two-ports.rule=\
Host(`replicas-at-two-ports.example.org`)
                traefik.http.services.replicas-at-two-ports.loadbalancer.server.port=8080
                """,
                "8080/tcp",
            ),
        ),
    ),
    Setup("unhealthy", (container("unhealthy", check="unhealthy"),)),
    Setup("starting", (container("starting", check="starting"),)),
    Setup(
        "unhealthy-replica",
        (
            container("unhealthy-replica-a", REPLICA.format("unhealthy-replica"), check="healthy"),
            container(
                "unhealthy-replica-b", REPLICA.format("unhealthy-replica"), check="unhealthy"
            ),
        ),
    ),
    Setup(
        "stopped",
        (container("stopped", "traefik.docker.allownonrunning=true", condition="stopped"),),
    ),
    Setup(
        "networks",
        (
            container(
                "networks",
                """
                traefik.docker.network=networks-front
                traefik.http.routers.networks.rule=Host(`networks.example.org`)
                """,
                networks=("networks-back", "networks-front"),
            ),
        ),
    ),
    Setup(
        "networks-unpublished",
        (
            container(
                "networks-unpublished",
                "traefik.docker.network=networks-front",
                networks=("networks-back", "networks-front"),
                is_published=False,
            ),
        ),
    ),
    Setup(
        "host-network",
        (
            container(
                "host-network",
                "traefik.http.services.host-network.loadbalancer.server.port=18080",
                on_host_network=True,
                is_published=False,
            ),
        ),
    ),
)
