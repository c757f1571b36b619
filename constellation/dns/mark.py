"""The comment by which a record is ours: `constellation:<cluster>:<token>`, then anything.

`token` is the fencing token under which the record was written last.  A writer that meets a higher
token than its own is not the writer any more.  What a writer marks and what it may touch are two
settings, so that they can be changed one after the other; they must agree, or a writer would not
find again what it has written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from messages.dns_calls import COMMENT_CHARACTERS_MAX

TOKEN_DIGITS_MAX = 20
_TOKEN = re.compile(r":(\d{1,20})(?!\d)")


@dataclass(frozen=True)
class OwnerMark:
    """The mark of one cluster."""

    text: str  # e.g. "constellation:home.example"
    managed: str = ""  # regular expression of comments that are ours; empty: exactly `text`

    @cached_property
    def _managed(self) -> re.Pattern[str]:
        return re.compile(self.managed or rf"{re.escape(self.text)}:\d{{1,20}}(\s.*)?")

    def is_ours(self, comment: str) -> bool:
        """Return whether a record with this comment may be changed and deleted."""
        return bool(self._managed.fullmatch(comment))

    def token(self, comment: str) -> int:
        """Return the fencing token in the comment of one of our records; 0: there is none."""
        found = _TOKEN.match(comment, len(self.text)) if comment.startswith(self.text) else None
        return int(found.group(1)) if found else 0

    def comment(self, token: int, before: str = "") -> str:
        """Return the comment with `token`; what follows the mark in the one `before` is kept.

        The comment of a record that is not ours yet is kept whole.  What exceeds the limit is cut.
        """
        rest = self._rest(before) if self.is_ours(before) else before.strip()
        marked = f"{self.text}:{token}"
        return f"{marked} {rest}"[:COMMENT_CHARACTERS_MAX].rstrip() if rest else marked

    def _rest(self, comment: str) -> str:
        found = _TOKEN.match(comment, len(self.text)) if comment.startswith(self.text) else None
        if found is None:  # an earlier mark, of another form
            return ""
        return comment[found.end() :].strip()


def check_managed(mark: OwnerMark) -> None:
    """Check that what is written is also managed, and that what nobody has marked is not.

    Raises:
        ValueError: a record that the writer marks would be another's for it afterwards, or a record
            without a comment would be its own.
    """
    if mark.is_ours(""):
        raise ValueError(
            "dns.managed matches an empty comment: all records without one would be deleted as "
            "unwanted; let it match comments of this cluster only"
        )
    for token in (1, 10**TOKEN_DIGITS_MAX - 1):
        comment = mark.comment(token)
        if not mark.is_ours(comment):
            raise ValueError(
                f"dns.managed does not match {comment!r}, which dns.owner writes: the records "
                "would be foreign as soon as they are written"
            )
