"""Labels of a static service in each form in which people write them.

A table of texts, as on a container; a list of `name=value`, as in a Compose file; and nested
tables, which TOML makes of names with dots that are not in quotes.  A refusal names the label, and
never repeats a value: it may be a password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LABELS_MAX = 1024
DEPTH_MAX = 32
_FORM = "write a table of texts, or a list of 'name=value'"


def label_texts(labels: Any) -> dict[str, str]:
    """Return the labels by name.

    Raises:
        ValueError: one has no text as its value, or is set twice.
    """
    found: dict[str, str] = {}
    for name, value in _pairs(labels):
        if not name:
            raise ValueError(f"a label has no name: {_FORM}")
        if name in found:
            raise ValueError(f"label {name!r:.120} is set twice: remove one of them")
        found[name] = value
        if len(found) > LABELS_MAX:
            raise ValueError(f"there are more than {LABELS_MAX} labels")
    return found


def _pairs(labels: Any) -> Iterator[tuple[str, str]]:
    if isinstance(labels, Mapping):
        yield from _of_table(labels, "")
    elif isinstance(labels, list | tuple):
        for number, entry in enumerate(labels, 1):
            yield from (
                _of_table(entry, "") if isinstance(entry, Mapping) else [_of_entry(entry, number)]
            )
    else:
        raise ValueError(_FORM)  # noqa: TRY004 - as pydantic needs it


def _of_entry(entry: Any, number: int) -> tuple[str, str]:
    """Return the name and value of `name=value`; without '=' the value is empty, as in Compose."""
    if not isinstance(entry, str):
        raise ValueError(  # noqa: TRY004 - as above
            f"label {number} of the list is no text: put 'name=value' in quotes"
        )
    name, equals, value = entry.partition("=")
    if not equals and ":" in entry:
        raise ValueError(f"label {number} of the list has no '=': write 'name=value'")
    return name.strip(), value.strip()


def _of_table(table: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, str]]:
    if prefix.count(".") > DEPTH_MAX:
        raise ValueError(f"label {prefix!r:.120} is nested too deeply")
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _of_table(value, f"{name}.")
        else:
            yield name, _text(name, value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        raise ValueError(  # noqa: TRY004 - as above
            f"label {name!r:.120} is a list: write one text in quotes, e.g. 'a,b'"
        )
    raise ValueError(f"label {name!r:.120} is no text: put its value in quotes")
