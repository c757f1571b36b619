"""The secret that all nodes share: where it comes from, and who else may read it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from actors.adapters.cluster_key import FILE_NAME, load_cluster_key, new_cluster_key
from constellation.config import CLUSTER_KEY_CHARACTERS_MIN, Settings
from constellation.errors import ConfigError

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


def test_key_of_the_settings_is_taken_as_it_is(tmp_path: Path) -> None:
    assert load_cluster_key(settings(tmp_path, cluster_key=KEY)) == KEY.encode()
    assert not (tmp_path / "data").exists()


def test_key_of_a_file_is_taken_without_its_line_end(tmp_path: Path) -> None:
    file = key_file(tmp_path)

    assert load_cluster_key(settings(tmp_path, cluster_key_file=str(file))) == KEY.encode()


def test_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    first = load_cluster_key(settings(tmp_path))
    second = load_cluster_key(settings(tmp_path))

    made = tmp_path / "data" / FILE_NAME
    assert first == second == made.read_bytes().strip()
    assert len(first) >= CLUSTER_KEY_CHARACTERS_MIN
    assert made.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.parent.iterdir()] == [FILE_NAME]


def test_no_key_is_made_for_who_only_asks(tmp_path: Path) -> None:
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
def test_file_that_others_read_or_that_holds_no_key_is_refused(
    tmp_path: Path, content: str, mode: int, words: str
) -> None:
    file = key_file(tmp_path, content, mode)

    with pytest.raises(ConfigError, match=words) as caught:
        load_cluster_key(settings(tmp_path, cluster_key_file=str(file)))

    assert str(file) in str(caught.value)
    assert KEY not in str(caught.value)


def test_missing_file_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/nowhere: No such file.*cluster_key_file"):
        load_cluster_key(settings(tmp_path, cluster_key_file="/nowhere"))


def test_starts_that_race_agree_on_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_looked = threading.Barrier(2)
    exists = Path.exists

    def look(path: Path) -> bool:
        found = exists(path)
        if path.name == FILE_NAME:
            both_looked.wait(timeout=5)
        return found

    monkeypatch.setattr(Path, "exists", look)
    monkeypatch.setattr("os.getpid", threading.get_ident)
    keys: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: keys.append(load_cluster_key(settings(tmp_path))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_new_keys_differ_and_are_long_enough() -> None:
    first, second = new_cluster_key(), new_cluster_key()

    assert first != second
    assert min(len(first), len(second)) >= CLUSTER_KEY_CHARACTERS_MIN
