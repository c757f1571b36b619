"""How much room the records of each author have.

One author that lies must not take the room of the others, and authors are easily invented: a record
names its author, and any holder of the gossip key may send it.

- This node's own records always fit.
- A member, living or lost, shares `MEMBERS_BYTES_MAX` with the others; a living one always has its
  equal share of it, even when others have filled it.
- Authors that never were members here have a little room together.
"""

from __future__ import annotations

AUTHOR_RECORDS_MAX = 2048
AUTHOR_BYTES_MAX = 4 << 20
MEMBERS_BYTES_MAX = 16 << 20
SHARES_MIN = 4  # the share of a living member is never larger than a quarter
STRANGERS_MAX = 64  # authors that never were members
STRANGERS_BYTES_MAX = 2 << 20
STRANGERS_RECORDS_MAX = 256  # readers see them, as services of nodes that are not known
LOST_MAX = 1024  # members that are gone and still count as members


class RecordRoom:
    """The bytes of each author, and the limits that apply to it."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._living: frozenset[str] = frozenset()
        self._members: dict[str, None] = {}  # living or lost; those seen last come last
        self._bytes: dict[str, int] = {}
        self._records: dict[str, int] = {}
        self._member_bytes = 0
        self._stranger_bytes = 0
        self._stranger_records = 0

    @property
    def strangers(self) -> tuple[str, ...]:
        """The authors that have records and never were members here."""
        return tuple(name for name in self._bytes if not self.is_member(name))

    def is_member(self, author: str) -> bool:
        """Return whether `author` is or was a member, or this node."""
        return author == self._own or author in self._members

    def set_living(self, living: frozenset[str]) -> None:
        """Set which members are living now."""
        if living == self._living:
            return
        self._living = living
        for name in living:
            self._members.pop(name, None)
            self._members[name] = None
        for name in list(self._members)[: max(0, len(self._members) - LOST_MAX - len(living))]:
            del self._members[name]
        self._member_bytes = sum(self._bytes.get(name, 0) for name in self._members)
        strangers = self.strangers
        self._stranger_bytes = sum(self._bytes[name] for name in strangers)
        self._stranger_records = sum(self._records[name] for name in strangers)

    def add_living(self, name: str) -> None:
        """Note that one more member is living."""
        if name not in self._living:
            self.set_living(self._living | {name})

    def has_any(self, author: str) -> bool:
        """Return whether any record of `author` can fit, before it is checked further."""
        is_known = self.is_member(author) or author in self._bytes
        return is_known or self._has_stranger_room(author, 1, 1)

    def fits(self, author: str, grown_bytes: int, records: int) -> bool:
        """Return whether `author` may have `grown_bytes` more, and `records` records then."""
        if author == self._own or grown_bytes <= 0:
            return True
        before = self._bytes.get(author, 0)
        if records > AUTHOR_RECORDS_MAX or before + grown_bytes > AUTHOR_BYTES_MAX:
            return False
        if author not in self._members:
            more = records - self._records.get(author, 0)
            return self._has_stranger_room(author, grown_bytes, more)
        share = MEMBERS_BYTES_MAX // max(SHARES_MIN, len(self._living))
        is_within_share = author in self._living and before + grown_bytes <= share
        return is_within_share or self._member_bytes + grown_bytes <= MEMBERS_BYTES_MAX

    def _has_stranger_room(self, author: str, grown_bytes: int, more_records: int) -> bool:
        if author not in self._bytes and len(self.strangers) >= STRANGERS_MAX:
            return False
        if self._stranger_records + more_records > STRANGERS_RECORDS_MAX:
            return False
        return self._stranger_bytes + grown_bytes <= STRANGERS_BYTES_MAX

    def grow(self, author: str, grown_bytes: int, more_records: int) -> None:
        """Count what `author` has more, or, if negative, less."""
        self._bytes[author] = self._bytes.get(author, 0) + grown_bytes
        self._records[author] = self._records.get(author, 0) + more_records
        if not self._records[author]:
            del self._records[author], self._bytes[author]
        if author in self._members:
            self._member_bytes += grown_bytes
        elif author != self._own:
            self._stranger_bytes += grown_bytes
            self._stranger_records += more_records
