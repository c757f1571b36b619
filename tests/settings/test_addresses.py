"""Addresses and ports that cannot work are refused with the name of their setting and the fix."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import ConfigError
from constellation.settings.addresses import checked_host_port
from tests.settings.loading import KEY, load, said_of


def static(address: str) -> str:
    return f"static_services={json.dumps([{'name': 'pve', 'address': address}])}"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.2:8006",
        "[fd7a::2]:80",
        "nas:443",
        "nas.home.example.:443",
        "my_host:1",
        "a-b.c:65535",
    ],
)
def test_host_and_port_are_taken(address: str) -> None:
    assert checked_host_port(address) == address


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("https://10.0.0.2:8006", "write 10.0.0.2:8006, with check = 'tcp' and the label traefik"),
        ("HTTPS://pve.lan/api", "write pve.lan:443, with check"),
        ("http://10.0.0.2:8006", "write it without a scheme: 10.0.0.2:8006"),
        ("tcp://nas:445", "write it without a scheme: nas:445"),
        ("10.0.0.2:8006/api", "write it without a path: 10.0.0.2:8006"),
        ("10.0.0.0/24:80", "add the port: 10.0.0.0:PORT"),
        ("10.0.0.2", "add the port: 10.0.0.2:PORT"),
        ("nas", "add the port: nas:PORT"),
        ("fd7a::2", "must be in brackets, and a port must follow: [fd7a::2]:7946"),
        ("[fd7a::2]", "the port must be a number"),
        ("10.0.0.2:0", "the port must be a number of 1 to 65535"),
        ("10.0.0.2:65536", "the port must be a number"),
        ("10.0.0.2:http", "the port must be a number"),
        ("10.0.0.256:80", "'10.0.0.256' is neither an IP address nor a host name"),
        ("10.0.2:80", "'10.0.2' is neither"),
        ("my host:80", "'my host' is neither"),
        ("0.0.0.0:80", "stands for every address"),
        ("[::]:80", "stands for every address"),
        (":80", "'' is neither"),
        ("", "e.g. 100.64.0.2:7946"),
    ],
)
def test_what_is_no_host_and_port_is_refused_with_the_form_that_was_meant(
    address: str, hint: str
) -> None:
    said = said_of(static(address))

    assert said.startswith("static_services[0].address by --set: ")
    assert hint in said


@pytest.mark.case("C7")
@pytest.mark.parametrize("name", ["gossip.seeds", "actors.leaders"])
def test_list_of_addresses_is_checked_too(name: str) -> None:
    for address, hint in (("0.0.0.0:1", "every address"), ("http://a:1", "without a scheme: a:1")):
        said = said_of(f'{name}=["10.0.0.1:1", "{address}"]')

        assert said.startswith(f"{name}[1] by --set: ")
        assert hint in said


@given(st.text(alphabet=":/[]@.%a1 -", max_size=20))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        assert checked_host_port(text) == text
    except ValueError as error:
        assert "is not host:port" in str(error)  # noqa: PT017 - either is right


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("assignment", "hint"),
    [
        ("bind_address=100.64.0.1/10", "it is a network: write 100.64.0.1, without /10"),
        (
            "bind_address=100.64.0.1:7946",
            "write 100.64.0.1 alone; ports have settings of their own",
        ),
        ("bind_address=[fd7a::1]", "write fd7a::1 alone"),
        ("bind_address=http://100.64.0.1", "write 100.64.0.1 alone"),
        ("bind_address=localhost", "write 127.0.0.1"),
        ("bind_address=alpha.lan", "but a name: write the address that it stands for"),
        ("bind_address=Tailscale", 'write "tailscale"'),
        ("bind_address=fe80::1", "of one interface of this host"),
        ("bind_address=239.0.0.1", "a group of hosts"),
        ("bind_address=::", "every interface"),
        ("http.bind_address=*", "is not an IP address"),
        ("docker.publish_address=0.0.0.0", "no address at which other nodes reach this one"),
        ("domain=https://home.example", "is not a domain name"),
        ("domain=*.Home.example", "write home.example"),
        ("data_dir=~/state", "~ is not expanded here"),
        ("cluster_key_file=~/key", "~ is not expanded here"),
        ("docker.socket=~/docker.sock", "~ is not expanded here"),
        ("tailscale.socket=~/tailscaled.sock", "~ is not expanded here"),
    ],
)
def test_impossible_address_or_path_is_refused_with_the_fix(assignment: str, hint: str) -> None:
    name = assignment.partition("=")[0]

    said = said_of(assignment)

    assert said.startswith(f"{name} by --set: ")
    assert hint in said


@pytest.mark.case("C7")
@pytest.mark.parametrize(
    ("assignments", "names"),
    [
        (["gossip.port=7947"], ["gossip.port", "actors.port"]),
        (["actors.port=8081"], ["actors.port", "http.port"]),
        (["gossip.port=8081"], ["gossip.port", "http.port"]),
        (["traefik.ingress_port=7946"], ["gossip.port", "traefik.ingress_port"]),
        (["traefik.ingress_port=8081"], ["http.port", "traefik.ingress_port"]),
        (
            ["bind_address=100.64.0.1", "http.bind_address=::ffff:100.64.0.1", "http.port=7946"],
            ["gossip.port", "http.port"],
        ),
        (
            ["bind_address=tailscale", "http.bind_address=tailscale", "http.port=7947"],
            ["actors.port", "http.port"],
        ),
    ],
)
def test_two_listeners_with_one_port_are_refused_with_both_settings(
    assignments: Sequence[str], names: Sequence[str]
) -> None:
    said = said_of(f"cluster_key={KEY}", *assignments)

    assert f"{names[0]} and {names[1]} are both " in said
    assert f"{assignments[-1].partition('=')[0]} by --set" in said


def test_one_port_on_two_addresses_is_no_conflict() -> None:
    settings = load(f"cluster_key={KEY}", "bind_address=100.64.0.1", "gossip.port=8081")

    assert settings.gossip.port == settings.http.port


@pytest.mark.case("C7")
def test_conflict_that_the_tailnet_address_makes_is_refused_when_it_is_known() -> None:
    settings = load(
        f"cluster_key={KEY}",
        *("bind_address=tailscale", "http.bind_address=100.64.0.1", "http.port=7946"),
    )

    assert settings.bound_to("100.64.0.2").bind_address == "100.64.0.2"
    with pytest.raises(ConfigError, match=r"gossip\.port and http\.port are both 7946"):
        settings.bound_to("100.64.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_static_service_on_loopback_is_taken_because_its_own_host_reaches_it(host: str) -> None:
    options = (f"cluster_key={KEY}", "bind_address=100.64.0.1", static(f"{host}:80"))

    assert load(*options).static_services[0].address == f"{host}:80"


def test_own_address_may_be_a_seed() -> None:
    own = 'gossip.seeds=["100.64.0.1:7946"]'

    assert load(f"cluster_key={KEY}", "bind_address=100.64.0.1", own).gossip.seeds
