"""Which leases are held: a state machine that is the same on every member.

It is a function of Raft's log alone and reads no clock: when a lease may be expired is decided by
`keeper` on the node that leads, and proposed as a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from constellation.errors import WireError
from constellation.wire import decode, encode
from messages.base import Message
from messages.leases import (
    Lease,
    LeaseAcquire,
    LeaseClaim,
    LeaseExpire,
    LeaseFreed,
    LeaseRelease,
    LeaseRenew,
    LeasesChanged,
    LeaseTableState,
)

LEASES_MAX = 1024

_Change = str | LeaseFreed | LeaseClaim  # a name: granted or renewed


class LeaseTable:
    """Leases by name.  Commands must be applied in log order."""

    def __init__(self, state: LeaseTableState | None = None) -> None:
        self._leases = {lease.name: lease for lease in state.leases} if state else {}
        self._index = state.index if state else 0

    @property
    def state(self) -> LeaseTableState:
        """The whole table, by name."""
        leases = tuple(self._leases[name] for name in sorted(self._leases))
        return LeaseTableState(index=self._index, leases=leases)

    def tokens_of(self, session: str) -> tuple[int, ...]:
        """Return the fencing tokens of the grants that a session has."""
        held = (lease for lease in self._leases.values() if lease.session == session)
        return tuple(lease.fencing_token for lease in held)

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
            WireError: the data is not a snapshot of leases.
        """
        state = decode(data, source="a snapshot")
        if not isinstance(state, LeaseTableState):
            raise WireError(f"no snapshot of leases but a {type(state).__name__}", reason="invalid")
        return LeaseTable(state)

    def apply(self, entries: Iterable[tuple[int, bytes]]) -> LeasesChanged:
        """Apply commands, each with its log index; return what they changed together.

        A command that cannot be decoded or is not permitted changes nothing, on any member.
        """
        renewed: dict[str, None] = {}
        freed: list[LeaseFreed] = []
        claimed: list[LeaseClaim] = []
        for index, data in entries:
            self._index = index
            try:
                command = decode(data, source="the log")
            except WireError:
                continue
            for change in self._apply_one(index, command):
                if isinstance(change, LeaseFreed):
                    freed.append(change)
                elif isinstance(change, LeaseClaim):
                    claimed.append(change)
                else:
                    renewed[change] = None
        held = tuple(self._leases[name] for name in renewed if name in self._leases)
        return LeasesChanged(
            index=self._index, held=held, freed=tuple(freed), claimed=tuple(claimed)
        )

    def _apply_one(self, index: int, command: Message) -> Sequence[_Change]:
        match command:
            case LeaseAcquire():
                return self._acquire(index, command)
            case LeaseRenew():
                return self._renew(index, command)
            case LeaseRelease(name=name, fencing_token=token):
                return self._free(name, token, "its holder released it")
            case LeaseExpire(name=name, fencing_token=token, renewed_index=renewed_index):
                held = self._leases.get(name)
                if held is None or held.renewed_index > renewed_index:
                    return []
                return self._free(name, token, "its holder did not renew it in time")
            case LeaseClaim(name=name, fencing_token=token):
                held = self._leases.get(name)
                return [command] if held and held.fencing_token == token else []
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

    def _renew(self, index: int, command: LeaseRenew) -> list[str]:
        mine = [one for one in self._leases.values() if one.session == command.session]
        for lease in mine:
            news = {"renewed_index": index, "number": command.number}
            self._leases[lease.name] = lease.model_copy(update=news)
        return [lease.name for lease in mine]

    def _free(self, name: str, token: int, why: str) -> list[LeaseFreed]:
        lease = self._leases.get(name)
        if lease is None or lease.fencing_token != token:
            return []
        del self._leases[name]
        return [LeaseFreed(name=name, fencing_token=token, holder=lease.holder, why=why)]
