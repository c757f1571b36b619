"""Routers, services and middlewares of TCP and UDP, as labels may write them."""

from __future__ import annotations

from constellation.traefik.schema import checks
from constellation.traefik.schema.http import PRIORITY, RULE_SYNTAX, TLS_FIELDS
from constellation.traefik.schema.kinds import Duration, Field, Flag, Struct, Text, Texts, Whole

TCP_ROUTER = Struct(
    (
        Field("entryPoints", Texts(checks.not_empty)),
        Field("middlewares", Texts(checks.named)),
        Field("service", Text()),
        Field("rule", Text()),
        Field("ruleSyntax", RULE_SYNTAX),
        Field("priority", PRIORITY),
        Field("tls", Struct((Field("passthrough", Flag()), *TLS_FIELDS)), may_be_empty=True),
    )
)

TCP_SERVER = Struct((Field("port", Text(checks.port_text)), Field("tls", Flag())))

_TCP_HEALTH_CHECK = Struct(
    (
        Field("port", Whole(useful=(0, 65535), otherwise="every check fails")),
        Field("send", Text()),
        Field("expect", Text()),
        Field("interval", Duration("positive")),
        Field("unhealthyInterval", Duration("positive")),
        Field("timeout", Duration("positive")),
    )
)

_PROXY_PROTOCOL = Struct((Field("version", Whole(at_least=1, at_most=2)),))

TCP_SERVICE = Struct(
    (
        Field(
            "loadBalancer",
            Struct(
                (
                    Field("server", TCP_SERVER),
                    Field("serversTransport", Text(checks.provided)),
                    Field("proxyProtocol", _PROXY_PROTOCOL, may_be_empty=True),
                    Field("terminationDelay", Whole()),
                    Field("healthCheck", _TCP_HEALTH_CHECK, since="3.6", may_be_empty=True),
                )
            ),
        ),
    )
)

_NETWORKS = Struct((Field("sourceRange", Texts(checks.network, at_least=1), required=True),))

_CONNECTIONS = Whole(useful=(1, 2**63 - 1), otherwise="every connection is refused")

TCP_MIDDLEWARE = Struct(
    (
        Field("inFlightConn", Struct((Field("amount", _CONNECTIONS),))),
        Field("ipAllowList", _NETWORKS),
        Field("ipWhiteList", _NETWORKS),
    ),
    check=checks.one_type,
)

UDP_ROUTER = Struct((Field("entryPoints", Texts(checks.not_empty)), Field("service", Text())))

UDP_SERVER = Struct((Field("port", Text(checks.port_text)),))

UDP_SERVICE = Struct((Field("loadBalancer", Struct((Field("server", UDP_SERVER),))),))
