"""Where the agent differs from Traefik's Docker provider on purpose, and why.

The lines are those of `comparison`: an element that only one of both has, or that differs, and a
request with what it gets from Traefik's provider | from the agent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """The differences of one set-up, and the decision or the rule that they follow from.

    A line of `text` that begins with |, "or" or a status continues the one before.
    """

    why: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The differences, as `comparison` finds them."""
        stripped = "\n".join(line.strip() for line in self.text.strip().splitlines())
        return re.sub(r"\n(?=\||or |[0-9])", " ", stripped).splitlines()


AS_TRAEFIK = Expected("", "")

ONE_ELEMENT = "decision 13: a wrong label affects its router, service or middleware alone"
OWN_MEANING = "decision 13: between services, a name means what each service defines"
NEWEST = "decision 13: the newest deployment wins within a service"
GUARDED = "decision 13: a router without one of its options could let in more than was meant"
SPELLING = "routing.md: a value that Traefik takes in several spellings is sent in one of them"
NAMES = "routing.md: a name has letters, digits, spaces and few other characters"
JOBS = "routing.md: a job of Docker Compose has the labels of its service but is no instance"
STAYS = "routing.md: if no instance of a route gets requests, the route stays and answers 503"
HTTP_PORT = "routing.md: without a port label, a port known for another protocol is not taken"
HOST_NAME = "routing.md: each service has a host name of its own, in lower case"


def kept(name: str, more: str = "") -> Expected:
    """Return what differs if Traefik passes over a container, and the agent over one label."""
    return Expected(
        ONE_ELEMENT,
        f"""
        routers {name}: only the agent
        services {name}: only the agent
        {more}GET {name}.example.org/: 404 | 200 by {name}:80
        """,
    )


def stays(name: str) -> Expected:
    """Return what differs if Traefik drops the route of a container that does not run."""
    return Expected(
        STAYS,
        f"""
        routers {name}: only the agent
        services {name}: only the agent
        GET {name}.example.org/: 404 | 503
        """,
    )


KEPT = (
    *("router-key", "section", "middleware-kind", "middleware-key", "priority-of-other"),
    *("priority-empty", "number", "standalone", "empty-middleware", "empty-headers"),
    *("docker-label", "udp-rule"),
)
EXPECTED: dict[str, Expected] = {
    **{f"wrong-{name}": kept(f"wrong-{name}") for name in KEPT},
    "wrong-tcp-key": kept("wrong-tcp-key", "tcpServices wrong-tcp-key: only the agent\n"),
    "wrong-priority": Expected(ONE_ELEMENT, "services wrong-priority: only the agent"),
    "wrong-tls-options": Expected(
        "Traefik refuses the handshake of a router that it disables, and ours does not exist",
        "GET b.wrong-tls-options.example.org/ at websecure: 0 | 404",
    ),
    "paused": stays("paused"),
    "stopped-for-good": stays("stopped-for-good"),
    "unhealthy-with-router": Expected(STAYS, "GET unhealthy-with-router.example.org/: 500 | 503"),
    "starting-replica": Expected(
        STAYS,
        """
        GET starting-replica.example.org/: 200 by starting-replica-a:80 or 500
        | 200 by starting-replica-a:80
        """,
    ),
    "unhealthy-replica": Expected(
        STAYS,
        """
        GET unhealthy-replica.example.org/: 200 by unhealthy-replica-a:80 or 500
        | 200 by unhealthy-replica-a:80
        """,
    ),
    "exposes-ssh-and-web": Expected(
        HTTP_PORT,
        """
        services exposes-ssh-and-web: loadBalancer differ
        GET exposes-ssh-and-web.example.org/: 200 by exposes-ssh-and-web:22
        | 200 by exposes-ssh-and-web:8080
        """,
    ),
    "exposes-mail-only": Expected(
        HTTP_PORT,
        """
        routers exposes-mail-only: only Traefik
        services exposes-mail-only: only Traefik
        GET exposes-mail-only.example.org/: 200 by exposes-mail-only:25 | 404
        """,
    ),
    "exposes-udp-only": Expected(
        "HTTP does not go over UDP",
        """
        routers exposes-udp-only: only Traefik
        services exposes-udp-only: only Traefik
        GET exposes-udp-only.example.org/: 502 | 404
        """,
    ),
    "default-names": Expected(HOST_NAME, "routers default-names-UPPER-Case: rule differ"),
    "default-names-that-collide": Expected(
        HOST_NAME,
        """
        routers default-names-that-collide-my-app-6b7b2528.localhost: only the agent
        services default-names-that-collide-my-app: loadBalancer differ
        services default-names-that-collide-my-app-6b7b2528.localhost: only the agent
        GET default-names-that-collide-my-app.localhost/:
        200 by default-names-that-collide-my-app:80
        or 200 by default-names-that-collide-my_app:80
        | 200 by default-names-that-collide-my-app:80
        """,
    ),
    "long-default": Expected(
        HOST_NAME,
        f"""
        routers long-default-{"m" * 41}-f6e95022.localhost: only the agent
        routers long-default-{"m" * 70}: only Traefik
        services long-default-{"m" * 41}-f6e95022.localhost: only the agent
        services long-default-{"m" * 70}: only Traefik
        GET long-default-{"m" * 70}.localhost/: 200 by long-default-{"m" * 70}:80 | 404
        """,
    ),
    "one-off": Expected(
        JOBS,
        """
        services one-off-web-one-off: loadBalancer differ
        GET one-off.example.org/: 200 by one-off-web-1:80 or 200 by one-off-web-run-0a1b:80
        | 200 by one-off-web-1:80
        """,
    ),
    "pasted": Expected(
        OWN_MEANING,
        """
        routers pasted-app._of.pasted-kuma-pasted-uptime: only the agent
        routers pasted-app._of.pasted-server-pasted-photos: only the agent
        services pasted-app: only Traefik
        services pasted-app._in.pasted-photos: only the agent
        services pasted-app._in.pasted-uptime: only the agent
        GET photos.pasted.example.org/: 404 | 200 by pasted-photos:2283
        GET up.pasted.example.org/: 404 | 200 by pasted-uptime:3001
        """,
    ),
    "pasted-middlewares": Expected(
        OWN_MEANING,
        """
        middlewares pasted-middlewares-headers._of.pasted-middlewares-a: only the agent
        middlewares pasted-middlewares-headers._of.pasted-middlewares-b: only the agent
        routers pasted-middlewares-a: only the agent
        routers pasted-middlewares-b: only the agent
        GET a.pasted-middlewares.example.org/: 404 | 200 by pasted-middlewares-a:80
        GET b.pasted-middlewares.example.org/: 404 | 200 by pasted-middlewares-b:80
        """,
    ),
    "pasted-services": Expected(
        OWN_MEANING,
        """
        routers pasted-services-a: service differ
        routers pasted-services-b: service differ
        services pasted-services-web: only Traefik
        services pasted-services-web._of.pasted-services-a: only the agent
        services pasted-services-web._of.pasted-services-b: only the agent
        GET a.pasted-services.example.org/: 200 by pasted-services-a:80
        or 200 by pasted-services-b:80 | 200 by pasted-services-a:80
        GET b.pasted-services.example.org/: 200 by pasted-services-a:80
        or 200 by pasted-services-b:80 | 200 by pasted-services-b:80
        """,
    ),
    "rolling": Expected(
        NEWEST,
        """
        routers rolling: only the agent
        GET rolling.example.org/: 404 | 200 by rolling-new:80 or 200 by rolling-old:80
        GET new.rolling.example.org/: 404 | 200 by rolling-new:80 or 200 by rolling-old:80
        """,
    ),
    "rolling-options": Expected(
        NEWEST,
        """
        routers rolling-options: only the agent
        services rolling-options: only the agent
        GET rolling-options.example.org/: 404
        | 200 by rolling-options-new:80 or 200 by rolling-options-old:80
        """,
    ),
    "name-of-another-container": Expected(
        HOST_NAME,
        """
        routers name-of-another-container-b: only the agent
        routers name-of-another-container-b (as name-of-another-container-b): only the agent
        GET name-of-another-container.example.org/: 404 | 200 by name-of-another-container-a:80
        GET name-of-another-container-b.localhost/: 404 | 200 by name-of-another-container-b:80
        """,
    ),
    "odd-boolean": Expected(
        GUARDED,
        """
        routers odd-boolean: only Traefik
        GET odd-boolean.example.org/: 200 by odd-boolean:80 | 404
        """,
    ),
    "odd-index": Expected(GUARDED, "routers odd-index: only Traefik"),
    **{
        f"odd-{name}": Expected(SPELLING, f"services odd-{name}: loadBalancer differ")
        for name in ("same-site-case", "scheme-case", "port-with-protocol")
    },
    "odd-rule-with-spaces": Expected(
        SPELLING, "routers odd-rule-with-spaces-b: priority, rule differ"
    ),
    "url-and-port": Expected(
        ONE_ELEMENT,
        """
        routers url-and-port: only the agent
        services url-and-port: only the agent
        GET url-and-port.example.org/: 404 | 502
        """,
    ),
    "names-with-odd-characters": Expected(
        NAMES,
        """
        routers names-with-odd-characters-$b: only Traefik
        GET b.names-with-odd-characters.example.org/: 200 by names-with-odd-characters:80 | 404
        """,
    ),
    "names-with-at": Expected(
        NAMES,
        """
        routers names-with-at@docker: only Traefik
        GET names-with-at.example.org/: 200 by names-with-at:80 | 404
        """,
    ),
}
# Traefik refuses these, and the agent has nothing to refuse: names of different owners, and a
# container that is switched off.
NOT_LISTED = frozenset(
    {"pasted", "pasted-middlewares", "name-of-another-container", "enable-mixed-key"}
)
