"""Every fault of a container is told at once: what is left out, and what will not work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.rejection import Rejection
from messages.monitor import Label, ReachNote, ServiceState
from tests.traefik.builders import endpoint, member, on, view

ROUTER = "traefik.http.routers.x."
SERVICE = "traefik.http.services.x.loadbalancer."
MIDDLEWARE = "traefik.http.middlewares.m."
RULE = {ROUTER + "rule": "Host(`a.example.org`)"}
OTHERS = {"members": (member("alpha", is_self=True), member("beta"))}


def container(labels: dict[str, str], **fields: Any) -> ServiceState:
    fields = {"endpoints": (endpoint(),), **fields}
    read = tuple(Label(name=name, value=value) for name, value in labels.items())
    return ServiceState(
        service="web", health="healthy", source="docker", instance="c1", labels=read, **fields
    )


def made(
    labels: dict[str, str],
    settings: dict[str, Any] | None = None,
    *,
    node: str = "alpha",
    seen: dict[str, Any] | None = None,
    **fields: Any,
) -> DynamicConfiguration:
    wanted = TraefikSettings(**{"version": "3.7", **(settings or {})})
    builder = ConfigurationBuilder(settings=wanted, domain="example.org")
    return builder.build(view(on(node, container(labels, **fields)), **(seen or {})))


def body(configuration: DynamicConfiguration, section: str = "routers") -> dict[str, Any]:
    found = json.loads(configuration.body)["http"].get(section, {})
    assert isinstance(found, dict)
    return found


def warned(configuration: DynamicConfiguration) -> Rejection:
    """Return the only fault, which is a warning."""
    (found,) = configuration.rejected
    assert found.is_sent
    assert (configuration.rejected_count, configuration.warned_count) == (0, 1)
    return found


@pytest.mark.case("O6")
def test_all_faults_of_a_container_are_told_at_once_with_what_was_meant() -> None:
    configuration = made(
        {
            ROUTER + "rule": "Path(`b`)",
            ROUTER + "entrypoints": "wbe",
            ROUTER + "tsl": "true",
            SERVICE + "server.prot": "80",
            SERVICE + "passhostheader": "ture",
            MIDDLEWARE + "ratelimit.averge": "5",
            MIDDLEWARE + "ratelimit.burst": "many",
            "traefik.http.router.y.rule": "Host(`b`)",
            "constellation.htttp": "true",
            "constellation.primary": "ture",
            "traefik.docker.netwrk": "web",
        }
    )

    assert {item.label: item.remedy for item in configuration.rejected} == {
        ROUTER + "tsl": "did you mean tls?",
        ROUTER + "rule": "write Path(`/b`)",
        ROUTER + "entrypoints": "did you mean web?",
        SERVICE + "server.prot": "did you mean port?",
        SERVICE + "passhostheader": "write true",
        MIDDLEWARE + "ratelimit.averge": "did you mean average?",
        MIDDLEWARE + "ratelimit.burst": "correct the value",
        "traefik.http.router.y.rule": "did you mean routers?",
        "constellation.htttp": "did you mean constellation.http?",
        "constellation.primary": "did you mean true?",
        "traefik.docker.netwrk": "did you mean network?",
    }
    assert configuration.warned_count == 3


@pytest.mark.case("O6")
@pytest.mark.parametrize(
    ("label", "meant"),
    [
        (SERVICE + "port", "server.port"),
        ("traefik.http.services.x.server.port", "loadBalancer.server"),
        (SERVICE + "cookie", "sticky.cookie"),
        (ROUTER + "certresolver", "tls.certResolver"),
        (MIDDLEWARE + "prefixes", "stripPrefix.prefixes"),
    ],
)
def test_an_option_that_belongs_deeper_is_told_where(label: str, meant: str) -> None:
    (found,) = (one for one in made({**RULE, label: "80"}).rejected if one.label == label)

    assert found.remedy == f"did you mean {meant}?"


@pytest.mark.case("O6")
def test_all_faults_of_a_router_are_told_at_once() -> None:
    configuration = made(
        {
            ROUTER + "rule": "Hots(`a`) && Path(`b`)",
            ROUTER + "entrypoints": "wbe,internl",
            ROUTER + "tls.certresolver": "letsencypt",
        },
        {"entry_points": ("internal",), "cert_resolvers": ("letsencrypt",)},
    )

    assert {item.remedy for item in configuration.rejected} == {
        "did you mean web?",
        "did you mean internal?",
        "did you mean Host(`a`)?",
        "write Path(`/b`)",
        "did you mean letsencrypt?",
    }
    assert not body(configuration)


@pytest.mark.case("O6")
def test_the_rule_of_a_router_with_another_fault_is_checked_too() -> None:
    configuration = made(
        {ROUTER + "rule": "Path(`b`)", ROUTER + "tls": "yes", ROUTER + "entrypoints": "wbe"}
    )

    assert {item.remedy for item in configuration.rejected} == {
        "write Path(`/b`)",
        "write true",
        "did you mean web?",
    }


@pytest.mark.case("O6")
def test_every_name_that_is_missing_is_told() -> None:
    configuration = made({**RULE, ROUTER + "service": "a", ROUTER + "middlewares": "b,c,b"})

    assert [item.reason.split(" is not")[0] for item in configuration.rejected] == [
        "the middleware 'b'",
        "the middleware 'c'",
        "the service 'a'",
    ]


@pytest.mark.case("R18")
@pytest.mark.parametrize(
    "label",
    [
        "tags",
        "port",
        "constraint-label",
        "backend",
        "frontend.rule",
        "weight",
        "swarm.lbswarm",
        "a",
    ],
)
def test_a_label_that_traefik_passes_over_is_passed_over(label: str) -> None:
    configuration = made({"traefik." + label: "x", "traefik.docker.network": "web"})

    assert configuration.rejected == ()


@pytest.mark.case("R18", "O6")
@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("traefik.enabled", "traefik.enable"),
        ("traefik.htttp.routers.x.rule", "traefik.http"),
        ("traefik.dcoker.network", "traefik.docker"),
        ("constellation.servce", "constellation.service"),
    ],
)
def test_a_label_that_is_nearly_known_is_warned_of(label: str, near: str) -> None:
    found = warned(made({label: "x"}))

    assert (found.label, found.remedy) == (label, f"did you mean {near}?")


@pytest.mark.case("R12")
@pytest.mark.parametrize(
    ("labels", "section", "path", "value", "warnings_count"),
    [
        (
            {SERVICE + "sticky.cookie.samesite": "Lax"},
            "services",
            "sticky.cookie.sameSite",
            "lax",
            0,
        ),
        ({SERVICE + "healthcheck.scheme": "HTTP"}, "services", "healthCheck.scheme", "http", 0),
        ({SERVICE + "healthcheck.interval": "0s"}, "services", "healthCheck.interval", "0s", 1),
        ({SERVICE + "healthcheck.path": ""}, "services", "healthCheck.path", "", 0),
    ],
)
def test_a_value_that_traefik_takes_is_sent(
    labels: dict[str, str], section: str, path: str, value: object, warnings_count: int
) -> None:
    configuration = made({**RULE, **labels})

    found = body(configuration, section)["x"]["loadBalancer"]
    for name in path.split("."):
        found = found[name]
    assert found == value
    assert "x" in body(configuration)
    assert (configuration.rejected_count, configuration.warned_count) == (0, warnings_count)


@pytest.mark.parametrize("option", ["port", "scheme", "url"])
def test_an_option_of_a_server_without_a_value_is_as_if_it_were_not_there(option: str) -> None:
    configuration = made({**RULE, SERVICE + f"server.{option}": ""})

    (server,) = body(configuration, "services")["x"]["loadBalancer"]["servers"]
    assert server == {"url": "http://127.0.0.1:8080"}


@pytest.mark.case("R12")
def test_a_scheme_is_sent_in_the_form_that_works() -> None:
    configuration = made({**RULE, SERVICE + "server.scheme": "HTTPS"})

    (server,) = body(configuration, "services")["x"]["loadBalancer"]["servers"]
    assert server == {"url": "https://127.0.0.1:8080"}
    assert configuration.rejected == ()


@pytest.mark.case("R12")
def test_one_half_of_a_rule_that_never_matches_leaves_the_other_half() -> None:
    rule = "Host(`h.example.org:8080`) || Host(`h.example.org`)"
    configuration = made({ROUTER + "rule": rule})

    found = warned(configuration)
    assert body(configuration)["x"]["rule"] == rule
    assert found.label == ROUTER + "rule"
    assert found.remedy == "write Host(`h.example.org`)"


@pytest.mark.case("R12")
def test_a_router_is_served_on_those_of_its_entry_points_that_exist() -> None:
    configuration = made({**RULE, ROUTER + "entrypoints": "web,wbe"})

    assert body(configuration)["x"]["entryPoints"] == ["web", "wbe"]
    assert "'wbe' is not in the setting" in warned(configuration).reason


@pytest.mark.case("R12")
def test_a_resolver_that_is_not_in_the_settings_is_sent_with_a_warning() -> None:
    configuration = made({**RULE, ROUTER + "tls.certresolver": "le"})

    assert body(configuration)["x"]["tls"] == {"certResolver": "le"}
    assert "serves its own certificate" in warned(configuration).reason


@pytest.mark.case("R5")
def test_a_wildcard_is_warned_of_if_the_oldest_traefik_never_matches_it() -> None:
    labels = {ROUTER + "rule": "Host(`*.example.org`)"}

    found = warned(made(labels, {"version": "3.6"}))
    assert found.remedy.startswith("write HostRegexp(`^[^.]+\\.example\\.org$`)")
    assert made(labels, {"version": "3.7"}).rejected == ()


def test_a_rule_in_the_syntax_of_version_2_is_sent_if_the_router_says_so() -> None:
    rule = "Host(`a.example.org`, `b.example.org`)"
    configuration = made({ROUTER + "rule": rule, ROUTER + "rulesyntax": "v2"})

    router = body(configuration)["x"]
    assert (router["rule"], router["ruleSyntax"]) == (rule, "v2")
    assert configuration.rejected == ()


@pytest.mark.case("R6", "R9")
def test_a_label_with_a_port_of_loopback_leads_to_the_container_port_too() -> None:
    configuration = made(
        {**RULE, SERVICE + "server.port": "20080"},
        {"reaches_containers": True},
        endpoints=(endpoint(3000, 20080, ""),),
        exposed_ports=(3000,),
        container_host="172.18.0.2",
    )

    assert warned(configuration).remedy == "write 3000"
    (server,) = body(configuration, "services")["x"]["loadBalancer"]["servers"]
    assert server["url"] == "http://172.18.0.2:3000"


@pytest.mark.case("R6")
@pytest.mark.parametrize("reaches_containers", [True, False])
def test_a_label_with_the_published_port_leads_to_the_container_port(
    *, reaches_containers: bool
) -> None:
    configuration = made(
        {**RULE, SERVICE + "server.port": "20080"},
        {"reaches_containers": reaches_containers},
        endpoints=(endpoint(3000, 20080, "100.64.0.1"),),
        exposed_ports=(3000,),
        container_host="172.18.0.2",
    )

    found = warned(configuration)
    (server,) = body(configuration, "services")["x"]["loadBalancer"]["servers"]
    assert server["url"] == "http://100.64.0.1:20080"
    assert found.label == SERVICE + "server.port"
    assert found.reason.startswith("20080 is the published port of 3000")
    assert found.remedy == "write 3000"


@pytest.mark.case("R6")
@pytest.mark.parametrize(
    ("labels", "option"),
    [
        ({**RULE, ROUTER + "service": "gitea@redis"}, ROUTER + "service"),
        ({**RULE, ROUTER + "middlewares": "auth@fiel"}, ROUTER + "middlewares"),
        ({**RULE, SERVICE + "serverstransport": "a@consul"}, SERVICE + "serverstransport"),
        ({MIDDLEWARE + "chain.middlewares": "a@consul"}, MIDDLEWARE + "chain.middlewares"),
    ],
)
def test_a_provider_that_is_not_in_the_settings_is_warned_of(
    labels: dict[str, str], option: str
) -> None:
    found = warned(made(labels))

    assert found.label == option
    assert "is not in the setting traefik.providers" in found.reason
    assert made(labels, {"providers": ("redis", "fiel", "consul")}).rejected == ()


@pytest.mark.case("R7")
def test_the_url_of_a_server_is_honoured_in_every_version() -> None:
    configuration = made(
        {**RULE, SERVICE + "server.url": "http://192.168.1.50/"},
        {"version": "3.0"},
        endpoints=(),
        container_host="192.168.1.50",
        networks=("lan",),
    )

    (server,) = body(configuration, "services")["x"]["loadBalancer"]["servers"]
    assert server == {"url": "http://192.168.1.50/"}
    assert configuration.rejected == ()


NAME_IT = "name the port in the label traefik.http.services.NAME.loadbalancer.server.port"


@pytest.mark.case("R8")
@pytest.mark.parametrize(
    ("fields", "reason", "remedy"),
    [
        ({"networks": ("host",)}, "it uses the host's network", NAME_IT),
        ({"networks": ("none",)}, "it has no network", "connect it to one"),
        (
            {"networks": ("web",), "container_host": "172.18.0.2"},
            "no TCP port is published, and its image declares none",
            f"{NAME_IT}, and publish it, or set traefik.ingress_port on its node",
        ),
        (
            {"networks": ("web",), "container_host": "172.18.0.2", "exposed_ports": (80, 81)},
            "its image declares 80, 81",
            "publish the one that speaks HTTP, or set traefik.ingress_port on its node",
        ),
        (
            {"endpoints": (endpoint(5432, 5432),)},
            "none of its published ports 5432 is known to speak HTTP",
            f"{NAME_IT}, if one speaks HTTP",
        ),
    ],
)
def test_the_remedy_is_the_one_that_helps(fields: dict[str, Any], reason: str, remedy: str) -> None:
    configuration = made(RULE, node="beta", seen=OTHERS, **{"endpoints": (), **fields})

    found = next(item for item in configuration.rejected if not item.label)
    assert reason in found.reason
    assert found.remedy == remedy


@pytest.mark.case("R8")
def test_the_local_traefik_is_not_told_to_publish_a_port_that_is_not_known() -> None:
    configuration = made(
        RULE, endpoints=(), networks=("web",), container_host="172.18.0.2", exposed_ports=()
    )

    assert configuration.rejected[0].remedy.startswith(NAME_IT)


@pytest.mark.case("R9")
@pytest.mark.parametrize("port", ["", "80"])
def test_a_port_on_loopback_is_told_to_be_published_elsewhere(port: str) -> None:
    note = ReachNote(container_port=80, why="it is on loopback only", fix="publish it anywhere")
    labels = {**RULE, **({SERVICE + "server.port": port} if port else {})}
    configuration = made(labels, node="beta", seen=OTHERS, endpoints=(), reach_notes=(note,))

    found = next(item for item in configuration.rejected if "loopback" in item.reason)
    assert found.remedy == "publish it anywhere"


@pytest.mark.case("R11")
def test_a_name_with_dots_is_left_out_alone() -> None:
    configuration = made(
        {
            **RULE,
            ROUTER + "service": "good",
            "traefik.http.services.my.app.loadbalancer.server.port": "80",
            "traefik.http.services.good.loadbalancer.server.port": "80",
            "traefik.http.routers.my.app.rule": "Host(`b`)",
        }
    )

    assert set(body(configuration)) == {"x"}
    assert set(body(configuration, "services")) == {"good"}
    assert [item.label for item in configuration.rejected] == [
        "traefik.http.routers.my.app.rule",
        "traefik.http.services.my.app.loadbalancer.server.port",
    ]
    for item in configuration.rejected:
        assert "names have no dots" in item.reason
        assert item.remedy == "call it my-app"


@pytest.mark.case("R16")
@pytest.mark.parametrize(
    ("option", "value", "host"),
    [
        ("forwardauth.address", "http://authsrv:80", "authsrv"),
        ("forwardauth.address", "http://localhost:9091/verify", "localhost"),
        ("ratelimit.redis.endpoints", "redis:6379", "redis"),
        ("plugin.demo.url", "http://crowdsec:8080/", "crowdsec"),
        ("plugin.demo.list[0].lapi", "http://crowdsec:8080/", "crowdsec"),
    ],
)
def test_an_address_that_other_nodes_do_not_know_is_warned_of(
    option: str, value: str, host: str
) -> None:
    labels = {MIDDLEWARE + option: value}
    settings = {"plugins": ("demo",)}
    found = warned(made(labels, settings, seen=OTHERS))

    assert found.label == MIDDLEWARE + option
    assert f"other nodes do not know {host!r}" in found.reason
    assert "every node reaches" in found.remedy
    alone = {"members": (member("alpha", is_self=True),)}
    assert made(labels, settings, seen=alone).rejected == ()


def test_a_node_that_joins_brings_its_warnings() -> None:
    builder = ConfigurationBuilder(settings=TraefikSettings(version="3.7"), domain="example.org")
    web = on("alpha", container({MIDDLEWARE + "forwardauth.address": "http://authsrv"}))
    alone = {"members": (member("alpha", is_self=True),)}

    counts = [builder.build(view(web, **seen)).warned_count for seen in (alone, OTHERS, alone)]

    assert counts == [0, 1, 0]


@pytest.mark.case("R12")
def test_a_port_with_its_protocol_is_used_without_it() -> None:
    configuration = made({**RULE, SERVICE + "server.port": "80/tcp"})

    assert warned(configuration).remedy == "write 80"
    (service,) = body(configuration, "services").values()
    assert service["loadBalancer"]["servers"] == [{"url": "http://127.0.0.1:8080"}]


@pytest.mark.case("R12")
def test_a_port_beside_a_url_has_no_effect_and_is_told() -> None:
    labels = {SERVICE + "server.url": "http://127.0.0.1:99/", SERVICE + "server.port": "80"}

    configuration = made({**RULE, **labels})

    assert warned(configuration).reason == "beside url, port has no effect"


@pytest.mark.case("R12")
def test_the_highest_priority_that_traefik_takes_is_sent() -> None:
    assert made({**RULE, ROUTER + "priority": str(2**63 - 1 - 1000)}).rejected == ()
    assert made({**RULE, ROUTER + "priority": str(2**63 - 1000)}).rejected != ()
