"""A command line: the command that it names, with its values; or what is wrong with it.

Options of the program itself, such as `--config`, may stand before and after the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

HELP_NAMES = ("-h", "--help")

Value = str | bool | list[str]


@dataclass(frozen=True, slots=True)
class Argument:
    """What a command is about."""

    name: str  # as help shows it, e.g. NODE
    parameter: str  # of the function that runs the command
    help: str


@dataclass(frozen=True, slots=True)
class Option:
    """One option."""

    name: str  # e.g. --reason
    parameter: str
    help: str
    value: str = ""  # what follows it, as help shows it; empty: nothing
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command, a group of commands, or the program itself."""

    name: str  # with that of its group, e.g. "keys rotate"; empty: the program
    summary: str  # its line in the list of commands
    run: str = ""  # "module:function"; empty: it only has commands below it
    text: str = ""  # of its own help, if that says more than `summary`
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    epilog: str = ""

    @property
    def last_name(self) -> str:
        """The name within its group."""
        return self.name.rpartition(" ")[2]


@dataclass(slots=True)
class Parsed:
    """What a command line asks for."""

    command: Command
    values: dict[str, Value] = field(default_factory=dict)  # by parameter; only what is given
    of_program: dict[str, Value] = field(default_factory=dict)
    wants_help: bool = False


class UsageError(Exception):
    """The command line is wrong; `command` is the one whose help tells more."""

    def __init__(self, text: str, command: Command) -> None:
        super().__init__(text)
        self.command = command


def below(commands: Iterable[Command], group: Command) -> Iterator[Command]:
    """Yield the commands of a group, or of the program."""
    for one in commands:
        if one.name.rpartition(" ")[0] == group.name:
            yield one


def parse(arguments: Sequence[str], program: Command, commands: Sequence[Command]) -> Parsed:
    """Return what the command line `arguments` asks for.

    Raises:
        UsageError: it is wrong.
    """
    reader = _Reader(program, commands)
    words = iter(arguments)
    for word in words:
        if word == "--":
            for positional in words:
                reader.take_word(positional)
        elif word.startswith("-") and word != "-":
            reader.take_option(word, words)
        else:
            reader.take_word(word)
    return reader.finished()


class _Reader:
    """Reads a command line word by word."""

    def __init__(self, program: Command, commands: Sequence[Command]) -> None:
        self._program = program
        self._commands = commands
        self._parsed = Parsed(program)
        self._positional: list[str] = []

    def take_word(self, word: str) -> None:
        """Handle a word that is no option: a command, or what it is about."""
        parsed = self._parsed
        choices = {one.last_name: one for one in below(self._commands, parsed.command)}
        if word in choices:
            parsed.command = choices[word]
        elif choices:
            raise self._error(f"no such command: {word}{_hint(word, choices)}")
        elif len(self._positional) == len(parsed.command.arguments):
            raise self._error(f"unexpected argument: {word}")
        else:
            self._positional.append(word)

    def take_option(self, word: str, following: Iterator[str]) -> None:
        """Handle an option, and take its value from `following`."""
        name, equals, value = word.partition("=")
        if name in HELP_NAMES:
            self._parsed.wants_help = True
            return
        option, values = self._found(name)
        if not option.value:
            if equals:
                raise self._error(f"option {name} takes no value")
            values[option.parameter] = True
            return
        if not equals:
            given = next(following, None)
            if given is None:
                raise self._error(f"option {name} needs a value: {name} {option.value}")
            value = given
        known = values.get(option.parameter, [])
        values[option.parameter] = (
            [*known, value] if option.is_repeatable and isinstance(known, list) else value
        )

    def _found(self, name: str) -> tuple[Option, dict[str, Value]]:
        command = self._parsed.command
        for one in self._program.options:
            if one.name == name:
                return one, self._parsed.of_program
        for one in command.options:
            if one.name == name:
                return one, self._parsed.values
        if any(one.name == name for each in self._commands for one in each.options):
            where = "after the command" if command is self._program else "with other commands"
            raise self._error(f"option {name} is for use {where}")
        names = {one.name for one in (*command.options, *self._program.options)}
        raise self._error(f"no such option: {name}{_hint(name, names)}")

    def finished(self) -> Parsed:
        """Return what was asked for, once all words are read."""
        parsed = self._parsed
        if parsed.wants_help or any(value is True for value in parsed.of_program.values()):
            return parsed
        command = parsed.command
        if not command.run:
            if len(parsed.of_program) == 0:
                parsed.wants_help = True  # nothing else was asked for
                return parsed
            raise self._error("which command?")
        for argument, word in zip(command.arguments, self._positional, strict=False):
            parsed.values[argument.parameter] = word
        for missing in command.arguments[len(self._positional) :]:
            raise self._error(f"which {missing.name}? {_lower(missing.help)}")
        return parsed

    def _error(self, text: str) -> UsageError:
        return UsageError(text, self._parsed.command)


def _hint(name: str, known: Iterable[str]) -> str:
    from constellation.near_names import nearest  # noqa: PLC0415 - loads slowly

    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
