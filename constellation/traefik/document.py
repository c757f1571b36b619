"""The body, kept in pieces: a change of one element makes no other be written again.

Canonical: keys are sorted and nothing is written twice, so equal documents have equal bytes.
Traefik reads the body as YAML, which takes almost all of JSON: no half of a surrogate pair as an
escape, and none of `_ESCAPED` as it is.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from constellation.traefik.elements import ElementKey

# YAML 1.2 §5.1: what is not printable, and breaks of lines.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    """Return the one way to write `value` as JSON in UTF-8 that is YAML too."""
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", _ENCODER.encode(value)).encode()


class Document:
    """Elements by key, each with its bytes."""

    def __init__(self) -> None:
        self._sections: dict[tuple[str, str], _Section] = {}

    def __bool__(self) -> bool:
        """There is an element."""
        return any(section.configs for section in self._sections.values())

    def set(self, key: ElementKey, config: Mapping[str, Any]) -> None:
        """Write the element `key`, new or again."""
        section = self._sections.setdefault((key.protocol, key.section), _Section())
        section.set(key, config)

    def discard(self, key: ElementKey) -> None:
        """Take the element `key` out, if it is there."""
        section = self._sections.get((key.protocol, key.section))
        if section is not None:
            section.discard(key.body_name)

    def key_of(self, protocol: str, section: str, body_name: str) -> ElementKey | None:
        """Return the key of an element by its name in the body; None: not found."""
        found = self._sections.get((protocol, section))
        return found.keys.get(body_name) if found is not None else None

    def section(self, protocol: str, section: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the elements of one section by name.  Not to be changed."""
        found = self._sections.get((protocol, section))
        return found.configs if found is not None else {}

    def body(self, also: Mapping[ElementKey, Mapping[str, Any]]) -> bytes:
        """Return the whole document with the elements `also` in it, which take no name of it."""
        extra: dict[tuple[str, str], dict[str, bytes]] = {}
        for key, config in also.items():
            part = extra.setdefault((key.protocol, key.section), {})
            part[key.body_name] = _piece(key.body_name, config)
        pieces: list[bytes] = []  # joined once: each joining copies it all
        for protocol, parts in groupby(sorted({*self._sections, *extra}), itemgetter(0)):
            protocol_begin = len(pieces)
            for name in parts:
                section_begin = len(pieces)
                pieces += self._sections.get(name, _EMPTY).in_order(extra.get(name, {}))
                _enclose(name[1], pieces, section_begin)
            _enclose(protocol, pieces, protocol_begin)
        if not pieces:
            return b"{}"
        pieces[0] = b"{" + pieces[0]
        pieces[-1] += b"}"
        return b",".join(pieces)


class _Section:
    """Elements of one kind.

    `_names` and `_pieces` are in order of names; None when a name came or went.
    """

    def __init__(self) -> None:
        self.keys: dict[str, ElementKey] = {}
        self.configs: dict[str, Mapping[str, Any]] = {}
        self._piece_of: dict[str, bytes] = {}
        self._names: list[str] = []
        self._pieces: list[bytes] | None = []

    def set(self, key: ElementKey, config: Mapping[str, Any]) -> None:
        name = key.body_name
        piece = _piece(name, config)
        if name not in self.configs:
            self._pieces = None
        elif self._pieces is not None:
            self._pieces[bisect_left(self._names, name)] = piece
        self.keys[name] = key
        self.configs[name] = config
        self._piece_of[name] = piece

    def discard(self, name: str) -> None:
        if self.configs.pop(name, None) is not None:
            del self.keys[name], self._piece_of[name]
            self._pieces = None

    def in_order(self, extra: Mapping[str, bytes]) -> list[bytes]:
        """Return the pieces, those of a few more elements among them.  Not to be changed."""
        if self._pieces is None:
            self._names = sorted(self._piece_of)
            self._pieces = [self._piece_of[name] for name in self._names]
        if not extra:
            return self._pieces
        pieces = self._pieces.copy()
        for name in sorted(extra, reverse=True):  # the last first: it moves no other's place
            pieces.insert(bisect_left(self._names, name), extra[name])
        return pieces


_EMPTY = _Section()


def _enclose(name: str, pieces: list[bytes], begin: int) -> None:
    """Make the pieces from `begin` on, if there are any, the members of one object `name`."""
    if begin < len(pieces):
        pieces[begin] = b'"%b":{%b' % (name.encode(), pieces[begin])
        pieces[-1] += b"}"


def _piece(name: str, config: Mapping[str, Any]) -> bytes:
    return canonical(name) + b":" + canonical(config)
