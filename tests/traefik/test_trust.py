"""A record of another node leads only to what may be that node's: never into this host."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.places import places
from constellation.traefik.trust import Trust, address_of, host_of_url, is_name, special_meaning
from messages.gossip import NodeServiceState
from tests.traefik.builders import endpoint, member, on, snapshot, state
from tests.traefik.test_service_parts import configuration, hidden, node

SPECIAL = [
    "127.0.0.1",
    "127.8.9.1",
    "::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::a9fe:a9fe",
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "0.0.0.0",
    "::",
    "0.1.2.3",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
]
OTHERS = ["10.0.0.1", "10.0.0.3"]  # of this node, and of a third one
NODES = (node("alpha", "10.0.0.1"), node("beta", "10.0.0.2"), node("gamma", "10.0.0.3"))
URL = "http__services__web__loadbalancer__server__url"


def seen(*services: NodeServiceState, ingress: bool = False, **fields: Any) -> tuple[set[str], str]:
    """Return the URLs that alpha's Traefik gets, and the reasons for what is left out."""
    nodes = NODES if ingress else tuple(_without_ingress(one) for one in NODES)
    made = configuration(*services, **{"nodes": nodes, "members": None, "version": "3.7", **fields})
    reasons = " | ".join(one.reason for one in made.rejected)
    return set(_urls(made.body.decode())), reasons


def _without_ingress(named: Any) -> Any:
    return named.model_copy(update={"state": named.state.model_copy(update={"ingress_port": 0})})


def _urls(body: str) -> list[str]:
    return [part.partition('"')[0] for part in body.split('"url":"')[1:]]


def at(host: str, source: str = "docker", by: str = "beta") -> NodeServiceState:
    made = state(endpoints=(endpoint(80, 8081, host),))
    return on(by, made.model_copy(update={"source": source}))


@pytest.mark.case("S5")
@pytest.mark.parametrize("host", [*SPECIAL, *OTHERS])
@pytest.mark.parametrize("source", ["docker", "static"])
def test_an_endpoint_of_another_node_never_leads_into_this_host(host: str, source: str) -> None:
    urls, reasons = seen(at(host, source))

    assert urls == set()
    assert f"address {host}" in reasons


@pytest.mark.case("S5")
@pytest.mark.parametrize("host", [*SPECIAL, *OTHERS, "localhost", "0x7f000001", "2130706433"])
def test_a_url_of_another_node_never_leads_into_this_host(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    urls, reasons = seen(on("beta", hidden(**{URL: f"http://{shown}:8081/"})))

    assert urls == set()
    assert reasons


@pytest.mark.case("S5")
@pytest.mark.parametrize(
    ("service", "url"),
    [
        (at("10.0.0.2"), "http://10.0.0.2:8081"),
        (at("192.168.1.50", "static"), "http://192.168.1.50:8081"),
        (on("beta", hidden(**{URL: "http://192.168.1.50/"})), "http://192.168.1.50/"),
    ],
    ids=["its own address", "a static service in the LAN", "a url in the LAN"],
)
def test_what_a_node_may_name_is_reached(service: NodeServiceState, url: str) -> None:
    assert url in seen(service)[0]


@pytest.mark.case("S5")
def test_a_port_of_a_container_is_at_its_nodes_address_or_behind_its_ingress() -> None:
    inside = hidden().model_copy(update={"endpoints": (endpoint(80, 8081, "192.168.1.50"),)})

    assert seen(on("beta", inside))[0] == set()
    assert seen(on("beta", inside), ingress=True)[0] == {"http://10.0.0.2:9000"}


@pytest.mark.case("S5")
@pytest.mark.parametrize("host", ["nas.lan", "127.0.0.1", "10.0.0.3"])
def test_what_only_its_own_node_may_reach_is_reached_through_that_node(host: str) -> None:
    for there in (at(host, "static"), on("beta", hidden(**{URL: f"http://{host}:8081/x"}))):
        assert seen(there)[0] == set()
        assert seen(there, ingress=True)[0] == {"http://10.0.0.2:9000"}
        own = configuration(
            there, nodes=NODES, members=None, version="3.7", self_node="beta", ingress_port=9000
        )
        inside = own.body.decode().partition('"_from.web')[2]
        assert f"http://{host}:8081" in inside


@pytest.mark.case("S5")
@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1"])
def test_a_node_that_lies_about_its_address_opens_nothing(address: str) -> None:
    lying = (NODES[0], node("beta", address))
    told = snapshot(on("beta", hidden()), nodes=lying, members=(member("alpha"), member("beta")))
    known = {"alpha": "10.0.0.1", "beta": "10.0.0.2"}
    members = [one.model_copy(update={"address": known[one.node]}) for one in told.members]
    view = ClusterView().apply(told.model_copy(update={"members": tuple(members)}))
    made = places(view, TraefikSettings(ingress_port=9000))

    assert made.of("beta").place.ingress == ""
    assert made.peers == ("10.0.0.1",)


def test_a_node_believes_its_own_record() -> None:
    assert seen(at("127.0.0.1", by="alpha"))[0] == {"http://127.0.0.1:8081"}


def test_nodes_on_one_host_share_its_addresses() -> None:
    trust = Trust({}, is_one_host=True)

    assert trust.wrong_with("127.0.0.1", "beta", of_container=True) == ""
    assert trust.wrong_with("10.0.0.9", "beta", of_container=True) == ""
    assert trust.wrong_with("169.254.169.254", "beta", of_container=True) != ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("nas.lan", True), ("nas", True), ("10.1", False), ("0x7f.1", False), ("10.0.0.1", False)],
)
def test_a_number_in_disguise_is_no_name(text: str, expected: bool) -> None:
    assert is_name(text) == expected


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://10.0.0.2@127.0.0.1:80/", "127.0.0.1"),
        ("http://[::1]:80/", "::1"),
        ("http://a\\@127.0.0.1/", ""),
    ],
)
def test_the_host_of_a_url_is_where_traefik_connects_to(url: str, host: str) -> None:
    assert host_of_url(url) == host


def test_ordinary_addresses_have_no_special_meaning() -> None:
    for text in (
        "10.0.0.2",
        "100.64.0.2",
        "192.168.1.1",
        "8.8.8.8",
        "fd7a:115c:a1e0::1",
        "2001:db8::1",
    ):
        address = address_of(text)
        assert address is not None
        assert special_meaning(address) == ""
