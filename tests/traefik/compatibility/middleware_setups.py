"""HTTP middlewares, each kind that labels can define without a plugin or another program."""

from __future__ import annotations

from tests.traefik.compatibility.setups import Setup, one


def of(name: str, *middlewares: str) -> Setup:
    """Return a set-up whose one router uses `middlewares`, each of lines of `option=value`.

    They are called `name-1`, `name-2`, and so on.
    """
    names = [f"{name}-{number}" for number in range(1, len(middlewares) + 1)]
    lines = [
        f"traefik.http.middlewares.{called}.{line.strip()}"
        for called, options in zip(names, middlewares, strict=True)
        for line in options.splitlines()
        if line.strip()
    ]
    lines.append(f"traefik.http.routers.{name}.rule=Host(`{name}.example.org`)")
    lines.append(f"traefik.http.routers.{name}.middlewares={','.join(names)}")
    return one(name, "\n".join(lines))


HEADERS = (
    of(
        "headers",
        """
        headers.customrequestheaders.X-Script-Name=test
        headers.customrequestheaders.X-Forwarded-Proto=https
        headers.customrequestheaders.x-lower=a, b
        headers.customresponseheaders.X-Robots-Tag=none,noarchive,nosnippet
        headers.customresponseheaders.Server=
        """,
        """
        headers.accesscontrolallowcredentials=true
        headers.accesscontrolallowheaders=X-One, X-Two
        headers.accesscontrolallowmethods=GET,OPTIONS,PUT
        headers.accesscontrolalloworiginlist=https://a.example.org,https://b.example.org
        headers.accesscontrolalloworiginlistregex=^https://.*\\.example\\.net$
        headers.accesscontrolexposeheaders=X-Three
        headers.accesscontrolmaxage=100
        headers.addvaryheader=true
        """,
        """
        headers.stsseconds=31536000
        headers.stsincludesubdomains=true
        headers.stspreload=true
        headers.forcestsheader=true
        headers.framedeny=true
        headers.customframeoptionsvalue=SAMEORIGIN
        headers.contenttypenosniff=true
        headers.browserxssfilter=true
        headers.custombrowserxssvalue=1; mode=block
        headers.contentsecuritypolicy=default-src 'self'; img-src *, data:
        headers.contentsecuritypolicyreportonly=default-src 'none'
        headers.referrerpolicy=no-referrer
        headers.permissionspolicy=geolocation=(), camera=()
        headers.publickey=pin-sha256="abc="
        headers.allowedhosts=a.example.org, b.example.org
        headers.hostsproxyheaders=X-Forwarded-Host
        headers.sslproxyheaders.X-Forwarded-Proto=https
        headers.isdevelopment=false
        """,
    ),
)
AUTH = (
    of(
        "auth",
        """
        basicauth.users=a:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/, \
b:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC
        basicauth.realm=The Realm
        basicauth.headerfield=X-WebAuth-User
        basicauth.removeheader=true
        """,
        """
        digestauth.users=test:traefik:a2688e031edb4be6a3797f3882655c05
        digestauth.realm=traefik
        digestauth.headerfield=X-WebAuth-User
        digestauth.removeheader=true
        """,
        "forwardauth.address=https://auth.example.org/verify?rd=https://login.example.org/",
        """
        forwardauth.address=http://auth.example.org
        forwardauth.trustforwardheader=true
        forwardauth.authresponseheaders=X-Auth-User, X-Secret
        forwardauth.authresponseheadersregex=^X-
        forwardauth.authrequestheaders=Accept,X-CustomHeader
        forwardauth.addauthcookiestoresponse=Session-Cookie,State-Cookie
        forwardauth.forwardbody=true
        forwardauth.maxbodysize=1000
        forwardauth.headerfield=X-WebAuth-User
        forwardauth.preservelocationheader=true
        forwardauth.preserverequestmethod=true
        forwardauth.tls.insecureskipverify=true
        """,
    ),
    of(
        "client-certificate",
        "passtlsclientcert.pem=true",
        """
        passtlsclientcert.info.notafter=true
        passtlsclientcert.info.notbefore=true
        passtlsclientcert.info.sans=true
        passtlsclientcert.info.serialnumber=true
        passtlsclientcert.info.subject.commonname=true
        passtlsclientcert.info.subject.organizationalunit=true
        passtlsclientcert.info.issuer.country=true
        passtlsclientcert.info.issuer.domaincomponent=true
        """,
    ),
)
PATHS = (
    of(
        "paths",
        "stripprefix.prefixes=/foobar, /fiibar",
        "stripprefixregex.regex=/foo/[a-z0-9]+/[0-9]+/",
        "addprefix.prefix=/foo",
        "replacepath.path=/foo",
        """
        replacepathregex.regex=^/foo/(.*)
        replacepathregex.replacement=/bar/$1
        """,
        "redirectscheme.scheme=https",
        """
        redirectscheme.scheme=https
        redirectscheme.port=443
        redirectscheme.permanent=true
        """,
        """
        redirectregex.regex=^https?://localhost/(.*)
        redirectregex.replacement=http://mydomain/${1}
        redirectregex.permanent=true
        """,
    ),
)
LIMITS = (
    of(
        "limits",
        "ratelimit.average=100",
        """
        ratelimit.average=6
        ratelimit.period=1m
        ratelimit.burst=12
        ratelimit.sourcecriterion.ipstrategy.depth=2
        """,
        """
        ratelimit.average=6
        ratelimit.period=500ms
        ratelimit.sourcecriterion.ipstrategy.excludedips=127.0.0.1/32, 192.168.1.7
        """,
        """
        ratelimit.average=6
        ratelimit.sourcecriterion.requestheadername=X-User
        """,
        """
        inflightreq.amount=10
        inflightreq.sourcecriterion.requesthost=true
        """,
        """
        inflightreq.amount=3
        inflightreq.sourcecriterion.ipstrategy.ipv6subnet=64
        """,
        """
        ipallowlist.sourcerange=127.0.0.1/32, 192.168.1.7
        ipallowlist.ipstrategy.depth=1
        ipallowlist.rejectstatuscode=404
        """,
        "ipallowlist.sourcerange=::1/128\nipallowlist.ipstrategy=true",
        "ipwhitelist.sourcerange=10.0.0.0/8",
        """
        buffering.maxrequestbodybytes=2000000
        buffering.memrequestbodybytes=1000000
        buffering.maxresponsebodybytes=3000000
        buffering.memresponsebodybytes=500000
        buffering.retryexpression=IsNetworkError() && Attempts() < 2
        """,
    ),
)
CONTENT = (
    of(
        "content",
        """
        compress.excludedcontenttypes=text/event-stream, application/grpc
        compress.minresponsebodybytes=1200
        compress.encodings=zstd,br
        compress.defaultencoding=br
        """,
        "compress.includedcontenttypes=application/json,text/html",
        "contenttype.autodetect=false",
        "grpcweb.alloworigins=https://a.example.org, *",
        "encodedcharacters.allowencodedslash=true",
    ),
    of(
        "empty-forms",
        "addprefix.prefix=/x",
        "contenttype=true",
        "compress=true",
    ),
    of(
        "error-pages",
        """
        errors.status=500, 501,503-599
        errors.service=error-pages
        errors.query=/{status}.html?from={url}
        errors.statusrewrites.418=404
        """,
        """
        errors.status=404
        errors.service=error-pages@docker
        errors.query=/404.html
        """,
    ),
)
RELIABILITY = (
    of(
        "reliability",
        "retry.attempts=4",
        """
        retry.attempts=3
        retry.initialinterval=100ms
        retry.timeout=2s
        retry.status=502, 503-504
        retry.maxrequestbodybytes=1024
        retry.disableretryonnetworkerror=true
        retry.retrynonidempotentmethod=true
        """,
        "circuitbreaker.expression=LatencyAtQuantileMS(50.0) > 100",
        """
        circuitbreaker.expression=NetworkErrorRatio() > 0.30 || \
ResponseCodeRatio(500, 600, 0, 600) > 0.25
        circuitbreaker.checkperiod=200ms
        circuitbreaker.fallbackduration=5s
        circuitbreaker.recoveryduration=20s
        circuitbreaker.responsecode=429
        """,
    ),
    of(
        "chain",
        "chain.middlewares=chain-2, guard@file,chain-3@docker",
        "addprefix.prefix=/a",
        "addprefix.prefix=/b",
    ),
    one("middleware-unused", "traefik.http.middlewares.middleware-unused.addprefix.prefix=/a"),
)
MIDDLEWARES = (*HEADERS, *AUTH, *PATHS, *LIMITS, *CONTENT, *RELIABILITY)
