"""One life of a simulated node: what the shell does around a `RaftMember`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, get_args

from constellation.raft.asked import Reply
from constellation.raft.batch import in_safe_order
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import (
    Apply,
    RoleChanged,
    Save,
    SaveEntries,
    SaveHardState,
    SaveIdentity,
    SaveSnapshot,
    SendTo,
)
from constellation.raft.member import MemberEffect, MemberInput, RaftMember
from constellation.raft.packets import pack, unpack
from constellation.raft.reads import ReadDone
from messages.base import Message
from messages.raft import RaftAppendResponse, RaftVoteResponse
from messages.raft_member import (
    RaftPacket,
    RaftPropose,
)

if TYPE_CHECKING:
    from tests.simulation.members import Members

OPERATOR = "operator"  # who asks, and is no node


class Life:
    """A node from its start until it is killed."""

    def __init__(self, net: Members, name: str) -> None:
        self.net, self.name = net, name
        node = net.nodes[name]
        self.owner = f"{name}/{node.disk_life}"
        self.member = RaftMember(
            node_name=name,
            policy=net.policies[name],
            disk=node.disk,
            random=Random(net.random.random()),
            now_s=net.now_s,
        )
        self.reads: dict[int, bool] = {}
        self.events: list[str] = []
        net.at(self, net.random.uniform(0, net.tick_s), Life.tick)

    @property
    def term(self) -> int:
        """The term it is in; 0: of no cluster."""
        return self.member.raft.state.term if self.member.raft else 0

    @property
    def leads(self) -> bool:
        """Whether it leads and has committed in its term."""
        leadership = self.member.raft.leadership if self.member.raft else None
        return leadership is not None and leadership.has_committed

    def tick(self) -> None:
        """Let time pass for it, and do so again."""
        self.member.set_roster(self.net.roster(self.name))
        self.member.tick(self.net.now_s)
        self.net.at(self, self.net.tick_s, Life.tick)
        self.perform()

    def hear(self, message: Message, source: str) -> None:
        """Take a message of another node, or of the operator."""
        if isinstance(message, get_args(MemberInput)):
            self.member.receive(message, source, self.net.now_s)
            self.perform()

    def propose(self, *commands: bytes) -> None:
        """Put commands into the log, here or by the leader."""
        self.hear(RaftPropose(commands=commands), self.name)

    def read(self, number: int) -> None:
        """Ask for a read; `reads` says whether it was confirmed."""
        self.member.read(OPERATOR, number, self.net.now_s)
        self.perform()

    def begin_to_yield(self) -> None:
        """Hand over what another can do."""
        self.member.begin_to_yield(self.net.now_s)
        self.perform()

    def perform(self) -> None:
        """Do what the member asks, as the real shell does; die on the way now and then."""
        effects = self.member.take_effects(self.net.now_s)
        while effects:
            steps = self._steps(effects)
            until = len(steps)
            if self.net.random.random() < self.net.crash_chance:
                until = self.net.random.randrange(until + 1)
            for step in steps[:until]:
                step()
            if until < len(steps):
                self.net.kill(self.name)
                return
            self.member.shorten_log(lambda: b"as of then")
            effects = self.member.take_effects(self.net.now_s)
            if not effects:
                return

    def _steps(self, effects: Sequence[MemberEffect]) -> list[Callable[[], None]]:
        early, saves, late = in_safe_order(effects)
        sends = [one for one in late if isinstance(one, SendTo)]
        steps: list[Callable[[], None]] = [partial(self._transmit, one) for one in early]
        if saves:
            steps.append(partial(self._save, saves))
        steps += [partial(self._do, one) for one in late]
        # One at a time: then a node may die when it has told only some.
        steps += [partial(self._transmit, one) for one in sends]
        return steps

    def _save(self, saves: Sequence[Save]) -> None:
        node = self.net.nodes[self.name]
        for save in saves:
            node.disk = _saved(node.disk, save)

    def _transmit(self, one: SendTo) -> None:
        packed = pack(
            [one],
            cluster_id=self.member.identity.cluster_id,
            source=self.name,
            adoptable=self.member.adoptable,
        )
        for send in packed:
            if isinstance(send.message, RaftPacket):
                self._check(send.node, send.message)
            self.net.send(self.name, send.node, send.message)

    def _check(self, to: str, packet: RaftPacket) -> None:
        messages, refused = unpack(packet)
        assert not refused
        for message in messages:
            if isinstance(message, RaftVoteResponse | RaftAppendResponse):
                self.net.checks.says(self.owner, to, packet.cluster_id, message)

    def _do(self, effect: MemberEffect) -> None:
        net, cluster_id = self.net, self.member.identity.cluster_id
        match effect:
            case Apply(entries):
                net.checks.applies(cluster_id, entries)
            case RoleChanged(role="leader", term=term) if self.member.raft:
                net.checks.leads(self.owner, cluster_id, term, self.member.raft.state.log)
                net.checks.changes_leader(net.now_s, self.name)
            case Reply(asker, message):
                net.send(self.name, asker, message)
            case ReadDone(_, number, is_confirmed):
                self.reads[number] = is_confirmed
            case _:
                return


def _saved(disk: RaftDisk, save: Save) -> RaftDisk:
    match save:
        case SaveIdentity(identity):
            return replace(disk, identity=identity)
        case SaveHardState(state):
            return replace(disk, hard_state=state)
        case SaveEntries(entries):
            kept = tuple(one for one in disk.entries if one.index < entries[0].index)
            return replace(disk, entries=kept + entries)
        case SaveSnapshot(snapshot, entries):
            return replace(disk, snapshot=snapshot, entries=entries)
