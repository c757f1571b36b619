"""All known records, within limits, with a digest per author."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from constellation.gossip.record_codec import (
    DIGEST_BYTES,
    RECORD_BYTES_MAX,
    SignedRecord,
    value_of,
)
from constellation.gossip.record_room import RecordRoom
from constellation.value import Value
from messages.gossip import RecordKind, StateRecord


class RecordId(NamedTuple):
    """The id of a record among those of its author."""

    kind: RecordKind
    key: str


class Stored(Value):
    """A record, its encoded form, and when it was received."""

    record: StateRecord
    author_key: bytes  # the key that signed it
    encoded: bytes
    stored_at_s: float

    @property
    def is_tombstone(self) -> bool:
        """Its author has withdrawn it."""
        return value_of(self.record) is None

    @property
    def version(self) -> tuple[int, int]:
        """The higher wins."""
        return self.record.incarnation, self.record.counter


class RecordTable:
    """Records by author and id, each author within its room."""

    def __init__(self, own: str = "") -> None:
        self._authors: dict[str, dict[RecordId, Stored]] = {}
        self.room = RecordRoom(own)
        self._digests: dict[str, bytes] = {}

    @property
    def authors(self) -> tuple[str, ...]:
        """The authors that have records."""
        return tuple(self._authors)

    @property
    def count(self) -> int:
        """How many records there are, including tombstones."""
        return sum(map(len, list(self._authors.values())))

    def of(self, author: str) -> dict[RecordId, Stored]:
        """Return the records of one author.  Do not change them."""
        return self._authors.get(author, {})

    def get(self, author: str, record_id: RecordId) -> Stored | None:
        """Return one record; None if it is not known."""
        return self._authors.get(author, {}).get(record_id)

    def __iter__(self) -> Iterator[Stored]:
        for records in self._authors.values():
            yield from records.values()

    def put(self, signed: SignedRecord, record: StateRecord, now_s: float) -> Stored | None:
        """Store `signed`, decoded as `record`, in place of the previous version.

        None if it has no room, though the author's oldest tombstones make way for it.
        """
        author, record_id = record.node, RecordId(record.kind, record.key)
        encoded = signed.encoded
        records = self._authors.get(author, {})
        before = records.get(record_id)
        grown = len(encoded) - (len(before.encoded) if before else 0)
        if len(encoded) > RECORD_BYTES_MAX:
            return None
        stored = Stored(record, signed.author_key, encoded, now_s)
        while not self.room.fits(author, grown, len(records) + (before is None)):
            if not self._drop_oldest_tombstone(author, older_than=stored, but=record_id):
                return None
        self._authors.setdefault(author, {})[record_id] = stored
        self.room.grow(author, grown, int(before is None))
        self._digests.pop(author, None)
        return stored

    def _drop_oldest_tombstone(self, author: str, *, older_than: Stored, but: RecordId) -> bool:
        """Make room: all nodes drop the same ones, because they compare versions."""
        tombstones = [
            (stored.version, record_id)
            for record_id, stored in self.of(author).items()
            if stored.is_tombstone and record_id != but and stored.version < older_than.version
        ]
        if tombstones:
            self.drop(author, min(tombstones)[1])
        return bool(tombstones)

    def drop(self, author: str, record_id: RecordId) -> None:
        """Remove one record."""
        stored = self._authors[author].pop(record_id)
        self.room.grow(author, -len(stored.encoded), -1)
        self._digests.pop(author, None)
        if not self._authors[author]:
            del self._authors[author]

    def digest(self, author: str) -> bytes:
        """Return a digest that two nodes share exactly if their records of `author` are equal."""
        digest = self._digests.get(author)
        if digest is None:
            state = hashlib.blake2b(digest_size=DIGEST_BYTES)
            for _, stored in sorted(self.of(author).items(), key=lambda item: item[0]):
                state.update(stored.encoded)
            digest = self._digests[author] = state.digest()
        return digest

    def digests(self) -> dict[str, bytes]:
        """Return the digest of every author."""
        return {author: self.digest(author) for author in self._authors}
