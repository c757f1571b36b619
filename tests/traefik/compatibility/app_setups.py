"""Applications that many people run, labelled as their guides show."""

from __future__ import annotations

from tests.traefik.compatibility.setups import member, replicas, several, single

APPS = (
    single(
        "whoami",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.entrypoints=web
        """,
        probes="GET ~.example.org:8443/port\nGET NOT.~.example.org/\nGET ~.EXAMPLE.org/case",
    ),
    single(
        "https-redirect",
        """
        routers.~-http.rule=Host(`~.example.org`)
        routers.~-http.entrypoints=web
        routers.~-http.middlewares=~-to-https
        middlewares.~-to-https.redirectscheme.scheme=https
        middlewares.~-to-https.redirectscheme.permanent=true
        routers.~.rule=Host(`~.example.org`)
        routers.~.entrypoints=websecure
        routers.~.tls=true
        routers.~.tls.certresolver=le
        services.~.loadbalancer.server.port=80
        """,
        probes="GET ~.example.org/a?b=c\nPOST ~.example.org/a",
    ),
    single(
        "nextcloud",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.middlewares=~-dav,~-headers
        middlewares.~-dav.redirectregex.regex=https?://([^/]*)/.well-known/(card|cal)dav
        middlewares.~-dav.redirectregex.replacement=https://${1}/remote.php/dav/
        middlewares.~-dav.redirectregex.permanent=true
        middlewares.~-headers.headers.stsSeconds=15552000
        middlewares.~-headers.headers.stsIncludeSubdomains=true
        middlewares.~-headers.headers.customFrameOptionsValue=SAMEORIGIN
        middlewares.~-headers.headers.customRequestHeaders.X-Forwarded-Proto=https
        """,
        probes="GET ~.example.org/.well-known/carddav\nGET ~.example.org/index.php",
    ),
    single(
        "gitea",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.service=~-web
        services.~-web.loadbalancer.server.port=3000
        tcp.routers.~-ssh.rule=HostSNI(`*`)
        tcp.routers.~-ssh.entrypoints=tcp-f
        tcp.routers.~-ssh.service=~-ssh
        tcp.services.~-ssh.loadbalancer.server.port=22
        """,
        "22/tcp",
        "3000/tcp",
        is_published=True,
    ),
    single(
        "vaultwarden",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.service=~
        services.~.loadbalancer.server.port=80
        routers.~-ws.rule=Host(`~.example.org`) && Path(`/notifications/hub`)
        routers.~-ws.service=~-ws
        services.~-ws.loadbalancer.server.port=3012
        """,
        "80/tcp",
        "3012/tcp",
        probes="GET ~.example.org/notifications/hub/negotiate",
    ),
    single(
        "grafana",
        """
        routers.~.rule=Host(`~.example.org`) && PathPrefix(`/grafana`)
        routers.~.middlewares=~-strip
        middlewares.~-strip.stripprefix.prefixes=/grafana
        middlewares.~-strip.stripprefix.forceslash=false
        services.~.loadbalancer.server.port=3000
        """,
        "3000/tcp",
        probes="GET ~.example.org/grafana/d/1?x=y\nGET ~.example.org/grafanax",
    ),
    single(
        "pihole",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.middlewares=~-admin
        middlewares.~-admin.redirectregex.regex=^(https?://[^/]+)/?$
        middlewares.~-admin.redirectregex.replacement=${1}/admin/
        services.~.loadbalancer.server.port=80
        """,
        "53/tcp",
        "53/udp",
        "67/udp",
        "80/tcp",
    ),
    single(
        "pihole-prefix",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.middlewares=~-add@docker
        middlewares.~-add.addprefix.prefix=/admin
        """,
    ),
    single(
        "portainer",
        """
        routers.~.rule=Host(`~.example.org`)
        services.~.loadbalancer.server.port=9443
        services.~.loadbalancer.server.scheme=https
        services.~.loadbalancer.serverstransport=loose@file
        """,
        "8000/tcp",
        "9000/tcp",
        "9443/tcp",
        listens=(9000,),
    ),
    several(
        "forward-auth",
        member(
            "forward-auth",
            "server",
            """
            routers.~-server.rule=Host(`auth.~.example.org`)
            middlewares.~-check.forwardauth.address=http://127.0.0.1:1/verify
            middlewares.~-check.forwardauth.trustForwardHeader=true
            middlewares.~-check.forwardauth.authResponseHeaders=Remote-User,Remote-Groups
            """,
            "9091/tcp",
        ),
        member(
            "forward-auth",
            "app",
            """
            routers.~-app.rule=Host(`~.example.org`)
            routers.~-app.middlewares=~-check@docker
            """,
        ),
    ),
    single(
        "ssl-redirect-of-v2",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.middlewares=~-headers
        middlewares.~-headers.headers.sslredirect=true
        middlewares.~-headers.headers.sslhost=~.example.org
        """,
    ),
    single(
        "minio",
        """
        routers.~-api.rule=Host(`s3.~.example.org`)
        routers.~-api.service=~-api
        services.~-api.loadbalancer.server.port=9000
        routers.~-console.rule=Host(`~.example.org`)
        routers.~-console.service=~-console
        services.~-console.loadbalancer.server.port=9001
        """,
        "9000/tcp",
        listens=(9000, 9001),
    ),
    several(
        "matrix",
        member(
            "matrix",
            "synapse",
            """
            routers.~-synapse.rule=Host(`~.example.org`) && (PathPrefix(`/_matrix`) || \
PathPrefix(`/_synapse/client`))
            routers.~-well-known.rule=Host(`~.example.org`) && PathPrefix(`/.well-known/matrix`)
            routers.~-well-known.priority=200
            """,
            "8008/tcp",
        ),
        member("matrix", "element", "routers.~-element.rule=Host(`~.example.org`)"),
        probes="GET ~.example.org/_matrix/client/versions\nGET ~.example.org/_synapse/admin",
    ),
    single(
        "mail",
        """
        routers.~.rule=Host(`~.example.org`)
        services.~.loadbalancer.server.port=80
        tcp.routers.~-imaps.rule=HostSNI(`imap.~.example.org`)
        tcp.routers.~-imaps.entrypoints=tls
        tcp.routers.~-imaps.tls.passthrough=true
        tcp.routers.~-imaps.service=~-imaps
        tcp.services.~-imaps.loadbalancer.server.port=993
        tcp.routers.~-smtp.rule=HostSNI(`*`)
        tcp.routers.~-smtp.entrypoints=tcp-g
        tcp.routers.~-smtp.service=~-smtp
        tcp.services.~-smtp.loadbalancer.server.port=25
        tcp.services.~-smtp.loadbalancer.proxyProtocol.version=2
        """,
        "25/tcp",
        "80/tcp",
        "993/tcp",
    ),
    single(
        "registry",
        """
        routers.~.rule=Host(`~.example.org`) && PathPrefix(`/v2`)
        routers.~.middlewares=~-auth,~-buffer
        middlewares.~-auth.basicauth.users=u:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/
        middlewares.~-auth.basicauth.realm=Registry
        middlewares.~-buffer.buffering.maxRequestBodyBytes=100
        services.~.loadbalancer.server.port=5000
        """,
        "5000/tcp",
        probes="GET ~.example.org/v2/ | Authorization: Basic dGVzdDp0ZXN0",
    ),
    several(
        "wordpress",
        *replicas(
            "wordpress",
            "app",
            """
            routers.~.rule=Host(`~.example.org`) || Host(`www.~.example.org`)
            routers.~.middlewares=~-www
            middlewares.~-www.redirectregex.regex=^https?://www\\.(.+)
            middlewares.~-www.redirectregex.replacement=https://${1}
            """,
            count=1,
        ),
        *replicas(
            "wordpress",
            "phpmyadmin",
            """
            routers.~-pma.rule=Host(`pma.~.example.org`)
            routers.~-pma.middlewares=guard@file
            """,
            count=1,
        ),
    ),
    several(
        "canary",
        member("canary", "stable", "routers.~-stable.rule=Host(`~.example.org`)"),
        member(
            "canary",
            "next",
            """
            routers.~-next.rule=Host(`~.example.org`) && HeaderRegexp(`X-Canary`, `^(yes|1)$`)
            routers.~-next.priority=1000
            """,
        ),
        probes="GET ~.example.org/ | X-Canary: yes\nGET ~.example.org/ | X-Canary: yess",
    ),
    several(
        "catch-all",
        member("catch-all", "app", "routers.~-app.rule=Host(`app.~.example.org`)"),
        member(
            "catch-all",
            "maintenance",
            """
            routers.~.rule=HostRegexp(`^.+\\.catch-all\\.example\\.org$`)
            routers.~.priority=1
            """,
        ),
        probes="GET any.~.example.org/\nGET any.app.~.example.org/x",
    ),
    several(
        "paths-of-one-host",
        member("paths-of-one-host", "spa", "routers.~-spa.rule=Host(`~.example.org`)"),
        member(
            "paths-of-one-host",
            "api",
            """
            routers.~-api.rule=Host(`~.example.org`) && PathPrefix(`/api`, `/v1`)
            """,
        ),
        probes="GET ~.example.org/api\nGET ~.example.org/apix",
        is_accepted=False,  # one argument in v3
    ),
    single(
        "error-page",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.middlewares=~-errors
        middlewares.~-errors.errors.status=500-599
        middlewares.~-errors.errors.service=~
        middlewares.~-errors.errors.query=/page/{status}.html
        """,
        probes="GET ~.example.org/status/503\nGET ~.example.org/status/404",
    ),
    single(
        "doubled-dollars",  # as in a file for Compose
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.middlewares=~-auth
        middlewares.~-auth.basicauth.users=a:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj/
        """,
        probes="GET ~.example.org/ | Authorization: Basic YTp0ZXN0",
    ),
    single(
        "dashboard",
        """
        routers.~.rule=Host(`~.example.org`) && (PathPrefix(`/api`) || PathPrefix(`/dashboard`))
        routers.~.service=api@internal
        """,
        probes="GET ~.example.org/api/entrypoints/nowhere",
    ),
    single(
        "plex",
        """
        routers.~.rule=Host(`~.example.org`)
        services.~.loadbalancer.server.port=32400
        services.~.loadbalancer.passhostheader=true
        services.~.loadbalancer.responseforwarding.flushinterval=100ms
        """,
        "1900/udp",
        "3005/tcp",
        "32400/tcp",
        is_published=True,
    ),
    single(
        "tls-options-and-domains",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.entrypoints=websecure
        routers.~.tls=true
        routers.~.tls.options=modern@file
        routers.~.tls.domains[0].main=~.example.org
        routers.~.tls.domains[0].sans=*.~.example.org
        """,
        probes="GET ~.example.org/x",
    ),
    single(
        "adguard",
        """
        routers.~.rule=Host(`~.example.org`)
        routers.~.service=~-web
        services.~-web.loadbalancer.server.port=3000
        tcp.routers.~-dot.rule=HostSNI(`dot.~.example.org`)
        tcp.routers.~-dot.entrypoints=tls
        tcp.routers.~-dot.tls=true
        tcp.routers.~-dot.service=~-dot
        tcp.services.~-dot.loadbalancer.server.port=53
        udp.routers.~-dns.entrypoints=udp-e
        udp.routers.~-dns.service=~-dns
        udp.services.~-dns.loadbalancer.server.port=53
        """,
        "53/tcp",
        "53/udp",
        "3000/tcp",
        is_published=True,
    ),
)
