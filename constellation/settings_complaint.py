"""What is wrong with a setting, in one line: its name, where it stands, why, and what it is.

A value is not repeated where it could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic_core import ErrorDetails

ERRORS_SHOWN_MAX = 3
_SECRET = re.compile(r"key|token|secret|password")


def on_one_line(text: str) -> str:
    """Return `text` with what a terminal would obey spelt out: names come from anywhere."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def complaint(errors: Sequence[ErrorDetails], origins: Mapping[str, str]) -> str:
    """Return what is wrong with which settings; `origins` says where each dotted name was set."""
    lines = [_line(error, origins) for error in errors[:ERRORS_SHOWN_MAX]]
    more = len(errors) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")


def _line(error: ErrorDetails, origins: Mapping[str, str]) -> str:
    name = _dotted(error["loc"])
    origin = next((origins[one] for one in _prefixes(name) if one in origins), "")
    problem = " ".join(error["msg"].removeprefix("Value error, ").split())
    problem = problem[:1].lower() + problem[1:]
    problem = problem.replace("a valid tuple", "a list, in text as JSON")
    if error["type"] == "extra_forbidden":
        return f"{name} {origin}: there is no such setting; docs/settings.md lists all".strip()
    if error["type"] == "missing":
        problem = "it is required here"
    shown = error["input"]
    is_shown = isinstance(shown, str | int | float) and not _SECRET.search(name)
    said = f" (it is {shown!r:.60})" if is_shown and repr(shown) not in problem else ""
    where = f"{name} {origin}".strip()
    return f"{where}: {problem}{said}" if where else problem


def _dotted(location: Sequence[int | str]) -> str:
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def _prefixes(name: str) -> Iterator[str]:
    """Yield `a.b[1].c`, `a.b`, `a`: a list is set as a whole."""
    yield name
    parts = re.split(r"\.|\[", name)
    for count in range(len(parts) - 1, 0, -1):
        yield ".".join(part for part in parts[:count] if not part.endswith("]"))
