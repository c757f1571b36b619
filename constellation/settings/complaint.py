"""Describe a wrong setting in one line: its name, its source, the problem and the fix.

A value that could be a secret is not repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic_core import ErrorDetails

from constellation.settings.names import SettingNames, why_unknown_in_list

PROBLEMS_SHOWN_MAX = 3
_SECRET = re.compile(r"key|token|secret|password|labels")  # labels may contain users of basic auth
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_BOOLEAN = "must be true or false"
_LIST = 'must be a list, e.g. ["a", "b"]'
_TABLE = "must be a table"
# pydantic's error types; a word in braces is from the context of the error.
_WORDS = {
    "missing": "it is required here",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "string_type": "must be a text; put it in quotes",
    "string_too_short": "must be longer: at least {min_length} characters",
    "string_too_long": "must be shorter: at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "tuple_type": _LIST,
    "too_short": "must have {min_length} entries or more",
    "too_long": "must have at most {max_length} entries",
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be at most {le}",
}


def on_one_line(text: str) -> str:
    """Return `text` with unprintable characters escaped: names come from any source."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def joined(problems: Sequence[str]) -> str:
    """Return the first of `problems`, and the number of the others."""
    more = len(problems) - PROBLEMS_SHOWN_MAX
    return "; ".join(problems[:PROBLEMS_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else "")


def complaint(error: ErrorDetails, origins: Mapping[str, str], names: SettingNames) -> str:
    """Describe `error`; `origins` has the source of each dotted name that is set."""
    name = _dotted(error["loc"])
    origin = next((origins[one] for one in _prefixes(name) if one in origins), None)
    problem = _problem(error, name, names)
    if origin is None:
        return (f"{name}: " if name else "") + problem + _related(problem, name, origins)
    return f"{name} {origin}: {problem}{_value(error, name, problem)}"


def _problem(error: ErrorDetails, name: str, names: SettingNames) -> str:
    if error["type"] == "extra_forbidden":
        return why_unknown_in_list(name, names)
    if error["type"] == "tuple_type" and isinstance(error["input"], Mapping):
        return f"must be a list of tables: in TOML, write [[{name}]] above each"
    if error["type"] == "float_parsing" and name.endswith("_s"):
        return "must be a number of seconds, without a unit"
    if error["type"] in _WORDS:
        return _WORDS[error["type"]].format(**error.get("ctx", {}))
    return " ".join(error["msg"].removeprefix("Value error, ").split())


def _value(error: ErrorDetails, name: str, problem: str) -> str:
    value = error["input"]
    is_shown = isinstance(value, str | int | float) and not _SECRET.search(name)
    return f" (it is {value!r:.60})" if is_shown and repr(value) not in problem else ""


def _related(problem: str, group: str, origins: Mapping[str, str]) -> str:
    """Return the sources of the settings that a problem with several of one group names."""
    named = set(re.findall(r"\w[\w.]*\w", problem))
    prefix = f"{group}." if group else ""
    found = [
        f"{name} {origin}" for name, origin in origins.items() if name.removeprefix(prefix) in named
    ]
    return f" (here: {', '.join(found)})" if found else ""


def _dotted(location: Sequence[int | str]) -> str:
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def _prefixes(name: str) -> Iterator[str]:
    """Yield `a.b[1].c`, `a.b` and `a`: a list is set as a whole."""
    yield name
    parts = re.split(r"\.|\[", name)
    for count in range(len(parts) - 1, 0, -1):
        yield ".".join(part for part in parts[:count] if not part.endswith("]"))
