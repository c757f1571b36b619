"""Which settings the operator's command takes, and what it says of wrong ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.adapters import running_agents as running
from actors.adapters.running_agents import RunningAgent
from constellation import __version__
from constellation.cli import session as cli_session
from constellation.errors import AdapterError
from tests.admin.builders import members, nodes_report
from tests.admin.conftest import KEY, Agent, Ran
from tests.traefik.builders import view

Run = Callable[..., Ran]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "gossip.prot=1", "status"], "gossip.port"),
        (["--set", "nonsense", "status"], "NAME=VALUE"),
        (["--config", "/nonexistent/a.toml", "status"], "/nonexistent/a.toml"),
        (["stats"], "status"),
        (["status", "--jsn"], "--json"),
        (["status", "surplus"], "surplus"),
        (["--config"], "--config"),
        (["--set", "priority=1"], "command"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_exit_code_1(
    agent: Agent, run: Run, arguments: list[str], named: str
) -> None:
    ran = run(*arguments)

    assert ran.code == 1
    assert named in ran.line
    assert agent.asked == []


def test_settings_come_from_the_same_sources_as_the_agents(
    agent: Agent, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answer = nodes_report(view(members=members()), {})
    for name, port in (("default", 1001), ("variable", 1002), ("flag", 1003)):
        (tmp_path / f"{name}.toml").write_text(f"[actors]\nport = {port}\n")

    monkeypatch.setattr(cli_session, "DEFAULT_CONFIG", str(tmp_path / "default.toml"))
    run("nodes")
    monkeypatch.setenv("CONSTELLATION_CONFIG", str(tmp_path / "variable.toml"))
    run("nodes")
    run("--config", str(tmp_path / "flag.toml"), "nodes")
    run("--set", "actors.port=1004", "nodes")
    run("nodes")

    ports = [settings.actors.port for settings, _, _ in agent.asked]
    assert ports == [1001, 1002, 1003, 1004, 1002]
    assert {key for _, key, _ in agent.asked} == {KEY.encode()}


def test_command_does_not_create_a_key(
    agent: Agent, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSTELLATION_CLUSTER_KEY")
    data_dir = tmp_path / "data"

    ran = run("--set", f"data_dir={data_dir}", "status")

    assert ran.code == 1
    assert "no agent has run" in ran.line
    assert "sudo" not in ran.line
    assert not data_dir.exists()
    assert agent.asked == []


@pytest.mark.case("O10")
@pytest.mark.parametrize("unreadable", ["directory", "file"])
@pytest.mark.parametrize("failure", ["no key", "no agent"])
def test_user_without_access_to_the_default_settings_gets_a_hint(
    agent: Agent,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    unreadable: str,
    failure: str,
) -> None:
    config = tmp_path / "agent.toml"
    config.touch()
    agent.answer = AdapterError("no agent answers", why="connection refused", fix="start it")
    if failure == "no key":
        monkeypatch.delenv("CONSTELLATION_CLUSTER_KEY")
    monkeypatch.setattr(cli_session, "DEFAULT_CONFIG", str(config))

    def access(path: str | Path, mode: int) -> bool:  # tests may run as root, who may all
        if Path(path) == tmp_path:
            return mode == os.F_OK or unreadable == "file"
        return mode == os.F_OK and unreadable == "file"

    monkeypatch.setattr(os, "access", access)

    ran = run("--set", f"data_dir={tmp_path}/none", "status")

    assert ran.line.startswith(f"constellation: this user cannot read {config}")
    assert "sudo" in ran.line


@pytest.mark.case("O10")
def test_command_without_the_key_names_the_agent_of_another_user(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSTELLATION_CLUSTER_KEY")
    monkeypatch.setattr(
        running, "running_agents", lambda: (RunningAgent("alpha", 4711, "constellation"),)
    )

    ran = run("--set", f"data_dir={tmp_path}/none", "status")

    assert "an agent runs on this host: alpha (process 4711, user constellation)" in ran.line
    assert "run this command as its user, or as root" in ran.line


@pytest.mark.case("O15")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["keys"], ["usage: constellation keys ", "\n    rotate ", "\n    install "]),
        ([], ["usage: constellation ", "\n    status ", "Exit codes:"]),
        (["-h"], ["usage: constellation ", "\n    status "]),
        (["keys", "-h"], ["usage: constellation keys "]),
        (["transfer", "-h"], ["usage: constellation transfer ", "NODE"]),
        (["--version"], [f"constellation {__version__}\n"]),
    ],
    ids=" ".join,
)
def test_help_and_version_are_printed_as_such(
    agent: Agent, run: Run, arguments: list[str], words: list[str]
) -> None:
    ran = run(*arguments)

    assert (ran.code, ran.err) == (0, "")
    assert [word for word in words if word not in ran.out] == []
    assert agent.asked == []
