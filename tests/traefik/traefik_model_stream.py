"""TCP and UDP as Traefik decodes them (pkg/config/dynamic/tcp_config.go, udp_config.go)."""

# ruff: noqa: N815, RUF012 - the names are Traefik's, and pydantic copies defaults

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tests.traefik.traefik_model_base import AllowEmpty, Duration, Element, Int, Items, Since
from tests.traefik.traefik_model_http import RouterTls

Address = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$")]


class TcpTls(RouterTls):
    passthrough: bool = False


class TcpRouter(Element):
    entryPoints: Annotated[Items, Field(min_length=1)] = []
    middlewares: Items = []
    service: str = ""
    rule: str = ""
    ruleSyntax: str = "v3"
    priority: Annotated[int, Field(gt=-(2**63) + 1000, lt=2**63 - 1 - 1000)] = 0
    tls: Annotated[TcpTls | None, AllowEmpty()] = None


class TcpServer(Element):
    address: Address
    tls: bool = False


class ProxyProtocol(Element):
    version: Annotated[int, Field(ge=1, le=2)] = 2


class TcpHealthCheck(Element):
    port: Int = 0
    send: str = ""
    expect: str = ""
    interval: Duration = "30s"
    unhealthyInterval: Duration = "30s"
    timeout: Duration = "5s"


class TcpLoadBalancer(Element):
    servers: list[TcpServer] = []
    serversTransport: str = ""
    proxyProtocol: Annotated[ProxyProtocol | None, AllowEmpty()] = None
    terminationDelay: Int = 100
    healthCheck: Annotated[TcpHealthCheck | None, AllowEmpty(), Since("3.6")] = None


class TcpService(Element):
    loadBalancer: TcpLoadBalancer | None = None


class InFlightConn(Element):
    amount: Int = 0


class SourceRange(Element):
    sourceRange: Annotated[Items, Field(min_length=1)]


class TcpMiddleware(Element):
    inFlightConn: InFlightConn | None = None
    ipAllowList: SourceRange | None = None
    ipWhiteList: SourceRange | None = None


class Tcp(Element):
    routers: dict[str, TcpRouter] | None = None
    services: dict[str, TcpService] | None = None
    middlewares: dict[str, TcpMiddleware] | None = None


class UdpRouter(Element):
    entryPoints: Annotated[Items, Field(min_length=1)] = []
    service: str = ""


class UdpServer(Element):
    address: Address


class UdpLoadBalancer(Element):
    servers: list[UdpServer] = []


class UdpService(Element):
    loadBalancer: UdpLoadBalancer | None = None


class Udp(Element):
    routers: dict[str, UdpRouter] | None = None
    services: dict[str, UdpService] | None = None
