"""Strategies for valid messages of any class, built from its fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Annotated, Any, Literal

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

import messages
from messages.base import REGISTRY, Message

messages.register_all()
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1  # the range of msgpack
KINDS = sorted(
    (kind for kind in REGISTRY.values() if kind.__module__.startswith(messages.__name__ + ".")),
    key=lambda kind: kind.__name__,
)
_TEXT_LENGTH_MAX = 40
_ITEMS_MAX = 2


@cache
def messages_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Return messages of `kind`; fields with a default are sometimes left out."""
    fields = kind.model_fields
    required = {name: _values_of(at) for name, at in fields.items() if at.is_required()}
    optional = {name: _values_of(at) for name, at in fields.items() if not at.is_required()}
    drawn = st.fixed_dictionaries(required, optional=optional)
    return drawn.map(lambda values: kind(**values))


def any_message() -> st.SearchStrategy[Message]:
    """Return messages of any class."""
    return st.sampled_from(KINDS).flatmap(messages_of)


def _values_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    return _values(field.annotation, _limits(field))


def _limits(field: FieldInfo) -> dict[str, Any]:
    limits = {name: value for part in field.metadata for name, value in _limits_of(part).items()}
    known = {"ge", "le", "min_length", "max_length", "pattern"}
    assert limits.keys() <= known, "add the others below"
    return limits


def _limits_of(part: Any) -> dict[str, Any]:
    """Return the limits in one part of a field's metadata."""
    return dataclasses.asdict(part) if dataclasses.is_dataclass(type(part)) else vars(part)


def _values(annotation: Any, limits: dict[str, Any]) -> st.SearchStrategy[Any]:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:  # the limits of an item, inside a tuple with its own limits
        return _values(parts[0], {**limits, **_limits(FieldInfo.from_annotation(annotation))})
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of(*(_values(part, limits) for part in parts))
    if origin is tuple:
        fewest = limits.get("min_length", 0)
        items = st.lists(_values(parts[0], {}), min_size=fewest, max_size=max(fewest, _ITEMS_MAX))
        return items.map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return messages_of(annotation)
    if hasattr(annotation, "_fields"):  # a named tuple
        parts_by_name = typing.get_type_hints(annotation)
        return st.builds(
            annotation, **{name: _values(at, {}) for name, at in parts_by_name.items()}
        )
    return _scalars(annotation, limits)


def _scalars(annotation: Any, limits: dict[str, Any]) -> st.SearchStrategy[Any]:
    if annotation is str and "pattern" in limits:
        return st.from_regex(limits["pattern"], fullmatch=True)
    if annotation is str:
        longest = min(_TEXT_LENGTH_MAX, limits.get("max_length", _TEXT_LENGTH_MAX))
        return st.text(min_size=limits.get("min_length", 0), max_size=longest)
    if annotation is int:
        return st.integers(limits.get("ge", INTEGER_MIN), limits.get("le", INTEGER_MAX))
    if annotation is float:
        return st.floats(limits.get("ge"), limits.get("le"), allow_nan=False)
    if annotation is bytes:
        return st.binary(max_size=limits.get("max_length"))
    return {bool: st.booleans(), type(None): st.none()}[annotation]
