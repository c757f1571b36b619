"""What a request gets, beyond the choice of a container."""

from __future__ import annotations

from tests.traefik.compatibility.setups import Setup, single


def with_middleware(name: str, options: str, probes: str) -> Setup:
    """Return a set-up whose router has one middleware with `options`."""
    lines = [line.strip() for line in options.splitlines() if line.strip()]
    labels = "\n".join(f"middlewares.~-x.{line}" for line in lines)
    rule = "routers.~.rule=Host(`~.example.org`)\nrouters.~.middlewares=~-x\n"
    return single(name, rule + labels, probes=probes)


BEHAVIOUR = (
    with_middleware(
        "gets-cors",
        """
        headers.accesscontrolallowmethods=GET,PUT
        headers.accesscontrolalloworiginlist=https://a.example.org
        headers.accesscontrolmaxage=100
        headers.addvaryheader=true
        """,
        """
        OPTIONS ~.example.org/ | Origin: https://a.example.org | Access-Control-Request-Method: PUT
        GET ~.example.org/ | Origin: https://a.example.org
        GET ~.example.org/ | Origin: https://b.example.org
        """,
    ),
    with_middleware(
        "gets-headers",
        """
        headers.customrequestheaders.X-Added=a, b
        headers.customrequestheaders.X-Removed=
        headers.customresponseheaders.X-Answered-By=
        headers.customresponseheaders.X-Back=1
        """,
        "GET ~.example.org/ | X-Removed: yes | X-Kept: yes",
    ),
    with_middleware(
        "gets-auth",
        "basicauth.users=test:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
        "GET ~.example.org/ | Authorization: Basic dGVzdDp0ZXN0",
    ),
    with_middleware("gets-allowed", "ipallowlist.sourcerange=127.0.0.1", "GET ~.example.org/"),
    with_middleware("gets-denied", "ipallowlist.sourcerange=192.0.2.0/24", "GET ~.example.org/"),
    with_middleware(
        "gets-limited",
        """
        ratelimit.average=1
        ratelimit.period=1h
        ratelimit.burst=3
        """,
        "GET ~.example.org/1\nGET ~.example.org/2\nGET ~.example.org/3\nGET ~.example.org/4",
    ),
    with_middleware(
        "gets-stripped",
        "stripprefix.prefixes=/api,/v1/api",
        "GET ~.example.org/api\nGET ~.example.org/v1/api/x?y=z\nGET ~.example.org/apix",
    ),
    with_middleware(
        "gets-replaced",
        """
        replacepathregex.regex=^/a/(.*)/b
        replacepathregex.replacement=/$1/c
        """,
        "GET ~.example.org/a/x%2Fy/b\nGET ~.example.org/a/x/b?q=1",
    ),
    with_middleware(
        "gets-redirected",
        """
        redirectregex.regex=^http://(.*)/old/(.*)
        redirectregex.replacement=https://$1/new/$2
        """,
        "GET ~.example.org/old/1?q=2\nPUT ~.example.org/old/1\nGET ~.example.org/new/",
    ),
    with_middleware(
        "gets-compressed",
        """
        compress.minresponsebodybytes=1
        compress.encodings=gzip
        """,
        "GET ~.example.org/ | Accept-Encoding: gzip\nGET ~.example.org/ | Accept-Encoding: br",
    ),
    with_middleware(
        "gets-another-status",
        """
        errors.status=503
        errors.service=gets-another-status
        errors.query=/status/418
        """,
        "GET ~.example.org/status/503",
    ),
    single(
        "gets-by-priority",
        """
        routers.~-a.rule=Host(`~.example.org`)
        routers.~-a.middlewares=~-a
        middlewares.~-a.addprefix.prefix=/a
        routers.~-b.rule=Host(`~.example.org`) && PathPrefix(`/b`)
        routers.~-b.middlewares=~-b
        middlewares.~-b.addprefix.prefix=/b
        routers.~-c.rule=Host(`~.example.org`) && Path(`/b/c`) && Method(`GET`, `HEAD`)
        routers.~-c.priority=3
        routers.~-d.rule=Host(`~.example.org`) && Path(`/b/c/d`)
        routers.~-d.priority=9223372036854774807
        """,
        probes="GET ~.example.org/b/c\nGET ~.example.org/b/c/d\nHEAD ~.example.org/b",
        is_accepted=False,  # one argument of Method in v3
    ),
    single(
        "gets-by-client-and-query",
        """
        routers.~-a.rule=Host(`~.example.org`) && ClientIP(`127.0.0.0/8`) && Query(`k`, `v`)
        routers.~-b.rule=Host(`~.example.org`) && QueryRegexp(`k`, `^w+$`)
        routers.~-c.rule=Host(`~.example.org`) && ClientIP(`192.0.2.1`)
        """,
        probes="GET ~.example.org/?k=v\nGET ~.example.org/?k=ww\nGET ~.example.org/?k=x",
    ),
    single(
        "gets-own-host-header",
        """
        routers.~.rule=Host(`~.example.org`)
        services.~.loadbalancer.passhostheader=false
        """,
        is_published=True,
    ),
    single(
        "gets-encoded-paths",
        "routers.~.rule=Host(`~.example.org`) && PathPrefix(`/a b/`)",
        probes="GET ~.example.org/a%20b/c\nGET ~.example.org/a%2520b/\nGET ~.example.org/a+b/\n\
GET ~.example.org/x/../a%20b/",
    ),
)
