"""Names that are odd, long, or used for several things."""

from __future__ import annotations

from tests.traefik.compatibility.setups import member, several, single

LONG = "x" * 70

NAMES = (
    single(
        "long-names",
        f"""
        routers.~-{LONG}.rule=Host(`~.example.org`)
        routers.~-{LONG}.middlewares=~-{LONG}-m
        middlewares.~-{LONG}-m.addprefix.prefix=/long
        services.~-{LONG}-s.loadbalancer.server.port=80
        """,
    ),
    single(
        "names-with-underscores",
        """
        routers.~_Router_1.rule=Host(`~.example.org`)
        routers.~_Router_1.middlewares=~_M_1
        middlewares.~_M_1.addprefix.prefix=/under
        """,
    ),
    single(
        "names-with-odd-characters",
        """
        routers.~-$b.rule=Host(`b.~.example.org`)
        routers.~-b+c.rule=Host(`c.~.example.org`)
        routers.~-b/d.rule=Host(`d.~.example.org`)
        """,
    ),
    single("names-with-spaces", "routers.~ b.rule=Host(`~.example.org`)"),
    single("names-beyond-ascii", "routers.~-\u00e9t\u00e9.rule=Host(`~.example.org`)"),
    single("names-with-at", "routers.~@docker.rule=Host(`~.example.org`)"),
    single(
        "names-that-are-words",
        """
        routers.~-http.rule=Host(`~.example.org`)
        routers.~-http.service=~-routers
        services.~-routers.loadbalancer.server.port=80
        """,
    ),
    several(
        "names-that-differ-in-case",
        member(
            "names-that-differ-in-case",
            "a",
            """
            routers.~-App.rule=Host(`a.~.example.org`)
            services.~-App.loadbalancer.server.port=80""",
        ),
        member(
            "names-that-differ-in-case",
            "b",
            """
            routers.~-app.rule=Host(`b.~.example.org`)
            services.~-app.loadbalancer.server.port=80""",
        ),
    ),
    single(
        "names-of-one-container-that-differ-in-case",
        """
        routers.~-App.rule=Host(`~.example.org`)
        routers.~-app.entrypoints=web
        """,
    ),
    several(
        "name-of-another-container",  # a router with the name of another container
        member(
            "name-of-another-container",
            "a",
            "routers.name-of-another-container-b.rule=Host(`~.example.org`)",
        ),
        member("name-of-another-container", "b"),
        is_accepted=False,
        is_routed=False,
    ),
    several(
        "default-names",
        member("default-names", "my_app"),
        member("default-names", "my.app2"),
        member("default-names", "UPPER-Case"),
    ),
    several(
        "default-names-that-collide",
        member("default-names-that-collide", "my_app"),
        member("default-names-that-collide", "my-app"),
    ),
    single("default-name-" + "l" * 45, ""),
    several("long-default", member("long-default", "m" * 70)),
    single(
        "default-with-options",
        """
        routers.~.entrypoints=web
        routers.~.priority=77
        """,
    ),
    single(
        "default-of-two-routers",
        """
        routers.~-a.entrypoints=web
        routers.~-b.entrypoints=websecure
        routers.~-b.tls=true
        """,
    ),
    single("default-with-a-middleware-only", "middlewares.~-x.addprefix.prefix=/x"),
    single("default-with-empty-rule", "routers.~.rule="),
)
