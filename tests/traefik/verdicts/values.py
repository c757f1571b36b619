"""The values that Traefik is asked about: every option of the schema, with usual and odd values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from constellation.traefik.schema.kinds import Duration, Flag, Kind, Struct, Texts, Whole
from tests.traefik.schema_labels import NOT_TRIED, STRUCTS, paths


@dataclass(frozen=True, slots=True)
class Question:
    """One value of one option.

    `host` and `path` are of the request that is sent through the router, and `fails` are the
    statuses that say that no request succeeds.
    """

    protocol: str
    section: str
    option: str
    value: str
    host: str = "x.localhost"
    path: str = "/"
    fails: tuple[int, ...] = (404, 500, 502, 503, 504)
    beside: tuple[tuple[str, str], ...] = ()

    @property
    def about(self) -> str:
        """The option, and what is beside it: the key of the table."""
        beside = "".join(f" +{path}={value}" for path, value in self.beside)
        return f"{self.protocol} {self.section} {self.option}{beside}"


FLAGS = ("true", "FALSE")
NUMBERS = ("0", "1", "-1", "-2", "600", "70000", str(2**31), str(2**63 - 1))
DURATIONS = ("0s", "0", "-1s", "15", "1h30m")
# Values that are not of their type, asked of one option of each type.
NOT_OF_TYPE: Mapping[type[Kind], tuple[str, ...]] = {
    Flag: ("yes", "", "T", "tRUE"),
    Whole: (str(2**63), "1.5", "+5", "", "a", "1 "),
    Duration: ("1d", "1 s", "99999999h", "abc", "", "+10s", ".5s"),
}
TEXTS = ("", "x", "a b", "\u00e9")
LISTS = ("", "x", "a, b", "a,,b", "x\u2551y")

CIDRS = (
    "10.0.0.0/8",
    "10.0.0.1",
    "::1",
    "10.0.0.0/255.0.0.0",
    "fe80::1%eth0",
    "10.0.0.0/33",
    "10.0.0",
    "",
    "10.0.0.0/8, x",
    "010.0.0.1",
    "10.0.0.1/08",
    "0.0.0.0/0",
)
REGEXPS = (
    "^/a",
    "(",
    "(?i)a",
    "a++",
    "(?=a)",
    "\\pL",
    "(a)\\1",
    "[[:alpha:]]+",
    "x{1001}",
    "",
    "a{2,1}",
    "\\d+",
    "(?P<n>a)",
    "(?<n>a)",
    "\u00e9",
)
HEADERS = ("X-Test", "X Test", "", "x_test", "\u00e9")
VALUES = ("a", "", "a\tb", "a\nb", "\u00e9", "${X}")
URLS = (
    "http://127.0.0.1:1",
    "http://auth",
    "HTTP://auth:80/x",
    "https://a_b.example/",
    "auth:80",
    "//auth",
    "/auth",
    "ftp://auth/",
    "http://",
    "http://a:0/",
    "http://a:99999/",
    "http://[::1/",
    "http://a/%zz",
    "http://a b/",
    "http://a/\u00e9",
    "unix:///run/x.sock",
    "h2c://a",
    "",
    "http://u:p@a/",
)
STATUSES = ("404", "500-599", "599-500", "600", "99", "5xx", "500-", "", "500,502-504", "0", "1000")
MEDIA_TYPES = (
    "text/html",
    "text/html; charset=utf-8",
    "text",
    "*/*",
    "text/html; charset",
    "",
    "TEXT/HTML",
    "text/html;a=b;c=d",
)
SCHEMES = ("http", "https", "h2c", "HTTP", "Https", "H2C", "tcp", "ws", "", "http://")
PORTS = ("80", "0", "65535", "65536", "-1", "http", "", "080", "8080-8090", "80,81", "80/tcp")
ORDERS = (
    "NetworkErrorRatio() > 0.30",
    "NetworkErrorRatio() > 1",
    "networkerrorratio() > 0.3",
    "LatencyAtQuantileMS(50) > 100",
    "LatencyAtQuantileMS(50.0) > 100",
    "LatencyAtQuantileMS(50.0) > 1.5",
    "!(NetworkErrorRatio() > 0.5)",
    "ResponseCodeRatio(500, 600, 0, 600) > 0.25",
    "ResponseCodeRatio(500, 600, 0, 600) > 1",
    "NetworkErrorRatio()",
    "Foo() > 1",
    "",
    "NetworkErrorRatio() > 0.3 && LatencyAtQuantileMS(50.0) > 9",
    "NetworkErrorRatio() > -0.5",
    "(NetworkErrorRatio() > 0.3",
    "NetworkErrorRatio() > 0.3 // why",
    "NetworkErrorRatio() > 0.3\n&& NetworkErrorRatio() > 0.4",
    "NetworkErrorRatio() > 0.3 &&\nNetworkErrorRatio() > 0.4",
    "NetworkErrorRatio() > .3",
    "NetworkErrorRatio() > 3e-1",
    "LatencyAtQuantileMS(50.0) > 0x10",
    "0.3 < NetworkErrorRatio()",
    "ResponseCodeRatio(500, 600, 0) > 0.25",
    "true",
)
BUFFER_ORDERS = (
    "IsNetworkError() && Attempts() < 2",
    "!IsNetworkError()",
    "Attempts()",
    "IsNetworkError()",
    "ResponseCode() == 502",
    "RequestMethod() == `GET`",
    "RequestMethod() == GET",
    'RequestMethod() == "get"',
    "Attempts() < 2.5",
    "",
    "x",
)

# Values by the end of the path; the longest match counts.  They are tried beside those of the type.
SPECIAL: Mapping[str, tuple[str, ...]] = {
    "samesite": ("none", "lax", "strict", "Lax", "NONE", "default", "foo"),
    "cookie.name": ("a", "A_b", "a b", "a;b", "\u00e9", "a=b", "__Host-x"),
    "cookie.path": ("/", "/a", "a", "/a;b"),
    "cookie.domain": ("example.org", ".example.org", "a b"),
    "server.scheme": SCHEMES,
    "healthcheck.scheme": SCHEMES,
    "redirectscheme.scheme": SCHEMES,
    "server.port": PORTS,
    "redirectscheme.port": PORTS,
    "server.url": URLS,
    "address": URLS,
    "signinurl": URLS,
    "healthcheck.mode": ("http", "grpc", "HTTP", "GRPC", "tcp"),
    "healthcheck.method": ("GET", "get", "HEAD", "a b", "FOO"),
    "healthcheck.path": ("/", "health", "/a?b=c", "http://x/", "/a b", "/%zz"),
    "healthcheck.hostname": ("a.example", "a:80", "a b"),
    "healthcheck.status": ("99", "100", "600", "999", "1000"),
    "healthcheck.port": ("65536", "65535"),
    "healthcheck.headers.x-test": VALUES,
    "balancer.strategy": ("wrr", "p2c", "hrw", "leasttime", "WRR", "P2C", "drr", "leastconn"),
    "serverstransport": (
        "quick@file",
        "nothing@file",
        "default@internal",
        "quick",
        "x@",
        "a@consul",
    ),
    "traceverbosity": ("minimal", "detailed", "Minimal", "verbose"),
    "rulesyntax": ("v3", "v2", "V3", "default", "v1"),
    "certresolver": ("resolver", "nothing", "Resolver"),
    "tls.options": ("default", "strong@file", "nothing@file", "strong", "Default"),
    "domains[0].main": ("example.org", "*.example.org", "a b", "\u00e9.example"),
    "domains[0].sans": ("a.example.org", "*.example.org, b"),
    "entrypoints": ("web", "Web", "WEB", "nothing", "web, nothing", "web,web", ""),
    "tcprouter.entrypoints": ("tcp", "nothing", "tcp,web", ""),
    "udprouter.entrypoints": ("udp", "nothing", "tcp", ""),
    "router.middlewares": (
        "gzip@file",
        "nothing@file",
        "nothing",
        "gzip@file,gzip@file",
        "gzip@consul",
        "gzip@docker",
    ),
    "router.service": (
        "x",
        "nothing",
        "page@file",
        "page@consul",
        "api@internal",
        "noop@internal",
        "x@http",
        "X",
    ),
    "tcprouter.service": ("x", "nothing", "page@file", "page@consul"),
    "udprouter.service": ("x", "nothing", "page@file", "page@consul"),
    "tcprouter.middlewares": ("few@file", "nothing@file", "few@file,few@file"),
    "service.middlewares": ("gzip@file", "nothing@file"),
    "sourcerange": CIDRS,
    "excludedips": CIDRS,
    "ipv6subnet": ("64", "0", "129", "128"),
    "depth": ("0", "1", "-1"),
    "rejectstatuscode": ("99", "100", "403", "511", "512", "599"),
    "regex": REGEXPS,
    "regex[0]": REGEXPS,
    "originlistregex": REGEXPS,
    "authresponseheadersregex": REGEXPS,
    "replacement": ("$1", "${1}x", "http://x/$2", "", "$$"),
    "requestheadername": HEADERS,
    "headerfield": HEADERS,
    "authresponseheaders": HEADERS,
    "authrequestheaders": HEADERS,
    "errorrequestheaders": HEADERS,
    "requestheaders.x-test": VALUES,
    "responseheaders.x-test": VALUES,
    "sslproxyheaders.x-test": VALUES,
    "headers.stsseconds": ("31536000", "-1", "0"),
    "accesscontrolmaxage": ("-1", "0", "100"),
    "contentsecuritypolicy": ("default-src 'self'", "a\nb"),
    "status": STATUSES,
    "errors.service": ("x", "page@file", "nothing", "nothing@file", "page@docker"),
    "errors.query": ("/{status}.html", "/{code}", "x", "", "{url}"),
    "rewrites.500-599": ("503", "99", "600", "1000", "0"),
    "chain.middlewares": ("gzip@file", "nothing", "nothing@file", "x", "", "gzip@file,gzip@file"),
    "contenttypes": MEDIA_TYPES,
    "encodings": ("gzip", "br", "zstd", "deflate", "GZIP", "", "gzip,br", "gzip,gzip"),
    "defaultencoding": ("gzip", "br", "zstd", "identity", "GZIP", "deflate"),
    "basicauth.users": (
        "a:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
        "a",
        "a:",
        ":b",
        "a:b:c",
        "a:$2y$05$x",
        "a:plain",
        "",
        "a:$$apr1$$x$$y",
        "a:b,c:d",
    ),
    "digestauth.users": (
        "a:traefik:a2688e031edb4be6a3797f3882655c05",
        "a:b",
        "a",
        "a:b:c:d",
        "",
        "a::c",
    ),
    "expression": ORDERS,
    "retryexpression": BUFFER_ORDERS,
    "responsecode": ("503", "99", "600", "1000", "200"),
    "prefixes": ("/a", "a", "", "/a,/b", "/a/", "/"),
    "prefix": ("/a", "a", "", "/a/", "/", "/a b", "/{x}"),
    "replacepath.path": ("/a", "a", "", "/a?b", "http://x/"),
    "retry.attempts": ("0", "1", "-1", "100"),
    "amount": ("0", "1", "-1", "-2"),
    "proxyprotocol.version": ("0", "1", "2", "3"),
    "terminationdelay": ("-1", "0", "-2", "100"),
    "endpoints": ("127.0.0.1:1", "redis", "redis:6379", ""),
    "origins": ("*", "https://a", "x", "a b"),
    "allowmethods": ("GET", "get", "*"),
    "maxresponsebodysize": ("-1", "0", "-2"),
    "maxbodysize": ("-1", "0", "-2"),
    "maxrequestbodybytes": ("-1", "0", "-2"),
    "healthcheck.send": ("PING\\r\\n", "x" * 2000),
}
# Options whose value Traefik waits for, or that need a file.
NO_NUMBERS = ("poolsize", "minidleconns", "maxactiveconns")

RULES: tuple[tuple[str, str, str], ...] = (  # rule, host and path of a request that it means
    ("Host(`x.localhost`)", "x.localhost", "/"),
    ("Host(`X.LOCALHOST`)", "x.localhost", "/"),
    ("Host(`x.localhost.`)", "x.localhost", "/"),
    ("Host(`x.localhost:80`)", "x.localhost", "/"),
    ("Host(`x.localhost:80`) || Host(`x.localhost`)", "x.localhost", "/"),
    ("Host(`http://x.localhost`)", "x.localhost", "/"),
    ("Host(`x.localhost/`)", "x.localhost", "/"),
    ("Host(`x.localhost/a`)", "x.localhost", "/a"),
    ("Host(` x.localhost`)", "x.localhost", "/"),
    ("Host(`x_y.localhost`)", "x_y.localhost", "/"),
    ("Host(`-x.localhost`)", "-x.localhost", "/"),
    ("Host(`*.localhost`)", "x.localhost", "/"),
    ("Host(`*`)", "x.localhost", "/"),
    ("Host(`x.*`)", "x.localhost", "/"),
    ("Host(`*x.localhost`)", "ax.localhost", "/"),
    ("Host(`a.*.localhost`)", "a.x.localhost", "/"),
    ("Host(`**.localhost`)", "x.localhost", "/"),
    ("Host(`\u00e9.localhost`)", "x.localhost", "/"),
    ("Host(`xn--9ca.localhost`)", "xn--9ca.localhost", "/"),
    ("Host(``)", "x.localhost", "/"),
    ("Host()", "x.localhost", "/"),
    ("Host(`x.localhost`,`y.localhost`)", "x.localhost", "/"),
    ("Host(`x.localhost`, `y.localhost`)", "y.localhost", "/"),
    ("Host(`x.localhost`,)", "x.localhost", "/"),
    ('Host("x.localhost")', "x.localhost", "/"),
    ("Host('x.localhost')", "x.localhost", "/"),
    ("Host(x.localhost)", "x.localhost", "/"),
    ("Host:x.localhost", "x.localhost", "/"),
    ('Host("x\\x2elocalhost")', "x.localhost", "/"),
    ("host(`x.localhost`)", "x.localhost", "/"),
    ("HOST(`x.localhost`)", "x.localhost", "/"),
    ("hOST(`x.localhost`)", "x.localhost", "/"),
    ("Hostregexp(`^x`)", "x.localhost", "/"),
    ("HostRegExp(`^x`)", "x.localhost", "/"),
    ("pathprefix(`/a`)", "x.localhost", "/a"),
    ("Pathprefix(`/a`)", "x.localhost", "/a"),
    ("Hst(`x.localhost`)", "x.localhost", "/"),
    ("HostSNI(`x.localhost`)", "x.localhost", "/"),
    ("Host(`x.localhost`) && Nothing(`a`)", "x.localhost", "/"),
    ("Host(`x.localhost`) || Nothing(`a`)", "x.localhost", "/"),
    ("Host(`x.localhost`) || Path(`a`)", "x.localhost", "/"),
    ("Host(`x.localhost`) Path(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`) && Path(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`) and Path(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`) & Path(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`) | Path(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`) || Host(`y`) && Path(`/z`)", "x.localhost", "/"),
    ("!Host(`y.localhost`)", "x.localhost", "/"),
    ("!!Host(`x.localhost`)", "x.localhost", "/"),
    ("!(Host(`y.localhost`) || Host(`z.localhost`))", "x.localhost", "/"),
    ("!Host(`x.localhost:80`)", "x.localhost", "/"),
    ("Host(`x.localhost`) &&", "x.localhost", "/"),
    ("(Host(`x.localhost`)", "x.localhost", "/"),
    ("((Host(`x.localhost`)))", "x.localhost", "/"),
    ("()", "x.localhost", "/"),
    ("Host(`x.localhost`) // all", "x.localhost", "/"),
    ("Host(`x.localhost`) /* all */", "x.localhost", "/"),
    ("Host(`x.localhost`) # all", "x.localhost", "/"),
    ("Host(`x.localhost`);", "x.localhost", "/"),
    ("Host(`x.localhost`) &&\nPath(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`)\n&& Path(`/`)", "x.localhost", "/"),
    ("Host(\n`x.localhost`)", "x.localhost", "/"),
    ("Host(`x.localhost`\n)", "x.localhost", "/"),
    ("Host(`x.local\nhost`)", "x.localhost", "/"),
    ("Host(`a`+`b`)", "ab", "/"),
    ("Host(1)", "1", "/"),
    ("Host", "x.localhost", "/"),
    ("true", "x.localhost", "/"),
    ("`x`", "x.localhost", "/"),
    ("", "x.localhost", "/"),
    ("HostRegexp(`{sub:[a-z]+}.localhost`)", "x.localhost", "/"),
    ("HostRegexp(`{sub}.localhost`)", "x.localhost", "/"),
    ("HostRegexp(`x.localhost`, `y.localhost`)", "x.localhost", "/"),
    ("HostRegexp(`^{sub:x|y}\\.localhost$`)", "x.localhost", "/"),
    ("HostRegexp(`^[a-z]+\\.localhost$`)", "x.localhost", "/"),
    ("HostRegexp(`^x{1,3}\\.localhost$`)", "x.localhost", "/"),
    ("HostRegexp(`[A-Z]+\\.LOCALHOST`)", "x.localhost", "/"),
    ("HostRegexp(`*.localhost`)", "x.localhost", "/"),
    ("HostRegexp(`(`)", "x.localhost", "/"),
    ("HostRegexp(`.+`)", "x.localhost", "/"),
    ("HostRegexp(`\u00e9`)", "x.localhost", "/"),
    ("HostRegexp(`^x\\.localhost:80$`)", "x.localhost", "/"),
    ("HostRegexp(`(?i)^X`)", "x.localhost", "/"),
    ("HostRegexp(`(?=x)`)", "x.localhost", "/"),
    ('HostRegexp("^x\\\\.localhost$")', "x.localhost", "/"),
    ('HostRegexp("^x\\.localhost$")', "x.localhost", "/"),
    ("Path(`/a`)", "x.localhost", "/a"),
    ("Path(`a`)", "x.localhost", "/a"),
    ("Path(``)", "x.localhost", "/"),
    ("Path(`/a`,`/b`)", "x.localhost", "/b"),
    ("Path(`/{id}`)", "x.localhost", "/7"),
    ("Path(`/{id:[0-9]+}`)", "x.localhost", "/7"),
    ("Path(`/a*`)", "x.localhost", "/ab"),
    ("Path(`/a?b=c`)", "x.localhost", "/a?b=c"),
    ("Path(`/a#b`)", "x.localhost", "/a"),
    ("Path(`/a b`)", "x.localhost", "/a%20b"),
    ("Path(`/a%20b`)", "x.localhost", "/a%20b"),
    ("Path(`/a%2Fb`)", "x.localhost", "/a%2Fb"),
    ("Path(`/\u00e9`)", "x.localhost", "/%C3%A9"),
    ("PathPrefix(`/x/{id:[0-9]+}`)", "x.localhost", "/x/7"),
    ("PathPrefix(`/{x}`)", "x.localhost", "/7"),
    ("PathPrefix(`a`)", "x.localhost", "/a"),
    ("PathPrefix(`/a/`)", "x.localhost", "/a/b"),
    ("PathPrefix(`/a*`)", "x.localhost", "/ab"),
    ("PathPrefix(`/`)", "x.localhost", "/a"),
    ("PathPrefix(`^/a`)", "x.localhost", "/a"),
    ("PathPrefix(`/(a|b)`)", "x.localhost", "/a"),
    ("PathPrefix(`/a`,`/b`)", "x.localhost", "/b"),
    ("PathPrefixStrip(`/a`)", "x.localhost", "/a"),
    ("PathStrip(`/a`)", "x.localhost", "/a"),
    ("PathRegexp(`^/a`)", "x.localhost", "/a"),
    ("PathRegexp(`a`)", "x.localhost", "/a"),
    ("PathRegexp(`/{id:[0-9]+}`)", "x.localhost", "/7"),
    ("PathRegexp(`[`)", "x.localhost", "/a"),
    ("PathRegexp(`\u00e9`)", "x.localhost", "/%C3%A9"),
    ("PathRegexp(`^/a\\?b`)", "x.localhost", "/a?b"),
    ("Method(`GET`)", "x.localhost", "/"),
    ("Method(`get`)", "x.localhost", "/"),
    ("Method(`GET`,`POST`)", "x.localhost", "/"),
    ("Method(`GET|POST`)", "x.localhost", "/"),
    ("Method(`GET POST`)", "x.localhost", "/"),
    ("Header(`Host`, `x.localhost`)", "x.localhost", "/"),
    ("Header(`X-A`)", "x.localhost", "/"),
    ("Header(`Accept-Encoding`, `identity`)", "x.localhost", "/"),
    ("Header(`accept-encoding`, `identity`)", "x.localhost", "/"),
    ("Header(`X A`, `b`)", "x.localhost", "/"),
    ("Header(`X-A`, ``)", "x.localhost", "/"),
    ("Headers(`Accept-Encoding`, `identity`)", "x.localhost", "/"),
    ("HeadersRegexp(`Accept-Encoding`, `ident`)", "x.localhost", "/"),
    ("HeaderRegexp(`Accept-Encoding`, `ident`)", "x.localhost", "/"),
    ("HeaderRegexp(`Host`, `x`)", "x.localhost", "/"),
    ("HostHeader(`x.localhost`)", "x.localhost", "/"),
    ("Query(`a=b`)", "x.localhost", "/?a=b"),
    ("Query(`a=`)", "x.localhost", "/?a="),
    ("Query(`a`, `b`)", "x.localhost", "/?a=b"),
    ("Query(`a`)", "x.localhost", "/?a"),
    ("Query(`a=b`,`c=d`)", "x.localhost", "/?a=b&c=d"),
    ("Query(`a`, `*`)", "x.localhost", "/?a=b"),
    ("Query(`a`, `{x:.*}`)", "x.localhost", "/?a=b"),
    ("QueryRegexp(`a`, `.*`)", "x.localhost", "/?a=b"),
    ("QueryRegexp(`a=.*`)", "x.localhost", "/?a=b"),
    ("ClientIP(`127.0.0.1`)", "x.localhost", "/"),
    ("ClientIP(`127.0.0.0/8`)", "x.localhost", "/"),
    ("ClientIP(`127.0.0.1`, `::1`)", "x.localhost", "/"),
    ("ClientIP(`127.0.0.*`)", "x.localhost", "/"),
    ("ClientIP(`localhost`)", "x.localhost", "/"),
    ("ClientIP(`fe80::1%eth0`)", "x.localhost", "/"),
    ("ClientIP(`127.0.0.1/255.0.0.0`)", "x.localhost", "/"),
    ("Host(`x.localhost`) \u00a0&& Path(`/`)", "x.localhost", "/"),
    ("Host(`x.localhost`) && ClientIP(`300.0.0.1`)", "x.localhost", "/"),
)
RULES_V2 = (
    ("Host(`y.localhost`, `x.localhost`)", "x.localhost", "/"),
    ("HostHeader(`x.localhost`)", "x.localhost", "/"),
    ("HostRegexp(`{sub:[a-z]+}.localhost`)", "x.localhost", "/"),
    ("PathPrefix(`/x/{id:[0-9]+}`)", "x.localhost", "/x/7"),
    ("Path(`a`)", "x.localhost", "/a"),
    ("Query(`a=b`)", "x.localhost", "/?a=b"),
    ("Headers(`Accept-Encoding`, `identity`)", "x.localhost", "/"),
    ("Headers(`Accept-Encoding`)", "x.localhost", "/"),
    ("Method(`GET`, `POST`)", "x.localhost", "/"),
    ("Header(`Accept-Encoding`, `identity`)", "x.localhost", "/"),
    ("PathRegexp(`/a`)", "x.localhost", "/a"),
    ("Host(`x.localhost`", "x.localhost", "/"),
)
TCP_RULES = (
    "HostSNI(`*`)",
    "HostSNI(`x.localhost`)",
    "HostSNI(`*.localhost`)",
    "hostsni(`*`)",
    "Hostsni(`*`)",
    "HostSNI(`x.localhost.`)",
    "HostSNI(`x.localhost:443`)",
    "HostSNI(`http://x`)",
    "HostSNI(`\u00e9`)",
    "HostSNI(`x/y`)",
    "HostSNI(`a`,`b`)",
    "HostSNI(`a`) || HostSNI(`*`)",
    "HostSNI(`*`) || HostSNI(`a`)",
    "HostSNIRegexp(`^x`)",
    "HostSNIRegexp(`{sub:[a-z]+}.localhost`)",
    "HostSNIRegexp(`(`)",
    "ClientIP(`127.0.0.1`)",
    "ClientIP(`x`)",
    "ALPN(`h2`)",
    "ALPN(`acme-tls/1`)",
    "Host(`x`)",
    "Path(`/`)",
    "",
    "HostSNI(``)",
    "HostSNI(`*`) && ClientIP(`10.0.0.0/8`)",
    "HostSNI(`x y`)",
    "HostSNI(`*x`)",
    "ALPN(`h2`,`h3`)",
    "!HostSNI(`*`)",
    "!HostSNI(`x`)",
)


def questions() -> Iterator[Question]:
    """Yield everything that Traefik is asked, options in the order of the schema."""
    asked_kinds: set[type[Kind]] = set()
    for (protocol, section), struct in STRUCTS.items():
        for option, kind, _ in paths(struct):
            if not _is_asked(option):
                continue
            if option == "rule":
                yield from _rules(protocol)
                continue
            kind_of = f"{'' if protocol == 'http' else protocol}{section[:-1]}.{option}".lower()
            beside = _beside(protocol, section, option)
            values = (*_special(kind_of), *_of_kind(option, kind))
            if type(kind) not in asked_kinds:
                asked_kinds.add(type(kind))
                values += NOT_OF_TYPE.get(type(kind), ())
            for value in dict.fromkeys(values):
                yield Question(protocol, section, option, value, beside=beside)


def _is_asked(option: str) -> bool:
    return not option.lower().endswith(NOT_TRIED) and not option.startswith("plugin.")


def _rules(protocol: str) -> Iterator[Question]:
    if protocol == "http":
        for rule, host, path in RULES:
            yield Question("http", "routers", "rule", rule, host, path)
        for rule, host, path in RULES_V2:
            beside = (("ruleSyntax", "v2"),)
            yield Question("http", "routers", "rule", rule, host, path, beside=beside)
        return
    for tls in ("", "true"):
        for rule in TCP_RULES:
            yield Question("tcp", "routers", "rule", rule, beside=(("tls", tls),) if tls else ())


def _beside(protocol: str, section: str, option: str) -> tuple[tuple[str, str], ...]:
    if protocol == "tcp" and section == "routers" and option.startswith("tls"):
        return (("rule", "HostSNI(`x.localhost`)"),)
    return ()


def _special(path: str) -> tuple[str, ...]:
    fitting = [end for end in SPECIAL if path.endswith(end)]
    return SPECIAL[max(fitting, key=len)] if fitting else ()


def _of_kind(option: str, kind: Kind) -> tuple[str, ...]:
    match kind:
        case Flag():
            return FLAGS
        case Whole():
            return NUMBERS[:3] if option.lower().endswith(NO_NUMBERS) else NUMBERS
        case Duration():
            return DURATIONS
        case Texts():
            return LISTS
        case Struct():
            return ("true", "", "false", "yes")
        case _:
            return TEXTS
