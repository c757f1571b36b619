"""What waits for the Raft member until all that has arrived is stepped together."""

from __future__ import annotations

from collections.abc import Callable

from thespian.actors import ActorAddress

from actors.shell import ShellActor
from constellation.raft.member import RaftMember
from messages.raft_member import (
    RaftOffer,
    RaftOrderDone,
    RaftPromise,
    RaftPropose,
    RaftReadIndex,
    RaftReadIndexRequest,
)

INBOX_MAX = 10_000  # more is dropped: protocol and askers repeat what is not answered


class RaftInbox(ShellActor):
    """Base of the Raft actor: handlers that only hand a message on to the member."""

    def __init__(self) -> None:
        super().__init__()
        self.member: RaftMember | None = None  # None: its disk failed, it takes no part
        self._inbox: list[Callable[[RaftMember, float], None]] = []

    def _later(self, step: Callable[[RaftMember, float], None]) -> None:
        if self.member is not None and len(self._inbox) < INBOX_MAX:
            self._inbox.append(step)

    def receiveMsg_RaftPropose(self, message: RaftPropose, sender: ActorAddress) -> None:
        asker = self.address_text(sender)
        self._later(lambda member, _: member.propose(message, asker))

    def receiveMsg_RaftOffer(self, message: RaftOffer, sender: ActorAddress) -> None:
        self._later(lambda member, now_s: member.on_offer(message, now_s))

    def receiveMsg_RaftPromise(self, message: RaftPromise, sender: ActorAddress) -> None:
        self._later(lambda member, now_s: member.on_promise(message, now_s))

    def receiveMsg_RaftReadIndexRequest(
        self, message: RaftReadIndexRequest, sender: ActorAddress
    ) -> None:
        asker = self.address_text(sender)
        self._later(lambda member, now_s: member.on_read_index_request(message, asker, now_s))

    def receiveMsg_RaftReadIndex(self, message: RaftReadIndex, sender: ActorAddress) -> None:
        self._later(lambda member, _: member.on_read_index(message))

    def receiveMsg_RaftOrderDone(self, message: RaftOrderDone, sender: ActorAddress) -> None:
        self._later(lambda member, _: member.on_order_done(message))
