"""An agent with one actor more, which acts on leases: what a subscriber of a later part will be.

    python -m rigs.lease_writer --config FILE

It appends a line to the file named in LEASE_WRITER_FILE, again and again, as long as it may act on
a lease: the lease, its fencing token, the node, and the monotonic time.  The file is what others
see of it, so its order of lines is the order of the writes.
"""

from __future__ import annotations

import json
import os
import sys
import time

from thespian.actors import ActorAddress

from actors import node
from actors.shell import ShellActor
from constellation import registry
from constellation.leases.guard import LeaseGuard
from constellation.leases.policy import DEFAULT_LEASES
from constellation.start import main
from messages.leases import LeaseAcquired, LeaseLetGo, LeaseLost, LeaseWanted

FILE_VARIABLE = "LEASE_WRITER_FILE"


class LeaseWriterActor(ShellActor):
    """Act on both default leases, as often as it ticks."""

    tick_interval_s = 0.02

    def on_start(self) -> None:
        self._guards = {name: LeaseGuard(name) for name in DEFAULT_LEASES}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(os.environ[FILE_VARIABLE], flags, 0o600)

    def on_actor_up(self, name: str) -> None:
        if name == "leases":
            for lease in self._guards:
                self.post("leases", LeaseWanted(name=lease))

    def receiveMsg_LeaseAcquired(self, message: LeaseAcquired, sender: ActorAddress) -> None:
        self._guards[message.name].hear(message)
        self._act(message.name)

    def receiveMsg_LeaseLost(self, message: LeaseLost, sender: ActorAddress) -> None:
        self._guards[message.name].hear(message)
        self.send(sender, LeaseLetGo(name=message.name, fencing_token=message.fencing_token))

    def on_tick(self, now_s: float) -> None:
        for name in self._guards:
            self._act(name)

    def _act(self, name: str) -> None:
        own_name = node.settings().node_name
        token = self._guards[name].fencing_token(time.clock_gettime(time.CLOCK_BOOTTIME))
        if token is not None:
            line = {"lease": name, "token": token, "node": own_name, "at_s": time.monotonic()}
            os.write(self._file, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    registry.ACTORS += (
        registry.ActorSpec(
            name="writer", purpose="acts on leases", actor=f"{__spec__.name}:LeaseWriterActor"
        ),
    )
    sys.exit(main())
