"""The body, kept in pieces: a change of one element makes no other be written again.

Canonical: keys are sorted and nothing is written twice, so equal documents have equal bytes,
those that `json.dumps` with sorted keys would give.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from constellation.traefik.elements import ElementKey


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """Return the one way to write `value` as JSON in UTF-8."""
    return _ENCODER.encode(value).encode()


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
        section.set(key.name, config)

    def discard(self, key: ElementKey) -> None:
        """Take the element `key` out, if it is there."""
        section = self._sections.get((key.protocol, key.section))
        if section is not None:
            section.discard(key.name)

    def section(self, protocol: str, section: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the elements of one section by name.  Not to be changed."""
        found = self._sections.get((protocol, section))
        return found.configs if found is not None else {}

    def body(self, also: Mapping[ElementKey, Mapping[str, Any]]) -> bytes:
        """Return the whole document with the elements `also` in it, which take no name of it."""
        extra: dict[tuple[str, str], dict[str, bytes]] = {}
        for key, config in also.items():
            pieces = extra.setdefault((key.protocol, key.section), {})
            pieces[key.name] = _piece(key.name, config)
        written: list[bytes] = []  # joined at once: each joining copies it all
        last_protocol = ""
        for protocol, section in sorted({*self._sections, *extra}):
            part = (protocol, section)
            joined = self._sections.get(part, _EMPTY).joined(extra.get(part, {}))
            if not joined:
                continue
            if protocol == last_protocol:
                before = b","
            else:
                before = b'%b"%b":{' % (b"}," if written else b"", protocol.encode())
            written += (before, b'"%b":{' % section.encode(), joined, b"}")
            last_protocol = protocol
        return b"".join((b"{", *written, b"}}" if written else b"}"))


class _Section:
    """Elements of one kind.

    `_names` is sorted, or None when a name came or went; `_joined` is None when anything changed.
    """

    def __init__(self) -> None:
        self.configs: dict[str, Mapping[str, Any]] = {}
        self._pieces: dict[str, bytes] = {}
        self._names: list[str] | None = []
        self._joined: bytes | None = None

    def set(self, name: str, config: Mapping[str, Any]) -> None:
        if name not in self.configs:
            self._names = None
        self.configs[name] = config
        self._pieces[name] = _piece(name, config)
        self._joined = None

    def discard(self, name: str) -> None:
        if self.configs.pop(name, None) is not None:
            del self._pieces[name]
            self._names = self._joined = None

    def joined(self, extra: Mapping[str, bytes]) -> bytes:
        if extra:
            pieces = {**self._pieces, **extra}
            return b",".join([pieces[name] for name in sorted(pieces)])
        if self._names is None:
            self._names = sorted(self._pieces)
        if self._joined is None:
            self._joined = b",".join(map(self._pieces.__getitem__, self._names))
        return self._joined


_EMPTY = _Section()


def _piece(name: str, config: Mapping[str, Any]) -> bytes:
    return canonical(name) + b":" + canonical(config)
