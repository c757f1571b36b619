"""The agent as a program: start, refusal, stop, and a start after a kill."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.transport.process import running_processes, start_time_ticks, write_pid_file
from constellation import __version__
from rigs.agents import ROOT, Agent, agents
from rigs.fixtures import MakeHosts
from rigs.processes import Process, wait_until, wakeups
from rigs.prometheus import check_metrics

pytestmark = [pytest.mark.integration, pytest.mark.slow]

STOP_S = 5.0
IDLE_S = 1.5
WAKEUPS_PER_S_MAX = 60.0  # of all processes; an actor that asks ten times a second has ten alone


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """One agent that watches one service that does not run."""
    web = {"name": "web", "address": "127.0.0.1:9", "check": "tcp"}
    with agents(tmp_path, 1, settings={"static_services": [web]}) as made:
        made[0].wait_for_members(alive=1)
        wait_until(lambda: made[0].process_id_of("services"), timeout_s=5, what="the monitor")
        yield made[0]


def start(
    *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 20.0
) -> subprocess.CompletedProcess[str]:
    """Run a start that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "constellation.start", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_stop_takes_less_than_5_s_and_leaves_no_process(
    agent: Agent, number: signal.Signals
) -> None:
    before = agent.process_ids()
    began_s = time.monotonic()

    agent.process.send_signal(number)
    agent.process.wait_for(lambda: not agent.process.is_running, timeout_s=STOP_S, what="its end")

    assert time.monotonic() - began_s < STOP_S
    assert agent.process.returncode == 0
    assert len(before) > 6
    assert agent.process_ids() == []
    assert list((agent.data_dir / "run").iterdir()) == []
    assert [event["unended"] for event in agent.events("agent_stopped")] == [[]]


def test_signal_to_all_processes_at_once_still_stops_in_order(agent: Agent) -> None:
    os.killpg(agent.process.pid, signal.SIGTERM)
    agent.process.wait_for(lambda: not agent.process.is_running, timeout_s=STOP_S, what="its end")

    assert agent.process.returncode == 0
    assert agent.process_ids() == []
    assert agent.events("actor_exited") == agent.events("actor_system_restarted") == []


def test_killed_agent_leaves_no_process_and_starts_again(agent: Agent) -> None:
    agent.process.kill()
    wait_until(lambda: not agent.process_ids(), timeout_s=2, what="the actors to end with it")

    agent.start()

    agent.wait_for_members(alive=1)


def test_start_ends_only_processes_of_an_earlier_run(tmp_path: Path) -> None:
    with agents(tmp_path, 1, start=False) as (agent,), contextlib.ExitStack() as stack:
        runtime_dir = agent.data_dir / "run"
        runtime_dir.mkdir(parents=True, mode=0o700)
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        orphan, stranger = (
            stack.enter_context(subprocess.Popen(sleep)) for _ in ("orphan", "stranger")
        )
        stack.callback(stranger.kill)
        stack.callback(orphan.kill)
        ticks = start_time_ticks(orphan.pid)
        (runtime_dir / "old-1.pid").symlink_to(f"{orphan.pid} {ticks}")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(runtime_dir / "old-1.sock"))
        # The id is used again, by somebody else: it began at another time.
        (runtime_dir / "old-2.pid").symlink_to(f"{stranger.pid} {(ticks or 0) - 1}")

        agent.start()

        assert orphan.wait(2) == -signal.SIGKILL
        assert stranger.poll() is None
        assert [event["process_ids"] for event in agent.events("leftovers_ended")] == [[orphan.pid]]
        assert not (runtime_dir / "old-1.sock").exists()


def test_process_is_identified_by_its_note(tmp_path: Path) -> None:
    write_pid_file(tmp_path, "self")

    assert running_processes(tmp_path) == [os.getpid()]
    write_pid_file(tmp_path, "self")  # a note of an earlier life is replaced
    assert [path.name for path in tmp_path.iterdir()] == ["self.pid"]


def test_second_start_on_the_same_data_directory_is_refused_with_the_first_process(
    agent: Agent,
) -> None:
    second = start("--config", str(agent.config))

    assert second.returncode == 1
    (line,) = [one for one in second.stderr.splitlines() if not one.startswith("{")]
    assert str(agent.data_dir) in line
    assert f"process {agent.process.pid}" in line
    assert "data_dir" in line
    assert agent.process.is_running
    assert agent.health()["members_alive"] == 1


def test_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with agents(tmp_path, 1, start=False) as (agent,), socket.socket() as taken:
        taken.bind((agent.address, 7947))
        taken.listen()

        refused = start("--config", str(agent.config))

    assert refused.returncode == 1
    (line,) = [one for one in refused.stderr.splitlines() if not one.startswith("{")]
    assert f"{agent.address}:7947" in line
    assert "actors.port" in line


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param(["--set", "gossip.prot=1"], ["gossip.prot", "gossip.port"], id="unknown"),
        pytest.param(["--set", "gossip.port=high"], ["gossip.port", "--set"], id="wrong type"),
        pytest.param(["--set", "bind_address=0.0.0.0"], ["bind_address"], id="too wide"),
        pytest.param(["--set", "bind_address=100.64.0.1"], ["cluster_key"], id="no key beyond"),
        pytest.param(["--config", "/nowhere.toml"], ["/nowhere.toml"], id="no such file"),
        pytest.param(["--prot"], ["--prot"], id="unknown flag"),
    ],
)
def test_wrong_setting_is_one_line_and_exit_code_2_before_anything_starts(
    tmp_path: Path, arguments: list[str], names: list[str]
) -> None:
    data_dir = tmp_path / "data"

    refused = start("--set", f"data_dir={data_dir}", *arguments)

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    for name in names:
        assert name in refused.stderr
    assert not data_dir.exists()


def test_check_validates_settings_without_starting(agent: Agent) -> None:
    checked = start("--config", str(agent.config), "--check")

    assert (checked.returncode, checked.stderr) == (0, "")
    assert agent.name in checked.stdout


def test_agent_to_which_nothing_happens_wakes_seldom(agent: Agent) -> None:
    def wakeups_per_s() -> float:
        process_ids, began_s = agent.process_ids(), time.monotonic()
        before = wakeups(process_ids)
        time.sleep(IDLE_S)
        return (wakeups(process_ids) - before) / (time.monotonic() - began_s)

    rates: list[float] = []

    def is_idle() -> bool:
        rates.append(wakeups_per_s())
        return rates[-1] < WAKEUPS_PER_S_MAX

    # The first moments of a life are not idle: routes settle, and the leases are acquired.
    wait_until(is_idle, timeout_s=12 * IDLE_S, what=lambda: f"idle: {rates} wakeups a second")


@pytest.mark.needs("prometheus")
@pytest.mark.case("O16")
def test_metrics_follow_the_conventions_of_prometheus(agent: Agent) -> None:
    assert agent.run_command("status").returncode in {0, 2}  # counted by its kind
    wait_until(
        lambda: (
            b'constellation_admin_requests_total{actor="admin",kind="status"}'
            in agent.get("/metrics")[1]
        ),
        timeout_s=10,
        what="the request in the metrics",
    )
    page = agent.get("/metrics")[1].decode()

    assert check_metrics(page) == ""
    families = [*text_string_to_metric_families(page)]
    build = next(one for one in families if one.name == "constellation_build_info")
    assert build.samples[0].labels["version"] == __version__
    names = {sample.name for family in families for sample in family.samples}
    assert {
        name for name in names if name.endswith(("_created", "_in_total", "_out_total"))
    } == set()
    assert {
        "constellation_gossip_received_bytes_total",
        "constellation_gossip_sent_bytes_total",
    } <= names
    labels = {
        f"{name}={value}"
        for family in families
        for sample in family.samples
        for name, value in sample.labels.items()
        if name not in {"le", "file", "version"}
    }
    assert {one for one in labels if not re.fullmatch("[a-z_]+=[a-z0-9_./-]*", one)} == set()


def test_systemd_is_notified_of_ready_and_stopping(tmp_path: Path) -> None:
    notify = tmp_path / "notify.sock"
    with (
        agents(tmp_path, 1, start=False) as (agent,),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
    ):
        told.bind(str(notify))
        told.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = str(notify)
        try:
            agent.start()
        finally:
            del os.environ["NOTIFY_SOCKET"]

        assert b"READY=1" in told.recv(4096)
        agent.stop()
        assert b"STOPPING=1" in told.recv(4096)


@pytest.mark.needs("netns")
def test_agent_works_without_any_settings(make_hosts: MakeHosts, tmp_path: Path) -> None:
    (host,) = make_hosts(1)
    environment = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    tmp_path.chmod(0o777)
    for parent in tmp_path.relative_to(gettempdir()).parents:
        (Path(gettempdir()) / parent).chmod(0o755)
    agent: Process = host.start(
        [*command, sys.executable, "-m", "constellation.start"],
        log_file=tmp_path / "agent.log",
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )

    agent.wait_for_line("agent_started", timeout_s=20)

    listening = host.run(["ss", "-Hlntu"])
    addresses = {line.split()[4].rpartition(":")[0] for line in listening.splitlines()}
    assert addresses == {"127.0.0.1"}
    missing = [line for line in agent.log_text().splitlines() if "part_missing" in line]
    for part in ("docker", "tailscale", "dns"):
        assert sum(f'"part": "{part}"' in line for line in missing) == 1, part
    assert all('"fix": "' in line for line in missing)
    assert (tmp_path / "state" / "constellation" / "cluster_key").stat().st_mode & 0o077 == 0
    assert agent.stop() == 0


def secrets_in(text: str, settings: Mapping[str, Any]) -> bool:
    return str(settings["cluster_key"]) in text


def test_cluster_key_is_in_no_log_line_command_line_or_environment_of_actors(
    agent: Agent,
) -> None:
    for process_id in agent.process_ids():
        for name in ("cmdline", "environ"):
            shown = Path(f"/proc/{process_id}/{name}").read_bytes().decode(errors="replace")
            assert not secrets_in(shown, agent.settings), f"{name} of {process_id}"
    assert not secrets_in(agent.log(), agent.settings)
