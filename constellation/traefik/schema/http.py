"""Routers and services of HTTP, as labels may write them."""

from __future__ import annotations

from constellation.traefik.schema import checks
from constellation.traefik.schema.addresses import server_url
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

# Traefik keeps the highest thousand for itself.
PRIORITY = Whole(at_least=-(2**63) + 1001, at_most=2**63 - 1 - 1000)

_DOMAIN = Struct((Field("main", Text()), Field("sans", Texts(checks.not_empty))))

TLS_FIELDS = (
    Field("options", Text(checks.tls_options)),
    Field("certResolver", Text()),
    Field("domains", Rows(_DOMAIN)),
)

_OBSERVABILITY = Struct(
    (
        *fields(Flag(), "accessLogs", "metrics", "tracing"),
        Field(
            "traceVerbosity",
            Text(checks.best_one_of("Traefik uses minimal", "minimal", "detailed")),
            since="3.5",
        ),
    )
)

RULE_SYNTAX = Text(checks.best_one_of("Traefik reads the rule as v3", "v3", "v2"))

ROUTER = Struct(
    (
        Field("entryPoints", Texts(checks.not_empty)),
        Field("middlewares", Texts(checks.named)),
        Field("service", Text()),
        Field("rule", Text()),
        Field("ruleSyntax", RULE_SYNTAX),
        Field("priority", PRIORITY),
        Field("tls", Struct(TLS_FIELDS), may_be_empty=True),
        Field("observability", _OBSERVABILITY, since="3.3"),
    )
)


def _scheme_form(text: str) -> str:
    return text.lower().removesuffix("://")


# `port`, `scheme` and `url` say how the container is reached; the others become part of the server.
SERVER = Struct(
    (
        Field("port", Text(checks.http_port)),
        Field("scheme", Text(checks.url_scheme, form=_scheme_form)),
        Field("url", Text(server_url)),
        Field("weight", Whole(useful=(0, 2**63 - 1), otherwise="the server gets no requests")),
        Field("preservePath", Flag(), since="3.2"),
    ),
    checks.url_alone,
)

_COOKIE = Struct(
    (
        Field("name", Text()),
        *fields(Flag(), "secure", "httpOnly"),
        Field(
            "sameSite",
            Text(checks.best_one_of("Traefik ignores it", "none", "lax", "strict"), form=str.lower),
        ),
        Field("maxAge", Whole()),
        Field("path", Text(), since="3.3"),
        Field("domain", Text(), since="3.4"),
    )
)

_STATUS = Whole(useful=(100, 599), otherwise="no response has that status")
_DEFAULT_DURATION = Duration("positive")

_HEALTH_CHECK = Struct(
    (
        Field(
            "scheme",
            Text(
                checks.best_one_of(
                    "every check fails, so no server gets requests", "http", "https"
                ),
                form=str.lower,
            ),
        ),
        Field(
            "mode",
            Text(checks.best_one_of("Traefik uses http", "http", "grpc"), form=str.lower),
        ),
        Field("path", Text()),
        Field("method", Text(checks.header_name)),
        Field("status", _STATUS),
        Field("port", Whole(useful=(0, 65535), otherwise="every check fails")),
        *fields(_DEFAULT_DURATION, "interval", "timeout"),
        Field("unhealthyInterval", _DEFAULT_DURATION, since="3.5"),
        Field("hostname", Text()),
        Field("followRedirects", Flag()),
        Field("headers", Table(Text(checks.header_value), checks.header_name)),
    )
)

_PASSIVE_HEALTH_CHECK = Struct(
    (
        Field("failureWindow", Duration(otherwise="no failure is counted")),
        Field(
            "maxFailedAttempts",
            Whole(useful=(1, 2**31 - 1), otherwise="every failure is one too many"),
        ),
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
        Field("responseForwarding", Struct((Field("flushInterval", Duration("any")),))),
        Field("serversTransport", Text(checks.provided)),
    )
)

SERVICE = Struct(
    (
        Field("loadBalancer", _LOAD_BALANCER),
        # Traefik has it since 3.7; here it becomes part of routers, which all versions take.
        Field("middlewares", Texts(checks.named)),
    )
)
