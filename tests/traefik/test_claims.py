"""A router that takes the requests of another service's host is warned of, on all nodes."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.claims import COMPARED_MAX
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import NodeServiceState
from tests.traefik.builders import on, state, view
from tests.traefik.test_service_parts import configuration, published

BANK = {"http__routers__bank__rule": "Host(`bank.example.org`)"}


def bank(**labels: Any) -> NodeServiceState:
    return on("alpha", published("10.0.0.1", service="bank", **{**BANK, **labels}))


def other(rule: str, priority: str = "", **labels: Any) -> NodeServiceState:
    """Another service, on another node, with one router."""
    chosen = {"http__routers__thief__rule": rule} | labels
    if priority:
        chosen["http__routers__thief__priority"] = priority
    return on("beta", published("10.0.0.2", service="thief", **chosen))


def warned(*services: NodeServiceState, **fields: Any) -> dict[str, str]:
    """Return the reason for each service that is warned, on every node the same."""
    found = []
    for name in ("alpha", "beta", "gamma"):
        made = configuration(*services, **{"self_node": name, "version": "3.7", **fields})
        assert all(one.is_sent for one in made.rejected)
        found.append({one.service: one.reason for one in made.rejected})
    assert found[0] == found[1] == found[2]
    return found[0]


@pytest.mark.case("S5")
@pytest.mark.parametrize(
    ("rule", "priority"),
    [
        ("HostRegexp(`.*`)", "100000"),
        ("HostRegexp(`^bank[.]`)", "100000"),
        ("Host(`bank.example.org`)", "1000"),
        ("Host(`bank.example.org`) || Host(`thief.example.org`)", ""),
        ("Host(`*.example.org`)", "1000"),
        ('Host("bank\\x2eexample.org")', "1000"),
        ("Host(`bank.\rexample.org`)", "1000"),
        ("Host(`BANK.example.org`) && PathPrefix(`/`)", ""),
        ("PathPrefix(`/`)", "100000"),
        ("!Host(`x.example.org`)", "100000"),
        (f"{'!' * 2001}Host(`x.example.org`)", "100000"),
        ("HostRegexp(`^.+[.]example[.]org$`)", ""),
    ],
)
def test_a_router_that_takes_all_requests_of_another_service_is_warned_of(
    rule: str, priority: str
) -> None:
    reasons = warned(bank(), other(rule, priority))

    assert reasons.keys() == {"bank", "thief"}
    assert "thief on beta" in reasons["bank"]
    assert "bank on alpha" in reasons["thief"]
    assert "bank.example.org" in reasons["thief"]


@pytest.mark.case("S5")
def test_two_services_that_claim_a_host_with_one_priority_are_warned_of() -> None:
    reasons = warned(bank(), other("Host(`bank.example.org`)"))

    assert "the same priority" in " ".join(reasons.values())
    assert reasons.keys() == {"bank", "thief"}


@pytest.mark.case("S5")
@pytest.mark.parametrize(
    ("rule", "priority"),
    [
        ("PathPrefix(`/`)", "1"),
        ("PathPrefix(`/`)", ""),  # shorter than the other rule
        ("HostRegexp(`.*`)", "1"),
        ("Host(`bank.example.org`) && PathPrefix(`/api`)", ""),
        ("Host(`bank.example.org`) && Path(`/.well-known/x`)", "1000"),
        ("Host(`thief.example.org`)", "1000"),
        ("Host(`*.example.net`)", "1000"),
        ("HostRegexp(`^thief[.]`)", "1000"),
    ],
)
def test_a_page_for_all_other_hosts_and_a_part_of_a_host_take_nothing(
    rule: str, priority: str
) -> None:
    assert warned(bank(), other(rule, priority)) == {}


def test_a_service_may_take_requests_of_its_own_routers() -> None:
    own = bank(
        http__routers__all__rule="HostRegexp(`.*`)",
        http__routers__all__priority="1000",
        http__services__bank__loadbalancer__server__port="80",
    )

    assert warned(own) == {}


def test_routers_at_different_entry_points_do_not_meet() -> None:
    elsewhere = other("Host(`bank.example.org`)", "1000", http__routers__thief__entrypoints="admin")

    assert warned(bank(), elsewhere, entry_points=("admin",)) == {}


@pytest.mark.case("S5")
def test_a_tcp_router_that_takes_a_host_from_all_http_routers_is_warned_of() -> None:
    labels = {
        "tcp__routers__thief__rule": "HostSNI(`bank.example.org`)",
        "tcp__routers__thief__tls__passthrough": "true",
        "tcp__routers__thief__entrypoints": "web",
        "tcp__services__thief__loadbalancer__server__port": "80",
    }
    thief = on("beta", published("10.0.0.2", service="thief", **labels))

    assert warned(bank(), thief).keys() == {"bank", "thief"}


@pytest.mark.case("S5")
def test_the_warning_goes_when_one_of_them_goes() -> None:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    thief = other("HostRegexp(`.*`)", "1000")

    assert len(builder.build(view(bank(), thief)).rejected) == 2
    assert builder.build(view(bank())).rejected == ()
    assert len(builder.build(view(bank(), thief, on("alpha", state("web")))).rejected) == 4
    assert builder.build(view(thief)).rejected == ()


def test_only_the_first_of_many_routers_for_a_host_are_compared() -> None:
    labels = {}
    for n in range(COMPARED_MAX + 5):
        labels[f"http__routers__r{n}__rule"] = "HostRegexp(`.*`)"
        labels[f"http__routers__r{n}__priority"] = str(1000 + n)
    made = configuration(bank(), on("beta", published("10.0.0.2", service="many", **labels)))

    (reason,) = {one.reason for one in made.rejected if one.service == "bank"}
    assert f"the router r{COMPARED_MAX + 4} of many on beta comes first" in reason


@pytest.mark.case("S5")
def test_a_warning_names_an_instance_that_comes_later_with_the_same_router() -> None:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    thief = other("HostRegexp(`.*`)", "1000")
    builder.build(view(bank(), thief))

    made = builder.build(view(bank(), on("gamma", bank().state), thief))

    assert {one.node for one in made.rejected if one.service == "bank"} == {bank().node, "gamma"}


@pytest.mark.parametrize(
    ("rule", "syntax"),
    [
        (r"HostRegexp(`^bank\.example\.org\z`)", "v3"),
        ("HostRegexp(`(?U)^bank.+`)", "v3"),
        ("HostRegexp(`^bank(?i).example`)", "v3"),
        ("HostRegexp(`(?<name>bank)`)", "v3"),
        (r"HostRegexp(`\pL`)", "v3"),
        (f"HostRegexp(`{'(' * 150}a{')' * 150}`)", "v3"),
        ("HostRegexp(`{name:(((`)", "v2"),
        (f"HostRegexp(`{'(' * 1500}a`)", "v2"),
        ("HostRegexp(`a{99999999999}`)", "v2"),
    ],
)
def test_an_expression_that_only_go_reads_does_not_end_the_build(rule: str, syntax: str) -> None:
    made = configuration(bank(), other(rule, "9", http__routers__thief__rulesyntax=syntax))

    assert "bank.example.org" in made.body.decode()
