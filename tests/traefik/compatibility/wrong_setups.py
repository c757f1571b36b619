"""Labels that are wrong, odd, or left over from earlier versions, each beside a good router."""

from __future__ import annotations

from tests.traefik.compatibility.setups import Setup, member, several, single

GOOD = "routers.~.rule=Host(`~.example.org`)"
OTHER = "routers.~-b.rule=Host(`b.~.example.org`)"
USES_X = (OTHER, "routers.~-b.middlewares=~-x")

# Traefik passes over the whole container.
REFUSED: dict[str, tuple[str, ...]] = {
    "router-key": ("routers.~-b.rules=Host(`b.~.example.org`)",),
    "section": ("traefik.http.router.~-x.rule=Host(`x.~.example.org`)",),
    "middleware-kind": ("middlewares.~-x.gzip=true",),
    "middleware-key": ("middlewares.~-x.headers.customheaders.X-A=1",),
    "service-key": ("services.~.loadbalancer.port=80",),
    "method-of-v1": ("services.~.loadbalancer.method=drr",),
    "priority": ("routers.~.priority=high",),
    "priority-of-other": (OTHER, "routers.~-b.priority=high"),
    "priority-empty": (OTHER, "routers.~-b.priority="),
    "duration": ("services.~.loadbalancer.healthcheck.interval=often",),
    "number": ("middlewares.~-x.ratelimit.average=ten",),
    "weighted": ("services.~-w.weighted.services[0].name=~",),
    "dotted-name": ("services.~.app.loadbalancer.server.port=80",),
    "standalone": ("middlewares.~-x.stripprefix=true",),
    "empty-middleware": ("middlewares.~-x.basicauth=true",),
    "empty-headers": ("middlewares.~-x.headers=true",),
    "tcp-key": ("tcp.routers.~.rul=HostSNI(`*`)",),
    "udp-rule": ("udp.routers.~.rule=HostSNI(`*`)",),
    "docker-label": ("traefik.docker.foo=bar",),
    "two-services": (
        "services.~-a.loadbalancer.server.port=80",
        "services.~-b.loadbalancer.server.port=81",
    ),
}
# Traefik disables an element, or logs an error and goes on.
DISABLED: dict[str, tuple[str, ...]] = {
    "rule": ("routers.~-b.rule=Host(`b.~.example.org`",),
    "rule-function": ("routers.~-b.rule=Hosts(`b.~.example.org`)",),
    "rule-of-v2": ("routers.~-b.rule=Headers(`X-A`, `b`)",),
    "rule-in-quotes": ('routers.~-b.rule="Host(`b.~.example.org`)"',),
    "rule-beyond-ascii": ("routers.~-b.rule=Host(`b\u00fccher.~.example.org`)",),
    "rule-without-host": ("routers.~-b.rule=Host(``) && Path(`/wrong-rule-without-host`)",),
    "missing-middleware": (OTHER, "routers.~-b.middlewares=~-nowhere"),
    "missing-service": (OTHER, "routers.~-b.service=~-nowhere"),
    "missing-provider": (OTHER, "routers.~-b.middlewares=~-strip@redis"),
    "middleware-in-quotes": (
        OTHER,
        "routers.~-b.middlewares='~-x'",
        "middlewares.~-x.addprefix.prefix=/a",
    ),
    "comma": (OTHER, "routers.~-b.middlewares=~-x,,", "middlewares.~-x.addprefix.prefix=/a"),
    "loop": (
        *USES_X,
        "middlewares.~-x.chain.middlewares=~-y",
        "middlewares.~-y.chain.middlewares=~-x",
    ),
    "entry-point": (OTHER, "routers.~-b.entrypoints=nowhere"),
    "one-entry-point": (OTHER, "routers.~-b.entrypoints=web,nowhere"),
    "resolver": (
        OTHER,
        "routers.~-b.entrypoints=websecure",
        "routers.~-b.tls.certresolver=nowhere",
    ),
    "tls-options": (
        OTHER,
        "routers.~-b.entrypoints=websecure",
        "routers.~-b.tls.options=nowhere",
    ),
    "regex": (
        *USES_X,
        "middlewares.~-x.redirectregex.regex=((",
        "middlewares.~-x.redirectregex.replacement=x",
    ),
    "addresses": (*USES_X, "middlewares.~-x.ipallowlist.sourcerange=10.0.0.0/99"),
    "plugin": (*USES_X, "middlewares.~-x.plugin.geoblock.allow=DE"),
    "two-kinds": (
        *USES_X,
        "middlewares.~-x.addprefix.prefix=/a",
        "middlewares.~-x.stripprefix.prefixes=/b",
    ),
    "circuit": (*USES_X, "middlewares.~-x.circuitbreaker.expression=Often()"),
    "port": ("services.~.loadbalancer.server.port=http",),
    "strategy": ("services.~.loadbalancer.strategy=random",),
    "health-timeout": (
        "services.~.loadbalancer.healthcheck.path=/",
        "services.~.loadbalancer.healthcheck.interval=60s",
        "services.~.loadbalancer.healthcheck.timeout=0s",
    ),
}
# Traefik takes them, whether or not they work.
ACCEPTED: dict[str, tuple[str, ...]] = {
    "boolean": ("routers.~.tls=yes",),
    "index": ("routers.~.tls.domains[x].main=~.example.org",),
    "same-site": ("services.~.loadbalancer.sticky.cookie.samesite=never",),
    "same-site-case": (
        "services.~.loadbalancer.sticky.cookie.name=s",
        "services.~.loadbalancer.sticky.cookie.samesite=Lax",
    ),
    "scheme-case": ("services.~.loadbalancer.server.scheme=HTTP",),
    "port-with-protocol": ("services.~.loadbalancer.server.port=80/tcp",),
    "sts": (
        "routers.~.middlewares=~-x",
        "middlewares.~-x.headers.stsseconds=-1",
        "middlewares.~-x.headers.framedeny=true",
    ),
    "trailing-dot": ("routers.~-b.rule=Host(`b.~.example.org.`)",),
    "host-with-port": ("routers.~-b.rule=Host(`b.~.example.org:8080`) || Host(`c.~.example.org`)",),
    "host-of-v2": ("routers.~-b.rule=HostRegexp(`{sub:[a-z]+}.~.example.org`)",),
    "path-of-v2": ("routers.~-b.rule=Host(`b.~.example.org`) && PathPrefix(`/x/{id:[0-9]+}`)",),
    "query-of-v2": ("routers.~-b.rule=Host(`b.~.example.org`) && Query(`mobile=true`)",),
    "labels-of-v1": (
        "traefik.frontend.rule=Host:old.~.example.org",
        "traefik.port=80",
        "traefik.backend=~",
        "traefik.tags=~",
        "traefik.constraint-label=public",
    ),
    "empty-middlewares": ("routers.~.middlewares=",),
    "empty-entry-points": ("routers.~.entrypoints=",),
    "empty-service": ("routers.~.service=",),
    "same-middleware-twice": (
        "routers.~.middlewares=~-x,~-x",
        "middlewares.~-x.addprefix.prefix=/a",
    ),
    "spaces": (
        "routers.~.middlewares=  ~-x , ~-y  ",
        "middlewares.~-x.addprefix.prefix=/a",
        "middlewares.~-y.addprefix.prefix=/b",
    ),
    "empty-tls": (OTHER, "routers.~-b.entrypoints=websecure", "routers.~-b.tls="),
    "unknown-protocol": ("traefik.grpc.routers.~.rule=x", "traefik.foo=bar"),
    "matcher-case": (
        "routers.~-b.rule=host(`b.~.example.org`)",
        "routers.~-c.rule=HOST(`c.~.example.org`)",
    ),
    "host-case": ("routers.~-b.rule=Host(`B.~.Example.ORG`)",),
    "wildcard-host": ("routers.~-b.rule=Host(`*.~.example.org`)",),
    "url-as-host": ("routers.~-b.rule=Host(`http://b.~.example.org`)",),
    "rule-with-spaces": ("routers.~-b.rule=  Host( `b.~.example.org` )&&PathPrefix( `/x` )  ",),
    "not": ("routers.~-b.rule=Host(`b.~.example.org`) && !(PathPrefix(`/x`) || Method(`POST`))",),
    "weight": ("services.~.loadbalancer.server.weight=0",),
    "health-port": (
        "services.~.loadbalancer.healthcheck.path=/",
        "services.~.loadbalancer.healthcheck.port=80",
        "services.~.loadbalancer.healthcheck.hostname=x",
    ),
    "domains-with-a-gap": (
        OTHER,
        "routers.~-b.entrypoints=websecure",
        "routers.~-b.tls.domains[0].main=b.~.example.org",
        "routers.~-b.tls.domains[2].main=c.~.example.org",
    ),
    "allow-list-of-v2": (
        "routers.~.middlewares=~-x",
        "middlewares.~-x.ipwhitelist.sourcerange=127.0.0.1",
    ),
}
PROBES = """
    GET b.~.example.org/x/12?mobile=true
    GET b.~.example.org/x/{id:[0-9]+}
    POST b.~.example.org/y
    GET abc.~.example.org/
"""
SWITCHES = {"ture": False, "'true'": False, "TRUE": True, "T": True, "on": False, "": False}


def enabled_by(number: int, value: str, *, is_routed: bool) -> Setup:
    """Return a set-up that only `traefik.enable` enables, if it does."""
    name = f"enable-{number}"
    labels = f"traefik.enable={value}\n{GOOD}"
    return several(
        name,
        member(name, "a", labels, is_watched=False),
        is_routed=is_routed,
        is_accepted=is_routed,
    )


WRONG = (
    *(
        single(
            f"wrong-{name}",
            "\n".join((GOOD, *labels)),
            is_routed=False,
            is_accepted=False,
        )
        for name, labels in REFUSED.items()
    ),
    *(
        single(f"wrong-{name}", "\n".join((GOOD, *labels)), is_accepted=False)
        for name, labels in DISABLED.items()
    ),
    *(
        single(f"odd-{name}", "\n".join((GOOD, *labels)), probes=PROBES)
        for name, labels in ACCEPTED.items()
    ),
    *(
        enabled_by(number, value, is_routed=is_routed)
        for number, (value, is_routed) in enumerate(SWITCHES.items(), 1)
    ),
    several(
        "enable-mixed-key",
        member(
            "enable-mixed-key",
            "a",
            f"Traefik.Enable=true\ntraefik.enable=false\n{GOOD}",
            is_watched=False,
        ),
        is_routed=False,
        is_accepted=False,
    ),
)
