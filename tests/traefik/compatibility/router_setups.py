"""HTTP routers: rules, entry points, priorities, TLS, and which service they lead to."""

from __future__ import annotations

from tests.traefik.compatibility.setups import Setup, container, one

ROUTERS = (
    one("plain"),
    one(
        "rules",
        """
        traefik.http.routers.rules.rule=Host(`rule.example.org`)
        traefik.http.routers.rules-prefix.rule=Host(`prefix.example.org`) && PathPrefix(`/api`)
        traefik.http.routers.rules-headers.rule=(Host(`h1.example.org`) || Host(`h2.example.org`)) \
&& Header(`X-Kind`, `a b`) && HeaderRegexp(`Accept`, `^text/(html|plain)$`) && !Path(`/no`)
        traefik.http.routers.rules-client.rule=Host(`c.example.org`) && ClientIP(`10.0.0.0/8`) \
&& Method(`GET`) && Query(`q`, `1`)
        traefik.http.routers.rules-regexp.rule=HostRegexp(`^[a-z]+\\.example\\.net$`) \
&& PathRegexp(`\\.(jpeg|png)$`)
        traefik.http.routers.rules-quotes.rule=Host("quotes.example.org")
        """,
    ),
    one(
        "router-options",
        """
        traefik.http.routers.router-options-entry-points.rule=Host(`entry.example.org`)
        traefik.http.routers.router-options-entry-points.entrypoints=web , websecure
        traefik.http.routers.router-options-priority.rule=Host(`priority.example.org`)
        traefik.http.routers.router-options-priority.priority=42
        traefik.http.routers.router-options-priority-zero.rule=Host(`zero.example.org`)
        traefik.http.routers.router-options-priority-zero.priority=0
        traefik.http.routers.router-options-priority-negative.rule=Host(`negative.example.org`)
        traefik.http.routers.router-options-priority-negative.priority=-5
        traefik.http.routers.router-options-observability.rule=Host(`observability.example.org`)
        traefik.http.routers.router-options-observability.observability.accesslogs=false
        traefik.http.routers.router-options-observability.observability.metrics=false
        traefik.http.routers.router-options-observability.observability.tracing=true
        traefik.http.routers.router-options-observability.observability.traceverbosity=detailed
        """,
    ),
    one(
        "tls",
        """
        traefik.http.routers.tls.rule=Host(`tls.example.org`)
        traefik.http.routers.tls.entrypoints=websecure
        traefik.http.routers.tls.tls=true
        traefik.http.routers.tls-off.rule=Host(`off.tls.example.org`)
        traefik.http.routers.tls-off.tls=false
        traefik.http.routers.tls-resolver.rule=Host(`resolver.example.org`)
        traefik.http.routers.tls-resolver.entrypoints=websecure
        traefik.http.routers.tls-resolver.tls.certresolver=le
        traefik.http.routers.tls-domains.rule=Host(`domains.example.org`)
        traefik.http.routers.tls-domains.entrypoints=websecure
        traefik.http.routers.tls-domains.tls=true
        traefik.http.routers.tls-domains.tls.certresolver=le
        traefik.http.routers.tls-domains.tls.domains[0].main=domains.example.org
        traefik.http.routers.tls-domains.tls.domains[0].sans=a.example.org, *.b.example.org
        traefik.http.routers.tls-domains.tls.domains[1].main=example.net
        traefik.http.routers.tls-options.rule=Host(`options.example.org`)
        traefik.http.routers.tls-options.entrypoints=websecure
        traefik.http.routers.tls-options.tls.options=modern@file
        """,
    ),
    one(
        "with-provider",
        """
        traefik.http.routers.with-provider.rule=Host(`with.example.org`)
        traefik.http.routers.with-provider.service=with-provider-app@docker
        traefik.http.routers.with-provider.middlewares=with-provider-strip@docker, guard@file
        traefik.http.services.with-provider-app.loadbalancer.server.port=80
        traefik.http.middlewares.with-provider-strip.stripprefix.prefixes=/x
        traefik.http.routers.with-provider-file.rule=Host(`file.example.org`)
        traefik.http.routers.with-provider-file.service=elsewhere@file
        """,
    ),
    one(
        "default-rule",
        """
        traefik.http.routers.default-rule.middlewares=default-rule-auth
        traefik.http.middlewares.default-rule-auth.basicauth.users=\
admin:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/
        """,
    ),
    one("default-rule-tls", "traefik.http.routers.default-rule-tls.tls=true"),
    one(
        "routers-of-one-service",
        """
        traefik.http.routers.routers-of-one-service-a.rule=Host(`one.example.org`)
        traefik.http.routers.routers-of-one-service-b.rule=Host(`one.example.net`)
        traefik.http.routers.routers-of-one-service-b.entrypoints=websecure
        traefik.http.routers.routers-of-one-service-b.tls=true
        """,
    ),
    one(
        "mixed-case",
        """
        traefik.HTTP.Routers.mixed-case.Rule=Host(`Mixed.example.org`)
        traefik.http.routers.mixed-case.EntryPoints=web
        traefik.HTTP.services.mixed-case.LoadBalancer.Server.Port=80
        traefik.http.middlewares.mixed-case-strip.StripPrefix.Prefixes=/Mixed
        traefik.http.routers.mixed-case.Middlewares=mixed-case-strip
        """,
    ),
    one(
        "mixed-names",
        """
        traefik.http.routers.Mixed-Names.rule=Host(`names.example.org`)
        traefik.http.routers.Mixed-Names.middlewares=Mixed-Names-Strip
        traefik.http.routers.mixed-names.service=Mixed-Names-App
        traefik.http.services.Mixed-Names-App.loadbalancer.server.port=80
        traefik.http.middlewares.Mixed-Names-Strip.stripprefix.prefixes=/names
        """,
    ),
    one(
        "service-implied",
        """
        traefik.http.routers.service-implied.rule=Host(`implied.example.org`)
        traefik.http.services.service-implied-app.loadbalancer.server.port=80
        """,
    ),
    one(
        "services-several",
        """
        traefik.http.routers.services-several-app.rule=Host(`several.example.org`)
        traefik.http.routers.services-several-app.service=services-several-app
        traefik.http.routers.services-several-admin.rule=Host(`admin.several.example.org`)
        traefik.http.routers.services-several-admin.service=services-several-admin
        traefik.http.services.services-several-app.loadbalancer.server.port=80
        traefik.http.services.services-several-admin.loadbalancer.server.port=9000
        """,
        "80/tcp",
        "9000/tcp",
    ),
    one(
        "service-unrouted",
        """
        traefik.http.routers.service-unrouted.rule=Host(`unrouted.example.org`)
        traefik.http.routers.service-unrouted.service=service-unrouted-a
        traefik.http.services.service-unrouted-a.loadbalancer.server.port=80
        traefik.http.services.service-unrouted-b.loadbalancer.server.port=9000
        """,
        "80/tcp",
        "9000/tcp",
    ),
    one(
        "default-router-of-a-service",
        "traefik.http.services.default-router-of-a-service-app.loadbalancer.server.port=80",
    ),
    Setup(
        "shared",
        (
            container(
                "shared-owner",
                """
                traefik.http.routers.shared-owner.rule=Host(`owner.example.org`)
                traefik.http.middlewares.shared-strip.stripprefix.prefixes=/x,/y
                traefik.http.services.shared-app.loadbalancer.server.port=80
                """,
            ),
            container(
                "shared-user",
                """
                traefik.http.routers.shared-user.rule=Host(`user.example.org`)
                traefik.http.routers.shared-user.middlewares=shared-strip@docker
                traefik.http.routers.shared-guest.rule=Host(`guest.example.org`)
                traefik.http.routers.shared-guest.middlewares=shared-strip
                traefik.http.routers.shared-guest.service=shared-app
                """,
            ),
        ),
    ),
    Setup(
        "disabled",
        (
            container(
                "disabled",
                """
                traefik.enable=false
                traefik.http.routers.disabled.rule=Host(`disabled.example.org`)
                """,
            ),
        ),
        is_routed=False,
    ),
    one("enabled-by-number", "traefik.enable=1"),
    one(
        "compose",
        """
        com.docker.compose.project=compose
        com.docker.compose.service=web
        traefik.http.routers.compose.rule=Host(`compose.example.org`)
        traefik.http.services.compose.loadbalancer.server.port=80
        """,
    ),
)
