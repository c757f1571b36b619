"""From the cluster's state to the body (Traefik documentation, "HTTP provider", v3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik import plans
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.instance_plan import InstancePlan, Planned, plan_instance
from constellation.traefik.reach import NOT_HTTP_PORTS
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import endpoint, member, node_state, on, state, view
from tests.traefik.traefik_model import check_body

WITH_PORT: dict[str, Any] = {"http__services__web__loadbalancer__server__port": "8080"}


def build(seen: ClusterView, **fields: Any) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=TraefikSettings(**fields), domain="example.org")
    return builder.build(seen)


def servers(made: DynamicConfiguration) -> dict[str, list[str]]:
    http = json.loads(made.body).get("http", {})
    services = http.get("services", {})
    return {
        name: [server["url"] for server in services[router["service"]]["loadBalancer"]["servers"]]
        for name, router in http.get("routers", {}).items()
    }


def test_a_service_is_routed_by_name_and_by_node() -> None:
    made = build(
        view(
            on("beta", state(endpoints=(endpoint(host="10.0.0.2"),))),
            on("alpha", state(endpoints=(endpoint(host="10.0.0.1"),))),
        )
    )

    assert json.loads(made.body) == {
        "http": {
            "middlewares": {
                "constellation.retry": {"retry": {"attempts": 6, "initialInterval": "50ms"}}
            },
            "routers": {
                name: {
                    "entryPoints": ["web"],
                    "middlewares": ["constellation.retry"],
                    "rule": f"Host(`{name}`)",
                    "service": name,
                }
                for name in ("web.example.org", "web.alpha.example.org", "web.beta.example.org")
            },
            "services": {
                "web.example.org": {
                    "loadBalancer": {
                        "servers": [
                            {"url": "http://10.0.0.1:8080", "weight": 2},
                            {"url": "http://10.0.0.2:8080", "weight": 1},
                        ]
                    }
                },
                "web.alpha.example.org": {
                    "loadBalancer": {"servers": [{"url": "http://10.0.0.1:8080"}]}
                },
                "web.beta.example.org": {
                    "loadBalancer": {"servers": [{"url": "http://10.0.0.2:8080"}]}
                },
            },
        }
    }
    assert {*made.routed} == {("web", "alpha", "web"), ("web", "beta", "web")}


@pytest.mark.parametrize(
    "unroutable",
    [
        pytest.param(state(health="unhealthy"), id="unhealthy"),
        pytest.param(state(health="starting"), id="starting"),
        pytest.param(state(health="stopped", endpoints=()), id="stopped, its ports gone"),
    ],
)
def test_a_service_without_a_routable_instance_keeps_its_routes(unroutable: ServiceState) -> None:
    made = build(view(on("alpha", unroutable)))

    assert servers(made) == {"web.example.org": [], "web.alpha.example.org": []}
    assert made.rejected == ()


def test_a_dead_or_cordoned_node_gets_no_requests() -> None:
    made = build(
        view(
            *(on(node, state()) for node in ("alpha", "beta", "gamma")),
            members=(member("alpha"), member("beta", "dead"), member("gamma")),
            nodes=(node_state("gamma", cordoned=True),),
        )
    )

    assert {*made.routed} == {("web", "alpha", "web")}
    assert servers(made)["web.beta.example.org"] == []


@pytest.mark.parametrize(
    ("service_state", "url"),
    [
        pytest.param(
            state(endpoints=(endpoint(8080, 1), endpoint(80, 2))),
            "http://127.0.0.1:2",
            id="the lowest port of the container",
        ),
        pytest.param(
            state(endpoints=(endpoint(80, 1), endpoint(8080, 2)), **WITH_PORT),
            "http://127.0.0.1:2",
            id="the port that the label names",
        ),
        pytest.param(
            state(endpoints=(endpoint(22, 1), endpoint(3000, 2))),
            "http://127.0.0.1:2",
            id="not SSH, though it is lower",
        ),
        pytest.param(
            state(endpoints=(endpoint(host="fd00::0:1"),)), "http://[fd00::1]:8080", id="IPv6"
        ),
        pytest.param(
            state(http__services__web__loadbalancer__server__scheme="https"),
            "https://127.0.0.1:8080",
            id="the scheme that the label names",
        ),
        pytest.param(
            state(
                endpoints=(
                    Endpoint(
                        protocol="tcp", host="a.lan", port=9, container_port=5432, scheme="https"
                    ),
                )
            ),
            "https://a.lan:9",
            id="a scheme that is known says that it is HTTP",
        ),
        pytest.param(
            state(
                endpoints=(
                    Endpoint(protocol="udp", host="127.0.0.1", port=1, container_port=70),
                    endpoint(),
                )
            ),
            "http://127.0.0.1:8080",
            id="never a UDP port",
        ),
    ],
)
def test_which_server_gets_the_requests(service_state: ServiceState, url: str) -> None:
    assert servers(build(view(on("alpha", service_state))))["web.example.org"] == [url]


@pytest.mark.parametrize(
    "service_state",
    [
        pytest.param(state(endpoints=(endpoint(5432),)), id="a database"),
        pytest.param(state(endpoints=(), exposed_ports=(6379,)), id="a database, unpublished"),
        pytest.param(state(tcp__routers__x__rule="HostSNI(`*`)"), id="only TCP labels"),
        pytest.param(state(enable="false"), id="switched off"),
        pytest.param(
            state().model_copy(
                update={"labels": (Label(name="constellation.http", value="false"),)}
            ),
            id="HTTP switched off",
        ),
        pytest.param(
            state(endpoints=(Endpoint(protocol="udp", host="1.1.1.1", port=1, container_port=1),)),
            id="UDP only",
        ),
    ],
)
def test_a_service_that_does_not_speak_http_gets_no_router(service_state: ServiceState) -> None:
    made = build(view(on("alpha", service_state)))

    assert servers(made) == {}
    assert not [
        item for item in made.rejected if "publish" in item.reason and "HTTP" in item.reason
    ]


@pytest.mark.scenario(25)
@pytest.mark.parametrize(
    ("broken", "label", "reason"),
    [
        (state("bad", endpoints=()), "", "no TCP port is published"),
        (state("bad", endpoints=(endpoint(host="0.0.0.0"),)), "", "cannot reach the address"),
        (
            state("bad", http__services__x__loadbalancer__server__port="http"),
            "traefik.http.services.x.loadbalancer.server.port",
            "is not a port",
        ),
        (
            state("bad", http__services__x__loadbalancer__server__port="81"),
            "traefik.http.services.x.loadbalancer.server.port",
            "port 81 of the container is not published; published: 80",
        ),
        (state("\u00e9t\u00e9"), "", "host name"),
        (state("bad", enable="perhaps"), "traefik.enable", "neither true nor false"),
    ],
)
def test_a_broken_instance_affects_no_other(broken: ServiceState, label: str, reason: str) -> None:
    made = build(view(on("alpha", broken), on("alpha", state())))

    assert set(servers(made)) == {"web.example.org", "web.alpha.example.org"}
    (rejection,) = made.rejected
    assert (rejection.service, rejection.node) == (broken.service, "alpha")
    assert rejection.label == label
    assert reason in rejection.reason
    assert rejection.remedy


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ({"rule": "Host("}, "rule"),
        ({"rule": "Host(`a`)", "priority": "high"}, "priority"),
        ({"rule": "Host(`a`)", "entrypoints": "nowhere"}, "entrypoints"),
        ({"rule": "Host(`a`)", "service": "other"}, "service"),
    ],
)
def test_a_broken_router_is_left_out_without_a_replacement(
    labels: dict[str, str], label: str
) -> None:
    named: dict[str, Any] = {f"http__routers__x__{name}": value for name, value in labels.items()}

    made = build(view(on("alpha", state(**named))))

    assert servers(made) == {}
    assert [item.label for item in made.rejected] == [f"traefik.http.routers.x.{label}"]


def test_a_router_from_labels_replaces_the_default_routers() -> None:
    named: dict[str, Any] = {
        "HTTP__Routers__x__Rule": "Host(`a`) && PathPrefix(`/x`)",
        "http__routers__x__entryPoints": "web, internal",
        "http__routers__x__priority": "7",
        **WITH_PORT,
    }

    made = build(
        view(on("alpha", state(endpoints=(endpoint(8080, 1),), **named))),
        entry_points=("internal",),
    )

    assert json.loads(made.body)["http"]["routers"]["x"] == {
        "rule": "Host(`a`) && PathPrefix(`/x`)",
        "entryPoints": ["web", "internal"],
        "priority": 7,
        "service": "web",
        "middlewares": ["constellation.retry"],
    }
    assert servers(made) == {"x": ["http://127.0.0.1:1"]}


def test_a_router_with_a_missing_middleware_has_no_unguarded_replacement() -> None:
    named: dict[str, Any] = {
        "http__routers__x__rule": "Host(`a`)",
        "http__routers__x__middlewares": "auth",
    }

    made = build(view(on("alpha", state(**named))))

    assert servers(made) == {}
    assert [item.label for item in made.rejected] == ["traefik.http.routers.x.middlewares"]


def test_conflicting_definitions_of_a_router_resolve_to_the_newest_deployment() -> None:
    made = build(
        view(
            on("beta", state(http__routers__x__rule="Host(`a`) || Host(`b`)")),
            on(
                "alpha",
                state(http__routers__x__rule="Host(`a`)", health="unhealthy").model_copy(
                    update={"created_at_utc_s": 2.0}
                ),
            ),
        )
    )

    assert json.loads(made.body)["http"]["routers"]["x"]["rule"] == "Host(`a`)"
    assert [(item.node, item.label) for item in made.rejected] == [
        ("beta", "traefik.http.routers.x")
    ]


def test_a_cluster_without_services_has_a_body_that_is_not_empty() -> None:
    made = build(view())

    assert check_body(made.body).http
    assert servers(made) == {}


def test_without_retries_there_is_no_middleware() -> None:
    made = build(view(on("alpha", state())), retry_attempts=0)

    assert "middlewares" not in json.loads(made.body)["http"]
    check_body(made.body)


def test_retry_after_502_is_sent_only_to_a_traefik_that_supports_it() -> None:
    seen = view(on("alpha", state()))
    retries = {
        version: json.loads(build(seen, version=version).body)["http"]["middlewares"][
            "constellation.retry"
        ]["retry"]
        for version in ("3.0", "3.7")
    }

    assert "status" not in retries["3.0"]
    assert retries["3.7"] == retries["3.0"] | {"status": ["502"]}


def test_usual_http_ports_are_not_excluded() -> None:
    assert not NOT_HTTP_PORTS & {80, 443, 3000, 8000, 8080, 8081, 8443, 9000, 9090}


def test_labels_that_our_code_cannot_read_leave_out_their_instance_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails_for_blog(of: Planned, settings: TraefikSettings) -> InstancePlan:
        if of.labels:
            raise RecursionError("a rule with a s3cr3t")
        return plan_instance(of, settings)

    monkeypatch.setattr(plans, "plan_instance", fails_for_blog)

    made = build(
        view(
            on("alpha", state(endpoints=(endpoint(host="10.0.0.1"),))),
            on("alpha", state("blog", endpoints=(endpoint(host="10.0.0.1"),), enable="true")),
        )
    )

    assert "web.example.org" in servers(made)
    assert "blog.example.org" not in servers(made)
    (rejected,) = made.rejected
    assert (rejected.service, rejected.is_sent) == ("blog", False)
    assert rejected.reason.endswith("a fault of the agent (RecursionError)")
