"""The script that completes commands, run by a real bash."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from constellation.cli.completion import script
from constellation.cli.main import all_commands

BASH = shutil.which("bash")


def completed(*words: str) -> set[str]:
    """Return what bash offers for the last of `words`."""
    assert BASH
    line = " ".join(f"'{one}'" for one in ("constellation", *words))
    typed = f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _constellation"
    shown = 'printf "%s\\n" "${COMPREPLY[@]}"'
    ran = subprocess.run(
        [BASH, "--norc", "-c", "\n".join((script(all_commands()), typed, shown))],
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    return set(ran.stdout.split())


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sta"], {"status"}),
        (["keys", "r"], {"remove", "rotate"}),
        (["--config", "a.toml", "keys", "rotate", "--f"], {"--force"}),
        (["cordon", "beta", "--re"], {"--reason"}),
        (["cordon", "--reason", "new disk", "beta", "--j"], {"--json"}),
        (["--set", "keys", "ra"], {"raft"}),
        (["cordon", "--reason", ""], set()),
        (["raft", "ad"], {"add"}),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_words_are_completed(words: list[str], offered: set[str]) -> None:
    assert completed(*words) == offered


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_every_command_is_offered() -> None:
    assert completed("") >= {one.name for one in all_commands() if " " not in one.name}
