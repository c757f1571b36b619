"""Which actors of this node act on which lease, and which still have to let go of a lost one."""

from __future__ import annotations

READERS_MAX = 64  # of one lease
TOKENS_MAX = 256
_DEAD = ""  # in place of the address of a reader that died: it never lets go


class LeaseSubscribers:
    """Readers are addresses as texts, so that the shell can send to them."""

    def __init__(self) -> None:
        self._readers: dict[str, dict[str, int]] = {}  # by lease: number of the latest want
        self._passive: set[tuple[str, str]] = set()  # lease and reader: it makes nobody hold it
        self._with_dead: set[str] = set()  # leases: a reader died during the current grant
        self._acting: dict[tuple[str, int], set[str]] = {}  # by lost grant: still to let go

    def subscribe(self, lease: str, reader: str, number: int, *, is_passive: bool = False) -> None:
        """Remember a reader and the number of its latest want.

        Raises:
            ValueError: the lease has too many readers.
        """
        readers = self._readers.setdefault(lease, {})
        if reader not in readers and len(readers) >= READERS_MAX:
            raise ValueError(f"{READERS_MAX} readers act on {lease} already")
        readers[reader] = number
        if is_passive:
            self._passive.add((lease, reader))
        else:
            self._passive.discard((lease, reader))

    def unsubscribe(self, lease: str, reader: str) -> bool:
        """Forget a reader; return whether it was the last one that was not passive."""
        readers = self._readers.get(lease, {})
        if reader not in readers:
            return False
        was_wanted = self.is_wanted(lease)
        del readers[reader]
        self._passive.discard((lease, reader))
        if not readers:
            del self._readers[lease]
        return was_wanted and not self.is_wanted(lease)

    def is_wanted(self, lease: str) -> bool:
        """Return whether a reader that is not passive wants the lease."""
        readers = self._readers.get(lease, {})
        return any((lease, reader) not in self._passive for reader in readers)

    def readers(self, lease: str) -> dict[str, int]:
        """Return the readers of a lease, each with the number of its latest want."""
        return dict(self._readers.get(lease, {}))

    def leases_of(self, reader: str) -> list[str]:
        """Return the leases that one reader wants."""
        return [lease for lease, readers in self._readers.items() if reader in readers]

    def note_death(self, lease: str) -> None:
        """Note that what a reader began under this grant may go on, and nobody can tell when."""
        self._with_dead.add(lease)

    def end_grant(self, lease: str, fencing_token: int) -> bool:
        """Wait for the readers to let go of a lost grant; return whether there are none."""
        acting = set(self._readers.get(lease, {}))
        if lease in self._with_dead:
            self._with_dead.discard(lease)
            acting.add(_DEAD)
        if not acting:
            return True
        self._acting[lease, fencing_token] = acting
        while len(self._acting) > TOKENS_MAX:
            del self._acting[next(iter(self._acting))]
        return False

    def let_go(self, lease: str, fencing_token: int, reader: str) -> bool:
        """Note that one has let go of a lost grant; return whether it was the last."""
        acting = self._acting.get((lease, fencing_token))
        if acting is None or reader not in acting:
            return False
        acting.discard(reader)
        if acting:
            return False
        del self._acting[lease, fencing_token]
        return True

    def tokens_awaited(self, lease: str, reader: str) -> list[int]:
        """Return the lost grants of a lease that `reader` still has to let go of."""
        return [
            token
            for (name, token), acting in self._acting.items()
            if name == lease and reader in acting
        ]
