"""What a node can use and this host lacks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.adapters.parts import MissingPart, find_missing
from constellation.settings.agent import Settings
from tests.monitor.builders import settings

KEY = "k" * 32


def missing(given: Settings) -> dict[str, MissingPart]:
    found = find_missing(given)
    by_name = {one.part: one for one in found}
    assert len(by_name) == len(found), "a part was named twice"
    assert all(one.why and one.fix for one in found)
    return by_name


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "listening.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        yield path


NO_TAILSCALE = {"socket": "/nonexistent/tailscaled.sock"}


def test_docker_that_listens_is_present(listening: Path) -> None:
    assert "docker" not in missing(settings(docker={"socket": str(listening)}))


@pytest.mark.parametrize("path", ["/nonexistent/docker.sock", "/etc/hostname", "x" * 300, "\ud800"])
def test_docker_that_does_not_listen_is_missing(path: str) -> None:
    assert path in missing(settings(docker={"socket": path}))["docker"].why


def test_docker_that_has_died_is_missing_despite_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))

    assert "nobody listens" in missing(settings(docker={"socket": str(path)}))["docker"].why


def test_disabled_docker_is_not_missing() -> None:
    given = settings(docker={"enabled": False, "socket": "/nonexistent/docker.sock"})

    assert "docker" not in missing(given)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1"])
def test_tailscale_is_missing_on_a_node_bound_to_loopback(address: str) -> None:
    given = settings(bind_address=address, tailscale=NO_TAILSCALE)
    found = missing(given)["tailscale"]

    assert "does not run here" in found.why


def test_tailscale_that_runs_but_is_not_used_is_reported(listening: Path) -> None:
    found = missing(settings(tailscale={"socket": str(listening)}))["tailscale"]

    assert "through Tailscale" in found.why
    assert "bind_address" in found.fix


def test_tailscale_is_not_missing_on_a_node_that_others_reach() -> None:
    assert "tailscale" not in missing(settings(bind_address="100.64.0.1", cluster_key=KEY))


def test_disabled_tailscale_is_not_missing() -> None:
    assert "tailscale" not in missing(settings(tailscale={"enabled": False}))


def test_dns_is_missing_only_where_no_zone_is_set() -> None:
    found = missing(settings())["dns"]

    assert "no DNS records follow the cluster" in found.why
    assert "dns.zones" in found.fix
    dns = {"zones": [{"name": "home.example"}], "cloudflare": {"api_token": "t"}}
    assert "dns" not in missing(settings(domain="home.example", dns=dns))
