"""Which leases are held: the state machine that every member's log leads to the same state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from constellation.errors import WireError
from constellation.wire import decode, encode
from messages.base import Message
from messages.leases import (
    Lease,
    LeaseAcquire,
    LeaseExpire,
    LeaseFreed,
    LeaseRelease,
    LeaseRenew,
    LeasesChanged,
    LeaseTableState,
)

LEASES_MAX = 1024


class LeaseTable:
    """Leases by name.  Applied in log order, the same everywhere: it reads no clock."""

    def __init__(self, state: LeaseTableState | None = None) -> None:
        self._leases = {lease.name: lease for lease in state.leases} if state else {}
        self._index = state.index if state else 0

    @property
    def state(self) -> LeaseTableState:
        """All of it, by name."""
        leases = tuple(self._leases[name] for name in sorted(self._leases))
        return LeaseTableState(index=self._index, leases=leases)

    def copy(self) -> LeaseTable:
        """Return a table of the same leases that changes on its own."""
        table = LeaseTable()
        table._leases, table._index = dict(self._leases), self._index
        return table

    def encode(self) -> bytes:
        """Return the snapshot."""
        return encode(self.state)

    @staticmethod
    def decode(data: bytes) -> LeaseTable:
        """Return the table of a snapshot.

        Raises:
            WireError: it is none.
        """
        state = decode(data, source="a snapshot")
        if not isinstance(state, LeaseTableState):
            raise WireError(f"no snapshot of leases but a {type(state).__name__}", reason="invalid")
        return LeaseTable(state)

    def apply(self, entries: Iterable[tuple[int, bytes]]) -> LeasesChanged:
        """Apply commands, each with its log index; return what changed by them together.

        What cannot be decoded, or must not be, changes nothing: on every member alike.
        """
        renewed: dict[str, None] = {}
        freed: list[LeaseFreed] = []
        for index, data in entries:
            self._index = index
            try:
                command = decode(data, source="the log")
            except WireError:
                continue
            for change in self._apply_one(index, command):
                if isinstance(change, LeaseFreed):
                    freed.append(change)
                else:
                    renewed[change] = None
        held = tuple(self._leases[name] for name in renewed if name in self._leases)
        return LeasesChanged(index=self._index, held=held, freed=tuple(freed))

    def _apply_one(self, index: int, command: Message) -> Sequence[str | LeaseFreed]:
        """Apply one command; return names that were granted or renewed, and what ended."""
        match command:
            case LeaseAcquire():
                return self._acquire(index, command)
            case LeaseRenew():
                mine = [one for one in self._leases.values() if one.session == command.session]
                for lease in mine:
                    news = {"renewed_index": index, "number": command.number}
                    self._leases[lease.name] = lease.model_copy(update=news)
                return [lease.name for lease in mine]
            case LeaseRelease(name=name, fencing_token=token):
                return self._free(name, token, "its holder gave it back")
            case LeaseExpire(name=name, fencing_token=token, renewed_index=renewed_index):
                held = self._leases.get(name)
                if held is None or held.renewed_index > renewed_index:
                    return []
                return self._free(name, token, "its holder did not renew it in time")
            case _:
                return []

    def _acquire(self, index: int, command: LeaseAcquire) -> list[str]:
        if command.name in self._leases or len(self._leases) >= LEASES_MAX:
            return []
        self._leases[command.name] = Lease(
            name=command.name,
            holder=command.holder,
            session=command.session,
            fencing_token=index,
            ttl_s=command.ttl_s,
            renewed_index=index,
            number=command.number,
        )
        return [command.name]

    def _free(self, name: str, token: int, why: str) -> list[LeaseFreed]:
        lease = self._leases.get(name)
        if lease is None or lease.fencing_token != token:
            return []
        del self._leases[name]
        return [LeaseFreed(name=name, fencing_token=token, holder=lease.holder, why=why)]
