"""Makes the processes of a node share memory with the one that they are forked from.

A forked process shares each page with its parent until either writes to it.  An idle actor needs
little memory of its own; most pages that it does not share are copies, made because something on
them was written: a new object in a hole between old ones, a counter in code that runs for the first
times, a header that the cycle collector follows.  So before the first fork:

- the validators of all messages are built;
- what each process does when it starts is done some times, since CPython rewrites code while it
  runs for the first times (PEP 659);
- holes are filled, so that a new process puts its objects on new pages;
- the collector is told to leave alone what there is.
"""

from __future__ import annotations

import ctypes
import gc

from prometheus_client import CollectorRegistry

from actors.metrics_report import metrics_report
from actors.shell_counters import ShellCounters
from constellation import wire
from messages.base import build_all

REHEARSALS = 10  # code is adapted after eight calls
# CPython's allocator: blocks of one size lie in a pool, after its header.
POOL_BYTES = 16 << 10
POOL_HEADER_BYTES = 48
BLOCK_BYTES_MAX = 512
BLOCK_STEP_BYTES = 16
BYTES_OVERHEAD = 33  # of an object `bytes`
HOLE_BYTES_MAX = 64 << 10  # of one size; it bounds what is lost where the allocator is another
MALLOPT_ARENA_MAX = -8

_fillers: list[bytes] = []


def share_pages() -> None:
    """Prepare this process; call it after all imports, and before anything is forked."""
    build_all()
    for _ in range(REHEARSALS):
        _rehearse()
    gc.freeze()
    gc.collect()  # of nothing: it returns the objects that CPython keeps for reuse
    for size in range(BLOCK_STEP_BYTES * 3, BLOCK_BYTES_MAX + 1, BLOCK_STEP_BYTES):
        _fill_holes(size)
    _tune_malloc()
    gc.freeze()


def _rehearse() -> None:
    registry = CollectorRegistry()
    ShellCounters(registry)
    wire.decode(wire.encode(metrics_report("rehearsal", registry)))


def _fill_holes(size: int) -> None:
    """Take free blocks of that size until the allocator begins a new pool."""
    previous = 0
    for _ in range(HOLE_BYTES_MAX // size):
        block = bytes(size - BYTES_OVERHEAD)
        _fillers.append(block)
        # The first block of an old pool may be free, but the second is then hardly next.
        is_second = id(block) == previous + size
        if is_second and previous % POOL_BYTES == POOL_HEADER_BYTES:
            return
        previous = id(block)


def _tune_malloc() -> None:
    """Return free pages to the kernel, and let threads, of which one runs at a time, share a heap.

    Without glibc there is nothing to tune.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim"):
        libc.mallopt(MALLOPT_ARENA_MAX, 1)
        libc.malloc_trim(0)
