"""Who in this node acts on which lease, and who has yet to stop with one that was lost."""

from __future__ import annotations

from collections.abc import Sequence

READERS_MAX = 64  # of one lease
TOKENS_MAX = 256


class LeaseSubscribers:
    """Readers are texts by which the shell can send to them."""

    def __init__(self) -> None:
        self._readers: dict[str, dict[str, None]] = {}  # by lease, in order
        self._acting: dict[int, set[str]] = {}  # by the token of what was lost

    def add(self, lease: str, reader: str) -> None:
        """Remember a reader.

        Raises:
            ValueError: the lease has too many.
        """
        readers = self._readers.setdefault(lease, {})
        if reader not in readers and len(readers) >= READERS_MAX:
            raise ValueError(f"{READERS_MAX} readers act on {lease} already")
        readers[reader] = None

    def remove(self, lease: str, reader: str) -> bool:
        """Forget one; return whether it was the last one of this lease."""
        readers = self._readers.get(lease, {})
        if reader not in readers:
            return False
        del readers[reader]
        if not readers:
            del self._readers[lease]
        return not readers

    def readers(self, lease: str) -> list[str]:
        """Return who is to be told of a lease."""
        return list(self._readers.get(lease, {}))

    def leases_of(self, reader: str) -> list[str]:
        """Return the leases that one reader wants."""
        return [lease for lease, readers in self._readers.items() if reader in readers]

    def expect(self, fencing_token: int, readers: Sequence[str]) -> bool:
        """Wait for these to stop acting on a lost grant; return whether there are none."""
        if readers:
            self._acting[fencing_token] = set(readers)
            while len(self._acting) > TOKENS_MAX:
                del self._acting[next(iter(self._acting))]
        return not readers

    def let_go(self, fencing_token: int, reader: str) -> bool:
        """Take it that one has stopped; return whether it was the last."""
        acting = self._acting.get(fencing_token)
        if acting is None:
            return False
        acting.discard(reader)
        if acting:
            return False
        del self._acting[fencing_token]
        return True
