"""An agent with one more actor, which acts on leases as the DNS writer and others do.

    python -m rigs.lease_writer --config FILE

Under each of two leases it appends a line to the file named in LEASE_WRITER_FILE, again and again:
the lease, its fencing token, the node, and the monotonic time.  The file stands for the outside
system that is written to, so the order of its lines is the order of the writes.

When the file named in LEASES_FAIL_FILE exists, the `leases` actor removes it and fails in the
middle of a step.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from actors import node
from actors.lease_holder import LeaseHolderShell
from actors.leases import LeasesActor
from constellation import registry
from constellation.start import main

FILE_VARIABLE = "LEASE_WRITER_FILE"
FAIL_VARIABLE = "LEASES_FAIL_FILE"
LEASES = ("records", "jobs")
WRITE_INTERVAL_S = 0.02
FAIL_LOOK_S = 0.05  # between two looks for the file


class LeaseWriterActor(LeaseHolderShell):
    """Write under both leases, again and again."""

    _write_at_s = 0.0

    def on_start(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(os.environ[FILE_VARIABLE], flags, 0o600)
        for name in LEASES:
            self.want_lease(name)

    def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        self._write(name)

    def next_due_s(self) -> float:
        return min(super().next_due_s(), self._write_at_s)

    def on_due(self, now_s: float) -> None:
        super().on_due(now_s)
        if now_s >= self._write_at_s:
            self._write_at_s = now_s + WRITE_INTERVAL_S
            for name in LEASES:
                self._write(name)

    def _write(self, name: str) -> None:
        with self.lease_write(name) as permit:
            if permit is not None:
                line = {
                    "lease": name,
                    "token": permit.fencing_token,
                    "node": node.settings().node_name,
                    "at_s": time.monotonic(),
                }
                os.write(self._file, json.dumps(line).encode() + b"\n")


class FailingLeasesActor(LeasesActor):
    """Fails once, with half a step done, when a file asks for it."""

    def next_due_s(self) -> float:
        return min(super().next_due_s(), self.now_s() + FAIL_LOOK_S)

    def on_due(self, now_s: float) -> None:
        fail = os.environ.get(FAIL_VARIABLE)
        if fail and Path(fail).exists():
            Path(fail).unlink()
            self.manager.keeper.unwant(LEASES[0], self.boot_now_s())  # what follows is never sent
            raise RuntimeError("a step of the leases actor fails half way")
        super().on_due(now_s)


if __name__ == "__main__":
    module = __spec__.name
    registry.ACTORS = (
        *(
            replace(spec, actor=f"{module}:FailingLeasesActor") if spec.name == "leases" else spec
            for spec in registry.ACTORS
        ),
        registry.ActorSpec(
            name="writer", purpose="acts on leases", actor=f"{module}:LeaseWriterActor"
        ),
    )
    sys.exit(main())
