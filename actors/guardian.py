"""The agent's first process: starts the actor system, watches over it, and ends it in order.

It is not an actor.  It owns the lock of the data directory, notifies systemd, and handles signals.
When the actor system's admin process or the supervisor dies, or no longer answers, it starts them
again.
When the supervisor reports that an essential actor stays down, it ends the agent in order, with
exit code 1: the service manager starts everything afresh.
"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from setproctitle import setproctitle

from actors.adapters.durable_file import disk_error
from actors.adapters.node_directory import NodeDirectories
from actors.adapters.systemd import notify_systemd
from actors.node_life import NodeLife
from actors.shared_pages import share_pages
from actors.transport.process import adopt_orphans, end_leftovers
from constellation import __version__
from constellation.log import get_logger
from constellation.registry import enabled_actors, load
from constellation.settings.agent import Settings
from constellation.supervision.restart import RestartHistory
from messages import register_all

log = get_logger(__name__)

EXIT_GIVEN_UP = 1
RESTART_LOOK_S = 0.02  # between two looks for a signal, in the seconds before a restart


def end_earlier_run(directories: NodeDirectories) -> None:
    """End the processes that an earlier run of this node has left, which may use its ports.

    Raises:
        AdapterError: one of them does not end.
    """
    with _in_runtime_dir(directories):
        leftovers = end_leftovers(directories.runtime_dir)
    if leftovers:
        log.warning("leftovers_ended", process_ids=leftovers)


@contextmanager
def _in_runtime_dir(directories: NodeDirectories) -> Iterator[None]:
    runtime_dir = directories.runtime_dir
    try:
        yield
    except OSError as error:
        what = f"the processes of this node cannot be started in {runtime_dir}"
        raise disk_error(what, error, runtime_dir / "agent") from error


class Guardian:
    """One run of the agent, from start to stop."""

    def __init__(self, settings: Settings, directories: NodeDirectories) -> None:
        self.settings = settings
        self.directories = directories
        self.history = RestartHistory()
        self._signalled = False
        self._life: NodeLife | None = None
        self._began_at_s = 0.0

    def run(self) -> int:
        """Run until a signal; return the exit code.

        Raises:
            AdapterError: the first start failed: the operator must act.
        """
        setproctitle(f"constellation: {self.settings.node_name}")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        adopt_orphans()
        register_all()
        for spec in enabled_actors(self.settings):
            # Here, so that all processes share the memory of what it imports.
            load(spec.actor).preload(self.settings)
        share_pages()
        gc.enable()  # the start has disabled it
        while True:
            self._began_at_s = time.monotonic()
            life = self._life = self._start_life()
            try:
                why = life.watch(lambda: self._signalled, self._on_ready)
                if why is None:
                    return self._stop(life)
                if life.failure is not None:
                    fix = "see what this actor logged before it ended; the agent must be restarted"
                    log.error("agent_given_up", why=why, fix=fix)
                    self._stop(life)
                    return EXIT_GIVEN_UP
            finally:
                self._life = None
                life.close()
            if not self._wait_to_restart(why):
                return 0 if self._signalled else EXIT_GIVEN_UP

    def _start_life(self) -> NodeLife:
        end_earlier_run(self.directories)
        with _in_runtime_dir(self.directories):
            return NodeLife(self.settings, self.directories)

    def _on_ready(self, missing: tuple[str, ...]) -> None:
        notify_systemd("READY=1")
        duration_s = round(time.monotonic() - self._began_at_s, 3)
        if missing:
            log.error("agent_started_in_part", not_running=missing, duration_s=duration_s)
        else:
            log.info("agent_started", version=__version__, duration_s=duration_s)

    def _stop(self, life: NodeLife) -> int:
        began_s = time.monotonic()
        notify_systemd("STOPPING=1")
        log.info("agent_stopping")
        self._signalled = False  # a second signal cuts the patience short
        unended = life.stop(lambda: self._signalled)
        log.info("agent_stopped", unended=unended, duration_s=round(time.monotonic() - began_s, 3))
        return 0

    def _wait_to_restart(self, why: str) -> bool:
        now_s = time.monotonic()
        self.history, again = self.history.exited(self.settings.supervisor.policy().restart, now_s)
        if again.given_up:
            log.error("agent_given_up", why=why, fix="see the events logged before this one")
            return False
        log.error("actor_system_restarted", why=why, again_in_s=round(again.at_s - now_s, 3))
        while time.monotonic() < again.at_s and not self._signalled:
            time.sleep(RESTART_LOOK_S)
        return not self._signalled

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signalled = True
        if self._life is not None:
            self._life.wake()
