"""Decodes one element (a router, a service or a middleware) from its labels.

The result goes into the body as it is.  Everything that the configured version of Traefik would
refuse, when it parses the body or when it builds the element, is refused here, with the label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from constellation.traefik.label_tree import SHOWN_CHARACTERS_MAX, LabelNode
from constellation.traefik.schema.kinds import (
    Anything,
    Duration,
    Field,
    Flag,
    Kind,
    Rows,
    Struct,
    Table,
    Text,
    Texts,
    Whole,
    is_available,
)

BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_DURATION = re.compile(r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+")
_UNITS_NS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_DURATION_NS_MAX = 2**63 - 1  # Go's int64
_SECONDS_DIGITS_MAX = 9
_DURATION_CHARACTERS_MAX = 24
# Traefik joins lists by this mark internally, so a value that contains it is misread.
_LIST_MARK = "║"
_NAME_CHARACTERS_MAX = 256  # YAML allows 1,024 for a key


class DecodeError(ValueError):
    """A label cannot be used.  `too_new`: a later version of Traefik accepts it."""

    def __init__(self, label: str, reason: str, remedy: str, *, too_new: bool = False) -> None:
        super().__init__(reason)
        self.label = label[:SHOWN_CHARACTERS_MAX]
        self.reason = reason
        self.remedy = remedy
        self.too_new = too_new


class LabelDecoder:
    """Decodes elements for one version of Traefik.

    A key that was introduced after `version` is an error; with `pass_over` it is left out instead,
    and its error is added to that list.
    """

    def __init__(self, version: str, pass_over: list[DecodeError] | None = None) -> None:
        self._version = version
        self._pass_over = pass_over

    def element(self, struct: Struct, node: LabelNode) -> dict[str, Any]:
        """Return the element at `node`.

        Raises:
            DecodeError: one of its labels is not what `struct` says.
        """
        if not node.children:
            raise DecodeError(node.label, "it has no options", "add an option below it")
        return self._struct(struct, node)

    def _struct(self, struct: Struct, node: LabelNode) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for child in node.children:
            field = struct.find(child.name)
            if field is None:
                known = ", ".join(field.name for field in struct.fields)
                reason = f"Traefik has no option {child.name[:64]!r} here"
                raise DecodeError(child.label, reason, f"use one of {known[:400]}")
            if not self._has(field, child):
                continue
            value = self._field(field, child)
            if value is not None:
                values[field.name] = value
        missing = [
            field.name for field in struct.fields if field.required and field.name not in values
        ]
        if missing:
            raise DecodeError(
                node.label, f"the option {missing[0]} is missing", f"add {missing[0]}"
            )
        if wrong := struct.check(values):
            raise DecodeError(node.label, wrong, "see Traefik's documentation of this element")
        return values

    def _has(self, field: Field, node: LabelNode) -> bool:
        if is_available(field.since, self._version):
            return True
        error = _too_new(node, f"{field.name} was introduced", field.since, self._version)
        if self._pass_over is None:
            raise error
        self._pass_over.append(error)
        return False

    def _field(self, field: Field, node: LabelNode) -> Any:
        """Return the value, or None if the label has no effect."""
        if isinstance(field.kind, Struct | Rows | Table | Anything):
            return self._composed(field, node)
        if node.children:
            raise DecodeError(
                node.children[0].label,
                f"{field.name} has no options",
                "remove what follows its name",
            )
        return self._single(field.kind, node)

    def _composed(self, field: Field, node: LabelNode) -> Any:
        if field.may_be_empty and _is_off(node):
            return None  # whatever its options are
        if not node.children:
            if field.may_be_empty:
                return {}
            reason = f"{field.name} needs an option"
            raise DecodeError(node.label, reason, "add an option below it")
        passed_over_count = len(self._pass_over or ())
        match field.kind:
            case Rows(row):
                values: Any = [self._row(row, child) for child in node.children]
            case Table():
                values = self._table(field.kind, node)
            case Struct():
                values = self._struct(field.kind, node)
            case _:
                values = _anything(node)
                if not isinstance(values, dict):
                    raise DecodeError(
                        node.label, "an index is not allowed here", "use a name instead of [0]"
                    )
        if not values and len(self._pass_over or ()) > passed_over_count:
            return None
        if not values and not field.may_be_empty:
            raise DecodeError(node.label, f"{field.name} has no values", "give its options a value")
        return values

    def _row(self, row: Struct, node: LabelNode) -> dict[str, Any]:
        if not re.fullmatch(r"\[\d{1,4}\]", node.name):
            raise DecodeError(node.label, "an index is missing", "write [0]")
        return self._struct(row, node)

    def _table(self, table: Table, node: LabelNode) -> dict[str, Any]:
        values = {}
        for child in node.children:
            if child.children:
                reason = f"{child.name[:64]!r} has no options"
                raise DecodeError(child.children[0].label, reason, "remove what follows its name")
            if wrong := table.name_check(child.name):
                raise DecodeError(child.label, wrong, "correct the name")
            value = self._single(table.value, child)
            values[child.name] = "" if value is None else value
        return values

    def _single(self, kind: Kind, node: LabelNode) -> Any:
        text, label = node.value, node.label
        match kind:
            case Flag():
                if text not in BOOLEANS:
                    reason = f"{text[:64]!r} is neither true nor false"
                    raise DecodeError(label, reason, "write true or false")
                return BOOLEANS[text]
            case Whole(at_least, at_most):
                return _whole(text, at_least, at_most, label)
            case Duration():
                return _duration(text, kind, label)
            case Texts(check, at_least):
                return _texts(text, check, at_least, label)
            case Text(check, since):
                if not text:
                    return None
                _checked(text, check, label)
                if not is_available(came := dict(since).get(text, "3.0"), self._version):
                    raise _too_new(node, f"{text} was introduced", came, self._version)
                return text
            case _:
                raise AssertionError(kind)  # `_composed` decodes these


def _is_off(node: LabelNode) -> bool:
    """Return whether a switch with options below it is off.

    Traefik reads everything but "true" as off, even "yes"; here that is an error.
    """
    if not node.value or node.value.lower() == "true":
        return False
    if BOOLEANS.get(node.value, True):
        reason = f"{node.value[:64]!r} is neither true nor false"
        raise DecodeError(node.label, reason, "write true or false")
    return True


def _too_new(node: LabelNode, what: str, since: str, version: str) -> DecodeError:
    reason = f"{what} in Traefik {since}, and traefik.version is {version}"
    remedy = f"set traefik.version to {since} when every Traefik has it, or remove the label"
    return DecodeError(node.label, reason, remedy, too_new=True)


def _checked(text: str, check: Callable[[str], str], label: str) -> str:
    if wrong := check(text):
        raise DecodeError(label, wrong, "correct the value")
    return text


def _whole(text: str, at_least: int, at_most: int, label: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text) or not at_least <= int(text) <= at_most:
        reason = f"{text[:64]!r} is not an integer from {at_least} to {at_most}"
        raise DecodeError(label, reason, "correct the value")
    return int(text)


def _duration(text: str, kind: Duration, label: str) -> str:
    if re.fullmatch(rf"[+-]?[0-9]{{1,{_SECONDS_DIGITS_MAX}}}", text):
        text = f"{int(text)}s"
    if len(text) > _DURATION_CHARACTERS_MAX or not _DURATION.fullmatch(text):
        raise DecodeError(
            label, f"{text[:64]!r} is not a duration", "write one such as 500ms or 1m30s"
        )
    is_zero = not re.search(r"[1-9]", text)
    if (text.startswith("-") and not kind.may_be_negative) or (is_zero and not kind.may_be_zero):
        raise DecodeError(label, f"{text!r} is too short", "use a longer duration")
    numbers = re.findall(r"([0-9.]+)([a-zµ]+)", text)
    if sum(float(number) * _UNITS_NS[unit] for number, unit in numbers) > _DURATION_NS_MAX:
        raise DecodeError(label, f"{text!r} is too long", "use a shorter duration")
    return text


def _texts(text: str, check: Callable[[str], str], at_least: int, label: str) -> list[str] | None:
    items = [part.strip() for part in text.split(",")] if text else []
    for item in items:
        _checked(_without_mark(item, label), check, label)
    if len(items) < at_least:
        raise DecodeError(label, "it has no value", "give it a value")
    return items or None


def _without_mark(text: str, label: str) -> str:
    if _LIST_MARK in text:
        raise DecodeError(label, f"Traefik uses {_LIST_MARK!r} internally", "use another character")
    return text


def _anything(node: LabelNode) -> Any:
    if len(node.name) > _NAME_CHARACTERS_MAX:
        raise DecodeError(node.label, "a name in it is too long", "use a shorter name")
    if not node.children:
        return _without_mark(node.value, node.label)
    if all(child.name.startswith("[") for child in node.children):
        return [_anything(child) for child in node.children]
    return {child.name: _anything(child) for child in node.children}
