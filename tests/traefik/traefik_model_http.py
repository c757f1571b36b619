"""Routers and services of HTTP as Traefik decodes them (pkg/config/dynamic/http_config.go)."""

# ruff: noqa: N815, RUF012 - the names are Traefik's, and pydantic copies defaults

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tests.traefik.traefik_model_base import AllowEmpty, Duration, Element, Int, Items, Since
from tests.traefik.traefik_model_middlewares import Middleware

__all__ = ["Http", "Middleware", "Service"]


class Domain(Element):
    main: str = ""
    sans: Items = []


class RouterTls(Element):
    options: str = ""
    certResolver: str = ""
    domains: list[Domain] = []


class Observability(Element):
    accessLogs: bool = True
    metrics: bool = True
    tracing: bool = True
    traceVerbosity: Annotated[str, Since("3.5")] = "minimal"


class Router(Element):
    entryPoints: Annotated[Items, Field(min_length=1)] = []
    middlewares: Items = []
    service: str = ""
    rule: str = ""
    ruleSyntax: str = "v3"
    priority: Annotated[int, Field(gt=-(2**63) + 1000, lt=2**63 - 1 - 1000)] = 0
    tls: Annotated[RouterTls | None, AllowEmpty()] = None
    observability: Annotated[Observability | None, Since("3.3")] = None


class Cookie(Element):
    name: str = ""
    secure: bool = False
    httpOnly: bool = False
    sameSite: str = ""
    maxAge: Int = 0
    path: Annotated[str, Since("3.3")] = "/"
    domain: Annotated[str, Since("3.4")] = ""


class Sticky(Element):
    cookie: Annotated[Cookie | None, AllowEmpty()] = None


def _parsed(text: str) -> str:
    """url.Parse, as far as ports and hosts go."""
    if re.search(r"[\x00-\x20\x7f\\^`{|}]", text.partition("?")[0]) or urlsplit(text).port == -1:
        raise ValueError("error parsing server URL")
    return text


class Server(Element):
    url: Annotated[str, AfterValidator(_parsed)]
    weight: Int = 1
    preservePath: Annotated[bool, Since("3.2")] = False


class HealthCheck(Element):
    scheme: str = ""
    mode: str = "http"
    path: str = ""
    method: str = ""
    status: Int = 0
    port: Int = 0
    interval: Duration = "30s"
    unhealthyInterval: Annotated[Duration, Since("3.5")] = "30s"
    timeout: Duration = "5s"
    hostname: str = ""
    followRedirects: bool = True
    headers: dict[str, str] | None = None


class PassiveHealthCheck(Element):
    failureWindow: Duration = "10s"
    maxFailedAttempts: Int = 1


class ResponseForwarding(Element):
    flushInterval: Duration = "100ms"


class LoadBalancer(Element):
    sticky: Annotated[Sticky | None, AllowEmpty()] = None
    servers: list[Server] = []
    strategy: Annotated[Literal["wrr", "p2c", "hrw", "leasttime"], Since("3.4")] = "wrr"
    healthCheck: HealthCheck | None = None
    passiveHealthCheck: Annotated[PassiveHealthCheck | None, Since("3.6")] = None
    passHostHeader: bool = True
    responseForwarding: ResponseForwarding | None = None
    serversTransport: str = ""


class FailoverErrors(Element):
    maxRequestBodyBytes: Int = -1
    status: Items = []


class Failover(Element):
    service: str = ""
    fallback: str = ""
    errors: Annotated[FailoverErrors | None, Since("3.7")] = None


class PartOfService(Element):
    name: str
    weight: Annotated[int, Field(ge=0)] = 1


class NoOptions(Element):
    """An object that may be empty, and is."""


class Weighted(Element):
    services: Annotated[list[PartOfService], Field(min_length=1)]
    sticky: Annotated[Sticky | None, AllowEmpty()] = None
    healthCheck: Annotated[NoOptions | None, AllowEmpty()] = None


class HighestRandomWeight(Element):
    services: Annotated[list[PartOfService], Field(min_length=1)]
    healthCheck: Annotated[NoOptions | None, AllowEmpty()] = None


class Service(Element):
    middlewares: Annotated[Items, Since("3.7")] = []
    loadBalancer: LoadBalancer | None = None
    weighted: Weighted | None = None
    highestRandomWeight: Annotated[HighestRandomWeight | None, Since("3.6")] = None
    failover: Failover | None = None


class Http(Element):
    routers: dict[str, Router] | None = None
    services: dict[str, Service] | None = None
    middlewares: dict[str, Middleware] | None = None
