"""The address of a container: by label, by network name, by family, or shared."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.monitor.container import Container, Unreadable, read_container
from constellation.monitor.container_address import own_address
from constellation.monitor.published_ports import PublishPolicy

LOCAL = PublishPolicy("127.0.0.1", "127.0.0.1")
WEB = {"traefik.docker.network": "web"}


def on(v4: str = "", v6: str = "") -> dict[str, str]:
    return {"IPAddress": v4, "GlobalIPv6Address": v6}


@pytest.mark.parametrize(
    ("networks", "labels", "host"),
    [
        pytest.param({}, {}, "", id="no network"),
        pytest.param({"a": on("172.18.0.2")}, {}, "172.18.0.2", id="one"),
        pytest.param({"b": on("10.0.0.2"), "a": on("10.0.1.2")}, {}, "10.0.1.2", id="by name"),
        pytest.param({"a": on("10.0.0.2"), "web": on("10.0.1.2")}, WEB, "10.0.1.2", id="named"),
        pytest.param(
            {"a": on("10.0.0.2"), "web": on("10.0.1.2")},
            {"Traefik.Docker.Network": "web"},
            "10.0.1.2",
            id="named, in any case of the label",
        ),
        pytest.param({"a": on("10.0.0.2")}, WEB, "10.0.0.2", id="named, but not on it"),
        pytest.param({"a": on("10.0.0.2"), "web": on()}, WEB, "", id="named, without an address"),
        pytest.param({"web": on(v6="fd00::2")}, WEB, "fd00::2", id="named, IPv6 only"),
        pytest.param(
            {"a": on(v6="fd00::2"), "b": on("10.0.0.2")}, {}, "10.0.0.2", id="IPv4 comes first"
        ),
        pytest.param({"a": on(), "b": on(v6="fd00:0::2")}, {}, "fd00::2", id="else IPv6"),
        pytest.param({"host": on()}, {}, "", id="the host's network"),
        pytest.param({"none": on()}, {}, "", id="no network at all"),
        pytest.param({"a": None, "b": on("nonsense")}, {}, "", id="nonsense"),
    ],
)
def test_address_is_chosen_from_the_networks(
    networks: dict[str, Any], labels: dict[str, str], host: str
) -> None:
    assert own_address(networks, labels).host == host


def found(state: dict[str, Any], mode: str = "bridge") -> dict[str, Any]:
    return {
        "Id": "abc",
        "Name": "/web",
        "State": state,
        "Config": {"Image": "x"},
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Ports": {}, "Networks": {"a": on("10.0.0.2")}},
    }


@pytest.mark.parametrize(
    ("state", "host"),
    [
        pytest.param({"Running": True}, "10.0.0.2", id="running"),
        pytest.param({"Running": True, "Paused": True}, "10.0.0.2", id="paused"),
        pytest.param({"Status": "exited"}, "", id="exited"),
        pytest.param({"Status": "created"}, "", id="created"),
    ],
)
def test_only_a_running_container_has_an_address(state: dict[str, Any], host: str) -> None:
    container = read_container(found(state), LOCAL)

    assert isinstance(container, Container)
    assert container.observation.container_host == host
    assert container.stopped("").observation.container_host == ""


def test_container_whose_host_configuration_has_an_unknown_format_is_unreadable() -> None:
    assert isinstance(
        read_container({**found({"Running": True}), "HostConfig": ["host"]}, LOCAL), Unreadable
    )
