"""One life of a simulated node: what the shell does around a `RaftHost`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, get_args

from constellation.effects import Send
from constellation.errors import AdapterError
from constellation.raft.asked import Reply
from constellation.raft.batch import Batch
from constellation.raft.effects import Save, SendTo
from constellation.raft.host import RaftHost
from constellation.raft.member import MemberInput, RaftMember
from constellation.raft.packets import unpack
from messages.base import Message
from messages.events import ChangeReported
from messages.raft import RaftAppendResponse, RaftVoteResponse
from messages.raft_member import LeasesRead, LeasesReadDone, RaftPacket, RaftPropose
from tests.simulation.raft_disk import saved

if TYPE_CHECKING:
    from tests.simulation.members import Members

OPERATOR = "operator"  # who asks, and is no node


class Life:
    """A node from its start until it is killed."""

    def __init__(self, net: Members, name: str) -> None:
        self.net, self.name = net, name
        node = net.nodes[name]
        self.owner = f"{name}/{node.disk_life}"
        self.host = RaftHost(
            node_name=name,
            policy=net.policies[name],
            random=Random(net.random.random()),
            utc_s=net.now_s,
        )
        assert self.host.begin(node.disk, net.now_s)
        self.reads: dict[int, bool] = {}
        self.events: list[str] = []
        net.at(self, net.random.uniform(0, net.tick_s), Life.tick)

    @property
    def serves(self) -> bool:
        """Whether its disk works, so that it has a member."""
        return self.host.member is not None

    @property
    def member(self) -> RaftMember:
        """The member of a node whose disk works."""
        assert self.host.member is not None, f"the disk of {self.name} has failed"
        return self.host.member

    @property
    def term(self) -> int:
        """The term it is in; 0: of no cluster."""
        return self.member.raft.state.term if self.member.raft else 0

    @property
    def leads(self) -> bool:
        """Whether it leads and has committed in its term."""
        raft = self.host.member.raft if self.host.member else None
        return raft is not None and raft.leadership is not None and raft.leadership.has_committed

    def tick(self) -> None:
        """Tell it what gossip knows, let it do what is due, and do so again."""
        now_s = self.net.now_s
        self.host.set_roster(self.net.roster(self.name))
        if self.host.wants_disk(now_s):
            assert self.host.begin(self.net.nodes[self.name].disk, now_s)
        if self.host.next_due_s <= now_s:  # as the shell, which wakes for nothing else
            self.host.tick(now_s)
        self.net.at(self, self.net.tick_s, Life.tick)
        self.perform()

    def hear(self, message: Message, source: str) -> None:
        """Take a message of another node, or of the operator."""
        if isinstance(message, get_args(MemberInput)):
            self.host.receive(message, source)
            self.perform()

    def propose(self, *commands: bytes) -> None:
        """Put commands into the log, here or by the leader."""
        self.hear(RaftPropose(commands=commands), self.name)

    def read(self, number: int) -> None:
        """Ask for a read; `reads` says whether it was confirmed."""
        self.hear(LeasesRead(number=number), OPERATOR)

    def begin_to_yield(self) -> None:
        """Hand over what another can do."""
        self.host.begin_to_yield(self.net.now_s)
        self.perform()

    def perform(self) -> None:
        """Do what the host asks, as the real shell does; die on the way now and then."""
        while (batch := self.host.next_batch(self.net.now_s)) is not None:
            if batch.saves and self.net.random.random() < self.net.save_failure_chance:
                self._fail_to_save(batch)
                continue
            steps = self._steps(batch)
            until = len(steps)
            if self.net.random.random() < self.net.crash_chance:
                until = self.net.random.randrange(until + 1)
            for step in steps[:until]:
                step()
            if until < len(steps):
                self.net.kill(self.name)
                return

    def _fail_to_save(self, batch: Batch) -> None:
        """Report a failure of the disk, which may have kept the batch all the same."""
        for send in batch.early_sends:
            self._transmit(send)
        if self.net.random.random() < 0.5:
            self._save(batch.saves)
        error = AdapterError("the journal", why="Input/output error", fix="see the kernel's log")
        self.host.save_failed(error, self.net.now_s)
        self.net.checks.save_failures += 1

    def _steps(self, batch: Batch) -> list[Callable[[], None]]:
        """Return what a batch asks for, in its order; a node may die between any two steps."""
        steps: list[Callable[[], None]] = [
            partial(self._transmit, one) for one in batch.early_sends
        ]
        if batch.saves:
            # The disk works meanwhile, and may be done before the first of them or after the last.
            at = self.net.random.randrange(len(steps) + 1) if steps else 0
            steps.insert(at, partial(self._save, batch.saves))
        # One at a time: then a node may die when it has told only some.
        steps += [partial(self._transmit, one) for one in batch.sends]
        steps.append(partial(self._take_note, batch))
        local = batch.rest.local
        steps += [partial(self._answer, one) for one in local if isinstance(one, Reply)]
        return steps

    def _save(self, saves: Sequence[Save]) -> None:
        node = self.net.nodes[self.name]
        for save in saves:
            node.disk = saved(node.disk, save)

    def _transmit(self, one: SendTo) -> None:
        if isinstance(one.message, RaftPacket):
            self._check(one.node, one.message)
        self.net.send(self.name, one.node, one.message)

    def _check(self, to: str, packet: RaftPacket) -> None:
        messages, refused = unpack(packet)
        assert not refused
        for message in messages:
            if isinstance(message, RaftVoteResponse | RaftAppendResponse):
                disk = self.net.nodes[self.name].disk
                self.net.checks.says(self.owner, to, packet.cluster_id, message, disk)

    def _take_note(self, batch: Batch) -> None:
        self.host.saved(batch)
        if not self.serves:
            return  # such a batch only says so
        sent = [one.message for one in batch.rest.local if isinstance(one, Send)]
        self.events += [one.what for one in sent if isinstance(one, ChangeReported)]
        checks, cluster_id = self.net.checks, self.member.identity.cluster_id
        if batch.rest.applied:
            checks.applies(cluster_id, batch.rest.applied)
        for change in batch.rest.role_changes:
            if change.role == "leader" and self.member.raft:
                checks.leads(self.owner, cluster_id, change.term, self.member.raft.state.log)
                checks.changes_leader(self.net.now_s, self.name)

    def _answer(self, reply: Reply) -> None:
        if isinstance(reply.message, LeasesReadDone):
            self.reads[reply.message.number] = reply.message.is_confirmed
        else:
            self.net.send(self.name, reply.asker, reply.message)
