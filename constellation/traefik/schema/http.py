"""Routers and services of HTTP, as labels may write them."""

from __future__ import annotations

from constellation.traefik.schema import checks
from constellation.traefik.schema.kinds import (
    Duration,
    Field,
    Flag,
    Rows,
    Struct,
    Table,
    Text,
    Texts,
    Whole,
    fields,
)

SCHEMES = ("http", "https", "h2c")

# Traefik keeps the highest thousand for itself.
PRIORITY = Whole(at_least=-(2**63) + 1001, at_most=2**63 - 1 - 1001)

_DOMAIN = Struct((Field("main", Text(checks.not_empty)), Field("sans", Texts(checks.not_empty))))

TLS_FIELDS = (
    Field("options", Text(checks.tls_options)),
    Field("certResolver", Text()),
    Field("domains", Rows(_DOMAIN)),
)

_OBSERVABILITY = Struct(
    (
        *fields(Flag(), "accessLogs", "metrics", "tracing"),
        Field("traceVerbosity", Text(checks.one_of("minimal", "detailed")), since="3.5"),
    )
)

ROUTER = Struct(
    (
        Field("entryPoints", Texts(checks.not_empty)),
        Field("middlewares", Texts(checks.not_empty)),
        Field("service", Text()),
        Field("rule", Text()),
        Field("ruleSyntax", Text(checks.one_of("v3"))),
        Field("priority", PRIORITY),
        Field("tls", Struct(TLS_FIELDS), may_be_empty=True),
        Field("observability", _OBSERVABILITY, since="3.3"),
    )
)

# `port` and `scheme` say how the container is reached; the others become part of the server.
SERVER = Struct(
    (
        Field("port", Text(checks.port_text)),
        Field("scheme", Text(checks.one_of(*SCHEMES))),
        Field("url", Text(checks.http_url), since="3.4"),
        Field("weight", Whole(at_least=0, at_most=2**31 - 1)),
        Field("preservePath", Flag(), since="3.4"),
    )
)

_COOKIE = Struct(
    (
        Field("name", Text(checks.header_name)),
        *fields(Flag(), "secure", "httpOnly"),
        Field("sameSite", Text(checks.one_of("none", "lax", "strict"))),
        Field("maxAge", Whole()),
        Field("path", Text(), since="3.3"),
        Field("domain", Text(), since="3.4"),
    )
)

_HEALTH_CHECK = Struct(
    (
        Field("scheme", Text(checks.one_of("http", "https"))),
        Field("mode", Text(checks.one_of("http", "grpc"))),
        Field("path", Text()),
        Field("method", Text(checks.header_name)),
        Field("status", Whole(at_least=100, at_most=599)),
        Field("port", Whole(at_least=1, at_most=65535)),
        *fields(Duration(may_be_zero=False), "interval", "timeout"),
        Field("unhealthyInterval", Duration(may_be_zero=False), since="3.5"),
        Field("hostname", Text()),
        Field("followRedirects", Flag()),
        Field("headers", Table(Text(checks.header_value), checks.header_name)),
    )
)

_PASSIVE_HEALTH_CHECK = Struct(
    (
        Field("failureWindow", Duration(may_be_zero=False)),
        Field("maxFailedAttempts", Whole(at_least=1, at_most=2**31 - 1)),
    )
)

_STRATEGY = Text(
    checks.one_of("wrr", "p2c", "hrw", "leasttime"), since=(("hrw", "3.6"), ("leasttime", "3.6"))
)

_LOAD_BALANCER = Struct(
    (
        Field("server", SERVER),
        Field("sticky", Struct((Field("cookie", _COOKIE, may_be_empty=True),)), may_be_empty=True),
        Field("strategy", _STRATEGY, since="3.4"),
        Field("healthCheck", _HEALTH_CHECK),
        Field("passiveHealthCheck", _PASSIVE_HEALTH_CHECK, since="3.6"),
        Field("passHostHeader", Flag()),
        Field(
            "responseForwarding",
            Struct((Field("flushInterval", Duration(may_be_negative=True)),)),
        ),
        Field("serversTransport", Text(checks.provided)),
    )
)

SERVICE = Struct(
    (
        Field("loadBalancer", _LOAD_BALANCER),
        # Traefik has it since 3.7; here it becomes part of routers, which all versions take.
        Field("middlewares", Texts(checks.not_empty)),
    )
)
