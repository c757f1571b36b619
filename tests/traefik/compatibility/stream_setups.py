"""TCP and UDP: alone, together, and beside HTTP."""

from __future__ import annotations

from dataclasses import replace

from tests.traefik.compatibility.setups import Setup, container, one

TCP_REPLICA = """
    traefik.tcp.routers.tcp-replicas.rule=HostSNI(`replicas.example.org`)
    traefik.tcp.routers.tcp-replicas.entrypoints=tls
    traefik.tcp.routers.tcp-replicas.tls.passthrough=true
    traefik.tcp.services.tcp-replicas.loadbalancer.server.port=443
"""
UDP_REPLICA = """
    traefik.udp.routers.udp-replicas.entrypoints=udp-b
    traefik.udp.services.udp-replicas.loadbalancer.server.port=53
"""

STREAMS = (
    one(
        "tcp",
        """
        traefik.tcp.routers.tcp.rule=HostSNI(`*`)
        traefik.tcp.routers.tcp.entrypoints=tcp-a
        traefik.tcp.services.tcp.loadbalancer.server.port=5432
        """,
        "5432/tcp",
    ),
    one(
        "tcp-without-service",
        """
        traefik.tcp.routers.tcp-without-service.rule=HostSNI(`*`)
        traefik.tcp.routers.tcp-without-service.entrypoints=tcp-b
        """,
        "6379/tcp",
    ),
    one(
        "tcp-passthrough",
        """
        traefik.tcp.routers.tcp-passthrough.rule=HostSNI(`pass.example.org`)
        traefik.tcp.routers.tcp-passthrough.entrypoints=tls
        traefik.tcp.routers.tcp-passthrough.tls.passthrough=true
        traefik.tcp.services.tcp-passthrough.loadbalancer.server.port=443
        """,
        "443/tcp",
    ),
    one(
        "tcp-tls",
        """
        traefik.tcp.routers.tcp-tls.rule=HostSNI(`a.tls.example.org`) \
|| HostSNI(`b.tls.example.org`)
        traefik.tcp.routers.tcp-tls.entrypoints=tls , websecure
        traefik.tcp.routers.tcp-tls.priority=7
        traefik.tcp.routers.tcp-tls.tls=true
        traefik.tcp.routers.tcp-tls.tls.certresolver=le
        traefik.tcp.routers.tcp-tls.tls.options=modern@file
        traefik.tcp.routers.tcp-tls.tls.domains[0].main=tls.example.org
        traefik.tcp.routers.tcp-tls.tls.domains[0].sans=*.tls.example.org
        traefik.tcp.services.tcp-tls.loadbalancer.server.port=443
        traefik.tcp.services.tcp-tls.loadbalancer.server.tls=true
        traefik.tcp.services.tcp-tls.loadbalancer.serverstransport=loose@file
        """,
        "443/tcp",
    ),
    replace(  # Traefik checks after the first interval
        one(
            "tcp-options",
            """
            traefik.tcp.routers.tcp-options-a.rule=HostSNI(`*`)
            traefik.tcp.routers.tcp-options-a.entrypoints=tcp-c
            traefik.tcp.routers.tcp-options-a.service=tcp-options-a
            traefik.tcp.services.tcp-options-a.loadbalancer.terminationdelay=200
            traefik.tcp.services.tcp-options-a.loadbalancer.proxyprotocol.version=1
            traefik.tcp.routers.tcp-options-b.rule=HostSNI(`b.options.example.org`)
            traefik.tcp.routers.tcp-options-b.entrypoints=tls
            traefik.tcp.routers.tcp-options-b.tls=true
            traefik.tcp.routers.tcp-options-b.service=tcp-options-b
            traefik.tcp.services.tcp-options-b.loadbalancer.proxyprotocol=true
            traefik.tcp.routers.tcp-options-c.rule=HostSNI(`c.options.example.org`)
            traefik.tcp.routers.tcp-options-c.entrypoints=tls
            traefik.tcp.routers.tcp-options-c.tls=true
            traefik.tcp.routers.tcp-options-c.service=tcp-options-c
            traefik.tcp.services.tcp-options-c.loadbalancer.healthcheck.send=PING
            traefik.tcp.services.tcp-options-c.loadbalancer.healthcheck.expect=PONG
            traefik.tcp.services.tcp-options-c.loadbalancer.healthcheck.port=6380
            traefik.tcp.services.tcp-options-c.loadbalancer.healthcheck.interval=30s
            traefik.tcp.services.tcp-options-c.loadbalancer.healthcheck.timeout=2s
            """,
            "6379/tcp",
        ),
        is_asked=False,
    ),
    one(
        "tcp-middlewares",
        """
        traefik.tcp.routers.tcp-middlewares.rule=HostSNI(`*`) && ClientIP(`10.0.0.0/8`)
        traefik.tcp.routers.tcp-middlewares.entrypoints=tcp-d
        traefik.tcp.routers.tcp-middlewares.middlewares=tcp-middlewares-ip, \
tcp-middlewares-flight@docker
        traefik.tcp.middlewares.tcp-middlewares-ip.ipallowlist.sourcerange=10.0.0.0/8, 127.0.0.1
        traefik.tcp.middlewares.tcp-middlewares-flight.inflightconn.amount=10
        traefik.tcp.services.tcp-middlewares.loadbalancer.server.port=3306
        """,
        "3306/tcp",
    ),
    one(
        "tcp-services-several",
        """
        traefik.tcp.routers.tcp-services-several-a.rule=HostSNI(`a.several.example.org`)
        traefik.tcp.routers.tcp-services-several-a.entrypoints=tls
        traefik.tcp.routers.tcp-services-several-a.tls=true
        traefik.tcp.routers.tcp-services-several-a.service=tcp-services-several-a
        traefik.tcp.routers.tcp-services-several-b.rule=HostSNI(`b.several.example.org`)
        traefik.tcp.routers.tcp-services-several-b.entrypoints=tls
        traefik.tcp.routers.tcp-services-several-b.tls=true
        traefik.tcp.routers.tcp-services-several-b.service=tcp-services-several-b
        traefik.tcp.services.tcp-services-several-a.loadbalancer.server.port=1883
        traefik.tcp.services.tcp-services-several-b.loadbalancer.server.port=8883
        """,
        "1883/tcp",
        "8883/tcp",
    ),
    Setup(
        "tcp-replicas",
        tuple(container(f"tcp-replicas-{name}", TCP_REPLICA, "443/tcp") for name in "ab"),
    ),
    one(
        "tcp-and-http",
        """
        traefik.http.routers.tcp-and-http.rule=Host(`both.example.org`)
        traefik.http.services.tcp-and-http.loadbalancer.server.port=80
        traefik.tcp.routers.tcp-and-http.rule=HostSNI(`*`)
        traefik.tcp.routers.tcp-and-http.entrypoints=tcp-e
        traefik.tcp.services.tcp-and-http.loadbalancer.server.port=22
        """,
        "22/tcp",
        "80/tcp",
    ),
    one(
        "tcp-and-middleware",  # this alone gives it an HTTP route too
        """
        traefik.http.middlewares.tcp-and-middleware.addprefix.prefix=/x
        traefik.tcp.routers.tcp-and-middleware.rule=HostSNI(`middleware.example.org`)
        traefik.tcp.routers.tcp-and-middleware.entrypoints=tls
        traefik.tcp.routers.tcp-and-middleware.tls=true
        """,
    ),
    one(
        "udp",
        """
        traefik.udp.routers.udp.entrypoints=udp-a
        traefik.udp.routers.udp.service=udp-dns
        traefik.udp.services.udp-dns.loadbalancer.server.port=53
        """,
        "53/udp",
    ),
    Setup(
        "udp-replicas",
        tuple(container(f"udp-replicas-{name}", UDP_REPLICA, "53/udp") for name in "ab"),
    ),
    one(
        "udp-without-service",
        "traefik.udp.routers.udp-without-service.entrypoints=udp-c",
        "514/udp",
    ),
    one(
        "udp-and-all",
        """
        traefik.http.routers.udp-and-all.rule=Host(`all.example.org`)
        traefik.http.services.udp-and-all.loadbalancer.server.port=80
        traefik.tcp.routers.udp-and-all.rule=HostSNI(`all.example.org`)
        traefik.tcp.routers.udp-and-all.entrypoints=tls
        traefik.tcp.routers.udp-and-all.tls=true
        traefik.tcp.services.udp-and-all.loadbalancer.server.port=53
        traefik.udp.routers.udp-and-all.entrypoints=udp-d
        traefik.udp.services.udp-and-all.loadbalancer.server.port=53
        """,
        "53/tcp",
        "53/udp",
        "80/tcp",
    ),
)
