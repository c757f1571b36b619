"""The elements of one section of the body, encoded, in order of their names.

They are joined in chunks.  A chunk ends at each name whose checksum says so, on average one of
`chunk_elements`.  So the chunks follow from the names alone, whatever changes led to them, and a
name that is added or removed changes one chunk, or two.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from zlib import crc32

from constellation.traefik.elements import ElementKey

CHUNK_ELEMENTS = 64

Piece = tuple[str, ElementKey, bytes]  # name, key, and both the name and the element encoded


def digest_of(data: bytes) -> bytes:
    """Return a digest of some bytes of a body."""
    return hashlib.sha256(data).digest()


class Chunk:
    """Some elements in order of their names.

    Attributes:
        names: of all elements, sorted.
        data: their pieces, with a comma between any two.
        digest: of `data`.
    """

    __slots__ = ("_ends", "_keys", "data", "digest", "names")

    def __init__(self, names: list[str], keys: list[ElementKey], pieces: Sequence[bytes]) -> None:
        self.names = names
        self.data = b",".join(pieces)
        self.digest = digest_of(self.data)
        self._keys = keys
        self._ends = array("I", accumulate([len(piece) + 1 for piece in pieces]))  # with a comma

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> Chunk:
        """Return the chunk of some elements in order of their names."""
        names, keys, data = zip(*pieces, strict=True)
        return cls([*names], [*keys], data)

    def replaced(self, changed: Mapping[str, tuple[ElementKey, bytes]]) -> Chunk:
        """Return the chunk with other elements for some of its names."""
        keys, pieces = self._keys.copy(), self._pieces()
        for name, one in changed.items():
            index = bisect_left(self.names, name)
            keys[index], pieces[index] = one
        return Chunk(self.names, keys, pieces)

    def __contains__(self, name: str) -> bool:
        index = bisect_left(self.names, name)
        return index < len(self.names) and self.names[index] == name

    def find(self, name: str) -> tuple[ElementKey, bytes] | None:
        """Return the key and the piece of an element; None: it is not here."""
        index = bisect_left(self.names, name)
        if index == len(self.names) or self.names[index] != name:
            return None
        return self._keys[index], self._piece(index)

    def pieces(self) -> Iterator[Piece]:
        """Yield every element."""
        return zip(self.names, self._keys, self._pieces(), strict=True)

    def _pieces(self) -> list[bytes]:
        data, ends = self.data, self._ends
        return [data[begin : end - 1] for begin, end in zip((0, *ends), ends, strict=False)]

    def _piece(self, index: int) -> bytes:
        begin = self._ends[index - 1] if index else 0
        return self.data[begin : self._ends[index] - 1]


class Chunks:
    """All chunks of one section.

    Attributes:
        count: how many elements there are.
    """

    def __init__(self, chunk_elements: int) -> None:
        self.count = 0
        self._chunk_elements = chunk_elements
        self._chunks: list[Chunk] = []
        self._firsts: list[str] = []  # the first name of each chunk
        # What `_chunks` does not have yet; None: it is removed.
        self._changed: dict[str, tuple[ElementKey, bytes] | None] = {}

    def find(self, name: str) -> tuple[ElementKey, bytes] | None:
        """Return the key and the piece of an element; None: it does not exist."""
        if name in self._changed:
            return self._changed[name]
        return self._chunks[self._index(name)].find(name) if self._chunks else None

    def set(self, name: str, key: ElementKey, piece: bytes) -> None:
        """Add or replace an element."""
        found = self.find(name)
        if found is None:
            self.count += 1
        elif found == (key, piece):
            return
        self._changed[name] = key, piece

    def discard(self, name: str) -> None:
        """Remove an element if it exists."""
        if self.find(name) is not None:
            self.count -= 1
            self._changed[name] = None

    def chunks(self) -> Sequence[Chunk]:
        """Return all chunks.  Do not change the list."""
        if self._changed:
            self._apply()
        return self._chunks

    def _index(self, name: str) -> int:
        return max(0, bisect_right(self._firsts, name) - 1)

    def _apply(self) -> None:
        changed: dict[int, list[str]] = {}
        if not self._chunks:
            changed[0] = [*self._changed]
        for name in self._changed if self._chunks else ():
            changed.setdefault(self._index(name), []).append(name)
        for index in sorted(changed, reverse=True):  # so that the smaller ones stay valid
            self._replace(index, changed[index])
        self._changed.clear()

    def _replace(self, index: int, names: Iterable[str]) -> None:
        """Apply the changes of `names`, which belong into one chunk."""
        now = {name: self._changed[name] for name in names}
        kept = {name: one for name, one in now.items() if one is not None}
        before = self._chunks[index : index + 1]
        if before and len(kept) == len(now) and all(name in before[0] for name in kept):
            self._chunks[index] = before[0].replaced(kept)  # nearly always
            return
        pieces = {one[0]: one for chunk in before for one in chunk.pieces() if one[0] not in now}
        pieces |= {name: (name, *one) for name, one in kept.items()}
        made = [pieces[name] for name in sorted(pieces)]
        end = index + 1
        while end < len(self._chunks) and not (made and self._is_last(made[-1][0])):
            made += self._chunks[end].pieces()
            end += 1
        self._chunks[index:end] = chunks = [Chunk.of(some) for some in self._split(made)]
        self._firsts[index:end] = [chunk.names[0] for chunk in chunks]

    def _split(self, pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
        begin = 0
        for index, (name, _, _) in enumerate(pieces, 1):
            if self._is_last(name):
                yield pieces[begin:index]
                begin = index
        if begin < len(pieces):
            yield pieces[begin:]

    def _is_last(self, name: str) -> bool:
        """Return whether a chunk ends at this name."""
        return crc32(name.encode()) % self._chunk_elements == 0
