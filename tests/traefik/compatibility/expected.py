"""Where the agent differs from Traefik's Docker provider on purpose, and why.

The lines are those of `comparison`: an element that only one of both has, or that differs, and a
request with what it gets from Traefik's provider | from the agent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """The differences of one set-up, and the decision or the rule that they follow from.

    A line of `text` that begins with | continues the one before.
    """

    why: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The differences, as `comparison` finds them."""
        stripped = "\n".join(line.strip() for line in self.text.strip().splitlines())
        return stripped.replace("\n|", " |").splitlines()


AS_TRAEFIK = Expected("", "")

ONE_ELEMENT = "decision 13: a wrong label affects its router, service or middleware alone"
OWN_MEANING = "decision 13: between services, a name means what each service defines"
NEWEST = "decision 13: the newest deployment wins within a service"
STATIC = "routing.md: a router that names what only Traefik's static configuration knows"
STAYS = "routing.md: if no instance of a route gets requests, the route stays and answers 503"
HTTP_PORT = "routing.md: without a port label, a port known for another protocol is not taken"
HOST_NAME = "routing.md: a host name is written in lower case, and each service has its own"


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
    "wrong-resolver": Expected(
        STATIC,
        """
        routers wrong-resolver-b: only Traefik
        GET b.wrong-resolver.example.org/ at websecure: 200 by wrong-resolver:80 | 404
        """,
    ),
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
}
NOT_LISTED = frozenset(
    {"pasted", "pasted-middlewares", "rolling"}  # nothing is left out
)
