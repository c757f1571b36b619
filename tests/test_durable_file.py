"""A file is replaced whole or not at all, and a disk that refuses is named with its remedy."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.adapters.durable_file import (
    create_file,
    disk_error,
    make_directory,
    remove_file,
    replace_file,
)
from constellation.errors import AdapterError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that exists."""
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    return path


def fail(number: int) -> Callable[..., None]:
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return failing


# Replaced.


def test_replaced_file_holds_the_new_content_for_its_owner_only(path: Path) -> None:
    path.chmod(0o644)

    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_content_is_synced_before_it_is_renamed_and_the_directory_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, bytes]] = []

    def sync(descriptor: int) -> None:
        synced = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append((synced.name, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", sync)
    replace_file(path, b"new")

    assert steps == [(".state.json.new", b"old"), (path.parent.name, b"new")]


@pytest.mark.parametrize("step", ["os.open", "os.pwrite", "os.fsync", "pathlib.Path.replace"])
def test_failure_at_any_step_keeps_the_old_content_and_leaves_no_temporary_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(step, fail(errno.ENOSPC))
        with pytest.raises(AdapterError, match=f"{path} cannot be written: No space left"):
            replace_file(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def write_three(descriptor: int, data: memoryview, offset: int) -> int:
        return real(descriptor, data[:3], offset)

    monkeypatch.setattr(os, "pwrite", write_three)
    replace_file(path, b"a longer text")

    assert path.read_bytes() == b"a longer text"


def test_temporary_file_of_a_crash_is_overwritten(path: Path) -> None:
    left = path.with_name(".state.json.new")
    left.write_bytes(b"half of a much longer text")
    left.chmod(0o644)

    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_temporary_file_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    path.with_name(".state.json.new").symlink_to(elsewhere)

    replace_file(path, b"new")

    assert (path.read_bytes(), elsewhere.read_bytes()) == (b"new", b"precious")


def test_no_file_descriptor_is_left_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count

    replace_file(path, b"new")
    create_file(path.with_name("other"), b"new")
    monkeypatch.setattr(os, "pwrite", fail(errno.ENOSPC))
    for call in (replace_file, create_file):
        with pytest.raises(AdapterError):
            call(path, b"newer")

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count


# Created and removed.


def test_created_file_is_never_overwritten(path: Path) -> None:
    other = path.with_name("other")

    assert create_file(other, b"first")
    assert not create_file(other, b"second")

    assert other.read_bytes() == b"first"
    assert other.stat().st_mode & 0o777 == 0o600
    assert sorted(path.parent.iterdir()) == [other, path]


def test_removing_a_file_twice_is_no_error(path: Path) -> None:
    remove_file(path)
    remove_file(path)

    assert list(path.parent.iterdir()) == []


def test_directory_is_created_with_its_parents_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"

    make_directory(directory)
    make_directory(directory)

    assert directory.stat().st_mode & 0o777 == 0o700


def test_file_in_place_of_a_directory_is_reported(path: Path) -> None:
    with pytest.raises(AdapterError, match="a file is where a directory must be"):
        make_directory(path / "below")
    with pytest.raises(AdapterError, match="a file is where a directory must be"):
        make_directory(path)


# What the operator reads.


@pytest.mark.parametrize(
    ("number", "why", "fix"),
    [
        (errno.ENOSPC, "No space left on device: the file system at / is full", "free space on /"),
        (errno.EDQUOT, "has used up its quota on the file system at /", "raise the quota"),
        (errno.EROFS, "the file system at / is read-only", "remount / read-write"),
        (errno.EACCES, "has no permission", "make /nowhere and its files writable for user id"),
        (errno.EPERM, "has no permission", "make /nowhere and its files writable for user id"),
        (errno.EIO, "Input/output error: the disk of the file system at / fails", "dmesg"),
        (errno.EMFILE, "too many files are open", "LimitNOFILE"),
        (errno.ENOENT, "/nowhere does not exist", "create the directory /nowhere"),
        (errno.EFBIG, "File too large", "check /nowhere"),
    ],
)
def test_errno_is_turned_into_a_cause_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, number: int, why: str, fix: str
) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda place: str(place) == "/")

    error = disk_error("x", OSError(number, os.strerror(number)), Path("/nowhere/x"))

    assert why in error.why
    assert error.why.startswith(os.strerror(number))
    assert fix in error.fix


def test_error_without_a_number_is_passed_on() -> None:
    assert disk_error("x", TimeoutError("too slow"), Path("/nowhere/x")).why == "too slow"


@pytest.mark.integration
@pytest.mark.needs("mount")
@pytest.mark.parametrize("mounted_disk", ["size=64k"], indirect=True)
def test_full_file_system_is_named_and_the_old_content_stays(mounted_disk: Path) -> None:
    path = mounted_disk / "deep" / "state.json"
    make_directory(path.parent)
    replace_file(path, b"old")
    ballast = mounted_disk / "ballast"
    with pytest.raises(AdapterError):
        replace_file(ballast, bytes(1 << 20))
    replace_file(ballast, bytes(48 << 10))

    with pytest.raises(AdapterError) as caught:
        replace_file(path, bytes(32 << 10))

    assert caught.value.why.endswith(f"the file system at {mounted_disk} is full")
    assert caught.value.fix == f"free space on {mounted_disk}"
    assert path.read_bytes() == b"old"
    ballast.unlink()
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.integration
@pytest.mark.needs("mount")
@pytest.mark.parametrize("mounted_disk", ["size=1m,nr_inodes=4"], indirect=True)
def test_file_system_without_inodes_is_told_from_a_full_one(mounted_disk: Path) -> None:
    for number in range(3):  # the root directory has one itself
        (mounted_disk / str(number)).touch()

    with pytest.raises(AdapterError) as caught:
        replace_file(mounted_disk / "state.json", b"")

    assert caught.value.why.endswith(f"the file system at {mounted_disk} has no inodes left")
    assert "df -i" in caught.value.fix


@pytest.mark.integration
@pytest.mark.needs("mount")
@pytest.mark.parametrize("mounted_disk", ["size=64k,ro"], indirect=True)
def test_read_only_file_system_is_named(mounted_disk: Path) -> None:
    with pytest.raises(AdapterError) as caught:
        replace_file(mounted_disk / "state.json", b"")

    assert caught.value.why.endswith(f"the file system at {mounted_disk} is read-only")
    assert str(mounted_disk) in caught.value.fix
