"""The setting `traefik.hosts_allowed`: who may claim a host name, and what others lose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from constellation.settings.traefik import TraefikSettings
from tests.traefik.builders import on
from tests.traefik.test_claims import bank, other
from tests.traefik.test_service_parts import configuration, published

ALLOWED = {"bank.example.org": ["bank@alpha"], "*.example.org": ["@beta", "bank"]}


def routers(*services: Any, allowed: Any) -> tuple[set[str], dict[str, str]]:
    """Return the routers that Traefik gets, and the reason for each service left out."""
    made = configuration(*services, hosts_allowed=allowed, version="3.7")
    assert not [one for one in made.rejected if one.is_sent and "traefik.hosts" in one.reason]
    found = json.loads(made.body).get("http", {}).get("routers", {})
    return set(found), {one.service: one.reason for one in made.rejected}


@pytest.mark.case("S5")
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("Host(`bank.example.org`)", False),
        ("Host(`a.example.org`) || Host(`BANK.example.org`)", False),
        ("Host(`bank.example.org`) && PathPrefix(`/login`)", False),
        ("Host(`*.example.org`)", False),
        ("HostRegexp(`^bank[.]`)", False),
        ("HostRegexp(`.*`)", False),
        ("PathPrefix(`/`)", False),
        ("!Host(`x.example.org`)", False),
        ("Host(`a.example.org`) || PathPrefix(`/`)", False),
        ('Host("bank\\x2eexample.org")', False),
        ("Host(`bank.\rexample.org`)", False),
        ("Host(/*`a.example.net`)*/`bank.example.org`)", False),
        ("Host(`a.example.net`)/*`*/||Host(`bank.example.org`)/*`*/", False),
        ('PathPrefix("/`\\"") || Host(`bank.example.org`)', False),
        ("Host(`thief.example.org`)", True),
        ("Host(`deep.thief.example.org`) && PathPrefix(`/x`)", True),
        ("Host(`free.example.net`)", True),
        ("Host(`*.example.net`)", True),
    ],
)
def test_only_services_that_are_allowed_claim_a_host(rule: str, *, expected: bool) -> None:
    found, reasons = routers(bank(), other(rule), allowed=ALLOWED)

    assert "bank" in found
    assert ("thief" in found) == expected
    assert ("thief" in reasons) != expected


@pytest.mark.case("S5")
def test_every_value_of_a_rule_in_the_syntax_of_version_2_must_be_allowed() -> None:
    rule = "Host(`free.example.net`, `bank.example.org`)"
    thief = other(rule, http__routers__thief__rulesyntax="v2")

    assert "thief" not in routers(bank(), thief, allowed=ALLOWED)[0]


@pytest.mark.case("S5")
def test_a_copy_of_a_service_on_another_node_gets_no_share_of_its_requests() -> None:
    copy = on("beta", published("10.0.0.2", service="bank", http__routers__bank__rule="Host(`b`)"))
    for allowed in (ALLOWED, {"bank.example.org": ["@alpha"]}):
        labels = {"http__routers__bank__rule": "Host(`bank.example.org`)"}
        same = on("beta", published("10.0.0.2", service="bank", **labels))
        made = configuration(bank(), same, hosts_allowed=allowed)

        assert "10.0.0.2" not in made.body.decode()
        assert [one.node for one in made.rejected] == ["beta"]
    bound = {"bank.example.org": ["bank@alpha"]}  # nowhere else, whatever it claims
    assert "10.0.0.2" not in configuration(copy, hosts_allowed=bound).body.decode()


@pytest.mark.case("S5")
def test_a_page_for_all_other_hosts_may_be_allowed() -> None:
    page = other("PathPrefix(`/`)", "1")

    assert "thief" not in routers(page, allowed=ALLOWED)[0]
    assert "thief" in routers(page, allowed={**ALLOWED, "*": ["thief"]})[0]
    assert "bank" in routers(bank(), allowed={**ALLOWED, "*": ["thief"]})[0]


def test_default_host_names_are_claims_too() -> None:
    web = on("beta", published("10.0.0.2"))

    assert "web.example.org" in routers(web, allowed={})[0]
    found, reasons = routers(web, allowed={"web.example.org": ["@alpha"]})
    assert found == {"web.beta.example.org"}
    assert reasons["web"] == "traefik.hosts_allowed gives web.example.org only to @alpha"


@pytest.mark.parametrize("wrong", [{"a b": []}, {"": []}, {"a": ["x y"]}, {"a": ["@"]}])
def test_what_is_no_host_or_nobody_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        TraefikSettings(hosts_allowed=wrong)
