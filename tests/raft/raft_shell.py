"""A Raft actor on a clock of its own with a real store, and a partner that is only a core."""

from __future__ import annotations

from pathlib import Path
from random import Random

from thespian.actors import ActorAddress

from actors.raft import RaftActor
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import SendTo
from constellation.raft.member import MemberPolicy, RaftMember
from constellation.raft.packets import pack
from constellation.raft.policy import RaftPolicy
from constellation.raft.roster import roster_of
from constellation.raft.steward import StewardPolicy
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from constellation.wire import encode
from messages.admin import PartReported
from messages.gossip import (
    ClusterChanged,
    ClusterMember,
    NamedNodeState,
    NodeState,
)
from messages.leases import LeaseAcquire
from messages.raft_member import (
    RaftOffer,
    RaftPacket,
    RaftPropose,
    RaftStatus,
    RaftStatusRequest,
)
from tests.harness import Harness, messages_of

PRIORITIES = {"alpha": 20, "beta": 10, "gamma": 30}
TO_OTHERS = "@raft"  # messages to other nodes' Raft actors go to this name
OTHERS = {"beta": "127.0.0.2", "gamma": "127.0.0.3"}


class Shell:
    """A started Raft actor on a clock of its own, with a real store."""

    def __init__(self, data_dir: Path, *, expect: int = 1) -> None:
        self.now_s = 1000.0
        self.settings = Settings(
            node_name="alpha", data_dir=str(data_dir), raft={"bootstrap_expect": expect}
        )
        self.actor = RaftActor()
        self.actor.now_s = lambda: self.now_s  # type: ignore[method-assign]
        self.harness = Harness(
            self.actor, self.settings, name="raft", neighbours=("gossip", "admin", "leases")
        )

    def pass_time(self, seconds: float = 0.05) -> None:
        """Let time pass in steps that are not late."""
        for _ in range(max(1, round(seconds / 0.25))):
            self.now_s += min(seconds, 0.25)
            self.harness.tick()

    def sees(self, *names: str, cluster_id: str = "") -> None:
        """Let gossip say that these nodes, of a cluster or of none, and this one are there."""
        hosts = {"alpha": "127.0.0.1"} | {name: OTHERS[name] for name in names}
        self.harness.deliver(
            ClusterChanged(
                version=1,
                snapshot=True,
                self_node="alpha",
                members=tuple(
                    ClusterMember(node=name, state="alive", address=host, port=7946, incarnation=1)
                    for name, host in hosts.items()
                ),
                nodes=tuple(
                    NamedNodeState(
                        node=name,
                        state=NodeState(
                            address=host,
                            gossip_port=7946,
                            actor_port=7947,
                            priority=PRIORITIES[name],
                            cluster_id="" if name == "alpha" else cluster_id,
                        ),
                    )
                    for name, host in hosts.items()
                ),
            )
        )

    def propose(self, name: str, number: int) -> None:
        self.harness.deliver(RaftPropose(commands=(acquire(name),), number=number))

    @property
    def part(self) -> PartReported:
        return messages_of(PartReported, self.harness.sent)[-1]

    def status(self) -> RaftStatus:
        self.harness.deliver(RaftStatusRequest())
        return messages_of(RaftStatus, self.harness.sent)[-1]


def acquire(name: str) -> bytes:
    return encode(LeaseAcquire(name=name, holder="alpha", session="s", ttl_s=4.0, number=1))


def raft_of(name: str) -> ActorAddress:
    """Return the address of another node's Raft actor."""
    return ActorAddress(ActorRef(OTHERS[name], 7947, "raft"))


class Partner:
    """Node gamma, by its core: takes part in what the shell of alpha begins."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        policy = MemberPolicy(raft=RaftPolicy(), steward=StewardPolicy(), bootstrap_expect=2)
        self.member = RaftMember(
            node_name="gamma", policy=policy, disk=RaftDisk(), random=Random(1), now_s=0.0
        )
        self._heard = 0

    def talk(self, seconds: float) -> None:
        """Let time pass for both, and what one says reach the other."""
        end_s = self.shell.now_s + seconds
        while self.shell.now_s < end_s:
            self.member.set_roster(roster_of(self.shell.actor.view))
            self.shell.pass_time(0.05)
            self.member.tick(self.shell.now_s)
            self.exchange()

    def exchange(self) -> None:
        now_s = self.shell.now_s
        while True:
            news = self.shell.harness.sent_to(TO_OTHERS)[self._heard :]
            self._heard += len(news)
            for message in news:
                match message:
                    case RaftPacket():
                        self.member.on_packet(message, now_s)
                    case RaftOffer():
                        self.member.on_offer(message, now_s)
                    case _:
                        continue
            sends = [one for one in self.member.take_effects(now_s) if isinstance(one, SendTo)]
            packed = pack(
                sends,
                cluster_id=self.member.identity.cluster_id,
                source="gamma",
                adoptable=frozenset(),
            )
            for send in packed:
                self.shell.harness.deliver(send.message, sender=raft_of("gamma"))
            if not packed:
                return
