"""Hostile labels of one container must not affect other containers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from messages.gossip import NodeServiceState
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import endpoint, on, snapshot

ROUTER = "traefik.http.routers.x."
MIDDLEWARE = "traefik.http.middlewares.m."


def container(service: str, labels: dict[str, str], **fields: Any) -> ServiceState:
    return ServiceState(
        service=service,
        health="healthy",
        source="docker",
        instance="c1",
        labels=tuple(Label(name=name, value=value) for name, value in labels.items()),
        **{"endpoints": (endpoint(),), **fields},
    )


def made(*found: NodeServiceState, **fields: Any) -> DynamicConfiguration:
    chosen = TraefikSettings(**{"version": "3.7", **fields})
    builder = ConfigurationBuilder(settings=chosen, domain="example.org")
    return builder.build(ClusterView().apply(snapshot(*found)))


def section(configuration: DynamicConfiguration, protocol: str, name: str) -> dict[str, Any]:
    found = json.loads(configuration.body).get(protocol, {}).get(name, {})
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "text", ["99999999h", "9223372037s", "9999999999999999999ns", "1\u0663s", "2000000h2000000h"]
)
def test_a_duration_beyond_the_range_of_go_is_left_out(text: str) -> None:
    labels = {MIDDLEWARE + "retry.attempts": "2", MIDDLEWARE + "retry.initialinterval": text}
    configuration = made(on("alpha", container("web", labels)))
    assert "m" not in section(configuration, "http", "middlewares")
    assert configuration.rejected_count == 1


@pytest.mark.parametrize("text", ["5\u00b5s", "1m30s", "1.5h", ".5s", "+10s", "999999999"])
def test_a_duration_within_the_range_of_go_is_kept(text: str) -> None:
    labels = {MIDDLEWARE + "retry.attempts": "2", MIDDLEWARE + "retry.initialinterval": text}
    configuration = made(on("alpha", container("web", labels)))
    assert "m" in section(configuration, "http", "middlewares")


def test_exponentially_growing_chains_are_left_out_quickly() -> None:
    labels = {
        f"traefik.http.middlewares.m{i}.chain.middlewares": ",".join([f"m{i + 1}"] * 32)
        for i in range(12)
    }
    labels["traefik.http.middlewares.m12.addprefix.prefix"] = "/x"
    configuration = made(on("alpha", container("web", labels)))
    kept = set(section(configuration, "http", "middlewares"))
    assert {"m12", "m11"} <= kept
    assert "m0" not in kept
    assert any("more than 256" in item.reason for item in configuration.rejected)


def test_a_tcp_router_without_tls_cannot_use_http_entry_points() -> None:
    def router(entry_point: str) -> dict[str, str]:
        start = "traefik.tcp.routers.x."
        return {start + "rule": "HostSNI(`*`)", start + "entrypoints": entry_point}

    plain = made(on("alpha", container("db", router("web"))))
    assert not section(plain, "tcp", "routers")
    assert "all HTTP traffic on 'web'" in plain.rejected[0].reason
    own = made(on("alpha", container("db", router("db"))), entry_points=("db",))
    assert section(own, "tcp", "routers")


@pytest.mark.parametrize(
    "label",
    [
        "traefik.http.routers.my app.middlewares",
        "traefik.http.routers.gr\u00f6\u00dfe.middlewares",
        "traefik.http.routers." + "x" * 65 + ".middlewares",
        "traefik.http.router.x.middlewares",
        "traefik.http.routers..middlewares",
        "Traefik.HTTP.Routers",
    ],
)
def test_an_unreadable_router_is_not_replaced_by_an_unguarded_one(label: str) -> None:
    configuration = made(on("alpha", container("web", {label: "auth"})))
    assert not section(configuration, "http", "routers")
    assert configuration.rejected_count == 1


def test_a_service_with_an_unreadable_tcp_router_gets_no_http_route() -> None:
    labels = {"traefik.tcp.routers.my db.rule": "HostSNI(`*`)"}
    configuration = made(on("alpha", container("db", labels)))
    assert not section(configuration, "http", "routers")


def test_a_service_of_another_provider_is_not_taken_for_a_container_of_a_similar_name() -> None:
    rule = {ROUTER + "rule": "Host(`a.example.org`)"}
    web = on("alpha", container("web", {**rule, ROUTER + "service": "api@internal"}))
    stranger = on("alpha", container("api-internal", {}))
    builder = ConfigurationBuilder(settings=TraefikSettings(version="3.7"), domain="example.org")
    for found in ((web,), (web, stranger)):
        configuration = builder.build(ClusterView().apply(snapshot(*found)))
        assert configuration == made(*found)
        assert section(configuration, "http", "routers")["x"]["service"] == "api@internal"


class TestMiddlewaresOfAService:
    OWN = "traefik.http.services.web."

    def labels(self, guard: str) -> dict[str, str]:
        return {self.OWN + "loadbalancer.server.port": "80", self.OWN + "middlewares": guard}

    @pytest.mark.parametrize("rule", [{}, {ROUTER + "rule": "Host(`a.example.org`)"}])
    def test_a_missing_middleware_removes_the_routers(self, rule: dict[str, str]) -> None:
        labels = {**self.labels("guard"), **rule}
        configuration = made(on("alpha", container("web", labels)))
        assert not section(configuration, "http", "routers")
        assert "'guard' is not defined" in configuration.rejected[0].reason

    def test_routers_follow_a_middleware_that_comes_and_goes(self) -> None:
        guard = {"traefik.http.middlewares.guard.ipallowlist.sourcerange": "10.0.0.0/8"}
        web = on("alpha", container("web", {**self.labels("guard@docker")}))
        other = on("alpha", container("other", {**guard, "constellation.http": "false"}))
        builder = ConfigurationBuilder(
            settings=TraefikSettings(version="3.7"), domain="example.org"
        )
        for found in ((web,), (web, on("alpha", container("other", guard))), (web, other)):
            configuration = builder.build(ClusterView().apply(snapshot(*found)))
            assert configuration == made(*found)
            routes = "web.example.org" in section(configuration, "http", "routers")
            assert routes == (len(found) == 2 and found[1] != other)


GUARDED = {
    ROUTER + "rule": "Host(`web.example.org`) && PathPrefix(`/open`)",
    ROUTER + "middlewares": "m",
    MIDDLEWARE + "basicauth.users": "joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
}


class TestADefaultRouterBesideAGuardedInstance:
    def test_it_does_not_lead_to_the_guarded_instance(self) -> None:
        new = on("alpha", container("web", GUARDED))
        old = on("beta", container("web", {}, endpoints=(endpoint(host="10.0.0.2"),)))
        configuration = made(new, old)
        assert set(section(configuration, "http", "routers")) == {"x", "web.beta.example.org"}
        assert "the labels of web on alpha are about HTTP" in configuration.rejected[0].reason
        assert "web.example.org" in section(made(old), "http", "routers")
        both = made(new, old, default_routes="all")
        assert "web.example.org" in section(both, "http", "routers")

    def test_it_returns_when_the_guarded_instance_is_gone(self) -> None:
        new = on("alpha", container("web", GUARDED))
        old = on("beta", container("web", {}))
        builder = ConfigurationBuilder(
            settings=TraefikSettings(version="3.7"), domain="example.org"
        )
        for found in ((old,), (old, new), (old,)):
            configuration = builder.build(ClusterView().apply(snapshot(*found)))
            assert configuration == made(*found)

    def test_it_does_not_lead_to_the_guarded_instance_over_tcp(self) -> None:
        labels = {
            "traefik.tcp.routers.x.rule": "HostSNI(`db.example.org`)",
            "traefik.tcp.routers.x.tls": "true",
            "traefik.tcp.routers.x.middlewares": "m",
            "traefik.tcp.middlewares.m.ipallowlist.sourcerange": "10.0.0.0/8",
        }
        port = {"endpoints": (endpoint(6379, 6379),), "image": "redis"}
        new = on("alpha", container("db", labels, **port))
        old = on("beta", container("db", {}, **port))
        configuration = made(new, old, entry_points=("redis",))
        assert set(section(configuration, "tcp", "routers")) == {"x"}
        alone = made(old, entry_points=("redis",))
        assert set(section(alone, "tcp", "routers")) == {"_default.redis"}


def test_a_udp_router_must_name_an_entry_point() -> None:
    labels = {"traefik.udp.services.x.loadbalancer.server.port": "53"}
    dns = {"endpoints": (Endpoint(protocol="udp", host="10.0.0.1", port=53, container_port=53),)}
    everywhere = {**labels, "traefik.udp.routers.x.service": "x"}
    configuration = made(on("alpha", container("dns", everywhere, **dns)))
    assert not section(configuration, "udp", "routers")
    assert "all UDP traffic" in configuration.rejected[0].reason
    own = {**labels, "traefik.udp.routers.x.entrypoints": "dns"}
    configuration = made(on("alpha", container("dns", own, **dns)), entry_points=("dns",))
    assert section(configuration, "udp", "routers")


def test_one_container_cannot_fill_the_list_of_rejections() -> None:
    labels = {f"traefik.http.routers.x{i}.nothing": "" for i in range(60)}
    configuration = made(on("alpha", container("web", labels)))
    assert configuration.rejected_count == 33
    assert "28 more of its labels do not work" in {item.reason for item in configuration.rejected}


@pytest.mark.parametrize(("said", "tls"), [("true", [True]), ("false", [False]), ("yes", [])])
def test_a_router_with_an_unreadable_tls_option_is_never_without_tls(
    said: str, tls: list[bool]
) -> None:
    labels = {ROUTER + "rule": "Host(`a.example.org`)", ROUTER + "tls": said}
    configuration = made(on("alpha", container("web", labels)))
    routers = section(configuration, "http", "routers").values()
    assert ["tls" in router for router in routers] == tls


@pytest.mark.parametrize(
    ("kind", "taken"),
    [("forwardauth.address=http://a;forwardauth.tls", True), ("ratelimit.redis.tls", False)],
)
def test_only_forward_auth_has_an_optional_client_ca(kind: str, *, taken: bool) -> None:
    *others, last = kind.split(";")
    labels = {MIDDLEWARE + name: value for name, value in (one.split("=") for one in others)}
    labels[f"{MIDDLEWARE}{last}.caoptional"] = "true"
    configuration = made(on("alpha", container("web", labels)))
    assert ("m" in section(configuration, "http", "middlewares")) == taken


@pytest.mark.parametrize("option", ["poolsize", "minidleconns", "maxactiveconns"])
def test_a_number_of_connections_that_makes_traefik_panic_is_refused(option: str) -> None:
    start = MIDDLEWARE + "ratelimit.redis."
    for count, taken in (("10000", True), (str(2**63 - 1), False)):
        labels = {start + "endpoints": "127.0.0.1:6379", start + option: count}
        configuration = made(on("alpha", container("web", labels)))
        assert ("m" in section(configuration, "http", "middlewares")) == taken
