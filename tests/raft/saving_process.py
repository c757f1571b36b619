"""Saves without end, and says each index once it is durable.  A test kills it."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from actors.adapters.raft_store import RaftStore
from constellation.raft.effects import SaveEntries, SaveHardState, SaveSnapshot
from messages.raft import RaftConfiguration, RaftEntry, RaftHardState, RaftSnapshot


def entry(index: int) -> RaftEntry:
    """Return the entry that any of these processes saves there."""
    return RaftEntry(index=index, term=1, data=b"%d " % index * (index % 700))


def last_index(store: RaftStore) -> int:
    """Return up to where the log goes, or the snapshot if it is empty."""
    disk = store.disk
    if disk.entries:
        return disk.entries[-1].index
    return disk.snapshot.last_index if disk.snapshot else 0


def snapshot_at(index: int) -> RaftSnapshot:
    """Return the snapshot that any of these processes makes there."""
    configuration = RaftConfiguration(voters=("a",))
    data = b"%d" % index * 2000
    return RaftSnapshot(last_index=index, last_term=1, configuration=configuration, data=data)


def save_without_end(directory: Path, random: Random) -> None:
    """Save batches and now and then a snapshot."""
    store = RaftStore.open(directory)
    store.save([SaveHardState(RaftHardState(term=1, voted_for="a"))])
    last = last_index(store)
    while True:
        first, last = last + 1, last + random.randrange(1, 5)
        store.save([SaveEntries(tuple(map(entry, range(first, last + 1))))])
        print(last, flush=True)  # noqa: T201 - this is what it is for
        if random.random() < 0.1:
            kept = first - 1 or last
            rest = tuple(map(entry, range(kept + 1, last + 1)))
            store.save([SaveSnapshot(snapshot_at(kept), rest)])


if __name__ == "__main__":
    save_without_end(Path(sys.argv[1]), Random(int(sys.argv[2])))
