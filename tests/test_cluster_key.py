"""The secret that all nodes share: its sources, and the permissions of its file."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from actors.adapters.cluster_key import FILE_NAME, load_cluster_key, new_cluster_key
from constellation.errors import AdapterError, ConfigError
from constellation.settings.agent import Settings
from constellation.settings.types import CLUSTER_KEY_CHARACTERS_MIN

KEY = "k" * CLUSTER_KEY_CHARACTERS_MIN


def settings(tmp_path: Path, **fields: str) -> Settings:
    return Settings.model_validate(
        {"node_name": "alpha", "data_dir": str(tmp_path / "data"), **fields}
    )


def key_file(tmp_path: Path, content: str = f"{KEY}\n", mode: int = 0o640) -> Path:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"{KEY}\r\n", f" {KEY}\t \n\n", f"{KEY}é"])
def test_settings_and_file_give_the_same_key(tmp_path: Path, content: str) -> None:
    file = key_file(tmp_path, content)

    of_settings = load_cluster_key(settings(tmp_path, cluster_key=content))
    of_file = load_cluster_key(settings(tmp_path, cluster_key_file=str(file)))

    assert of_settings == of_file == content.strip().encode()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("key", [" " * 99, f"{'k' * 31}\n", "\udce4" * 32, "k" * 31 + "\nk"])
def test_a_short_or_undecodable_key_in_the_settings_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="constellation keygen"):
        settings(tmp_path, cluster_key=key)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o660])
def test_a_file_may_be_readable_by_its_owner_and_group(tmp_path: Path, mode: int) -> None:
    file = key_file(tmp_path, mode=mode)

    assert load_cluster_key(settings(tmp_path, cluster_key_file=str(file))) == KEY.encode()


def test_a_key_is_generated_once_and_readable_by_its_user_alone(tmp_path: Path) -> None:
    first = load_cluster_key(settings(tmp_path))
    second = load_cluster_key(settings(tmp_path))

    made = tmp_path / "data" / FILE_NAME
    assert first == second == made.read_bytes().strip()
    assert len(first) >= CLUSTER_KEY_CHARACTERS_MIN
    assert made.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.parent.iterdir()] == [FILE_NAME]


def test_a_command_generates_no_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no cluster key"):
        load_cluster_key(settings(tmp_path), make=False)

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        pytest.param(KEY, 0o644, "chmod 0640", id="readable by all"),
        pytest.param(KEY, 0o602, "chmod 0640", id="writable by all"),
        pytest.param("short", 0o600, "5 characters", id="too short"),
        pytest.param("", 0o600, "0 characters", id="empty"),
    ],
)
def test_a_file_that_others_can_read_or_without_a_key_is_refused(
    tmp_path: Path, content: str, mode: int, words: str
) -> None:
    file = key_file(tmp_path, content, mode)

    with pytest.raises(ConfigError, match=words) as caught:
        load_cluster_key(settings(tmp_path, cluster_key_file=str(file)))

    assert str(file) in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        pytest.param("/nowhere", "No such file", id="missing"),
        pytest.param("/proc/self", "Is a directory", id="a directory"),
    ],
)
def test_an_unreadable_file_is_named_with_its_setting(tmp_path: Path, file: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"from {file}: .*{why}.*; correct cluster_key_file"):
        load_cluster_key(settings(tmp_path, cluster_key_file=file))


def test_an_endless_device_is_refused_without_being_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="from /dev/zero: it is no regular file"):
        load_cluster_key(settings(tmp_path, cluster_key_file="/dev/zero"))


@pytest.mark.case("O11")
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)

    with pytest.raises(ConfigError, match=r"it is no regular file; correct cluster_key_file"):
        load_cluster_key(settings(tmp_path, cluster_key_file=str(tmp_path / "key")))


def test_a_generated_key_is_refused_once_others_can_read_it(tmp_path: Path) -> None:
    load_cluster_key(settings(tmp_path))
    made = tmp_path / "data" / FILE_NAME
    made.chmod(0o644)

    with pytest.raises(ConfigError, match=f"chmod 0640 {made}"):
        load_cluster_key(settings(tmp_path))


def test_a_data_directory_that_is_a_file_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(ConfigError, match=rf"{tmp_path}/data/.*; correct data_dir"):
        load_cluster_key(settings(tmp_path))


@pytest.mark.parametrize("failing", ["os.link", "os.fsync", "tempfile.mkstemp"])
def test_a_failed_generation_leaves_no_file_and_names_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(failing, fail)

    with pytest.raises(AdapterError, match=r"data.* cannot be created: No space.*; free space on"):
        load_cluster_key(settings(tmp_path))

    assert list((tmp_path / "data").iterdir()) == []


def test_a_file_left_by_a_killed_start_does_not_prevent_the_next(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    # In a container the next process has the same id.
    (tmp_path / "data" / f"{FILE_NAME}.{os.getpid()}").write_text("")
    (tmp_path / "data" / f".{FILE_NAME}.left").write_text("")

    assert len(load_cluster_key(settings(tmp_path))) >= CLUSTER_KEY_CHARACTERS_MIN


def test_concurrent_starts_agree_on_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_wrote = threading.Barrier(2)
    link = os.link

    def link_together(source: str, target: Path) -> None:
        both_wrote.wait(timeout=5)
        link(source, target)

    monkeypatch.setattr(os, "link", link_together)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load_cluster_key, [settings(tmp_path)] * 2)

    assert first == second
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE_NAME]


def test_generated_keys_differ_and_are_long_enough() -> None:
    first, second = new_cluster_key(), new_cluster_key()

    assert first != second
    assert min(len(first), len(second)) >= CLUSTER_KEY_CHARACTERS_MIN
