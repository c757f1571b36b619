"""A command line: what it asks for, and what is said of a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.cli.help import help_text
from constellation.cli.main import all_commands
from constellation.cli.manual import PROGRAM
from constellation.cli.usage import Command, Parsed, UsageError, parse

COMMANDS = all_commands()
WORDS = sorted(
    {word for one in COMMANDS for word in one.name.split()}
    | {option.name for one in (PROGRAM, *COMMANDS) for option in one.options}
)


def parsed(*words: str) -> Parsed:
    return parse(words, PROGRAM, COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "a.toml", "--set", "x=1", "cordon", "beta", "--json", "--reason", "new disk"],
        ["cordon", "--json", "beta", "--reason=new disk", "--set=x=1", "--config=a.toml"],
        ["--set", "x=1", "cordon", "--reason", "new disk", "--json", "--config=a.toml", "beta"],
    ],
    ids=["before", "after", "mixed"],
)  # fmt: skip
def test_options_may_stand_anywhere(words: list[str]) -> None:
    found = parsed(*words)

    assert found.command.name == "cordon"
    assert found.values == {"node": "beta", "reason": "new disk", "as_json": True}
    assert found.of_program == {"config": "a.toml", "assignments": ["x=1"]}


def test_argument_after_two_dashes_may_look_like_an_option() -> None:
    assert parsed("explain", "--", "--json").values == {"subject": "--json"}


def test_option_that_is_repeated_keeps_each_value_or_the_last() -> None:
    found = parsed("--set", "a=1", "--config", "x", "nodes", "--set", "b=2", "--config", "y")

    assert found.of_program == {"assignments": ["a=1", "b=2"], "config": "y"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stats"], "no such command: stats; did you mean status?"),
        (["keys", "rotat"], "no such command: rotat; did you mean rotate?"),
        (["--set", "priority=1"], "which command?"),
        (["status", "--jsn"], "no such option: --jsn; did you mean --json?"),
        (["--json", "status"], "option --json is for use after the command"),
        (["nodes", "--force"], "option --force is for use with other commands"),
        (["status", "--json=yes"], "option --json takes no value"),
        (["cordon", "beta", "--reason"], "option --reason needs a value: --reason TEXT"),
        (["status", "surplus"], "unexpected argument: surplus"),
        (["raft", "add"], "which NODE? a node's name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_command_line_is_told_what_is_wrong(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*words)

    assert str(caught.value) == said


@given(st.lists(st.sampled_from([*WORDS, "--", "-", "", "x", "--x", "--json=1", "-h"]), max_size=6))
def test_any_command_line_is_understood_or_refused(words: list[str]) -> None:
    try:
        found = parsed(*words)
    except UsageError:
        return
    needed = {one.parameter for one in found.command.arguments}
    asks_for_text = found.wants_help or "version" in found.of_program
    assert asks_for_text or (found.command.run and needed <= set(found.values))


@pytest.mark.parametrize("command", [PROGRAM, *COMMANDS], ids=lambda one: one.name or "program")
def test_help_fits_its_width_and_names_everything(command: Command) -> None:
    text = help_text(command, PROGRAM, COMMANDS, 80)

    assert max(map(len, text.splitlines())) <= 80
    names = [one.name for one in command.arguments] + [one.name for one in command.options]
    assert [name for name in names if name not in text] == []
