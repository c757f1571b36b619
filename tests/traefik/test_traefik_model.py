"""The model of Traefik refuses what Traefik refuses, and agrees with the schema on every key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest

from constellation.traefik.schema.http import ROUTER, SERVICE
from constellation.traefik.schema.kinds import VERSIONS, Struct
from constellation.traefik.schema.middlewares import MIDDLEWARE
from constellation.traefik.schema.stream import (
    TCP_MIDDLEWARE,
    TCP_ROUTER,
    TCP_SERVICE,
    UDP_ROUTER,
    UDP_SERVICE,
)
from tests.traefik.every_key import built
from tests.traefik.schema_labels import paths
from tests.traefik.traefik_model import check_body
from tests.traefik.traefik_model_base import Element, Since
from tests.traefik.traefik_model_http import Middleware, Router, Service
from tests.traefik.traefik_model_stream import (
    TcpMiddleware,
    TcpRouter,
    TcpService,
    UdpRouter,
    UdpService,
)

SERVICES: dict[str, Any] = {"s": {"loadBalancer": {"servers": []}}}
# Kinds of services, and servers, that only the agent makes.
WITHOUT_LABELS = ("failover.", "weighted.", "highestRandomWeight.", "loadBalancer.servers[")
A_ROUTER: dict[str, Any] = {"rule": "Host(`a`)", "service": "s"}


def http(**sections: Any) -> bytes:
    return json.dumps({"http": sections}).encode()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_of_the_schema_exists_in_this_version(version: str) -> None:
    made = built(version)

    assert made.rejected == ()
    assert made.router_count > 200
    check_body(made.body, version)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(http(routers={"r": A_ROUTER}, services=SERVICES), id="a router"),
        pytest.param(
            http(routers={"r": {**A_ROUTER, "tls": {}}}, services=SERVICES), id="TLS with defaults"
        ),
        pytest.param(http(middlewares={"m": {"compress": {}}}), id="compression with defaults"),
        pytest.param(
            http(routers={"r": {**A_ROUTER, "middlewares": ["m@file"]}}, services=SERVICES),
            id="a middleware of another provider",
        ),
    ],
)
def test_a_value_that_traefik_accepts_is_accepted(body: bytes) -> None:
    check_body(body, "3.0")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="nothing"),
        pytest.param(b'{"http":{}}', id="an empty protocol"),
        pytest.param(http(services={}), id="an empty section"),
        pytest.param(http(services={"s": {"loadBalancer": {}}}), id="an empty object"),
        pytest.param(
            http(services={"s": {"loadBalancer": {"method": "wrr", "servers": []}}}),
            id="an unknown key",
        ),
        pytest.param(http(routers={"r": A_ROUTER}), id="a service that is not there"),
        pytest.param(
            http(routers={"r": {**A_ROUTER, "middlewares": ["m"]}}, services=SERVICES),
            id="a middleware that is not there",
        ),
        pytest.param(
            http(middlewares={"a": {"chain": {"middlewares": ["a"]}}}), id="a chain of itself"
        ),
        pytest.param(http(middlewares={"m": {}}), id="a middleware of no type"),
        pytest.param(
            http(middlewares={"m": {"compress": {}, "addPrefix": {"prefix": "/"}}}),
            id="a middleware of two types",
        ),
        pytest.param(
            http(middlewares={"m": {"retry": {"attempts": "2"}}}), id="a number as a string"
        ),
        pytest.param(
            http(middlewares={"m": {"retry": {"attempts": 2, "initialInterval": "\u0663s"}}}),
            id="a duration in other digits",
        ),
        pytest.param(
            http(middlewares={"m": {"addPrefix": {"prefix": "/\U0001f600"}}}),
            id="a surrogate pair, which YAML has not",
        ),
        pytest.param(
            http(middlewares={"m": {"plugin": {"p": {"k" * 1100: "v"}}}}), id="a key too long"
        ),
    ],
)
def test_a_body_that_traefik_refuses_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_body(body)


def keys_of_model(kind: Any, prefix: str = "", since: str = "3.0") -> Iterator[tuple[str, str]]:
    for name, field in kind.model_fields.items():
        came = [tag.version for tag in field.metadata if isinstance(tag, Since)]
        path, later = f"{prefix}{name}", max([since, *came])
        parts = [field.annotation, *get_args(field.annotation)]
        below = [part for part in parts if isinstance(part, type) and issubclass(part, Element)]
        if below:
            row = "[0]" if get_origin(field.annotation) is list else ""
            yield from keys_of_model(below[0], f"{path}{row}.", later)
        else:
            yield path, later


def keys_of_schema(struct: Struct) -> Iterator[tuple[str, str]]:
    for path, kind, since in paths(struct):
        if isinstance(kind, Struct):
            continue  # empty, and its options are cases of their own
        yield re.sub(r"\.(X-Test|500-599|demo\.option)$", "", path), since


@pytest.mark.parametrize(
    ("struct", "model", "otherwise"),
    [
        (ROUTER, Router, {}),
        # The agent makes servers itself; for other keys labels have another gate, or none.
        (
            SERVICE,
            Service,
            {
                "loadBalancer.server.port": "3.0",
                "loadBalancer.server.scheme": "3.0",
                "loadBalancer.server.url": "3.0",
                "loadBalancer.server.weight": "3.0",
                "loadBalancer.server.preservePath": "3.2",
                "middlewares": "3.0",
            },
        ),
        (MIDDLEWARE, Middleware, {}),
        (TCP_ROUTER, TcpRouter, {}),
        (
            TCP_SERVICE,
            TcpService,
            {"loadBalancer.server.port": "3.0", "loadBalancer.server.tls": "3.0"},
        ),
        (TCP_MIDDLEWARE, TcpMiddleware, {}),
        (UDP_ROUTER, UdpRouter, {}),
        (UDP_SERVICE, UdpService, {"loadBalancer.server.port": "3.0"}),
    ],
)
def test_the_schema_has_every_key_of_labels_with_its_version(
    struct: Struct, model: type[Element], otherwise: dict[str, str]
) -> None:
    of_traefik = {
        path: since for path, since in keys_of_model(model) if not path.startswith(WITHOUT_LABELS)
    }

    assert dict(keys_of_schema(struct)) == of_traefik | otherwise


def test_a_key_of_a_later_version_is_refused() -> None:
    body = http(middlewares={"m": {"retry": {"attempts": 2, "timeout": "1s"}}})

    check_body(body, "3.7")
    with pytest.raises(ValueError, match="timeout"):
        check_body(body, "3.6")
