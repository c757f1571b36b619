"""Decodes one element (a router, a service or a middleware) from its labels.

The result goes into the body as it is.  Everything that the configured version of Traefik would
refuse, when it parses the body or when it builds the element, is refused here, with the label.
What Traefik takes is taken, with a warning if it will not work as written.
"""

from __future__ import annotations

import re
from typing import Any

from constellation.near_names import did_you_mean, nearest
from constellation.traefik.label_tree import SHOWN_CHARACTERS_MAX, LabelNode
from constellation.traefik.rejection import Complaint
from constellation.traefik.schema.kinds import (
    Anything,
    Duration,
    Fault,
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
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DURATION = re.compile(r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+")
_UNITS_NS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_DURATION_NS_MAX = 2**63 - 1  # Go's int64
_SECONDS_DIGITS_MAX = 9
_DURATION_CHARACTERS_MAX = 24
# Traefik joins lists by this mark internally, so a value that contains it is misread.
_LIST_MARK = "║"
_SURROGATE = re.compile("[\ud800-\udfff]")
_EMPTY: tuple[object, ...] = ("", [])  # values of labels without a value
_NAME_CHARACTERS_MAX = 256  # YAML allows 1,024 for a key


class DecodeError(ValueError):
    """A label cannot be used."""

    def __init__(self, label: str, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.label = label
        self.fault = fault


class LabelDecoder:
    """Decodes elements for one version of Traefik.  What is wrong goes to `complaints`.

    A key that was introduced after `version` is an error; with `passes_over` only that key is left
    out.
    """

    def __init__(
        self, version: str, complaints: list[Complaint], *, passes_over: bool = False
    ) -> None:
        self._version = version
        self._complaints = complaints
        self._passes_over = passes_over
        self._faults_count = 0  # of labels for which the element is left out
        self.read: dict[str, Any] = {}  # what could be read of the last element, wrong or not

    def element(self, struct: Struct, node: LabelNode) -> dict[str, Any] | None:
        """Return the element at `node`; None if one of its labels makes Traefik refuse it.

        All labels are read in any case, so that all faults are found at once.
        """
        self._faults_count = 0
        self.read = {}
        if not node.children:
            self._add(node.label, Fault("it has no options", "add an option below it"))
            return None
        self.read = self._struct(struct, node)
        return None if self._faults_count else self.read

    def _add(self, label: str, fault: Fault) -> None:
        self._faults_count += not fault.is_sent
        label = label[:SHOWN_CHARACTERS_MAX]
        self._complaints.append(Complaint(label, fault.reason, fault.remedy, fault.is_sent))

    def _struct(self, struct: Struct, node: LabelNode) -> dict[str, Any]:
        faults_count = self._faults_count
        values = self._values(struct, node)
        if self._faults_count > faults_count:
            return values
        # Traefik takes `path: ""`, but no object without options.
        has_value = [name for name, value in values.items() if value not in _EMPTY]
        if has_value:
            values = {name: values[name] for name in has_value}
        for field in struct.fields:
            if field.required and field.name not in has_value:
                reason = f"the option {field.name} is missing"
                self._add(node.label, Fault(reason, f"add {field.name}"))
        if fault := struct.check(values):
            self._add(node.label, fault)
        return values

    def _values(self, struct: Struct, node: LabelNode) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for child in node.children:
            field = struct.find(child.name)
            if field is None:
                self._add(child.label, _unknown(struct, child))
            elif self._has(field, child):
                try:
                    value = self._field(field, child)
                except DecodeError as error:
                    self._add(error.label, error.fault)
                else:
                    if value is not None:
                        values[field.name] = value
        return values

    def _has(self, field: Field, node: LabelNode) -> bool:
        if is_available(field.since, self._version):
            return True
        fault = _too_new(f"{field.name} was introduced", field.since, self._version)
        self._add(node.label, fault)
        self._faults_count -= self._passes_over
        return False

    def _field(self, field: Field, node: LabelNode) -> Any:
        """Return the value, or None if the label has no effect."""
        if isinstance(field.kind, Struct | Rows | Table | Anything):
            return self._composed(field, node)
        if node.children:
            reason = f"{field.name} has no options"
            raise DecodeError(node.children[0].label, Fault(reason, "remove what follows its name"))
        return self._single(field.kind, node)

    def _composed(self, field: Field, node: LabelNode) -> Any:
        if field.may_be_empty and _is_off(node):
            return None  # whatever its options are
        if not node.children:
            if field.may_be_empty:
                return {}
            reason = f"{field.name} needs an option"
            raise DecodeError(node.label, Fault(reason, "add an option below it"))
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
                    fault = Fault("an index is not allowed here", "use a name instead of [0]")
                    raise DecodeError(node.label, fault)
        if not values and not field.may_be_empty:
            return None  # its options are wrong, or switched off
        return values

    def _row(self, row: Struct, node: LabelNode) -> dict[str, Any]:
        if not re.fullmatch(r"\[\d{1,4}\]", node.name):
            raise DecodeError(node.label, Fault("an index is missing", "write [0]"))
        return self._struct(row, node)

    def _table(self, table: Table, node: LabelNode) -> dict[str, Any]:
        values = {}
        for child in node.children:
            if child.children:
                reason = f"{child.name[:64]!r} has no options"
                self._add(child.children[0].label, Fault(reason, "remove what follows its name"))
                continue
            if fault := table.name_check(child.name):
                self._add(child.label, fault)
            try:
                value = self._single(table.value, child)
            except DecodeError as error:
                self._add(error.label, error.fault)
            else:
                values[child.name] = value
        return values

    def _single(self, kind: Kind, node: LabelNode) -> Any:
        text = node.value
        if not _is_unicode(text):
            raise DecodeError(node.label, Fault("it has a character that is not valid in Unicode"))
        match kind:
            case Flag():
                if text not in BOOLEANS:
                    raise DecodeError(node.label, no_boolean(text))
                return BOOLEANS[text]
            case Whole():
                return self._whole(kind, node)
            case Duration():
                return self._duration(kind, node)
            case Texts():
                return self._texts(kind, node)
            case Text(check, since, form):
                text = form(text)
                if not text:
                    return text
                self._check(check(text), node)
                if not is_available(came := dict(since).get(text, "3.0"), self._version):
                    fault = _too_new(f"{text} was introduced", came, self._version)
                    raise DecodeError(node.label, fault)
                return text
            case _:
                raise AssertionError(kind)  # `_composed` decodes these

    def _check(self, fault: Fault | None, node: LabelNode) -> None:
        """Add a warning.

        Raises:
            DecodeError: Traefik refuses the value.
        """
        if fault is None:
            return
        if not fault.is_sent:
            raise DecodeError(node.label, fault)
        self._add(node.label, fault)

    def _whole(self, kind: Whole, node: LabelNode) -> int:
        text = node.value
        if not _WHOLE.fullmatch(text) or not kind.at_least <= int(text) <= kind.at_most:
            reason = f"{text[:64]!r} is not an integer from {kind.at_least} to {kind.at_most}"
            raise DecodeError(node.label, Fault(reason))
        self._check(kind.check(int(text)), node)
        low, high = kind.useful
        if not low <= int(text) <= high:
            remedy = f"write a number from {low} to {high}" if high < 2**63 - 1 else ""
            remedy = remedy or f"write a number that is at least {low}"
            self._add(node.label, Fault(f"with {text}, {kind.otherwise}", remedy, is_sent=True))
        return int(text)

    def _duration(self, kind: Duration, node: LabelNode) -> str:
        text = _go_duration(node.value, node.label)
        is_zero = not re.search(r"[1-9]", text)
        is_short = text.startswith("-") and not is_zero
        if kind.useful == "any" or not (is_short or (is_zero and kind.useful == "positive")):
            return text
        fault = Fault(f"with {text}, {kind.otherwise}", "use a longer duration", is_sent=True)
        if not kind.otherwise:
            fault = Fault(f"{text!r} is too short", "use a longer duration")
        self._check(fault, node)
        return text

    def _texts(self, kind: Texts, node: LabelNode) -> list[str]:
        text = node.value
        items = [part.strip() for part in text.split(",")] if text else []
        faults = [_marked(item) or kind.check(item) for item in items]
        for fault in dict.fromkeys(faults):
            if fault is not None:
                self._add(node.label, fault)
        if len(items) < kind.at_least:
            raise DecodeError(node.label, Fault("it has no value", "give it a value"))
        return items


def _unknown(struct: Struct, node: LabelNode) -> Fault:
    known = [field.name for field in struct.fields]
    reason = f"Traefik has no option {node.name[:64]!r} here"
    if deeper := _path_to(node.name.lower(), struct):
        return Fault(reason, f"did you mean {deeper}?")
    return Fault(reason, did_you_mean(node.name, known, f"use one of {', '.join(known)[:400]}"))


def _path_to(name: str, struct: Struct) -> str:
    """Return where below `struct` an option called `name` is, the nearest; empty: nowhere."""
    waiting = [("", struct)]
    for before, one in waiting:  # grows while it is read
        for field in one.fields:
            if before and field.name.lower() == name:
                return f"{before}{field.name}"
            if isinstance(field.kind, Struct):
                waiting.append((f"{before}{field.name}.", field.kind))
    return ""


def _is_unicode(text: str) -> bool:
    return text.isascii() or not _SURROGATE.search(text)


def no_boolean(text: str) -> Fault:
    """Return the fault of a switch that is neither true nor false."""
    near = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower(), "")
    near = near or nearest(text, ("true", "false"))
    remedy = f"write {near}" if near else "write true or false"
    return Fault(f"{text[:64]!r} is neither true nor false", remedy)


def _is_off(node: LabelNode) -> bool:
    """Return whether a switch with options below it is off.

    Traefik reads everything but "true" as off, even "yes"; here that is an error.
    """
    if not node.value or node.value.lower() == "true":
        return False
    if BOOLEANS.get(node.value, True):
        raise DecodeError(node.label, no_boolean(node.value))
    return True


def _too_new(what: str, since: str, version: str) -> Fault:
    reason = f"{what} in Traefik {since}, and traefik.version is {version}"
    remedy = f"set traefik.version to {since} when every Traefik has it, or remove the label"
    return Fault(reason, remedy)


def _go_duration(text: str, label: str) -> str:
    if re.fullmatch(rf"[+-]?[0-9]{{1,{_SECONDS_DIGITS_MAX}}}", text):
        text = f"{int(text)}s"
    if len(text) > _DURATION_CHARACTERS_MAX or not _DURATION.fullmatch(text):
        fault = Fault(f"{text[:64]!r} is not a duration", "write one such as 500ms or 1m30s")
        raise DecodeError(label, fault)
    numbers = re.findall(r"([0-9.]+)([a-zµ]+)", text)
    if sum(float(number) * _UNITS_NS[unit] for number, unit in numbers) > _DURATION_NS_MAX:
        raise DecodeError(label, Fault(f"{text!r} is too long", "use a shorter duration"))
    return text


def _marked(text: str) -> Fault | None:
    if _LIST_MARK in text:
        return Fault(f"Traefik uses {_LIST_MARK!r} internally", "use another character")
    return None


def _anything(node: LabelNode) -> Any:
    if len(node.name) > _NAME_CHARACTERS_MAX:
        raise DecodeError(node.label, Fault("a name in it is too long", "use a shorter name"))
    if not node.children:
        fault = _marked(node.value)
        if not _is_unicode(node.value):
            fault = Fault("it has a character that is not valid in Unicode")
        if fault is not None:
            raise DecodeError(node.label, fault)
        return node.value
    if all(child.name.startswith("[") for child in node.children):
        return [_anything(child) for child in node.children]
    return {child.name: _anything(child) for child in node.children}
