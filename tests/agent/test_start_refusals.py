"""A start that is refused: one line with the true reason, and nothing is left behind."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from rigs.loopback import loopback_addresses
from rigs.small_disk import fill
from tests.agent.test_start import start

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FOREIGN = "192.0.2.7"  # of TEST-NET-1: nobody's
KEY = "k" * 40


def refused(*assignments: str, code: int = 1) -> str:
    """Return the one line of a start that is refused; `--check` must find the same reason."""
    flags = [word for one in assignments for word in ("--set", one)]
    done = start("--set", "docker.enabled=false", *flags)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    (line,) = done.stderr.splitlines()
    checked = start("--set", "docker.enabled=false", *flags, "--check")
    assert (checked.returncode, checked.stdout, checked.stderr) == (code, "", done.stderr)
    return line.removeprefix("constellation: ")


@pytest.mark.needs("mount")
@pytest.mark.case("C2")
@pytest.mark.parametrize(
    ("mounted_disk", "reason"),
    [
        ("size=64k", "is full; free space on"),
        ("size=64k,nr_inodes=1", "has no inodes left"),
        ("size=64k,ro", "is read-only"),
    ],
    indirect=["mounted_disk"],
)
def test_first_start_on_a_disk_that_refuses(mounted_disk: Path, reason: str) -> None:
    if "is full" in reason:
        fill(mounted_disk)
    before = sorted(mounted_disk.rglob("*"))

    line = refused(f"data_dir={mounted_disk / 'data'}")

    assert reason in line
    assert sorted(mounted_disk.rglob("*")) == before


@pytest.mark.needs("mount")
@pytest.mark.case("C2")
@pytest.mark.parametrize("mounted_disk", ["size=64k,nr_inodes=2"], indirect=True)
def test_runtime_directory_that_takes_no_socket(mounted_disk: Path, tmp_path: Path) -> None:
    runtime_dir = mounted_disk / "run"
    runtime_dir.mkdir(mode=0o700)
    (address,) = loopback_addresses(1)

    line = refused(
        *(f"data_dir={tmp_path / 'data'}", f"runtime_dir={runtime_dir}"),
        *(f"bind_address={address}", f"http.bind_address={address}"),
    )

    assert "no inodes left" in line


@pytest.mark.case("C2", "S6")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "a file is where a directory must be"),
        ("link", "it is a symbolic link"),
        ("eve/data", "lies below"),
    ],
)
def test_data_directory_that_is_not_this_users(tmp_path: Path, name: str, reason: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a directory away")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/tmp")
    (tmp_path / "eve").mkdir()
    os.chown(tmp_path / "eve", 65534, 65534)
    before = sorted(tmp_path.rglob("*"))

    line = refused(f"data_dir={tmp_path / name}")

    assert reason in line
    assert "or set data_dir" in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.case("O13", "O11")
@pytest.mark.parametrize("setting", ["gossip.port", "bind_address"])
def test_port_in_use_or_foreign_address_leaves_nothing_behind(tmp_path: Path, setting: str) -> None:
    (address,) = loopback_addresses(1)
    bound = FOREIGN if setting == "bind_address" else address

    with socket.create_server((address, 7946)):
        line = refused(
            *(f"data_dir={tmp_path / 'a' / 'data'}", f"cluster_key={KEY}"),
            *(f"bind_address={bound}", f"http.bind_address={address}"),
        )

    assert setting in line
    assert ("another program uses it" in line) == (setting != "bind_address")
    assert (f"{FOREIGN} is not an address of this machine" in line) == (setting == "bind_address")
    assert not (tmp_path / "a").exists()


@pytest.mark.case("O11")
@pytest.mark.parametrize("name", ["missing", "open"])
def test_key_file_that_cannot_be_used_is_a_wrong_setting(tmp_path: Path, name: str) -> None:
    (tmp_path / "open").write_text(KEY)
    (tmp_path / "open").chmod(0o644)

    line = refused(f"data_dir={tmp_path}/data", f"cluster_key_file={tmp_path / name}", code=2)

    assert f"{tmp_path / name}" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.case("C7")
def test_setting_that_cannot_work_is_refused_before_anything_is_tried(tmp_path: Path) -> None:
    pve = json.dumps([{"name": "pve", "address": "https://10.0.0.2:8006"}])
    data_dir = f"data_dir={tmp_path}/data"

    assert "write 10.0.0.2:8006" in refused(data_dir, f"static_services={pve}", code=2)
    assert "gossip.port and actors.port" in refused(data_dir, "gossip.port=7947", code=2)
