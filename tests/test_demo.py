"""The demonstration, run by a program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import __main__ as demo
from demo.narration import Narrator
from rigs import patience
from rigs.processes import wait_until

ROOT = Path(__file__).parent.parent
TOOLS_OF_DEVELOPERS = ("pytest", "hypothesis", "psutil", "mypy", "ruff", "importlinter", "xdist")


@pytest.fixture(autouse=True)
def strict_again() -> Iterator[None]:
    """Undo what a test has done to the limits of all others."""
    yield
    patience.be_strict()


@pytest.mark.case("O7")
def test_failure_is_one_line_that_names_what_was_awaited_and_the_logs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(directory: Path, narrator: Narrator) -> bool:
        raise AssertionError(
            "not within 20 s: agent gamma to start\n--- end of log\n" + "{}\n" * 35
        )

    monkeypatch.setattr(demo, "tell", tell)
    monkeypatch.setattr(demo, "missing", lambda _: "")
    monkeypatch.setattr(demo, "be_patient", patience.Patience)
    monkeypatch.setattr(sys, "argv", ["demo", "--check"])

    assert demo.main() == 1

    said = capsys.readouterr().err
    found = re.fullmatch(
        r"demo: FAILED: not within 20 s: agent gamma to start; the logs are in (\S+)\n", said
    )
    assert found, said
    Path(found[1]).rmdir()


@pytest.mark.case("O7")
def test_limits_grow_with_the_slowness_of_the_machine_and_once_more_at_the_end() -> None:
    slowness = iter([0.5, 4.0, 4.1, 99.0, 99.0])
    waiting = patience.Patience(lambda: next(slowness))

    assert waiting.factor == 1.0
    assert (waiting.grow(), waiting.factor) == (True, 4.0)
    assert (waiting.grow(), waiting.factor) == (False, 4.0)
    assert (waiting.grow(), waiting.factor) == (True, patience.FACTOR_MAX)
    assert not waiting.grow()


@pytest.mark.case("O7")
def test_wait_that_is_too_short_for_a_slow_machine_goes_on() -> None:
    patience.be_patient(iter([1.0, 10.0]).__next__)
    ready_at_s = time.monotonic() + 0.1

    wait_until(lambda: time.monotonic() > ready_at_s, timeout_s=0.04, what="nothing")

    patience.be_strict()
    with pytest.raises(AssertionError, match=r"not within 0\.01 s: it"):
        wait_until(lambda: False, timeout_s=0.01, what="it")


@pytest.mark.case("O7")
@pytest.mark.slow
def test_demo_needs_no_tool_of_developers() -> None:
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({TOOLS_OF_DEVELOPERS!r}))\n"
        "import demo.__main__"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose Python only notes what it is asked to install."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("pyproject.toml", "setup.cfg", "requirements.lock", "scripts/setup_venv.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$@" >>calls\n')
    python.chmod(0o755)
    return tmp_path


@pytest.mark.case("O7")
def test_demo_installs_run_time_packages_only_and_setup_the_others(checkout: Path) -> None:
    def set_up(*words: str) -> list[str]:
        (checkout / "calls").write_text("")
        subprocess.run([checkout / "scripts/setup_venv.sh", *words], check=True)
        return re.findall(r"--editable (\S+)", (checkout / "calls").read_text())

    assert set_up("run") == ["."]
    assert set_up("run") == []
    assert set_up() == [".[dev]"]
    assert set_up() == []
    assert set_up("run") == []  # it is contained in what developers have


def test_every_setup_compiles_what_has_changed_since(checkout: Path) -> None:
    for _ in range(2):
        (checkout / "calls").write_text("")
        subprocess.run([checkout / "scripts/setup_venv.sh", "run"], check=True)

        last = (checkout / "calls").read_text().splitlines()[-1]
        assert last == "-m compileall -q messages constellation actors"


@pytest.mark.case("O7")
@pytest.mark.slow
def test_step_that_takes_long_shows_its_latest_line(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo Collecting aiohttp; sleep 6"]

    done = subprocess.run(
        [ROOT / "scripts/step.sh", "setup", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert re.search(r"^setup +5 s so far: Collecting aiohttp$", done.stdout, re.M), done.stdout
    assert re.search(r"^setup +ok +\d+ s$", done.stdout, re.M)


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.needs("traefik")
def test_the_demo_survives_a_killed_service_and_a_killed_node_without_failed_requests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    *steps, last = done.stdout.splitlines()
    told = [re.sub(r" \d+ ms.*", "", step) for step in steps]
    # Only if the leader is the node that Traefik polls, because that one must not die.
    assert [step for step in told if step != "step leader_handed_over"] == [
        f"step {name}"
        for name in (
            "services_start",
            "agents_start",
            "agents_meet",
            "leader_elected",
            "routes_ready",
            "traefik_ready",
            "served_in_turn",
            "service_killed",
            "service_out_of_traefik",
            "service_healed",
            "node_killed",
            "leases_moved",
            "node_leaves_nothing",
            "node_out_of_traefik",
            "node_healed",
        )
    ]
    requests = re.match(r"demo: ok requests=(\d+) failed=0 ", last)
    assert requests, last
    assert int(requests[1]) > 50
