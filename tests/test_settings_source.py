"""Settings from file, environment and command line: who wins, and what a wrong one is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.config import Settings
from constellation.errors import ConfigError
from constellation.settings_source import environment_name, load_settings
from scripts.settings_reference import all_settings

ROOT = Path(__file__).parent.parent
KEY = "a-secret-that-nobody-must-read-anywhere"


def load(
    *assignments: str, file: str | Path | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    return load_settings(
        config_file=str(file) if file else None, assignments=assignments, environ=environ or {}
    )


def refusal(
    *assignments: str, file: str | Path | None = None, environ: Mapping[str, str] | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        load(*assignments, file=file, environ=environ)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def make(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return make


# Who wins.


def test_command_line_wins_over_environment_over_file_over_default(
    write: Callable[[str, str], Path],
) -> None:
    file = write("agent.toml", "[gossip]\nport = 1001\nprobe_interval_s = 2.0\ngossip_nodes = 5\n")
    environ = {"CONSTELLATION_GOSSIP__PORT": "1002", "CONSTELLATION_GOSSIP__GOSSIP_NODES": "6"}

    settings = load("gossip.port=1003", file=file, environ=environ)

    assert settings.gossip.port == 1003
    assert settings.gossip.gossip_nodes == 6
    assert settings.gossip.probe_interval_s == 2.0
    assert settings.gossip.gossip_interval_s == 0.2


def test_environment_can_name_the_file(write: Callable[[str, str], Path]) -> None:
    file = write("agent.toml", 'node_name = "of-the-file"\n')

    assert load(environ={"CONSTELLATION_CONFIG": str(file)}).node_name == "of-the-file"


@pytest.mark.parametrize("name", ["agent.toml", "agent.yaml", "agent.yml"])
def test_toml_and_yaml_say_the_same(write: Callable[[str, str], Path], name: str) -> None:
    toml = 'domain = "example.org"\n[gossip]\nseeds = ["10.0.0.1:7946"]\n'
    yaml = "domain: example.org\ngossip:\n  seeds: ['10.0.0.1:7946']\n"

    settings = load(file=write(name, toml if name.endswith("toml") else yaml))

    assert settings.domain == "example.org"
    assert settings.gossip.seeds == ("10.0.0.1:7946",)


def test_texts_of_the_environment_become_what_the_setting_is() -> None:
    services = [{"name": "web", "address": "127.0.0.1:80", "check": "http", "interval_s": 2}]
    settings = load(
        environ={
            "CONSTELLATION_STATIC_SERVICES": json.dumps(services),
            "CONSTELLATION_DOCKER__ENABLED": "false",
            "CONSTELLATION_GOSSIP__SEEDS": '["10.0.0.1:7946", "10.0.0.2:7946"]',
            "CONSTELLATION_METRICS_INTERVAL_S": "0.5",
            "PATH": "/bin",
        }
    )

    assert settings.static_services[0].interval_s == 2.0
    assert settings.docker.enabled is False
    assert settings.gossip.seeds == ("10.0.0.1:7946", "10.0.0.2:7946")
    assert settings.metrics_interval_s == 0.5


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
def test_node_is_named_after_its_host(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)

    assert load().node_name == name


def test_data_directory_of_a_user_is_in_their_own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/somebody")

    assert load().data_dir == "/home/somebody/.local/state/constellation"
    assert load(environ={"XDG_STATE_HOME": "/state"}).data_dir == "/state/constellation"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load().data_dir == "/var/lib/constellation"


@pytest.mark.parametrize("name", ["agent.toml.example", "agent.env.example"])
def test_examples_load_as_they_are_and_with_every_line_taken_in(
    write: Callable[[str, str], Path], name: str
) -> None:
    text = (ROOT / "deploy" / name).read_text()
    lines = [line.removeprefix("#") for line in text.splitlines() if not line.startswith("# ")]
    lines = [line for line in lines if not line.lower().endswith(('cluster_key = ""', "_key="))]
    if name.endswith("toml.example"):
        assert load(file=write("agent.toml", text)) == load()
        assert load(file=write("all.toml", "\n".join(lines))).node_name == "alpha"
        return
    environ = dict(line.split("=", 1) for line in lines if "=" in line)
    assert len(environ) > 60
    assert load(environ=environ).node_name == "alpha"


# What a wrong one is told.


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        pytest.param(["gossip.prot=1"], ["gossip.prot", "gossip.port?"], id="misspelt"),
        pytest.param(["nodename=a"], ["nodename", "node_name?"], id="misspelt at the top"),
        pytest.param(["gossip=1"], ["gossip", "it is a group"], id="a group"),
        pytest.param(["gossip.port"], ["--set NAME=VALUE"], id="no value"),
        pytest.param(["gossip.port=high"], ["gossip.port", "by --set", "'high'"], id="no number"),
        pytest.param(["gossip.port=70000"], ["gossip.port", "65535"], id="out of range"),
        pytest.param(["bind_address=0.0.0.0"], ["bind_address", "every interface"], id="too wide"),
        pytest.param(["gossip.seeds=[1"], ["gossip.seeds", "by --set", "as JSON"], id="no JSON"),
        pytest.param(
            ["gossip.probe_timeout_s=3"], ["gossip", "must be below probe_interval_s"], id="related"
        ),
        pytest.param(
            ['static_services=[{"name": "a", "address": "1:2"}, {"name": "b"}]'],
            ["static_services[1].address", "by --set", "required"],
            id="in a list",
        ),
        pytest.param(
            ['static_services=[{"name": "a", "address": "1:2", "chek": "tcp"}]'],
            ["static_services[0].chek", "no such setting"],
            id="unknown in a list",
        ),
        pytest.param(
            ["gossip.port=a", "actors.port=b", "http.port=c", "priority=d"],
            ["gossip.port", "actors.port", "and 1 more"],
            id="several",
        ),
    ],
)
def test_wrong_assignment_is_one_line_that_names_it_and_says_why(
    assignments: Sequence[str], words: Sequence[str]
) -> None:
    text = refusal(*assignments)

    for word in words:
        assert word in text, text


def test_misspelt_environment_variable_is_refused_with_its_own_spelling() -> None:
    text = refusal(environ={"CONSTELLATION_NODENAME": "alpha"})

    assert "CONSTELLATION_NODENAME" in text
    assert "CONSTELLATION_NODE_NAME?" in text
    assert "in CONSTELLATION_GOSSIP__PORT" in refusal(environ={"CONSTELLATION_GOSSIP__PORT": "x"})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("agent.toml", "a = [", ["not TOML", "at end of"], id="broken TOML"),
        pytest.param("agent.yaml", "a: [1", ["not YAML", "line"], id="broken YAML"),
        pytest.param("agent.yaml", "a: 1\na: 2", ["set twice", "line 2"], id="twice in YAML"),
        pytest.param("agent.toml", "domain='a'\ndomain='b'", ["not TOML"], id="twice in TOML"),
        pytest.param("agent.yaml", "- a", ["must hold names"], id="a list"),
        pytest.param("agent.yaml", "a: !!python/object:os.system {}", ["not YAML"], id="a tag"),
        pytest.param("agent.ini", "a=1", [".toml, .yaml or .yml"], id="another kind"),
        pytest.param("agent.toml", "[gossip]\nprot = 1", ["gossip.prot", "port?"], id="misspelt"),
        pytest.param("agent.toml", "gossip = 3", ["gossip", "a group"], id="no table"),
        pytest.param("agent.toml", "[gossip]\nport = 'x'", ["gossip.port in "], id="wrong"),
    ],
)
def test_wrong_file_is_one_line_that_names_it(
    write: Callable[[str, str], Path], name: str, text: str, words: Sequence[str]
) -> None:
    file = write(name, text)

    said = refusal(file=file)

    assert str(file) in said
    for word in words:
        assert word in said, said


def test_file_that_is_not_there_is_named() -> None:
    assert "/nowhere/agent.toml cannot be read: No such file" in refusal(file="/nowhere/agent.toml")


def test_secret_is_in_no_error(write: Callable[[str, str], Path]) -> None:
    short = KEY[:20]
    both = {"CONSTELLATION_CLUSTER_KEY": KEY, "CONSTELLATION_CLUSTER_KEY_FILE": "/etc/key"}
    for said in (
        refusal(f"cluster_key={short}"),
        refusal(environ={"CONSTELLATION_CLUSTER_KEY": short}),
        refusal(file=write("a.toml", f'cluster_key = "{short}"')),
        refusal(file=write("b.toml", f'cluster_key = ["{KEY}"]')),
        refusal(file=write("c.toml", f'cluster_keys = "{KEY}"')),
        refusal(environ=both),
    ):
        assert "cluster_key" in said.lower()
        assert short not in said
    assert KEY not in repr(load(f"cluster_key={KEY}"))


def said_of(*assignments: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what a refusal says; "" when there is none."""
    try:
        load(*assignments, environ=environ)
    except ConfigError as error:
        return str(error)
    return ""


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_assignment_loads_or_is_refused_in_one_line(name: str, value: str) -> None:
    assert len(said_of(f"{name}={value}").splitlines()) <= 1


@given(st.sampled_from([setting.path for setting in all_settings()]), st.text(max_size=30))
def test_any_value_of_a_setting_loads_or_is_refused_by_its_name(name: str, value: str) -> None:
    said = said_of(environ={environment_name(name): value})

    assert len(said.splitlines()) <= 1
    assert not said or name.partition(".")[0] in said
