"""What the manual says of a command: its names, its arguments and its options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NAME = "constellation"
HELP_NAMES = ("-h", "--help")


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


def below(commands: Iterable[Command], group: Command) -> Iterator[Command]:
    """Yield the commands of a group, or of the program."""
    for one in commands:
        if one.name.rpartition(" ")[0] == group.name:
            yield one
