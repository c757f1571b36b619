"""Who leads Raft and who holds which lease, as this node's Raft actor reports it."""

from __future__ import annotations

from collections.abc import Iterator

from thespian.actors import ActorAddress

from actors import node
from actors.admin.desk import Desk
from actors.admin.shell import AdminShell
from constellation.leases.policy import DNS_WRITER, LB_LEADER
from constellation.leases.view import NO_LEASES, LeaseView
from constellation.settings.agent import Settings
from constellation.wellness.leases import LeaseWatch
from messages.leases import LeasesChanged, LeaseTableState
from messages.raft_member import LeasesSubscribe, RaftLeading

RAFT = "raft"


def _needed(settings: Settings) -> Iterator[str]:
    """Yield the leases that some node should hold, by the settings of this one."""
    dns = settings.dns
    if settings.leases.lb_leader or (dns.is_used and dns.mode == "leader"):
        yield LB_LEADER
    if dns.is_used:
        yield DNS_WRITER


class LeaseDesk(Desk):
    """Follow the leases, and note those that nobody holds."""

    def __init__(self, shell: AdminShell) -> None:
        super().__init__(shell)
        self._leases = NO_LEASES
        self._watch = LeaseWatch(_needed(node.settings()))

    @property
    def leases(self) -> LeaseView:
        """The leader and the holders, as Raft reported last; nobody while no Raft actor runs."""
        return self._leases if RAFT in self.shell.directory else NO_LEASES

    @property
    def unheld(self) -> tuple[str, ...]:
        """The leases that have been free for too long."""
        self._look()
        return self._watch.unheld(self.shell.now_s())

    def on_actor_up(self, name: str) -> None:
        if name == RAFT:
            self._now_are(NO_LEASES)
            self.shell.post(RAFT, LeasesSubscribe())

    def _now_are(self, leases: LeaseView) -> None:
        self._leases = leases
        self._look()

    def _look(self) -> None:
        leases, now_s = self.leases, self.shell.now_s()
        self._watch.look(leases.held.keys(), has_leader=bool(leases.leader), now_s=now_s)

    def receiveMsg_RaftLeading(self, message: RaftLeading, sender: ActorAddress) -> None:
        self._now_are(self._leases.with_leader(message.leader))

    def receiveMsg_LeaseTableState(self, message: LeaseTableState, sender: ActorAddress) -> None:
        self._now_are(self._leases.with_table(message))

    def receiveMsg_LeasesChanged(self, message: LeasesChanged, sender: ActorAddress) -> None:
        self._now_are(self._leases.with_changes(message))
