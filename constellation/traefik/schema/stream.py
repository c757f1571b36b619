"""Routers, services and middlewares of TCP and UDP, as labels may write them."""

from __future__ import annotations

from constellation.traefik.schema import checks
from constellation.traefik.schema.http import PRIORITY, TLS_FIELDS
from constellation.traefik.schema.kinds import Duration, Field, Flag, Struct, Text, Texts, Whole

_PAYLOAD_CHARACTERS_MAX = 1024


def _payload(text: str) -> str:
    size = len(text)
    return "" if size <= _PAYLOAD_CHARACTERS_MAX else f"it has {size} characters, 1024 are allowed"


TCP_ROUTER = Struct(
    (
        Field("entryPoints", Texts(checks.not_empty)),
        Field("middlewares", Texts(checks.not_empty)),
        Field("service", Text()),
        Field("rule", Text()),
        Field("ruleSyntax", Text(checks.one_of("v3"))),
        Field("priority", PRIORITY),
        Field("tls", Struct((Field("passthrough", Flag()), *TLS_FIELDS)), may_be_empty=True),
    )
)

TCP_SERVER = Struct((Field("port", Text(checks.port_text)), Field("tls", Flag())))

_TCP_HEALTH_CHECK = Struct(
    (
        Field("port", Whole(at_least=1, at_most=65535)),
        Field("send", Text(_payload)),
        Field("expect", Text(_payload)),
        Field("interval", Duration(may_be_zero=False)),
        Field("unhealthyInterval", Duration(may_be_zero=False)),
        Field("timeout", Duration(may_be_zero=False)),
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
                    Field("terminationDelay", Whole(at_least=-1, at_most=2**31 - 1)),
                    Field("healthCheck", _TCP_HEALTH_CHECK, since="3.6", may_be_empty=True),
                )
            ),
        ),
    )
)

_NETWORKS = Struct((Field("sourceRange", Texts(checks.network, at_least=1), required=True),))

TCP_MIDDLEWARE = Struct(
    (
        Field("inFlightConn", Struct((Field("amount", Whole(at_least=1), required=True),))),
        Field("ipAllowList", _NETWORKS),
        Field("ipWhiteList", _NETWORKS),
    ),
    check=checks.one_type,
)

UDP_ROUTER = Struct((Field("entryPoints", Texts(checks.not_empty)), Field("service", Text())))

UDP_SERVER = Struct((Field("port", Text(checks.port_text)),))

UDP_SERVICE = Struct((Field("loadBalancer", Struct((Field("server", UDP_SERVER),))),))
