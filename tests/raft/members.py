"""Members that talk to one another at once and lose nothing, for tests of one thing at a time."""

from __future__ import annotations

from random import Random
from typing import TypeVar

from constellation.raft.asked import Reply
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import SendTo
from constellation.raft.member import MemberEffect, MemberPolicy, RaftMember
from constellation.raft.node import FirstState
from constellation.raft.packets import pack
from constellation.raft.policy import RaftPolicy
from constellation.raft.reads import ReadDone
from constellation.raft.roster import RosterNode
from constellation.raft.steward import StewardPolicy
from messages.base import Message
from messages.raft import RaftEntry, RaftIdentity

M = TypeVar("M", bound=Message)
FIRST = FirstState()


def blank(
    name: str, *, expect: int = 0, now_s: float = 0.0, first_state: FirstState = FIRST
) -> RaftMember:
    """Return a member of no cluster."""
    return of_disk(name, RaftDisk(), expect=expect, now_s=now_s, first_state=first_state)


def of_disk(
    name: str,
    disk: RaftDisk,
    *,
    expect: int = 0,
    now_s: float = 0.0,
    first_state: FirstState = FIRST,
) -> RaftMember:
    """Return the next life of a member."""
    policy = MemberPolicy(
        RaftPolicy(), StewardPolicy(), bootstrap_expect=expect, first_state=first_state
    )
    return RaftMember(node_name=name, policy=policy, disk=disk, random=Random(name), now_s=now_s)


def configured(voters: str, learners: str = "", *, cluster_id: str = "ours") -> RaftDisk:
    """Return the disk of a member that knows who the members are, and nothing else."""
    data = Configuration(frozenset(voters), frozenset(learners)).encode()
    entry = RaftEntry(index=1, term=1, kind="configuration", data=data)
    return RaftDisk(identity=RaftIdentity(cluster_id=cluster_id), entries=(entry,))


class Group:
    """Members by name.  All that a member sends arrives before `tick` returns."""

    def __init__(self, *members: RaftMember) -> None:
        self.members = {member.node_name: member for member in members}
        self.now_s = 0.0
        self.effects: list[tuple[str, MemberEffect]] = []  # all so far, but what was sent

    @property
    def leader(self) -> str:
        return next((name for name, one in self.members.items() if one.is_leader), "")

    def replies(self, kind: type[M], asker: str = "asker") -> list[M]:
        """Return the answers that somebody got so far."""
        return [
            one.message
            for _, one in self.effects
            if isinstance(one, Reply) and one.asker == asker and isinstance(one.message, kind)
        ]

    def reads(self) -> list[ReadDone]:
        return [one for _, one in self.effects if isinstance(one, ReadDone)]

    def notes(self) -> list[str]:
        return [one.event for _, one in self.effects if hasattr(one, "event")]

    def gossip(self) -> None:
        """Let all know of all, and of which cluster each is."""
        roster = {
            name: RosterNode(is_living=True, cluster_id=one.identity.cluster_id)
            for name, one in self.members.items()
        }
        for member in self.members.values():
            member.set_roster(roster)

    def run(self, seconds: float, *, without: str = "") -> None:
        """Let time pass, and all that is sent arrive."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 0.1
            for name, member in self.members.items():
                if name not in without:
                    member.tick(self.now_s)
            self.exchange(without=without)

    def exchange(self, *, without: str = "") -> None:
        """Deliver all that is sent, and what is sent because of that."""
        busy = True
        while busy:
            busy = False
            for name, member in self.members.items():
                for effect in member.take_effects(self.now_s):
                    busy = True
                    self._perform(name, member, effect, without)

    def _perform(self, name: str, member: RaftMember, effect: MemberEffect, without: str) -> None:
        if isinstance(effect, Reply) and effect.asker in self.members:
            self.deliver(effect.asker, effect.message, name)
        elif not isinstance(effect, SendTo):
            self.effects.append((name, effect))
        elif effect.node in self.members and not {name, effect.node} & set(without):
            (sent,) = pack(
                [effect],
                cluster_id=member.identity.cluster_id,
                source=name,
                adoptable=member.adoptable,
            )
            self.deliver(effect.node, sent.message, name)

    def deliver(self, to: str, message: Message, source: str) -> None:
        """Let a member take a message."""
        self.members[to].receive(message, source, self.now_s)  # type: ignore[arg-type]


def led(voters: str = "abc") -> Group:
    """Return members of one cluster, of which one leads."""
    group = Group(*[of_disk(name, configured(voters)) for name in voters])
    group.gossip()
    group.run(5)
    assert group.leader
    return group
