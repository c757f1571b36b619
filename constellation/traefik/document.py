"""The body in pieces: a change of one element does not encode the others again.

The encoding is canonical: keys are sorted, so equal documents have equal bytes.  Traefik reads the
body as YAML, which accepts JSON with two exceptions: a surrogate pair must not be written as two
escapes, and the characters of `_ESCAPED` must be escaped.
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

# YAML 1.2 §5.1: characters that are not printable, and line breaks.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

CHUNK_ELEMENTS = 64


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value`, in UTF-8, which is also YAML."""
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", _ENCODER.encode(value)).encode()


class Document:
    """Elements by key, each with its encoded bytes, joined in chunks of `chunk_elements`."""

    def __init__(self, chunk_elements: int = CHUNK_ELEMENTS) -> None:
        self._chunk_elements = chunk_elements
        self._sections: dict[tuple[str, str], _Section] = {}

    def __bool__(self) -> bool:
        """Return whether there is any element."""
        return any(section.configs for section in self._sections.values())

    def set(self, key: ElementKey, config: Mapping[str, Any]) -> None:
        """Add or replace the element `key`."""
        section = self._sections.get((key.protocol, key.section))
        if section is None:
            section = _Section(self._chunk_elements)
            self._sections[key.protocol, key.section] = section
        section.set(key, config)

    def discard(self, key: ElementKey) -> None:
        """Remove the element `key` if it exists."""
        section = self._sections.get((key.protocol, key.section))
        if section is not None:
            section.discard(key.body_name)

    def key_of(self, protocol: str, section: str, body_name: str) -> ElementKey | None:
        """Return the key of an element by its name in the body; None: not found."""
        found = self._sections.get((protocol, section))
        return found.keys.get(body_name) if found is not None else None

    def section(self, protocol: str, section: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the elements of one section by their names in the body.  Do not change it."""
        found = self._sections.get((protocol, section))
        return found.configs if found is not None else {}

    def body(self) -> bytes:
        """Return the whole document."""
        pieces: list[bytes] = []  # joined once, because each join copies everything
        for protocol, keys in groupby(sorted(self._sections), itemgetter(0)):
            protocol_begin = len(pieces)
            for key in keys:
                section_begin = len(pieces)
                pieces += self._sections[key].chunks()
                _enclose(key[1], pieces, section_begin)
            _enclose(protocol, pieces, protocol_begin)
        if not pieces:
            return b"{}"
        pieces[0] = b"{" + pieces[0]
        pieces[-1] += b"}"
        return b",".join(pieces)


class _Section:
    """The elements of one section.

    `_names` are sorted, and each of `_chunks` holds `chunk_elements` of them; `_chunks` is None
    after a name was added or removed.  A changed element only rebuilds its own chunk.
    """

    def __init__(self, chunk_elements: int) -> None:
        self._chunk_elements = chunk_elements
        self.keys: dict[str, ElementKey] = {}
        self.configs: dict[str, Mapping[str, Any]] = {}
        self._piece_of: dict[str, bytes] = {}
        self._names: list[str] = []
        self._chunks: list[bytes] | None = []
        self._changed: set[int] = set()  # indexes of chunks

    def set(self, key: ElementKey, config: Mapping[str, Any]) -> None:
        name = key.body_name
        if self.configs.get(name) == config:
            return
        if name not in self.configs:
            self._chunks = None
        elif self._chunks is not None:
            self._changed.add(bisect_left(self._names, name) // self._chunk_elements)
        self.keys[name] = key
        self.configs[name] = config
        self._piece_of[name] = _piece(name, config)

    def discard(self, name: str) -> None:
        if self.configs.pop(name, None) is not None:
            del self.keys[name], self._piece_of[name]
            self._chunks = None

    def chunks(self) -> list[bytes]:
        """Return all elements in order of names, joined in chunks.  Do not change the list."""
        if self._chunks is None:
            self._names = sorted(self._piece_of)
            indexes = range(-(-len(self._names) // self._chunk_elements))
            self._chunks = [self._chunk(index) for index in indexes]
        else:
            for index in self._changed:
                self._chunks[index] = self._chunk(index)
        self._changed.clear()
        return self._chunks

    def _chunk(self, index: int) -> bytes:
        begin = index * self._chunk_elements
        names = self._names[begin : begin + self._chunk_elements]
        return b",".join([self._piece_of[name] for name in names])


def _enclose(name: str, pieces: list[bytes], begin: int) -> None:
    """Wrap the pieces from `begin` on, if there are any, as the members of an object `name`."""
    if begin < len(pieces):
        pieces[begin] = b'"%b":{%b' % (name.encode(), pieces[begin])
        pieces[-1] += b"}"


def _piece(name: str, config: Mapping[str, Any]) -> bytes:
    return canonical(name) + b":" + canonical(config)
