"""The body, kept in pieces: a change of one element makes no other be written again.

Canonical: keys are sorted and nothing is written twice, so equal documents have equal bytes.
Traefik reads the body as YAML, which takes almost all of JSON: no half of a surrogate pair as an
escape, and none of `_ESCAPED` as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from constellation.traefik.elements import ElementKey

# YAML 1.2 §5.1: what is not printable, and breaks of lines.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


def canonical(value: Any) -> bytes:
    """Return the one way to write `value` as JSON in UTF-8 that is YAML too."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


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
        protocols: dict[str, list[bytes]] = {}
        for part in sorted({*self._sections, *extra}):
            joined = self._sections.get(part, _EMPTY).joined(extra.get(part, {}))
            if joined:
                protocols.setdefault(part[0], []).append(b'"%b":{%b}' % (part[1].encode(), joined))
        whole = (b'"%b":{%b}' % (p.encode(), b",".join(protocols[p])) for p in sorted(protocols))
        return b"{" + b",".join(whole) + b"}"


class _Section:
    """Elements of one kind.  `_names` is sorted, or None when a name came or went."""

    def __init__(self) -> None:
        self.configs: dict[str, Mapping[str, Any]] = {}
        self._pieces: dict[str, bytes] = {}
        self._names: list[str] | None = []

    def set(self, name: str, config: Mapping[str, Any]) -> None:
        if name not in self.configs:
            self._names = None
        self.configs[name] = config
        self._pieces[name] = _piece(name, config)

    def discard(self, name: str) -> None:
        if self.configs.pop(name, None) is not None:
            del self._pieces[name]
            self._names = None

    def joined(self, extra: Mapping[str, bytes]) -> bytes:
        return b",".join(self._in_order(extra))

    def _in_order(self, extra: Mapping[str, bytes]) -> Iterator[bytes]:
        if extra:
            pieces = {**self._pieces, **extra}
            return (pieces[name] for name in sorted(pieces))
        if self._names is None:
            self._names = sorted(self._pieces)
        return map(self._pieces.__getitem__, self._names)


_EMPTY = _Section()


def _piece(name: str, config: Mapping[str, Any]) -> bytes:
    return canonical(name) + b":" + canonical(config)
