"""A strict model of how Traefik 3 decodes what this project sends (fields, types, empty objects).

Traefik refuses the whole body for an unknown key below the root, and for an empty object where
an element cannot stand alone.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Element(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="after")
    def check_not_empty(self) -> Element:
        """Refuse `{}`."""
        if not self.model_fields_set:
            raise ValueError("cannot be a standalone element")
        return self


class Router(Element):
    rule: Annotated[str, Field(min_length=1)]
    service: Annotated[str, Field(pattern=r"^[^@]+$")]
    entryPoints: Annotated[list[str], Field(min_length=1)]  # noqa: N815 - Traefik's name
    middlewares: list[str] = []
    priority: int = 0


class Server(Element):
    url: Annotated[str, Field(pattern=r"^(http|https|h2c)://(\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5}$")]


class LoadBalancer(Element):
    servers: list[Server]


class Service(Element):
    loadBalancer: LoadBalancer  # noqa: N815 - Traefik's name


class Retry(Element):
    attempts: int
    initialInterval: str = ""  # noqa: N815 - Traefik's name


class Middleware(Element):
    retry: Retry


class Http(Element):
    routers: Annotated[dict[str, Router], Field(min_length=1)] | None = None
    services: Annotated[dict[str, Service], Field(min_length=1)] | None = None
    middlewares: Annotated[dict[str, Middleware], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def check_references(self) -> Http:
        """Refuse routers that lead nowhere."""
        for name, router in (self.routers or {}).items():
            if router.service not in (self.services or {}):
                raise ValueError(f"router {name}: there is no service {router.service}")
            for middleware in router.middlewares:
                if middleware not in (self.middlewares or {}):
                    raise ValueError(f"router {name}: there is no middleware {middleware}")
        return self


class Body(Element):
    http: Http
