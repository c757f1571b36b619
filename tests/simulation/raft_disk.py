"""A disk in memory: what a member keeps, as the Raft store keeps it."""

from __future__ import annotations

from msgspec.structs import replace

from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Save, SaveEntries, SaveHardState, SaveIdentity, SaveSnapshot


def saved(disk: RaftDisk, save: Save) -> RaftDisk:
    """Return the disk after a write."""
    match save:
        case SaveHardState(state):
            return replace(disk, hard_state=state)
        case SaveEntries(entries):
            kept = tuple(one for one in disk.entries if one.index < entries[0].index)
            return replace(disk, entries=kept + entries)
        case SaveSnapshot(snapshot, entries):
            return replace(disk, snapshot=snapshot, entries=entries)
        case SaveIdentity(identity):
            return replace(disk, identity=identity)


def last_index(disk: RaftDisk) -> int:
    """Return the index of the last entry on a disk, or of its snapshot."""
    if disk.entries:
        return disk.entries[-1].index
    return disk.snapshot.last_index if disk.snapshot else 0


def term_on(disk: RaftDisk, index: int) -> int:
    """Return the term of an entry on a disk; 0 if it is not there."""
    if disk.entries and disk.entries[0].index <= index <= disk.entries[-1].index:
        return disk.entries[index - disk.entries[0].index].term
    is_last = disk.snapshot is not None and disk.snapshot.last_index == index
    return disk.snapshot.last_term if is_last and disk.snapshot else 0
