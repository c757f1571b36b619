"""What the comparison treats as equal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.traefik.compatibility.normal import DefaultNames, Places, Routes, differences, normal

PLACES = Places(
    own={"172.17.0.2": "web"},
    published={("127.0.0.1:32768", "tcp"): "web:80", ("127.0.0.1:32768", "udp"): "web:53"},
)
NAMES = DefaultNames({"web.localhost": "web"}, {"web.localhost": "web"}, ".alpha.localhost")
THEIRS = {
    "routers": {"web@docker": {"rule": "Host(`web.localhost`)", "service": "web"}},
    "services": {"web@docker": {"loadBalancer": {"servers": [{"url": "http://172.17.0.2:80"}]}}},
}
OURS = {
    "routers": {
        "web.localhost@http": {"rule": "Host(`web.localhost`)", "service": "web.localhost"},
        "web.alpha.localhost@http": {"rule": "Host(`web.alpha.localhost`)", "service": "x"},
    },
    "services": {
        "web.localhost@http": {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:32768"}]}},
        "web.alpha.localhost@http": {"loadBalancer": {}},
    },
}


def theirs(raw: dict[str, Any]) -> Routes:
    return normal(raw, "docker", PLACES, DefaultNames())


def ours(raw: dict[str, Any]) -> Routes:
    return normal(raw, "http", PLACES, NAMES)


def test_default_routes_are_compared_without_their_names() -> None:
    assert differences(theirs(THEIRS), ours(OURS)) == ""


def test_elements_of_other_providers_are_left_out() -> None:
    raw: dict[str, Any] = {"routers": {"a@file": {}, "b@docker": {}, "api@internal": {}}}

    assert theirs(raw)["routers"] == {"b": {}}


@pytest.mark.parametrize(
    ("address", "protocol", "place"),
    [
        ("172.17.0.2:8080", "tcp", "web:8080"),
        ("127.0.0.1:32768", "tcp", "web:80"),
        ("127.0.0.1:32768", "udp", "web:53"),
        ("127.0.0.1:32769", "tcp", "127.0.0.1:32769"),
        ("172.17.0.3:80", "tcp", "172.17.0.3:80"),
    ],
)
def test_an_address_is_replaced_by_its_container(address: str, protocol: str, place: str) -> None:
    assert PLACES.name(address, protocol) == place


def test_a_reference_with_the_name_of_its_provider_equals_one_without() -> None:
    raw = {
        "routers": {
            "a@docker": {"service": "x@docker", "middlewares": ["m@docker", "m@file"]},
            "b@docker": {"service": "x", "middlewares": ["m", "m@http"]},
        }
    }

    assert theirs(raw)["routers"] == {
        "a": {"service": "x", "middlewares": ["m", "m@file"]},
        "b": {"service": "x", "middlewares": ["m", "m@http"]},
    }


def test_two_different_services_with_the_same_normal_name_are_both_shown() -> None:
    raw = {"services": {"web@http": {"a": 1}, "web.localhost@http": {"a": 2}}}

    assert len(ours(raw)["services"]) == 2
    assert ours({"services": {"web@http": {}, "web.localhost@http": {}}})["services"] == {"web": {}}


def test_a_cookie_keeps_a_name_from_labels() -> None:
    def service(name: str) -> dict[str, Any]:
        return {"loadBalancer": {"sticky": {"cookie": {"name": name, "path": "/"}}}}

    made_up = {
        "services": {"sticky-2@docker": service("_38079"), "other@docker": service("_38079")}
    }

    assert theirs(made_up)["services"] == {
        "sticky-2": {"loadBalancer": {"sticky": {"cookie": {"path": "/"}}}},
        "other": service("_38079"),
    }


def test_a_difference_shows_both_sides() -> None:
    diff = differences({"routers": {"web": {"priority": 1}}}, {"routers": {"web": {"priority": 2}}})

    assert '-   "priority": 1' in diff
    assert '+   "priority": 2' in diff
