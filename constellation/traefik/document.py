"""The body in pieces: a change of one element does not encode the others again.

The encoding is canonical: keys are sorted, so equal documents have equal bytes.  Traefik reads the
body as YAML, which accepts JSON with two exceptions: a surrogate pair must not be written as two
escapes, and the characters of `_ESCAPED` must be escaped.

Elements are kept as bytes only (see `chunks`), and are decoded when somebody asks for one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from constellation.traefik.chunks import CHUNK_ELEMENTS, Chunks, digest_of
from constellation.traefik.elements import ElementKey, Protocol, Section

# YAML 1.2 §5.1: characters that are not printable, and line breaks.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_ENCODER = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    check_circular=False,  # nothing that is read from labels or JSON contains itself
)
_TAG_CHARACTERS = 24


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value`, in UTF-8, which is also YAML."""
    text = _ENCODER.encode(value)
    if not text.isascii() or "\x7f" in text:  # seldom, and the search takes a while
        text = _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text.encode()


class Body:
    """A whole document.  Its pieces are joined when the bytes are asked for.

    Attributes:
        tag: equal bytes have the same, others another, among those that were made in one way.
        size_bytes: how long it is.
    """

    __slots__ = ("_is_whole", "_pieces", "size_bytes", "tag")

    def __init__(self, pieces: Sequence[bytes], tag: str, *, is_whole: bool = False) -> None:
        self._pieces = pieces
        self._is_whole = is_whole
        self.tag = tag
        self.size_bytes = sum(map(len, pieces))

    @classmethod
    def of(cls, whole: bytes) -> Body:
        """Return the body with these bytes, which were not made here."""
        return cls((whole,), digest_of(whole).hex()[:_TAG_CHARACTERS], is_whole=True)

    def __bytes__(self) -> bytes:
        if len(self._pieces) > 1:
            self._pieces = (b"".join(self._pieces),)
        return self._pieces[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Body):
            return NotImplemented
        if self._is_whole is other._is_whole:
            return self.tag == other.tag
        return bytes(self) == bytes(other)

    __hash__ = None  # type: ignore[assignment]


class Document:
    """Elements by key, each with its encoded bytes, in chunks of about `chunk_elements`."""

    def __init__(self, chunk_elements: int = CHUNK_ELEMENTS) -> None:
        self._chunk_elements = chunk_elements
        self._sections: dict[tuple[str, str], Chunks] = {}

    def __bool__(self) -> bool:
        """Return whether there is any element."""
        return any(section.count for section in self._sections.values())

    def set(self, key: ElementKey, config: Mapping[str, Any]) -> None:
        """Add or replace the element `key`."""
        section = self._sections.get((key.protocol, key.section))
        if section is None:
            section = self._sections[key.protocol, key.section] = Chunks(self._chunk_elements)
        name = key.body_name
        section.set(name, key, canonical({name: config})[1:-1])

    def discard(self, key: ElementKey) -> None:
        """Remove the element `key` if it exists."""
        section = self._sections.get((key.protocol, key.section))
        if section is not None:
            section.discard(key.body_name)

    def key_of(self, protocol: str, section: str, body_name: str) -> ElementKey | None:
        """Return the key of an element by its name in the body; None: not found."""
        found = self._find(protocol, section, body_name)
        return found[0] if found is not None else None

    def config_of(self, protocol: str, section: str, body_name: str) -> Mapping[str, Any] | None:
        """Return an element as it is in the body, by its name there; None: not found."""
        found = self._find(protocol, section, body_name)
        if found is None:
            return None
        (config,) = json.loads(b"{%b}" % found[1]).values()
        assert isinstance(config, dict)
        return config

    def begins_with(self, key: ElementKey, field: str) -> bool:
        """Return whether `field` is the first one of an element."""
        found = self._find(key.protocol, key.section, key.body_name)
        if found is None:
            return False
        _, _, fields = found[1].partition(b'":{"')  # the name is before it, with escaped quotes
        return fields.startswith(field.encode() + b'":')

    def count(self, protocol: Protocol, section: Section) -> int:
        """Return how many elements one section has."""
        found = self._sections.get((protocol, section))
        return found.count if found is not None else 0

    def _find(self, protocol: str, section: str, name: str) -> tuple[ElementKey, bytes] | None:
        found = self._sections.get((protocol, section))
        return found.find(name) if found is not None else None

    def body(self) -> Body:
        """Return the whole document."""
        digest = hashlib.sha256()
        pieces: list[bytes] = [b"{"]
        before = ""
        for protocol, section in sorted(self._sections):
            chunks = self._sections[protocol, section].chunks()
            if not chunks:
                continue
            begin = f'"{section}":{{'
            if protocol != before:
                begin = f'"{protocol}":{{{begin}'
            between = "" if not before else "," if protocol == before else "},"
            joined = [b","] * (2 * len(chunks) - 1)
            joined[::2] = [chunk.data for chunk in chunks]
            pieces += [(between + begin).encode(), *joined, b"}"]
            digest.update(begin.encode() + b"".join([chunk.digest for chunk in chunks]))
            before = protocol
        pieces.append(b"}}" if before else b"}")
        return Body(pieces, digest.hexdigest()[:_TAG_CHARACTERS])
