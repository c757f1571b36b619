"""No two services have one host name, and who got another one than expected is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.settings.traefik import TraefikSettings
from constellation.settings.types import NAME_PATTERN
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.elements import Owner
from constellation.traefik.explanation import explain
from constellation.traefik.host_names import distinct_label, dns_label, dns_labels
from messages.gossip import NodeServiceState
from tests.traefik.builders import endpoint, on, state, view

LONG = "x" * 63


def published(service: str, port: int, **labels: Any) -> NodeServiceState:
    return on("alpha", state(service, endpoints=(endpoint(host="10.0.0.1", port=port),), **labels))


def build(*services: NodeServiceState) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    return builder.build(view(*services))


def ports_by_host(made: DynamicConfiguration) -> dict[str, list[int]]:
    """Return the ports that each `<service>.<domain>` leads to."""
    http = json.loads(made.body)["http"]
    found = {}
    for name, router in http["routers"].items():
        servers = http["services"][router["service"]]["loadBalancer"]["servers"]
        if ".alpha." not in name:
            found[name] = [int(one["url"].rpartition(":")[2]) for one in servers]
    return found


@pytest.mark.case("O3", "O4")
@pytest.mark.parametrize(
    ("first", "second", "hosts"),
    [
        ("my-app", "my_app", ["my-app"]),
        ("web", "WEB", ["web"]),
        ("my.app", "my_app", ["my-app"]),
        (LONG + "a", LONG + "b", []),
        ("-web", "web-", ["web"]),
    ],
)
def test_names_that_become_equal_get_distinct_hosts_and_are_listed(
    first: str, second: str, hosts: list[str]
) -> None:
    made = build(published(second, 2), published(first, 1))

    found = ports_by_host(made)
    assert sorted(found.values()) == [[1], [2]]
    for host in hosts:
        assert found[f"{host}.example.org"] == [1]
    told = [item for item in made.rejected if item.is_sent]
    assert [item.service for item in told] == sorted({first, second} - {first if hosts else ""})
    assert all(item.reason.rpartition(" ")[2] in found for item in told)
    assert all("constellation.service" in item.remedy for item in told)


@pytest.mark.case("O4")
def test_explain_tells_of_the_other_host_name_and_leads_from_it_to_the_service() -> None:
    seen = view(published("my-app", 1), published("my_app", 2))
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    rejected = builder.build(seen).rejected
    host = f"{distinct_label(Owner('my_app'))}.example.org"

    by_name, by_host = (
        explain(subject, builder.composition, seen, rejected, lambda _: 0.0)
        for subject in ("my_app", host)
    )

    assert host in by_name.rejected[0].reason
    assert by_host.routes == tuple(route for route in by_name.routes if route.router == host)


@pytest.mark.case("O4")
def test_a_reference_means_the_service_of_exactly_that_name() -> None:
    made = build(
        published("my-app", 1),
        published("my_app", 2),
        published("web", 3, http__routers__r__rule="Host(`r`)", http__routers__r__service="my_app"),
    )

    assert ports_by_host(made)["r"] == [2]


OWNERS = st.builds(
    Owner,
    st.one_of(
        st.text("ab-_.A", min_size=1, max_size=4),
        st.text(min_size=1, max_size=4),
        st.text("ab", min_size=62, max_size=66),
    ),
    st.sampled_from(("", "", "nginx", "redis")),
    st.just(""),
)


@pytest.mark.case("O3", "O4")
@given(st.lists(OWNERS, unique=True, max_size=8))
def test_host_names_are_valid_and_distinct_and_exact_names_are_kept(owners: list[Owner]) -> None:
    labels = dns_labels(owners)

    used = [label for label in labels.values() if label]
    assert len(set(used)) == len(used)
    assert all(NAME_PATTERN.fullmatch(label) for label in used)
    for owner, label in labels.items():
        if owner.service == dns_label(owner.service) and not owner.program:
            assert label == owner.service
        if any(one.isascii() and one.isalnum() for one in owner.service):
            assert label or not owner.service.isascii()
