"""One agent at a time uses a data directory, and a disk that refuses is one line to act on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from actors.adapters.node_directory import (
    LOCK_NAME,
    NodeDirectories,
    directory_problems,
    lock_holder,
)
from actors.transport.process import end_leftovers
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


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as another user")
EVE = 65534


def refusal(data_dir: Path, runtime_dir: Path | None = None) -> str:
    """Return why the start refuses these directories; the check must find the same."""
    given = str(data_dir), str(runtime_dir) if runtime_dir else None
    (found,) = [str(problem) for problem in directory_problems(*given)]
    with pytest.raises(AdapterError) as caught:
        NodeDirectories(*given)
    assert str(caught.value) == found
    return found


@pytest.mark.case("S6")
@pytest.mark.parametrize("setting", ["data_dir", "runtime_dir"])
def test_symbolic_link_is_not_followed_and_nothing_in_its_target_is_touched(
    tmp_path: Path, setting: str
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    target.chmod(0o777)
    (target / "other.pid").write_text("1\n")
    (tmp_path / "link").symlink_to(target)
    paths = {"data_dir": tmp_path / "data", setting: tmp_path / "link"}

    said = refusal(paths["data_dir"], paths.get("runtime_dir"))

    assert f"link cannot be used: it is a symbolic link; write where it leads: {target}" in said
    assert f"or set {setting}" in said
    assert target.stat().st_mode & 0o777 == 0o777
    assert [path.name for path in target.iterdir()] == ["other.pid"]
    assert not (tmp_path / "data").exists()


@ROOT_ONLY
@pytest.mark.case("S6")
@pytest.mark.parametrize("kind", ["directory", "link", "open to all"])
def test_root_uses_nothing_that_another_user_can_redirect(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "real").mkdir()
    if kind == "directory":
        os.chown(home, EVE, EVE)
    elif kind == "link":
        (home / "link").symlink_to(tmp_path / "real")
        os.chown(home / "link", EVE, EVE, follow_symlinks=False)
    else:
        home.chmod(0o777)

    said = refusal(home / "link" / "data")

    assert "another user (id 65534)" in said or "every user can write" in said
    assert [path.name for path in home.iterdir()] in ([], ["link"])
    assert list((tmp_path / "real").iterdir()) == []


def test_links_of_root_above_the_directory_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    NodeDirectories(str(tmp_path / "link" / "data"), None).unlock()

    assert (tmp_path / "real" / "data" / "run").is_dir()


@pytest.mark.case("S6")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_shared_directory_with_files_of_others_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    (shared / "other").touch()

    assert "other users can write to it" in refusal(tmp_path / "data", shared)

    assert shared.stat().st_mode & 0o7777 == mode


@pytest.mark.case("S6")
def test_only_files_that_an_agent_made_are_removed_from_the_runtime_directory(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as stack:
        for name in ("docker", "system", "0a1b2c-1-2", "ext-7-1", "noted"):
            opened = stack.enter_context(socket.socket(socket.AF_UNIX))
            opened.bind(str(tmp_path / f"{name}.sock"))
    (tmp_path / "@admin.sock").symlink_to("0a1b2c-1-2.sock")
    (tmp_path / "@other.sock").symlink_to("/run/elsewhere.sock")
    (tmp_path / "noted.pid").symlink_to("999999999 1")
    (tmp_path / "nginx.pid").write_text("1\n")
    (tmp_path / "postgres.pid").symlink_to("/run/postgres.pid")
    (tmp_path / "abcdef-1.sock").touch()  # no socket

    assert end_leftovers(tmp_path) == []

    assert {path.name for path in tmp_path.iterdir()} == {
        *("docker.sock", "@other.sock", "nginx.pid", "postgres.pid", "abcdef-1.sock")
    }


@pytest.mark.case("C2")
@pytest.mark.parametrize("name", ["loop", "file/data", "n" * 300, "file/../file"])
def test_path_that_cannot_be_a_directory_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop2").symlink_to("loop")
    (tmp_path / "loop").symlink_to("loop2")

    said = refusal(tmp_path / name)

    assert "cannot be used" in said
    assert len(said.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop", "loop2"]


@pytest.mark.case("C2")
def test_directory_that_a_user_may_not_create_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_AND_FAIL, "/proc/1/constellation"]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={EVE}", "--clear-groups", "--", *command]
        command[-1] = "/var/lib/constellation-of-nobody"

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    (line,) = done.stderr.splitlines()
    assert "cannot be used" in line
    assert "or set data_dir" in line


@pytest.mark.case("C2", "S6")
def test_lock_file_that_is_a_link_is_neither_followed_nor_created(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / LOCK_NAME).symlink_to(tmp_path / "elsewhere")

    assert f"{LOCK_NAME} is a symbolic link" in refusal(tmp_path / "data")

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.case("C2")
def test_lock_file_that_is_a_directory_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "data" / LOCK_NAME).mkdir(parents=True)

    assert "a directory is where a file must be" in refusal(tmp_path / "data")


@pytest.mark.case("O13")
def test_refused_start_leaves_no_directory_behind(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AdapterError):
        NodeDirectories(str(tmp_path / "a" / "data"), str(tmp_path / "file"))
    assert not (tmp_path / "a").exists()

    failed = NodeDirectories(str(tmp_path / "a" / "data"), None)
    failed.discard()
    assert not (tmp_path / "a").exists()

    NodeDirectories(str(tmp_path / "b"), None).unlock()
    NodeDirectories(str(tmp_path / "b"), None).discard()  # of directories that were there before
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["run"]

    (tmp_path / "b" / "node_identity").touch()
    NodeDirectories(str(tmp_path / "b"), None).discard()  # of an agent that has run
    assert (tmp_path / "b" / LOCK_NAME).exists()


def test_lock_file_that_is_removed_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.lockf
    seen: list[int] = []

    def lockf(lock: int, operation: int) -> None:
        if not seen:
            (tmp_path / LOCK_NAME).unlink()
        seen.append(lock)
        real(lock, operation)

    monkeypatch.setattr(fcntl, "lockf", lockf)

    directories = NodeDirectories(str(tmp_path), None)

    assert len(seen) == 2
    assert f"(process {os.getpid()})" in locked_by_another(tmp_path)
    directories.unlock()


def test_lock_is_seen_without_being_taken(tmp_path: Path) -> None:
    assert lock_holder(str(tmp_path / "none")) is None
    holding = NodeDirectories(str(tmp_path), None)
    script = (
        "import sys; from actors.adapters.node_directory import lock_holder\n"
        "print(lock_holder(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]

    seen = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    holding.unlock()
    then = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (seen.stdout, then.stdout) == (f"{os.getpid()}\n", "None\n")


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

    with pytest.raises(AdapterError, match=f"file cannot be used: .*, or set {setting}"):
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
