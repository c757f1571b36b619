"""How long a process has waited for the processor, as Linux counts it.

`/proc/PID/task/TID/schedstat` has three numbers: nanoseconds on the processor, nanoseconds runnable
but waiting for it, and time slices (Documentation/scheduler/sched-stats.rst).
"""

from __future__ import annotations

from pathlib import Path

NANOSECONDS = 1e-9


def waited_s(process_id: int) -> float:
    """Return for how many seconds the threads of a process have waited; 0.0 if that is unknown."""
    total_ns = 0
    try:
        for thread in Path(f"/proc/{process_id}/task").iterdir():
            total_ns += int((thread / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0  # it has ended, or the kernel does not count
    return total_ns * NANOSECONDS
