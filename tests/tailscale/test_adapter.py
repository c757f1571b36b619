"""Failures on the way to tailscaled, and the program that is the fallback."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from actors.adapters import tailnet_address
from actors.adapters import tailscale as adapter
from actors.adapters.tailnet_address import (
    find_seed_hosts,
    wait_for_tailnet_address,
    with_tailnet_address,
)
from actors.adapters.tailscale import ask_tailscale
from constellation.errors import AdapterError
from constellation.settings.agent import Settings
from constellation.settings.tailscale import TailscaleSettings
from tests.tailscale.fake_tailscaled import FakeTailscaled, machine

KEY = "k" * 32
SECRET = "https://login.example/a/0123456789abcdef"


def at(path: Path | str, timeout_s: float = 3.0) -> TailscaleSettings:
    return TailscaleSettings(socket=str(path), request_timeout_s=timeout_s)


def settings(tailscaled: FakeTailscaled, wait_s: float = 0.0, **values: object) -> Settings:
    return Settings(
        node_name="alpha",
        data_dir="/nonexistent",
        cluster_key=SecretStr(KEY),
        tailscale=TailscaleSettings(socket=str(tailscaled.socket), wait_s=wait_s),
        **{"bind_address": "tailscale", **values},
    )


def why_not(path: Path | str, timeout_s: float = 3.0) -> str:
    with pytest.raises(AdapterError) as refused:
        ask_tailscale(at(path, timeout_s))
    assert refused.value.fix
    return str(refused.value)


def test_tailscaled_is_queried_with_the_host_name_that_it_accepts(
    tailscaled: FakeTailscaled,
) -> None:
    ask_tailscale(at(tailscaled.socket))

    assert tailscaled.requests == [("/localapi/v0/status", "local-tailscaled.sock")]


@pytest.mark.parametrize("path", ["/nonexistent/x.sock", "/etc/hostname", "x" * 300])
def test_path_that_is_not_a_socket_is_an_error(path: str) -> None:
    assert "tailscale.socket" in why_not(path)


def test_socket_that_never_answers_times_out(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        assert "no answer in time" in why_not(path, timeout_s=0.1)


def test_socket_of_another_program_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def greet() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(b"220 mail ready\r\n")
                client.recv(4096)  # until all is read: who asks would write into a closed socket

        thread = threading.Thread(target=greet)
        thread.start()
        assert "does not speak HTTP" in why_not(path)
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, b"access denied", "HTTP status 403"),
        (200, b"", "it is not JSON"),
        (200, b"{" * 100_000, "it is not JSON"),
        (200, b"[]", "BackendState"),
        (200, b'{"AuthURL": "' + SECRET.encode() + b'"}', "BackendState"),
        (200, b" " * (adapter.ANSWER_BYTES_MAX + 1), "longer than"),
    ],
)
def test_invalid_response_is_an_error_that_does_not_repeat_it(
    tailscaled: FakeTailscaled, status: int, body: bytes, said: str
) -> None:
    tailscaled.answer = (status, body)

    why = why_not(tailscaled.socket)

    assert said in why
    assert SECRET not in why


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "tailscale"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(adapter, "PROGRAM", str(path))


def test_program_is_run_if_the_socket_cannot_be_used(
    tailscaled: FakeTailscaled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailscaled.up()
    said = json.dumps(tailscaled.status)
    (tmp_path / "said").write_text(said)
    program(tmp_path, monkeypatch, f'[ "$*" = "status --json" ] && cat {tmp_path}/said')

    assert ask_tailscale(at("/nonexistent/x.sock")).this.addresses[0] == "100.64.0.1"


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 1", "ends with 1"), ("echo no", "it is not JSON"), ("sleep 5", "no such file")],
)
def test_failing_program_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    program(tmp_path, monkeypatch, script)

    assert said in why_not("/nonexistent/x.sock", timeout_s=0.5)


# The address that is bound to.


@pytest.fixture(autouse=True)
def interfaces(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the addresses that this machine's interfaces have; a test may change them."""
    own = {"100.64.0.1", "fd7a:115c:a1e0::1"}
    monkeypatch.setattr(tailnet_address, "is_own_address", own.__contains__)
    return own


@pytest.mark.case("S8")
def test_start_waits_until_an_interface_has_the_address(
    tailscaled: FakeTailscaled, interfaces: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailnet_address, "WAIT_SPACING_S", 0.01)
    tailscaled.up()
    interfaces.clear()
    said: list[str] = []

    def say(why: str, fix: str) -> None:
        said.append(f"{why}; {fix}")
        interfaces.add("100.64.0.1")

    found = wait_for_tailnet_address(settings(tailscaled, wait_s=10.0), say=say)

    assert found.bind_address == "100.64.0.1"
    (line,) = said
    assert "no interface of this machine has that address yet; wait" in line


@pytest.mark.case("S8")
def test_start_that_no_interface_comes_for_ends_with_that_reason(
    tailscaled: FakeTailscaled, interfaces: set[str]
) -> None:
    tailscaled.up()
    interfaces.clear()

    with pytest.raises(AdapterError, match=r"no interface of this machine has that address yet"):
        wait_for_tailnet_address(settings(tailscaled), say=never)


@pytest.mark.case("S8")
def test_userspace_networking_is_refused_at_once_with_its_reason(
    tailscaled: FakeTailscaled,
) -> None:
    tailscaled.up()
    tailscaled.status["TUN"] = False

    with pytest.raises(AdapterError, match=r"userspace networking.*TS_USERSPACE=false"):
        wait_for_tailnet_address(settings(tailscaled, wait_s=60.0), say=never)


def test_tailnet_address_replaces_the_word_tailscale(tailscaled: FakeTailscaled) -> None:
    tailscaled.up()
    given = settings(tailscaled, http={"bind_address": "tailscale"})

    found = wait_for_tailnet_address(given, say=never)

    assert (found.bind_address, found.http_bind_address) == ("100.64.0.1", "100.64.0.1")
    assert with_tailnet_address(given).bind_address == "100.64.0.1"
    assert found.discovers_in_tailnet


def test_explicit_address_does_not_need_tailscale() -> None:
    key = SecretStr(KEY)
    given = Settings(node_name="a", data_dir="/x", cluster_key=key, bind_address="10.0.0.1")

    assert with_tailnet_address(given) is given
    assert wait_for_tailnet_address(given, say=never) is given


def test_command_finds_the_agent_while_tailscale_is_stopped(
    tailscaled: FakeTailscaled,
) -> None:
    tailscaled.up()
    tailscaled.down()

    assert with_tailnet_address(settings(tailscaled)).bind_address == "100.64.0.1"


def test_start_waits_for_the_connection_and_reports_why(
    tailscaled: FakeTailscaled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailnet_address, "WAIT_SPACING_S", 0.01)
    said: list[str] = []

    def say(why: str, fix: str) -> None:
        said.append(why)
        assert fix
        if len(said) == 1:
            tailscaled.up()
            tailscaled.down()
        else:
            tailscaled.up()

    found = wait_for_tailnet_address(settings(tailscaled, wait_s=10.0), say=say)

    assert found.bind_address == "100.64.0.1"
    assert said == ["this machine is not logged in", "it is stopped"]


def test_start_that_times_out_reports_the_condition_of_tailscale(
    tailscaled: FakeTailscaled,
) -> None:
    with pytest.raises(AdapterError, match="not logged in") as refused:
        wait_for_tailnet_address(settings(tailscaled), say=never)
    assert refused.value.fix == "run `tailscale up`"

    tailscaled.socket.unlink()
    with pytest.raises(AdapterError, match=r"no such file.*set bind_address to an address"):
        wait_for_tailnet_address(settings(tailscaled), say=never)
    with pytest.raises(AdapterError, match="no such file"):
        with_tailnet_address(settings(tailscaled))


def test_start_waits_for_a_machine_without_an_address(tailscaled: FakeTailscaled) -> None:
    tailscaled.up()
    tailscaled.status["TailscaleIPs"] = []

    with pytest.raises(AdapterError, match="no address yet"):
        wait_for_tailnet_address(settings(tailscaled), say=never)


def test_seed_hosts_are_found_at_once(tailscaled: FakeTailscaled) -> None:
    tailscaled.up()
    tailscaled.set_peers(machine(2, tags=("tag:constellation",)), machine(3))

    bound = wait_for_tailnet_address(settings(tailscaled), say=never)

    assert find_seed_hosts(bound) == ("100.64.0.2",)


def never(why: str, fix: str) -> None:
    raise AssertionError(f"nobody had to wait: {why}")
