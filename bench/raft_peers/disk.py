"""The disk below a benchmark: which file system, and how long a small write takes to reach it."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median

MOUNTS = Path("/proc/self/mountinfo")
WRITES = 200
WRITE_BYTES = 128


def file_system(path: Path, mounts: str | None = None) -> str:
    """Return the type of the file system that holds `path`, such as ext4 or tmpfs."""
    found = {}
    for line in (MOUNTS.read_text() if mounts is None else mounts).splitlines():
        fields, _, rest = line.partition(" - ")
        found[fields.split()[4]] = rest.split()[0]  # a later mount hides an earlier one
    for place in (path, *path.parents):
        if str(place) in found:
            return found[str(place)]
    return "unknown"


def sync_ms(directory: Path, *, append: bool) -> float:
    """Return the median time of a small write that is synced with fdatasync.

    One that is appended changes what the file system knows of the file too, and so waits for
    whatever else is in its journal.
    """
    took_s = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        os.write(file.fileno(), bytes(WRITES * WRITE_BYTES))
        os.fsync(file.fileno())
        if not append:
            os.lseek(file.fileno(), 0, os.SEEK_SET)
        for _ in range(WRITES):
            began_s = time.perf_counter()
            os.write(file.fileno(), bytes(WRITE_BYTES))
            os.fdatasync(file.fileno())
            took_s.append(time.perf_counter() - began_s)
    return 1000 * median(took_s)
