"""A command line: what it asks for, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.cli.command import Command
from constellation.cli.main import all_commands
from constellation.cli.manual import PROGRAM
from constellation.cli.parser import parse
from constellation.cli.session import Ended
from tests.admin.conftest import Agent, Ran

COMMANDS = all_commands()
WORDS = sorted(
    {word for one in COMMANDS for word in one.name.split()}
    | {option.name for one in (PROGRAM, *COMMANDS) for option in one.options}
)
Run = Callable[..., Ran]


def asked_for(*words: str) -> tuple[str, dict[str, object], dict[str, object]]:
    """Return the command, what its function takes, and the options of every command."""
    found = parse(words, COMMANDS)
    given = {name: value for name, value in vars(found.of_program).items() if value}
    return found.command.name, found.values, given


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
    assert asked_for(*words) == (
        "cordon",
        {"node": "beta", "reason": "new disk", "as_json": True},
        {"config": "a.toml", "assignments": ["x=1"]},
    )


def test_argument_after_two_dashes_may_look_like_an_option() -> None:
    for like_an_option in ("--json", "--set"):
        assert asked_for("explain", "--", like_an_option)[1] == {"subject": like_an_option}


@pytest.mark.parametrize("group", [["raft"], ["raft", "add", "beta"], ["keys", "list"]])
def test_option_that_is_repeated_keeps_each_value_or_the_last(group: list[str]) -> None:
    options = asked_for("--set", "a=1", "--config", "x", *group, "--set", "b=2", "--config", "y")[2]

    assert options == {"assignments": ["a=1", "b=2"], "config": "y"}


def test_option_of_a_group_may_stand_before_its_command() -> None:
    assert asked_for("raft", "--json")[:2] == ("raft", {"as_json": True})
    assert asked_for("raft", "--json", "add", "beta")[1] == {"node": "beta", "as_json": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stats"], "no such command: stats; did you mean status?; see constellation --help"),
        (["keys", "rotat"], "did you mean rotate?; see constellation keys --help"),
        (["--set", "priority=1"], "which command?; see constellation --help"),
        (["keys", "--set", "priority=1"], "which command?; see constellation keys --help"),
        (["status", "--jsn"], "did you mean --json?; see constellation status --help"),
        (["status", "--js"], "no such option: --js"),  # it could mean another one tomorrow
        (["--confg", "a.toml", "status"], "no such option: --confg; did you mean --config?"),
        (["--json", "status"], "option --json is for use after the command"),
        (["nodes", "--force"], "option --force is for use with other commands"),
        (["status", "--json=yes"], "--json"),
        (["cordon", "beta", "--reason"], "--reason"),
        (["cordon", "beta", "--reason", "--set", "x=1"], "--reason"),
        (["status", "surplus"], "unexpected argument: surplus; see constellation status --help"),
        (["raft", "add"], "NODE; see constellation raft add --help"),
        (["status", "\x1b[2J\n"], "unexpected argument: ?[2J ; see"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_command_line_is_told_what_is_wrong(
    agent: Agent, run: Run, words: list[str], said: str
) -> None:
    ran = run(*words)

    assert ran.code == 1
    assert said in ran.line
    assert agent.asked == []


@given(st.lists(st.sampled_from([*WORDS, "--", "-", "", "x", "--x", "--json=1", "-h"]), max_size=6))
def test_any_command_line_is_understood_or_refused(words: list[str]) -> None:
    try:
        found = parse(words, COMMANDS)
    except Ended:
        return
    needed = {one.parameter for one in found.command.arguments}
    assert found.of_program.version or (found.command.run and needed <= set(found.values))


@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize("command", [PROGRAM, *COMMANDS], ids=lambda one: one.name or "program")
def test_help_fits_its_width_and_names_everything(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: Command, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    ran = run(*command.name.split(), "--help")

    assert (ran.code, ran.err) == (0, "")
    usage, text = ran.out.removesuffix(f"{command.epilog}\n").split("\n\n", 1)
    assert max(map(len, text.splitlines())) <= width
    assert max(map(len, usage.splitlines())) <= 80
    names = [one.name for one in (*command.options, *PROGRAM.options)]
    names += [one.name for one in command.arguments]
    assert [name for name in names if name not in text] == []
    below = [one for one in COMMANDS if one.name.rpartition(" ")[0] == command.name]
    assert [one.name for one in below if f"\n    {one.last_name}" not in text] == []
    assert ran.out.endswith(f"{command.epilog}\n")
