"""The model of Traefik refuses what Traefik refuses, and agrees with the schema on every key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.traefik.schema.kinds import VERSIONS
from tests.traefik.every_key import built
from tests.traefik.traefik_model import check_body

SERVICES: dict[str, Any] = {"s": {"loadBalancer": {"servers": []}}}
ROUTER: dict[str, Any] = {"rule": "Host(`a`)", "service": "s"}


def http(**sections: Any) -> bytes:
    return json.dumps({"http": sections}).encode()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_of_the_schema_is_one_that_this_version_has(version: str) -> None:
    made = built(version)

    assert made.rejected == ()
    assert made.router_count > 200
    check_body(made.body, version)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(http(routers={"r": ROUTER}, services=SERVICES), id="a router"),
        pytest.param(
            http(routers={"r": {**ROUTER, "tls": {}}}, services=SERVICES), id="TLS with defaults"
        ),
        pytest.param(http(middlewares={"m": {"compress": {}}}), id="compression with defaults"),
        pytest.param(
            http(routers={"r": {**ROUTER, "middlewares": ["m@file"]}}, services=SERVICES),
            id="a middleware of another provider",
        ),
    ],
)
def test_what_traefik_takes_is_accepted(body: bytes) -> None:
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
        pytest.param(http(routers={"r": ROUTER}), id="a service that is not there"),
        pytest.param(
            http(routers={"r": {**ROUTER, "middlewares": ["m"]}}, services=SERVICES),
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
def test_what_traefik_refuses_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_body(body)


def test_a_key_that_came_later_is_refused() -> None:
    body = http(middlewares={"m": {"retry": {"attempts": 2, "timeout": "1s"}}})

    check_body(body, "3.7")
    with pytest.raises(ValueError, match="timeout"):
        check_body(body, "3.6")
