"""The files of `deploy/` are valid and agree with the agent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from constellation.settings.agent import Settings
from constellation.start import EXIT_WRONG_SETTINGS
from rigs.prometheus import promtool
from scripts.settings_reference import all_settings

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "constellation-agent.service"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
AGENTS = ("alpha", "beta", "gamma")
FROM_HOST = re.compile(r"\$\{(\w+):\?[^}]*\}")


def settings_of(environment: dict[str, str]) -> Settings:
    """Read an agent's environment as pydantic-settings does: nested names, lists as JSON."""
    values: dict[str, Any] = {"data_dir": "/var/lib/constellation"}
    for name, text in environment.items():
        *groups, last = name.removeprefix("CONSTELLATION_").lower().split("__")
        target = values
        for group in groups:
            target = target.setdefault(group, {})
        value = FROM_HOST.sub("k" * 64, text)
        target[last] = json.loads(value) if value.startswith(("[", "{")) else value
    return Settings(**values)


@pytest.mark.parametrize("agent", AGENTS)
def test_agents_of_the_trial_have_valid_settings(agent: str) -> None:
    service = COMPOSE["services"][agent]

    settings = settings_of(service["environment"])

    assert settings.node_name == agent
    assert settings.bind_address == service["networks"]["mesh"]["ipv4_address"]
    assert f"{settings.bind_address}:{settings.gossip.port}" in settings.gossip.seeds
    assert settings.static_services[0].address.startswith(f"{settings.bind_address}:")


def test_agents_of_the_trial_use_known_settings_and_the_key_of_the_host() -> None:
    known = {setting.environment_name for setting in all_settings()}
    for agent in AGENTS:
        environment = COMPOSE["services"][agent]["environment"]
        assert set(environment) <= known
        assert FROM_HOST.match(environment["CONSTELLATION_CLUSTER_KEY"])


@pytest.mark.case("D7")
def test_agent_in_a_container_mounts_the_directory_of_the_socket() -> None:
    compose = yaml.safe_load((DEPLOY / "agent.compose.yaml").read_text())
    (agent,) = compose["services"].values()

    settings = settings_of({"CONSTELLATION_NODE_NAME": "alpha", **agent["environment"]})

    mounts = {inside: outside for outside, inside, *_ in map(_parts, agent["volumes"])}
    assert mounts[str(Path(settings.docker.endpoint.path).parent)] == "/run"
    assert not [outside for outside in mounts.values() if outside.endswith(".sock")]
    assert "/etc/constellation/agent.toml" in agent["command"]


def _parts(mount: str) -> list[str]:
    return mount.split(":")


def test_the_image_contains_all_shipped_packages() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    taken = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()}
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, flags=re.MULTILINE)
        for name in line.split()
    }

    assert copied <= taken
    assert {"messages", "constellation", "actors"} <= copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    names = set(re.findall(r"CONSTELLATION_[A-Z_]+", dockerfile))
    assert names <= {setting.environment_name for setting in all_settings()}
    assert "\nUSER constellation\n" in dockerfile


def test_the_unit_sets_only_known_settings() -> None:
    names = set(re.findall(r"^Environment=(\w+)=", UNIT.read_text(), flags=re.MULTILINE))

    assert names
    assert names <= {setting.environment_name for setting in all_settings()}


@pytest.mark.case("O12")
def test_the_unit_is_not_restarted_with_a_wrong_setting_and_otherwise_always() -> None:
    lines = UNIT.read_text().splitlines()

    assert f"RestartPreventExitStatus={EXIT_WRONG_SETTINGS}" in lines
    assert {"Restart=always", "StartLimitIntervalSec=0"} <= set(lines)


@pytest.mark.case("O11")
def test_the_runbook_shows_how_to_check_a_start() -> None:
    text = (DEPLOY / "README.md").read_text()

    assert "--config /etc/constellation/agent.toml --check" in text


@pytest.mark.case("O8")
def test_the_runbook_tells_the_cluster_key_from_the_gossip_keys() -> None:
    _, section = (DEPLOY / "README.md").read_text().split("## Change the keys\n")
    section = section.partition("\n## ")[0]

    for command in ("keys list", "keys rotate", "keygen"):
        assert f"constellation {command}" in section
    assert "It does **not** lock out a holder of the cluster key" in section


@pytest.mark.case("S7")
def test_the_runbook_and_the_example_give_the_mode_of_the_environment_file() -> None:
    assert "install -m 0600 deploy/agent.env.example" in (DEPLOY / "README.md").read_text()
    assert "mode 0600" in (DEPLOY / "agent.env.example").read_text()


def test_the_runbook_names_only_files_that_exist() -> None:
    text = (DEPLOY / "README.md").read_text()

    for name in re.findall(r"deploy/([\w./-]+\w)", text):
        assert (DEPLOY / name).exists(), name
    for link in re.findall(r"\]\((?!http)([^)]+)\)", text):
        assert (DEPLOY / link).exists(), link


@pytest.mark.integration
@pytest.mark.needs("systemd")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/constellation/bin/python", sys.executable))

    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def alert_expressions() -> list[str]:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


@pytest.mark.case("O9")
@pytest.mark.integration
@pytest.mark.needs("prometheus")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", DEPLOY / "prometheus/prometheus.yml"),
        ("check", "rules", DEPLOY / "prometheus/alerts.yml"),
        ("test", "rules", DEPLOY / "prometheus/alerts_test.yml"),
    ],
    ids=["config", "rules", "rules fire"],
)
def test_promtool_accepts_the_files(arguments: tuple[str, ...]) -> None:
    content, said = promtool(*arguments)

    assert content, said


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    alerts = (DEPLOY / "prometheus/alerts.yml").read_text()
    tests = (DEPLOY / "prometheus/alerts_test.yml").read_text()

    names = re.findall(r"- alert: (\w+)", alerts)

    assert len(names) == len(alert_expressions())
    assert [name for name in names if f'alertname="{name}"' not in tests] == []


def test_alerts_use_metrics_that_the_agent_has() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "actors").rglob("*.py"))
    used = {name for text in alert_expressions() for name in re.findall(r"constellation_\w+", text)}

    assert used
    for name in used:
        assert f'"{name.removesuffix("_total")}"' in source, f"no actor has a metric {name}"
