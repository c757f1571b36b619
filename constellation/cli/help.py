"""The help of a command, as a person reads it on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from constellation.cli.usage import Command, Option, below

NAME = "constellation"
WIDTH_MIN, WIDTH_MAX = 40, 80  # shorter lines hold no word beside a name, longer are hard to read
_INDENT = "  "
_HELP_ROW = ("-h, --help", "Show this message.")


def help_text(command: Command, program: Command, commands: Sequence[Command], width: int) -> str:
    """Return the help of `command`, which is one of `commands`, or the program itself."""
    width = max(WIDTH_MIN, min(width, WIDTH_MAX)) - 2
    inner = [*below(commands, command)]
    own = [*map(_option_row, command.options), _HELP_ROW]
    shared = [] if command is program else [*map(_option_row, _inherited(program))]
    parts = [
        _usage(command, has_inner=bool(inner)),
        _paragraphs(command.text or command.summary, width),
        _section("Arguments", ((one.name, one.help) for one in command.arguments), width),
        _section("Options", own, width),
        _section("Options of every command", shared, width),
        _section("Commands", ((one.last_name, one.summary) for one in inner), width),
        command.epilog,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _usage(command: Command, *, has_inner: bool) -> str:
    words = [NAME, command.name, "[OPTIONS]", *(one.name for one in command.arguments)]
    if has_inner:
        words.append("[COMMAND]" if command.run else "COMMAND")
    return "Usage: " + " ".join(word for word in words if word)


def _inherited(program: Command) -> Iterable[Option]:
    return (one for one in program.options if one.value)  # not those that ask for something else


def _option_row(option: Option) -> tuple[str, str]:
    return f"{option.name} {option.value}".rstrip(), option.help


def _paragraphs(text: str, width: int) -> str:
    return "\n\n".join(
        textwrap.fill(one, width, initial_indent=_INDENT, subsequent_indent=_INDENT)
        for one in text.split("\n\n")
    )


def _section(title: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    """Return rows of two columns under a title; empty: there are none."""
    listed = [*rows]
    if not listed:
        return ""
    left = max(len(name) for name, _ in listed) + len(_INDENT)
    lines = [f"{title}:"]
    for name, text in listed:
        lines += textwrap.wrap(
            text,
            width,
            initial_indent=f"{_INDENT}{name:<{left}}",
            subsequent_indent=" " * (left + len(_INDENT)),
        )
    return "\n".join(lines)
