"""The names of all settings, and the most similar one to a misspelt name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from constellation.near_names import nearest
from constellation.settings.types import CLUSTER_KEY_CHARACTERS_MIN
from constellation.value import Value


class SettingNames(Value):
    """The dotted names in a model: settings, groups, and fields of the elements of lists."""

    fields: Mapping[str, FieldInfo]
    groups: frozenset[str]
    elements: frozenset[str]  # e.g. `static_services[].check`
    is_part: bool = False  # of all settings: another name may be known elsewhere


def names_of(model: type[BaseModel], prefix: str = "", *, is_part: bool = False) -> SettingNames:
    """Return all names in `model` and in its groups."""
    fields: dict[str, FieldInfo] = {}
    groups: set[str] = set()
    elements: set[str] = set()
    for name, field in model.model_fields.items():
        dotted = f"{prefix}{name}"
        inner = _model_in(field.annotation)
        if inner is None:
            fields[dotted] = field
            for element in filter(None, map(_model_in, get_args(field.annotation))):
                elements |= {f"{dotted}[].{one}" for one in element.model_fields}
            continue
        below = names_of(inner, f"{dotted}.")
        fields |= below.fields
        groups |= {dotted, *below.groups}
        elements |= below.elements
    return SettingNames(fields, frozenset(groups), frozenset(elements), is_part)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def is_secret(field: FieldInfo) -> bool:
    """Return whether the value of this setting must stay unknown to other users."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def why_unknown(
    name: str, names: SettingNames, *, is_table: bool = False, spell: Callable[[str], str] = str
) -> str:
    """Return why `name`, which is not in `names.fields`, is refused, and what to write instead.

    Args:
        name: the unknown name, dotted.
        names: the known names.
        is_table: whether its value is a table, so that a group may have been meant.
        spell: spells a dotted name as the source of `name` does.
    """
    if name in names.groups:
        first = next(one for one in names.fields if one.startswith(f"{name}."))
        return f"it is a group: name one of its settings, e.g. {spell(first)}"
    close = nearest(name, {*names.fields, *(names.groups if is_table else ())})
    return _no_such(spell(close) if close else "")


def shown_name(name: str, names: SettingNames) -> str:
    """Return `name`, or only its length if it could be a key in the place of a name."""
    if len(name) < CLUSTER_KEY_CHARACTERS_MIN or name in names.groups:
        return name
    is_near = nearest(name, {*names.fields, *names.groups})
    return name if is_near else f"a name of {len(name)} characters"


def why_unknown_in_list(name: str, names: SettingNames) -> str:
    """Return the same for a name in an element of a list, e.g. `static_services[1].chek`."""
    close = nearest(re.sub(r"\[\d+\]", "[]", name), names.elements)
    return _no_such(close.rpartition(".")[2])


def _no_such(close: str) -> str:
    hint = f"did you mean {close}?" if close else "docs/settings.md lists all settings"
    return f"unknown setting; {hint}"
