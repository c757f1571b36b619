"""Parsing of Docker's containers: state, name, ports, labels, and invalid data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.monitor.claims import winning_claim
from constellation.monitor.container import (
    LABEL_VALUE_BYTES_MAX,
    LABELS_BYTES_MAX,
    LABELS_MAX,
    Container,
    Unreadable,
    kept_labels,
    read_container,
)
from constellation.monitor.container_row import read_row
from constellation.monitor.docker_event import read_event
from constellation.monitor.published_ports import ENDPOINTS_MAX, PublishPolicy, endpoints
from constellation.monitor.service_name import (
    NAME_CHARACTERS_MAX,
    instance_name,
    service_name,
    within_limit,
)
from constellation.monitor.watch_labels import is_watched
from messages.monitor import Label
from tests.monitor.builders import observation

TAILNET = PublishPolicy(bind_address="100.64.0.1", publish_address="100.64.0.9")
LOOPBACK = PublishPolicy(bind_address="127.0.0.1", publish_address="127.0.0.1")


def found(**parts: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "Id": "abc",
        "Name": "/proj_web_1",
        "Created": "2026-01-02T03:04:05.123456789Z",
        "State": {"Status": "running", "Running": True},
        "Config": {"Image": "nginx:1", "Labels": {}},
        "NetworkSettings": {"Ports": {}, "Networks": {"web": {}, "db": {}}},
    }
    return {**known, **parts}


def read(**parts: Any) -> Container:
    container = read_container(found(**parts), TAILNET)
    assert isinstance(container, Container)
    return container


@pytest.mark.parametrize(
    ("state", "phase", "check", "detail"),
    [
        pytest.param({"Running": True}, "running", "none", "", id="no check"),
        pytest.param(
            {"Running": True, "Health": {"Status": "starting"}},
            *("running", "starting", ""),
            id="starting",
        ),
        pytest.param(
            {"Running": True, "Health": {"Status": "unhealthy", "Log": [{"ExitCode": 7}]}},
            *("running", "failing", "health check failing, last exit code 7"),
            id="unhealthy",
        ),
        pytest.param(
            {"Running": True, "Health": {"Status": "unhealthy", "Log": None}},
            *("running", "failing", "health check failing"),
            id="unhealthy without a log",
        ),
        pytest.param({"Running": True, "Paused": True}, "paused", "none", "paused", id="paused"),
        pytest.param(
            {"Status": "exited", "ExitCode": 137, "OOMKilled": True},
            *("stopped", "none", "exited with code 137, out of memory"),
            id="out of memory",
        ),
        pytest.param(
            {"Status": "restarting", "Running": True, "Restarting": True, "ExitCode": 1},
            *("stopped", "none", "exited with code 1, restarting"),
            id="restarting",
        ),
        pytest.param(
            {"Status": "created"}, "created", "none", "created, never started", id="created"
        ),
    ],
)
def test_state_is_read(state: dict[str, Any], phase: str, check: str, detail: str) -> None:
    container = read(State=state)

    seen = container.observation
    assert (container.phase, seen.check, seen.detail) == (phase, check, detail)
    assert (seen.running, seen.paused) == (phase == "running", phase == "paused")


def test_output_of_a_health_check_is_not_published() -> None:
    log = [{"ExitCode": 1, "Output": "cannot log in as admin:hunter2"}]

    container = read(State={"Running": True, "Health": {"Status": "unhealthy", "Log": log}})

    assert "hunter2" not in container.observation.model_dump_json()


def test_networks_image_and_time_are_read() -> None:
    seen = read().observation

    assert (seen.networks, seen.image) == (("db", "web"), "nginx:1")
    assert seen.created_at_utc_s == pytest.approx(1767323045.123456)


@pytest.mark.parametrize(
    ("host_ip", "policy", "host"),
    [
        pytest.param("0.0.0.0", TAILNET, "100.64.0.9", id="all interfaces"),
        pytest.param("::", TAILNET, "100.64.0.9", id="all interfaces, IPv6"),
        pytest.param("", TAILNET, "100.64.0.9", id="unsaid means all"),
        pytest.param("100.64.0.3", TAILNET, "100.64.0.3", id="one address"),
        pytest.param("127.0.0.1", TAILNET, "", id="loopback is not reached from other nodes"),
        pytest.param("::1", TAILNET, "", id="nor is that of IPv6"),
        pytest.param("127.0.0.5", LOOPBACK, "127.0.0.5", id="unless all nodes are on this host"),
        pytest.param("0.0.0.0", LOOPBACK, "127.0.0.1", id="all interfaces of a loopback node"),
    ],
)
def test_published_port_has_an_endpoint(host_ip: str, policy: PublishPolicy, host: str) -> None:
    assert policy.host_for(host_ip) == host


def test_endpoints_are_unique_and_ordered_by_port() -> None:
    ports = {
        "443/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8443"},
            {"HostIp": "::", "HostPort": "8443"},
        ],
        "53/udp": [{"HostIp": "100.64.0.1", "HostPort": "53"}],
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}],
        "9000/tcp": None,
    }

    found = endpoints(ports, TAILNET)

    assert [(item.protocol, item.host, item.port, item.container_port) for item in found] == [
        ("udp", "100.64.0.1", 53, 53),
        ("tcp", "", 80, 80),  # only this host reaches it
        ("tcp", "100.64.0.9", 8443, 443),
    ]


def test_container_on_the_host_network_publishes_its_own_ports() -> None:
    labels = {
        "traefik.http.services.web.loadbalancer.server.port": "8096",
        "traefik.udp.services.web.loadbalancer.server.port": "1900",
        "traefik.http.services.other.loadbalancer.server.port": "eighty",
    }
    config = {"ExposedPorts": {"80/tcp": {}}, "Labels": labels}

    running = read(Config=config, HostConfig={"NetworkMode": "host"})
    exited = read(Config=config, HostConfig={"NetworkMode": "host"}, State={"Status": "exited"})

    assert [
        (item.protocol, item.host, item.port, item.container_port)
        for item in running.observation.endpoints
    ] == [
        ("tcp", "100.64.0.9", 80, 80),
        ("udp", "100.64.0.9", 1900, 1900),
        ("tcp", "100.64.0.9", 8096, 8096),
    ]
    assert exited.observation.endpoints == ()


def test_exposed_ports_are_split_by_protocol_and_sorted() -> None:
    ports = ("8080/tcp", "80/tcp", "80", "514/udp", "53/udp", "9/sctp")
    config: dict[str, Any] = {"ExposedPorts": {port: {} for port in ports}}

    seen = read(Config=config).observation

    assert (seen.exposed_ports, seen.exposed_udp_ports) == ((80, 8080), (53, 514))


def test_number_of_exposed_ports_is_limited() -> None:
    config: dict[str, Any] = {
        "ExposedPorts": {f"{port}/udp": {} for port in range(1, 2 * ENDPOINTS_MAX)}
    }

    assert len(read(Config=config).observation.exposed_udp_ports) == ENDPOINTS_MAX


COMPOSE = {"com.docker.compose.project": "proj", "com.docker.compose.service": "web"}
ONE_OFF = {"com.docker.compose.oneoff": "True", **COMPOSE}


@pytest.mark.case("R2")
@pytest.mark.parametrize(
    ("name", "labels", "service", "instance"),
    [
        pytest.param("proj_web_1", {}, "proj_web_1", "proj_web_1", id="no label"),
        pytest.param("Web.Example", {}, "Web.Example", "Web.Example", id="not changed"),
        pytest.param("web-1", {"constellation.service": " Shop "}, "Shop", "web-1", id="own label"),
        pytest.param("web-1", {"Constellation.Service": "shop"}, "shop", "web-1", id="in any case"),
        pytest.param("proj-web-2", COMPOSE, "web-proj", "proj-web-2", id="compose"),
        pytest.param("any", COMPOSE, "web-proj", "any", id="compose, container_name"),
        pytest.param(
            "proj-web-2", {**COMPOSE, "constellation.service": "x"}, "x", "proj-web-2", id="both"
        ),
        pytest.param("0123456789ab_w", COMPOSE, "web-proj", "w", id="compose is replacing it"),
        pytest.param(
            "0123456789ab_w", {"com.docker.compose.project": "proj"}, "w", "w", id="half of compose"
        ),
        pytest.param("0123456789ab_w", {}, "0123456789ab_w", "0123456789ab_w", id="not by compose"),
    ],
)
def test_service_and_instance_are_named_by_labels_or_the_container(
    name: str, labels: dict[str, str], service: str, instance: str
) -> None:
    assert (service_name(name, labels), instance_name(name, labels)) == (service, instance)


@pytest.mark.case("O3")
@given(st.text(min_size=1), st.text(min_size=1))
def test_different_names_stay_different_within_the_limit_of_gossip(one: str, other: str) -> None:
    long = [within_limit("x" * NAME_CHARACTERS_MAX + end) for end in (one, other)]

    assert (long[0] == long[1]) == (one == other)
    assert all(len(name) == NAME_CHARACTERS_MAX for name in long)
    assert within_limit(one[:NAME_CHARACTERS_MAX]) == one[:NAME_CHARACTERS_MAX]


@pytest.mark.parametrize(
    ("labels", "watched"),
    [
        pytest.param({}, False, id="no label"),
        pytest.param({"traefik.enable": "true"}, True, id="Traefik's"),
        pytest.param({"traefik.Enable": "True"}, True, id="in any case"),
        pytest.param({"constellation.enable": "true"}, True, id="ours"),
        pytest.param({"traefik.enable": "false"}, False, id="said no"),
        pytest.param(
            {"traefik.enable": "true", **ONE_OFF}, False, id="a job", marks=pytest.mark.case("R4")
        ),
        pytest.param({"constellation.enable": "true", **ONE_OFF}, True, id="a job that serves"),
    ],
)
def test_watch_labels_select_containers(labels: dict[str, str], *, watched: bool) -> None:
    assert is_watched(labels, "enabled") is watched
    assert is_watched(labels, "all") is (watched or "com.docker.compose.oneoff" not in labels)


def test_labels_without_use_on_other_nodes_are_not_published() -> None:
    kept, left_out = kept_labels(
        {
            "com.docker.compose.project.working_dir": "/root/secret",
            "com.docker.compose.project": "proj",
            "org.opencontainers.image.source": "x",
            "b": "2",
            "a": "1",
        }
    )

    assert [label.name for label in kept] == ["a", "b", "com.docker.compose.project"]
    assert left_out == ()


def test_label_with_a_long_value_is_omitted_and_reported() -> None:
    long = "x" * (LABEL_VALUE_BYTES_MAX + 1)

    container = read(Config={"Labels": {"traefik.http.routers.web.rule": long, "a": "1"}})

    assert container.observation.labels == (Label(name="a", value="1"),)
    assert container.labels_left_out == ("traefik.http.routers.web.rule",)


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=300), max_size=400))
def test_labels_stay_within_limits_and_are_never_truncated(labels: dict[str, str]) -> None:
    kept, left_out = kept_labels({**labels, "traefik.enable": "true"})

    size_bytes = sum(len(label.name.encode()) + len(label.value.encode()) for label in kept)
    assert size_bytes <= LABELS_BYTES_MAX
    assert len(kept) <= LABELS_MAX
    assert Label(name="traefik.enable", value="true") in kept
    assert all({**labels, "traefik.enable": "true"}[label.name] == label.value for label in kept)
    assert not {label.name for label in kept} & set(left_out)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"State": None}, id="no state"),
        pytest.param({"Config": "text"}, id="text for an object"),
        pytest.param({"Name": "/"}, id="no name"),
        pytest.param({"Created": "yesterday"}, id="no time"),
        pytest.param({"NetworkSettings": {"Ports": {"http/tcp": []}}}, id="no number"),
        pytest.param(
            {"NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "x", "HostPort": "80"}]}}},
            id="no address",
        ),
        pytest.param(
            {"NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "99999"}]}}},
            id="no port",
        ),
    ],
)
def test_unreadable_container_is_reported_with_the_reason(parts: dict[str, Any]) -> None:
    container = read_container(found(**parts), TAILNET)

    assert isinstance(container, Unreadable)
    assert container.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(found())), JSON)
def test_no_response_of_docker_raises(part: str, value: Any) -> None:
    read_container(found(**{part: value}), TAILNET)
    read_row({"Id": "abc", "State": "running", part: value})
    read_event({"Type": "container", "Action": "die", part: value, "Actor": value})


def test_fingerprint_of_a_row_ignores_the_uptime() -> None:
    row = {"Id": "abc", "State": "running", "Status": "Up 3 seconds (healthy)", "Ports": [1, 2]}

    assert read_row(row) == read_row({**row, "Status": "Up 4 hours (healthy)", "Ports": [2, 1]})
    assert read_row(row) != read_row({**row, "Status": "Up 4 hours (unhealthy)"})
    assert read_row(row) != read_row({**row, "Ports": [1]})


def test_event_names_container_and_action() -> None:
    actor = {"ID": "abc", "Attributes": {"exitCode": "137", "name": "web"}}
    checked = {"ID": "def", "Attributes": {"Constellation.Primary": "Health", "exitCode": "0"}}
    signalled = {"ID": "def", "Attributes": {"signal": "15"}}
    joined = {"ID": "net", "Attributes": {"container": "abc"}}
    read = [
        read_event({"Type": kind, "Action": action, "Actor": subject})
        for kind, action, subject in (
            ("container", "die", actor),
            ("container", "health_status: healthy", actor),
            ("network", "connect", joined),
            ("container", "exec_die", actor),
            ("container", "exec_die", checked),
            ("container", "kill", signalled),
            ("image", "pull", actor),
        )
    ]

    assert [(event.action, event.container_id, event.argument) for event in read if event] == [
        ("die", "abc", "137"),
        ("health_status", "abc", "healthy"),
        ("network_connect", "abc", ""),
        ("exec_die", "def", ""),
        ("kill", "def", "15"),
    ]


def test_winning_claim_is_chosen() -> None:
    old = observation(instance="old", created_at_utc_s=1.0)
    new = observation(instance="new", created_at_utc_s=2.0)
    dead = observation(instance="dead", created_at_utc_s=3.0, running=False)

    assert winning_claim({}, None) is None
    assert winning_claim({"new": new, "old": old, "dead": dead}, None) == old
    assert winning_claim({"new": new, "old": old, "dead": dead}, "new") == new
    assert winning_claim({"new": new, "old": old, "dead": dead}, "dead") == old
    drained = old.model_copy(update={"draining": True})
    assert winning_claim({"new": new, "old": drained, "dead": dead}, "old") == new
    assert winning_claim({"old": drained, "dead": dead}, None) == drained
    assert winning_claim({"dead": dead}, None) == dead
