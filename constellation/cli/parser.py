"""A command line, read by argparse as the manual says: the command that it names, with its values.

Options of every command, such as `--config`, are read first, wherever they stand; then the name of
the command; then the rest, by the parser of that command alone, so that no other one is made.
"""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from constellation.cli.command import HELP_NAMES, NAME, Command, Option, below
from constellation.cli.manual import PROGRAM
from constellation.cli.session import Ended, unanswered, write

WIDTH_MAX = 80  # longer lines are hard to read


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a command line asks for."""

    command: Command
    values: dict[str, Any]  # by parameter; only what is given
    of_program: argparse.Namespace  # `config`, `assignments` and `version`


def parse(arguments: Sequence[str], commands: Sequence[Command]) -> Parsed:
    """Return what the command line `arguments` asks for.

    Raises:
        Ended: it is wrong, or asks for help; that is printed.
    """
    shared = _shared_parser()
    none = argparse.Namespace(config=None, assignments=[], version=False)
    of_program, words = shared.parse_known_args(arguments, none)
    if of_program.version:
        return Parsed(PROGRAM, {}, of_program)
    if words and words[0].startswith("-") and words[0] not in HELP_NAMES:
        # Its value, if it has one, would be taken for the command.
        shared.error(_unknown(words[0], PROGRAM, commands))
    command, words = _command_of(words, commands)
    parser = _parser_of(command, commands, shared)
    given, surplus = parser.parse_known_args(words)
    if surplus:
        parser.error(_unknown(surplus[0], command, commands))
    if not command.run:
        if of_program.config or of_program.assignments:
            parser.error("which command?")
        parser.print_help()
        parser.exit()
    values = {name: value for name, value in vars(given).items() if name != "command"}
    return Parsed(command, values, of_program)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and whose help tells more."""

    def error(self, message: str) -> NoReturn:
        raise unanswered(f"{message}; see {self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        # argparse breaks lines either within a text of one paragraph or not at all.
        paragraphs = (self.description or "").split("\n\n")
        self.description = "\n\n".join(textwrap.fill(one, _width()) for one in paragraphs)
        write(self.format_help())

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Ended(status)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # argparse would list all commands, and name none as the one that was meant.
        if action.choices is not None and value not in action.choices:
            self.error(f"no such command: {value}{_hint(value, action.choices)}")


def _shared_parser() -> _Parser:
    """Return a parser of the options that every command has."""
    parser = _Parser(NAME, add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("options of every command")
    for option in PROGRAM.options:
        group.add_argument(option.name, **_keywords(option))
    return parser


def _command_of(words: Sequence[str], commands: Iterable[Command]) -> tuple[Command, list[str]]:
    """Return the command that `words` name, and the other words."""
    names = _Parser(NAME, add_help=False, allow_abbrev=False)
    _add_commands(names, PROGRAM, commands)
    found, others = names.parse_known_args(words)
    return found.command, others


def _parser_of(command: Command, commands: Iterable[Command], shared: _Parser) -> _Parser:
    """Return a parser of what may follow a command; its help also has the options of `shared`."""
    parser = _Parser(
        f"{NAME} {command.name}".rstrip(),
        description=command.text or command.summary,
        epilog=command.epilog,
        parents=[shared],
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=_width()),
        allow_abbrev=False,
    )
    for argument in command.arguments:
        parser.add_argument(argument.parameter, metavar=argument.name, help=argument.help)
    for option in command.options if command is not PROGRAM else ():  # those are in `shared`
        parser.add_argument(option.name, **_keywords(option))
    _add_commands(parser, command, commands)
    return parser


def _add_commands(parser: _Parser, group: Command, commands: Iterable[Command]) -> None:
    """Tell `parser` the names of the commands of a group, or of the program."""
    parser.set_defaults(command=group)
    inner = [*below(commands, group)]
    if inner:
        may_lack = "may be left out" if group.run else None
        added = parser.add_subparsers(
            title="commands", metavar="COMMAND", prog=parser.prog, help=may_lack
        )
        for one in inner:
            named = added.add_parser(
                one.last_name, help=one.summary, add_help=False, allow_abbrev=False
            )
            _add_commands(named, one, commands)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDTH_MAX) - 2


def _keywords(option: Option) -> dict[str, Any]:
    """Return what argparse is told of an option."""
    told = {"dest": option.parameter, "help": option.help, "default": argparse.SUPPRESS}
    if not option.value:
        return {**told, "action": "store_true"}
    action = "append" if option.is_repeatable else "store"
    return {**told, "action": action, "metavar": option.value}


def _unknown(word: str, command: Command, commands: Iterable[Command]) -> str:
    """Return what is said of a word that is no part of `command` at this place."""
    if not word.startswith("-"):
        return f"unexpected argument: {word}"
    name = word.partition("=")[0]
    if any(one.name == name for each in commands for one in each.options):
        where = "after the command" if command is PROGRAM else "with other commands"
        return f"option {name} is for use {where}"
    known = {one.name for one in (*command.options, *PROGRAM.options)}
    return f"no such option: {name}{_hint(name, known)}"


def _hint(name: str, known: Iterable[str]) -> str:
    from constellation.near_names import nearest  # noqa: PLC0415 - loads slowly

    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""
