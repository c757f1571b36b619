"""The kinds of values in Traefik's dynamic configuration.

A version is written "3.4"; a key's `since` is the first minor version whose first release had
it, so that every release of that version takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from constellation.value import Value

VERSIONS = ("3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7")
OLDEST = VERSIONS[0]


class Fault(NamedTuple):
    """What is wrong with a value, and what to do about it.

    `is_sent`: Traefik takes the value, but it will not work as written.  Otherwise Traefik leaves
    out the element, or the whole body.
    """

    reason: str
    remedy: str = "correct the value"
    is_sent: bool = False


TextCheck = Callable[[str], Fault | None]
StructCheck = Callable[[Mapping[str, Any]], Fault | None]


def is_available(since: str, version: str) -> bool:
    """Return whether what came in version `since` is in `version`."""
    return VERSIONS.index(since) <= VERSIONS.index(version)


def accept_any(_: object) -> None:
    """Find nothing wrong with any value."""


def as_written(text: str) -> str:
    """Send a text as it is written."""
    return text


class Text(Value):
    """A string; `check` is what must be right of it.

    `since`: values that came later.  `form`: the form in which it is sent, and checked.
    """

    check: TextCheck = accept_any
    since: tuple[tuple[str, str], ...] = ()
    form: Callable[[str], str] = as_written


class Flag(Value):
    """A boolean, as Go reads one."""


class Whole(Value):
    """A whole number from `at_least` to `at_most`: Traefik refuses others.

    `useful`: the numbers that mean something.  `otherwise` is what Traefik does with the others.
    """

    at_least: int = -(2**63)
    at_most: int = 2**63 - 1
    useful: tuple[int, int] = (-(2**63), 2**63 - 1)
    otherwise: str = "it has no effect"
    check: Callable[[int], Fault | None] = accept_any


class Duration(Value):
    """A duration as Go writes one ("1m30s"), or a number of seconds.

    `useful`: "positive", "zero" or longer, or "any".  `otherwise` is what Traefik does with others;
    empty: it refuses them.
    """

    useful: Literal["positive", "zero", "any"] = "zero"
    otherwise: str = "Traefik uses its default instead"


class Texts(Value):
    """A list of strings, separated by commas; at least `at_least` of them."""

    check: TextCheck = accept_any
    at_least: int = 0


class Table(Value):
    """Values by names that are free."""

    value: Text | Whole
    name_check: TextCheck = accept_any


@dataclass(frozen=True, slots=True)
class Struct:
    """Values by names that are given.  `check` is what must be right of them together."""

    fields: tuple[Field, ...]
    check: StructCheck = accept_any
    _by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Remember the fields by name."""
        by_name = {one.name.lower(): one for one in self.fields}
        object.__setattr__(self, "_by_name", by_name)

    def find(self, name: str) -> Field | None:
        """Return the field called `name` in any case."""
        return self._by_name.get(name.lower())


class Rows(Value):
    """A list of structs; labels number them: `domains[0]`."""

    row: Struct


class Anything(Value):
    """Whatever labels say, as strings; for plugins."""


Kind = Text | Flag | Whole | Duration | Texts | Table | Struct | Rows | Anything


class Field(Value):
    """One key.  `may_be_empty`: `{}` is a value of it, and so is a label with nothing below it."""

    name: str
    kind: Kind
    since: str = OLDEST
    may_be_empty: bool = False
    required: bool = False


def fields(kind: Kind, *names: str, since: str = OLDEST) -> tuple[Field, ...]:
    """Return several fields of one kind."""
    return tuple(Field(name, kind, since) for name in names)
