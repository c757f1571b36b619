"""HTTP services: ports, schemes, what a load balancer can be told, and health."""

from __future__ import annotations

from tests.traefik.compatibility.setups import Setup, container, one

REPLICA = """
    traefik.http.routers.{0}.rule=Host(`{0}.example.org`)
    traefik.http.services.{0}.loadbalancer.server.port=80
"""

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
    one(
        "scheme-https",
        """
        traefik.http.services.scheme-https.loadbalancer.server.port=443
        traefik.http.services.scheme-https.loadbalancer.server.scheme=https
        traefik.http.services.scheme-https.loadbalancer.serverstransport=loose@file
        """,
        "443/tcp",
    ),
    one(
        "scheme-h2c",
        """
        traefik.http.services.scheme-h2c.loadbalancer.server.port=50051
        traefik.http.services.scheme-h2c.loadbalancer.server.scheme=h2c
        """,
        "50051/tcp",
    ),
    one(
        "server-url",
        "traefik.http.services.server-url.loadbalancer.server.url=http://192.0.2.7:8080/",
    ),
    one(
        "server-path-and-weight",
        """
        traefik.http.services.server-path-and-weight.loadbalancer.server.preservepath=true
        traefik.http.services.server-path-and-weight.loadbalancer.server.weight=3
        """,
    ),
    one(
        "sticky",
        """
        traefik.http.services.sticky.loadbalancer.sticky.cookie.name=lb
        traefik.http.services.sticky.loadbalancer.sticky.cookie.secure=true
        traefik.http.services.sticky.loadbalancer.sticky.cookie.httponly=true
        traefik.http.services.sticky.loadbalancer.sticky.cookie.samesite=strict
        traefik.http.services.sticky.loadbalancer.sticky.cookie.maxage=3600
        traefik.http.services.sticky.loadbalancer.sticky.cookie.path=/app
        traefik.http.services.sticky.loadbalancer.sticky.cookie.domain=example.org
        """,
    ),
    one("sticky-bare", "traefik.http.services.sticky-bare.loadbalancer.sticky.cookie=true"),
    one("sticky-false", "traefik.http.services.sticky-false.loadbalancer.sticky.cookie=false"),
    one(
        "health-check",
        """
        traefik.http.services.health-check.loadbalancer.server.port=80
        traefik.http.services.health-check.loadbalancer.healthcheck.path=/health?deep=1
        traefik.http.services.health-check.loadbalancer.healthcheck.scheme=https
        traefik.http.services.health-check.loadbalancer.healthcheck.mode=http
        traefik.http.services.health-check.loadbalancer.healthcheck.method=HEAD
        traefik.http.services.health-check.loadbalancer.healthcheck.status=204
        traefik.http.services.health-check.loadbalancer.healthcheck.port=8081
        traefik.http.services.health-check.loadbalancer.healthcheck.interval=20s
        traefik.http.services.health-check.loadbalancer.healthcheck.unhealthyinterval=1500ms
        traefik.http.services.health-check.loadbalancer.healthcheck.timeout=3
        traefik.http.services.health-check.loadbalancer.healthcheck.hostname=health.example.org
        traefik.http.services.health-check.loadbalancer.healthcheck.followredirects=false
        traefik.http.services.health-check.loadbalancer.healthcheck.headers.X-Probe=Yes, please
        traefik.http.services.health-check.loadbalancer.healthcheck.headers.accept=text/plain
        """,
    ),
    one(
        "health-check-path",
        "traefik.http.services.health-check-path.loadbalancer.healthcheck.path=/ping",
    ),
    one(
        "health-check-grpc",
        """
        traefik.http.services.health-check-grpc.loadbalancer.server.scheme=h2c
        traefik.http.services.health-check-grpc.loadbalancer.healthcheck.mode=grpc
        """,
    ),
    one(
        "host-header",
        "traefik.http.services.host-header.loadbalancer.passhostheader=false",
    ),
    one(
        "flush-interval",
        """
        traefik.http.routers.flush-interval-a.rule=Host(`a.flush.example.org`)
        traefik.http.routers.flush-interval-a.service=flush-interval-a
        traefik.http.routers.flush-interval-b.rule=Host(`b.flush.example.org`)
        traefik.http.routers.flush-interval-b.service=flush-interval-b
        traefik.http.services.flush-interval-a.loadbalancer.responseforwarding.flushinterval=1s
        traefik.http.services.flush-interval-b.loadbalancer.responseforwarding.flushinterval=-1ms
        """,
    ),
    one(
        "strategy",
        """
        traefik.http.routers.strategy-a.rule=Host(`a.strategy.example.org`)
        traefik.http.routers.strategy-a.service=strategy-a
        traefik.http.routers.strategy-b.rule=Host(`b.strategy.example.org`)
        traefik.http.routers.strategy-b.service=strategy-b
        traefik.http.routers.strategy-c.rule=Host(`c.strategy.example.org`)
        traefik.http.routers.strategy-c.service=strategy-c
        traefik.http.services.strategy-a.loadbalancer.strategy=p2c
        traefik.http.services.strategy-b.loadbalancer.strategy=hrw
        traefik.http.services.strategy-c.loadbalancer.strategy=leasttime
        """,
    ),
    one(
        "passive-check",
        """
        traefik.http.services.passive-check.loadbalancer.passivehealthcheck.failurewindow=30s
        traefik.http.services.passive-check.loadbalancer.passivehealthcheck.maxfailedattempts=4
        """,
    ),
    Setup(
        "replicas",
        tuple(container(f"replicas-{number}", REPLICA.format("replicas")) for number in (1, 2, 3)),
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
    Setup("healthy", (container("healthy", check="healthy"),)),
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
        (container("stopped", "traefik.docker.allownonrunning=true", is_stopped=True),),
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
