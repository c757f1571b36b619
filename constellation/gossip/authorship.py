"""Which key may write an author's records.

- A member's claim names its key, and the claim decides: no other node can take the name of a
  living member (`Membership.on_alive`).
- For an author that is not a member, e.g. one that died before this node started, the first record
  decides, until a claim does.
- A node that lost its data directory returns with a new key once its old life has been declared
  dead.  Its new records replace those signed with the old key, whatever their versions.  Old
  records that it does not replace are dropped after a grace period.
"""

from __future__ import annotations

from constellation.gossip.identity import Identity
from constellation.gossip.record_codec import SignedRecord
from constellation.value import Value


class _Key(Value):
    public_key: bytes
    changed_at_s: float | None = None  # when it replaced another key


class Authorship:
    """The key of each known author, including this node."""

    def __init__(self, identity: Identity) -> None:
        self._node_name = identity.node_name
        self._keys = {identity.node_name: _Key(identity.public_key)}

    def identify(self, author: str, public_key: bytes, now_s: float) -> None:
        """Use the key that a member claims.  The key of this node never changes."""
        known = self._keys.get(author)
        if author == self._node_name or (known and known.public_key == public_key):
            return
        self._keys[author] = _Key(public_key, now_s if known else None)

    def key_of(self, author: str) -> bytes | None:
        """Return the key of `author`; None if it is not known yet."""
        known = self._keys.get(author)
        return known.public_key if known else None

    def why_refused(self, signed: SignedRecord) -> str | None:
        """Return why `signed` is refused; None if its author signed it.  Costs about 0.1 ms."""
        known = self._keys.get(signed.node)
        if known is not None and known.public_key != signed.author_key:
            return "author"
        return None if signed.is_genuine else "signature"

    def keep_first(self, signed: SignedRecord) -> None:
        """Use the key of the first record that is stored of an author, if none is known yet."""
        self._keys.setdefault(signed.node, _Key(signed.author_key))

    def take_superseded(self, now_s: float, *, grace_s: float) -> list[str]:
        """Return each author that changed its key at least `grace_s` ago, once."""
        due = [
            author
            for author, key in self._keys.items()
            if key.changed_at_s is not None and now_s - key.changed_at_s >= grace_s
        ]
        for author in due:
            self._keys[author] = _Key(self._keys[author].public_key)
        return due

    def forget(self, author: str) -> None:
        """Forget the key of an author that has no records left."""
        if author != self._node_name:
            self._keys.pop(author, None)

    @property
    def authors(self) -> tuple[str, ...]:
        """The authors whose keys are known."""
        return tuple(self._keys)
