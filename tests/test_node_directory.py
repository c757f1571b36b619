"""One agent at a time uses a data directory, and a disk that refuses is one line to act on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.adapters.node_directory import LOCK_NAME, NodeDirectories
from constellation.errors import AdapterError
from rigs.small_disk import fill

ROOT = Path(__file__).parent.parent
START_AND_FAIL = (
    "import sys; from actors.adapters.node_directory import NodeDirectories\n"
    "try: NodeDirectories(sys.argv[1], None)\n"
    "except Exception as error: sys.exit(str(error))"
)


def locked_by_another(data_dir: Path) -> str:
    """Return what another process is told that takes the directory; empty: it may."""
    command = [sys.executable, "-c", START_AND_FAIL, str(data_dir)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr.strip()


def test_directories_are_private_and_the_runtime_directory_may_be_elsewhere(
    tmp_path: Path,
) -> None:
    own = NodeDirectories(str(tmp_path / "a" / "data"), None)
    other = NodeDirectories(str(tmp_path / "data"), str(tmp_path / "run"))

    assert (own.runtime_dir, other.runtime_dir) == (own.data_dir / "run", tmp_path / "run")
    for path in (own.data_dir, own.runtime_dir, other.data_dir, other.runtime_dir):
        assert path.stat().st_mode & 0o777 == 0o700
    own.unlock()
    other.unlock()


def test_others_lose_their_right_to_write(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)

    NodeDirectories(str(tmp_path / "data"), None).unlock()

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755


def test_second_agent_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("123456789\n")  # a longer id of an earlier life
    directories = NodeDirectories(str(tmp_path), None)

    refused = locked_by_another(tmp_path)

    assert refused.startswith(f"this agent does not start on {tmp_path}: another agent")
    assert f"(process {os.getpid()})" in refused
    directories.unlock()
    assert locked_by_another(tmp_path) == ""


def test_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a directory away")
    os.chown(tmp_path, 65534, 65534)

    with pytest.raises(AdapterError, match=r"another user \(id 65534\).*id 0, or set data"):
        NodeDirectories(str(tmp_path), None)


@pytest.mark.parametrize("setting", ["data_dir", "runtime_dir"])
def test_file_in_place_of_a_directory_is_named_with_its_setting(
    tmp_path: Path, setting: str
) -> None:
    (tmp_path / "file").touch()
    paths = {"data_dir": str(tmp_path / "data"), setting: str(tmp_path / "file")}

    with pytest.raises(AdapterError, match=f"file cannot be created: .*, or set {setting}"):
        NodeDirectories(paths["data_dir"], paths.get("runtime_dir"))


@pytest.mark.integration
@pytest.mark.needs("mount")
@pytest.mark.parametrize("mounted_disk", ["size=64k"], indirect=True)
def test_directory_that_is_full_is_locked_all_the_same(mounted_disk: Path) -> None:
    NodeDirectories(str(mounted_disk), None).unlock()
    fill(mounted_disk)

    directories = NodeDirectories(str(mounted_disk), None)

    assert f"(process {os.getpid()})" in locked_by_another(mounted_disk)
    directories.unlock()


@pytest.mark.integration
@pytest.mark.needs("mount")
@pytest.mark.parametrize("mounted_disk", ["size=64k,nr_inodes=1"], indirect=True)
def test_first_start_where_nothing_can_be_created_names_the_file_system(mounted_disk: Path) -> None:
    with pytest.raises(AdapterError) as caught:
        NodeDirectories(str(mounted_disk), None)

    assert f"the file system at {mounted_disk} has no inodes left" in caught.value.why


@pytest.mark.integration
@pytest.mark.needs("mount")
@pytest.mark.parametrize("mounted_disk", ["size=64k,ro"], indirect=True)
def test_read_only_file_system_is_named_at_the_start(mounted_disk: Path) -> None:
    (line,) = locked_by_another(mounted_disk).splitlines()

    assert f"the file system at {mounted_disk} is read-only" in line
