"""Settings from file, environment and command line: precedence and defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from constellation.errors import ConfigError
from constellation.settings.source import environment_name
from scripts.settings_reference import ROOT, Setting, all_settings
from tests.settings.loading import KEY, load

Write = Callable[[str, str | bytes], Path]


def test_command_line_precedes_environment_precedes_file_precedes_default(
    write: Write,
) -> None:
    file = write("agent.toml", "[gossip]\nport = 1001\nprobe_interval_s = 2.0\ngossip_nodes = 5\n")
    environ = {"CONSTELLATION_GOSSIP__PORT": "1002", "CONSTELLATION_GOSSIP__GOSSIP_NODES": "6"}

    settings = load("gossip.port=1003", file=file, environ=environ)

    assert settings.gossip.port == 1003
    assert settings.gossip.gossip_nodes == 6
    assert settings.gossip.probe_interval_s == 2.0
    assert settings.gossip.gossip_interval_s == 0.2


def test_environment_can_name_the_file(write: Write) -> None:
    file = write("agent.toml", 'node_name = "of-the-file"\n')

    assert load(environ={"CONSTELLATION_CONFIG": str(file)}).node_name == "of-the-file"


@pytest.mark.parametrize("name", ["agent.toml", "agent.yaml", "agent.yml"])
def test_toml_and_yaml_files_give_the_same_settings(write: Write, name: str) -> None:
    toml = 'domain = "example.org"\n[gossip]\nseeds = ["10.0.0.1:7946"]\n'
    yaml = "domain: example.org\ngossip:\n  seeds: ['10.0.0.1:7946']\n"

    settings = load(file=write(name, toml if name.endswith("toml") else yaml))

    assert settings.domain == "example.org"
    assert settings.gossip.seeds == ("10.0.0.1:7946",)


@pytest.mark.parametrize(
    "setting",
    [setting for setting in all_settings() if setting.default is not None],
    ids=lambda setting: setting.path,
)
def test_every_default_can_be_written_in_the_environment_and_on_the_command_line(
    setting: Setting,
) -> None:
    is_text = isinstance(setting.default, str)
    text = setting.default if is_text else json.dumps(setting.default)

    assert load(f"{setting.path}={text}") == load()
    assert load(environ={setting.environment_name: text}) == load()
    assert environment_name(setting.path) == setting.environment_name


@pytest.mark.parametrize("name", ["agent.toml", "agent.yaml"])
def test_file_may_begin_with_a_byte_order_mark(write: Write, name: str) -> None:
    text = "domain = 'a'" if name.endswith("toml") else "domain: a"

    assert load(file=write(name, f"\ufeff{text}\n")).domain == "a"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent.toml", "# nothing\n[gossip]\n"),
        ("agent.yaml", "# nothing\n"),
        ("agent.yaml", "gossip:\n  # port: 1\n"),
    ],
)
def test_file_of_comments_changes_nothing(write: Write, name: str, text: str) -> None:
    assert load(file=write(name, text)) == load()


def test_later_assignment_wins() -> None:
    assert load("priority=1", "priority=2").priority == 2


def test_value_of_an_assignment_may_hold_an_equals_sign() -> None:
    assert load("docker.socket=/a=b").docker.socket == "/a=b"


@pytest.mark.parametrize("name", ["cluster_key", "cluster_key_file", "http.bind_address"])
def test_empty_text_unsets_an_optional_setting(write: Write, name: str) -> None:
    file = write("agent.toml", f'cluster_key = "{KEY}"\n') if name == "cluster_key" else None

    assert load(file=file, environ={environment_name(name): ""}) == load()


def test_text_of_the_environment_is_converted_to_the_type_of_the_setting() -> None:
    services = [{"name": "web", "address": "127.0.0.1:80", "check": "http", "interval_s": 2}]
    settings = load(
        environ={
            "CONSTELLATION_STATIC_SERVICES": json.dumps(services),
            "CONSTELLATION_DOCKER__ENABLED": "false",
            "CONSTELLATION_GOSSIP__SEEDS": '["10.0.0.1:7946", "10.0.0.2:7946"]',
            "CONSTELLATION_SUPERVISOR__PING_INTERVAL_S": "0.5",
            "PATH": "/bin",
        }
    )

    assert settings.static_services[0].interval_s == 2.0
    assert settings.docker.enabled is False
    assert settings.gossip.seeds == ("10.0.0.1:7946", "10.0.0.2:7946")
    assert settings.supervisor.ping_interval_s == 0.5


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Alpha", "alpha"),
        ("host_1.example.org", "host-1"),
        ("-odd-", "odd"),
        ("...", "node"),
        ("a" * 80, "a" * 63),
    ],
)
def test_node_name_defaults_to_the_host_name(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)

    assert load().node_name == name


def test_data_directory_of_a_user_defaults_to_their_state_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/somebody")

    assert load().data_dir == "/home/somebody/.local/state/constellation"
    assert load(environ={"HOME": "/home/b"}).data_dir == "/home/b/.local/state/constellation"
    assert load(environ={"XDG_STATE_HOME": "/state"}).data_dir == "/state/constellation"
    assert load(environ={"XDG_STATE_HOME": "state"}).data_dir.startswith("/home/somebody/")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load().data_dir == "/var/lib/constellation"


def test_user_without_a_home_must_set_the_data_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", home)

    assert load("data_dir=/data").data_dir == "/data"
    with pytest.raises(ConfigError, match="set data_dir"):
        load()


@pytest.mark.parametrize("name", ["agent.toml.example", "agent.env.example"])
def test_examples_load_as_shipped_and_with_every_line_uncommented(write: Write, name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()
    lines = [line.removeprefix("#") for line in text.splitlines() if not line.startswith("# ")]
    lines = [line for line in lines if not line.lower().endswith(('cluster_key = ""', "_key="))]
    lines = [line for line in lines if "tls_" not in line.lower()]  # not of a Unix socket
    if name.endswith("toml.example"):
        assert load(file=write("agent.toml", text)) == load()
        assert load(file=write("all.toml", "\n".join(lines))).node_name == "alpha"
        return
    environ = dict(line.split("=", 1) for line in lines if "=" in line)
    assert len(environ) > 60
    assert load(environ=environ).node_name == "alpha"
