"""No error message and no printed settings repeat the cluster key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from constellation.settings.agent import Settings
from tests.settings.loading import KEY, load, said_of

Write = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", f'cluster_key = "{KEY[:20]}"'),
        ("a.toml", f'cluster_key = ["{KEY}"]'),
        ("a.toml", f"cluster_key = {KEY}"),
        ("a.toml", f'cluster_keys = "{KEY}"'),
        ("a.toml", f'cluster_key = "{KEY}'),
        ("a.toml", f'cluster_key = "{KEY}"\ncluster_key = "{KEY}"'),
        ("a.toml", f'cluster_key = "{KEY}"\ncluster_key_file = "/key"'),
        ("a.toml", f'cluster_key = "{KEY}"\npriority = "x"'),
        ("a.toml", f'cluster_key = "{KEY}\\u0007"'),
        ("a.toml", f'[cluster_key]\n"{KEY}" = "{KEY}"'),
        ("a.yaml", f"cluster_key: *{KEY}"),
        ("a.yaml", f"cluster_key: !{KEY} a"),
        ("a.yaml", f"cluster_key: !{KEY}!a b"),
        ("a.yaml", f"cluster_key: &{KEY} a\ndomain: &{KEY} a"),
        ("a.yaml", f"cluster_key: @{KEY}"),
        ("a.yaml", f"cluster_key: {KEY}: a"),
        ("a.yaml", f"cluster_key: '{KEY}"),
        ("a.yaml", f"cluster_key: !!int {KEY}"),
        ("a.yaml", f"cluster_key:{KEY}"),
        ("a.yaml", f"cluster_key:{KEY}: a"),
        ("a.yaml", f"{KEY}: a\n{KEY}: a"),
    ],
)
def test_no_refusal_of_a_file_repeats_its_secret(write: Write, name: str, content: str) -> None:
    said = said_of(file=write(name, content))

    assert said
    assert KEY[:20] not in said


@pytest.mark.parametrize(
    "assignment",
    [f"cluster_key={KEY[:20]}", f"cluster_key {KEY[:20]}", f"cluster_key:{KEY}", KEY, f"{KEY}="],
)
def test_no_refusal_of_an_assignment_repeats_its_secret(assignment: str) -> None:
    said = said_of(assignment)

    assert said
    assert KEY[:20] not in said


def test_secret_of_letters_in_the_place_of_a_name_is_not_repeated() -> None:
    letters = KEY.replace("-", "")

    for assignment in (letters, f"{letters}=", f"cluster_key:{letters}"):
        assert letters not in said_of(assignment)


@pytest.mark.parametrize("variable", ["CLUSTER_KEY", "CLUSTER_KEYS"])
def test_no_refusal_of_a_variable_repeats_its_secret(variable: str) -> None:
    said = said_of(environ={f"CONSTELLATION_{variable}": KEY[:20]})

    assert f"CONSTELLATION_{variable}" in said
    assert KEY[:20] not in said


def test_key_is_hidden_in_printed_settings() -> None:
    settings = load(f"cluster_key={KEY}")

    assert KEY not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_error_of_the_settings_themselves_does_not_repeat_the_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"cluster_key": [KEY], "node_name": "alpha"})

    assert "cluster_key" in repr(caught.value)
    assert KEY[:20] not in repr(caught.value)


@pytest.mark.case("S7")
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.toml", f"cluster_key = '{KEY}'"), ("a.yaml", f"cluster_key: {KEY}")],
)
def test_file_with_a_secret_that_other_users_can_open_is_refused(
    write: Write, name: str, content: str, mode: int
) -> None:
    file = write(name, content)
    file.chmod(mode)

    said = said_of(file=file)

    assert f"cluster_key in {file}: that file is open to every user" in said
    assert f"chmod 0640 {file}" in said
    assert KEY not in said
    file.chmod(0o640)
    assert said_of(file=file) == ""


@pytest.mark.case("S7")
def test_file_without_a_secret_may_be_open_to_all(write: Write) -> None:
    file = write("a.toml", "domain = 'home.example'\ncluster_key_file = '/etc/key'")
    file.chmod(0o644)

    assert said_of(file=file) == ""


@pytest.mark.case("S7")
def test_file_that_every_user_can_change_is_refused(write: Write) -> None:
    file = write("a.toml", "domain = 'home.example'")
    file.chmod(0o646)

    assert f"settings file {file} can be changed by every user of this host" in said_of(file=file)
