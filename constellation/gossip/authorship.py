"""Which key may write an author's records.

- A member's claim names its key; the rules of membership keep the name of a living member from
  anybody else (`Membership.on_alive`), so the claim decides.
- Of an author that is no member, e.g. one that died before this node came, the first record
  decides, until a claim does.
- A node that lost its data directory returns with another key when its old self has been declared
  dead.  What it writes takes the place of what is signed with the old key, whatever the versions;
  the rest of that is dropped a while later.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.gossip.identity import Identity
from constellation.gossip.record_codec import AUTHORS_MAX, SignedRecord


@dataclass(frozen=True, slots=True)
class _Key:
    public_key: bytes
    changed_at_s: float | None = None  # when it took the place of another


class Authorship:
    """The key of each author that is known, this node's own included."""

    def __init__(self, identity: Identity) -> None:
        self._node_name = identity.node_name
        self._keys = {identity.node_name: _Key(identity.public_key)}

    def identify(self, author: str, public_key: bytes, now_s: float) -> None:
        """Take the key that a member claims; this node's own is its own."""
        known = self._keys.get(author)
        if author == self._node_name or (known and known.public_key == public_key):
            return
        if known is not None or len(self._keys) < AUTHORS_MAX:
            self._keys[author] = _Key(public_key, now_s if known else None)

    def key_of(self, author: str) -> bytes | None:
        """Return the key of `author`; None if it is not known yet."""
        known = self._keys.get(author)
        return known.public_key if known else None

    def why_refused(self, signed: SignedRecord) -> str | None:
        """Return why `signed` is not its author's; None if it is.  Costs about 0.1 ms."""
        known = self._keys.get(signed.node)
        if known is None and len(self._keys) >= AUTHORS_MAX:
            return "limit"
        if known is not None and known.public_key != signed.author_key:
            return "author"
        if not signed.is_genuine:
            return "signature"
        if known is None:
            self._keys[signed.node] = _Key(signed.author_key)
        return None

    def take_superseded(self, now_s: float, *, grace_s: float) -> list[str]:
        """Return, once, the authors that changed their key at least `grace_s` ago."""
        due = [
            author
            for author, key in self._keys.items()
            if key.changed_at_s is not None and now_s - key.changed_at_s >= grace_s
        ]
        for author in due:
            self._keys[author] = _Key(self._keys[author].public_key)
        return due

    def forget(self, author: str) -> None:
        """Forget the key of an author of whom nothing is left."""
        if author != self._node_name:
            self._keys.pop(author, None)

    @property
    def authors(self) -> tuple[str, ...]:
        """Whose keys are known."""
        return tuple(self._keys)
