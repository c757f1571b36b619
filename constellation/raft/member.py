"""One node as a member of the Raft cluster: the protocol and what surrounds it, without I/O.

Without a cluster it takes part in beginning one, or waits to be added.  In a cluster it runs the
protocol, forwards what only the leader can do, and as the leader maintains the membership.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from msgspec import field

from constellation.effects import Note
from constellation.errors import WireError
from constellation.raft.asked import CHANGES, Orders, Proposals, Reply, already_done, answer_to
from constellation.raft.bootstrap import (
    ALONE_SETTLE_S,
    SETTLE_S,
    Begin,
    Bootstrap,
    BootstrapEffect,
)
from constellation.raft.configuration import Configuration, ConfigurationRefusedError
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import (
    Apply,
    Effect,
    LeaderProved,
    ReadReady,
    RoleChanged,
    SaveIdentity,
    SendTo,
)
from constellation.raft.fallen_back import LOST, FallenBack
from constellation.raft.following import CheckSnapshot
from constellation.raft.node import FirstState, RaftNode
from constellation.raft.other_clusters import HeardClusters, yields
from constellation.raft.packets import unpack
from constellation.raft.policy import RaftPolicy
from constellation.raft.proofs import ProofAskers, ProofDone
from constellation.raft.reads import ReadDone, Reads
from constellation.raft.roster import RaftRoster, timeout_factor
from constellation.raft.steward import Steward, StewardPolicy
from constellation.raft.upkeep import give_leadership, look_after_members, refuse_even_number
from constellation.value import Value
from messages.raft import RaftAppendRequest, RaftIdentity, RaftSnapshotRequest
from messages.raft_member import (
    LeadershipProve,
    LeasesRead,
    RaftOffer,
    RaftOrder,
    RaftOrderDone,
    RaftPacket,
    RaftPromise,
    RaftPropose,
    RaftProposeAsLeader,
    RaftReadIndex,
    RaftReadIndexRequest,
    RaftRefused,
)

STEWARD_INTERVAL_S = 1.0
TIMEOUT_STEP = 0.2  # added to the factor of the election timeout per more preferred voter

MemberEffect = Effect | Reply | ReadDone | ProofDone
# What other nodes and the actors of this one may send to a member.
MemberInput = (
    RaftPacket
    | RaftOffer
    | RaftPromise
    | RaftPropose
    | RaftProposeAsLeader
    | LeadershipProve
    | RaftReadIndexRequest
    | RaftReadIndex
    | RaftOrder
    | RaftOrderDone
    | LeasesRead
)


class MemberPolicy(Value):
    """The timeouts and limits of one member."""

    raft: RaftPolicy
    steward: StewardPolicy
    bootstrap_expect: int  # nodes that begin the cluster together; 0: this node begins none
    first_state: FirstState = field(default_factory=FirstState)  # of a cluster that it begins
    check_snapshot: CheckSnapshot = len
    looks_for_others: bool = False  # if set, a single node first waits for an existing cluster

    @property
    def settle_s(self) -> float:
        """How long the same nodes must be visible before they begin a cluster."""
        if self.bootstrap_expect > 1:
            return SETTLE_S
        return ALONE_SETTLE_S if self.looks_for_others else 0.0


class RaftMember:
    """The decisions of one member.  Effects gather until `take_effects`."""

    def __init__(
        self,
        *,
        node_name: str,
        policy: MemberPolicy,
        disk: RaftDisk,
        random: Random,
        now_s: float,
    ) -> None:
        """Continue from what is durable.

        Raises:
            ValueError, WireError: what is durable contradicts itself.
        """
        self.node_name = node_name
        self._policy, self.policy = policy, policy.raft
        self.identity = disk.identity
        self.roster: RaftRoster = {}
        self.raft: RaftNode | None = None
        self.bootstrap: Bootstrap | None = None
        self.proposals = Proposals()
        self.orders = Orders()
        self.leaderless_since_s = now_s
        self._knew_leader = False
        self.heard_clusters = HeardClusters()
        self._reads = Reads()
        self._proof_askers = ProofAskers()
        self._steward = Steward(node_name, policy.steward)
        self.fallen_back = FallenBack(node_name)
        self._steward_due_s = now_s
        self._has_news = True  # the roster, or what this node has promised: look at all of it
        self._configuration = Configuration()  # as last watched
        self._random = random
        self._queue: list[tuple[RaftPropose, str]] = []
        self._effects: list[MemberEffect] = []
        if self.identity.cluster_id:
            self._join(disk, now_s)
        else:
            self.bootstrap = Bootstrap(
                node_name=node_name,
                expect=policy.bootstrap_expect,
                settle_s=policy.settle_s,
                identity=self.identity,
                random=random,
                now_s=now_s,
            )

    def _join(self, disk: RaftDisk, now_s: float) -> RaftNode:
        self.raft = RaftNode(
            node_name=self.node_name,
            policy=self.policy,
            random=self._random,
            disk=disk,
            now_s=now_s,
            check_snapshot=self._policy.check_snapshot,
        )
        self._set_timeouts()
        return self.raft

    @property
    def is_leader(self) -> bool:
        """Whether this node leads."""
        return self.raft is not None and self.raft.leadership is not None

    @property
    def leader(self) -> str:
        """The leader that this node knows; empty: none."""
        return self.raft.state.leader if self.raft else ""

    @property
    def yields(self) -> bool:
        """Whether the leader acts on nothing, in favour of another cluster."""
        return yields(self.identity.cluster_id, self.node_name, self.roster)

    @property
    def configuration(self) -> Configuration:
        """The latest configuration that this node knows."""
        return self.raft.state.configuration if self.raft else Configuration()

    @property
    def adoptable(self) -> frozenset[str]:
        """The nodes that may join through a packet with an empty disk: their votes do not count."""
        leadership = self.raft.leadership if self.raft else None
        if leadership is None or not leadership.has_committed or leadership.is_changing:
            return frozenset()  # a learner may still be a voter in the committed configuration
        return self.configuration.learners

    @property
    def has_others(self) -> bool:
        """Whether another node votes, so that it could lead."""
        return bool(self.configuration.voters - {self.node_name})

    def shorten_log(self, snapshot: Callable[[], bytes]) -> bool:
        """Replace the applied entries by a snapshot, if there are enough of them."""
        if self.raft is None or not self.raft.wants_snapshot:
            return False
        self._effects += self.raft.take_snapshot(snapshot())
        return True

    def take_effects(self, now_s: float) -> list[MemberEffect]:
        """Propose the commands since the last call together; return all effects."""
        if self._queue:
            queue, self._queue = self._queue, []
            self._propose_all(queue, now_s)
        self._watch_configuration()
        effects, self._effects = self._effects, []
        return effects

    def _watch_configuration(self) -> None:
        if self._configuration is not self.configuration and self.raft is not None:
            self._configuration = self.configuration
            self._set_timeouts()
            self.fallen_back.watch(self.roster, self._configuration.voters)

    def receive(self, message: MemberInput, asker: str, now_s: float) -> None:
        """Handle one message; `asker` is what the shell needs to send an answer."""
        match message:
            case RaftPacket():
                self.on_packet(message, now_s)
            case RaftPropose():
                self.propose(message, asker)
            case RaftProposeAsLeader() | LeadershipProve():
                self.lead(message, asker, now_s)
            case RaftOffer() | RaftPromise():
                self._begin_cluster(message, now_s)
            case RaftReadIndexRequest():
                self.on_read_index_request(message, asker, now_s)
            case RaftReadIndex():
                self.on_read_index(message)
            case RaftOrder():
                self.order(message, asker, now_s)
            case RaftOrderDone():
                self.on_order_done(message)
            case LeasesRead(number=number):
                self.read(asker, number, now_s)

    # What comes from other nodes.

    def on_packet(self, packet: RaftPacket, now_s: float) -> None:
        """Handle protocol messages; refuse those of another cluster, and remember that cluster."""
        messages, refused = unpack(packet)
        for why in refused:
            self._note("message_refused", source=packet.source, why=why)
        if self.raft is None and not self._adopts(packet, messages, now_s):
            return
        if packet.cluster_id != self.identity.cluster_id:
            if self.heard_clusters.remember(packet.cluster_id, now_s):
                self._note("foreign_cluster", source=packet.source, id=packet.cluster_id)
            return
        raft = self._of_cluster()
        for message in messages:
            try:
                self._take(raft.step(message, now_s), now_s)
            except (ValueError, WireError) as error:
                self._note("message_refused", source=packet.source, why=str(error))

    def _adopts(self, packet: RaftPacket, messages: Sequence[object], now_s: float) -> bool:
        """Join the sender's cluster, if this node has promised that or its leader adds it."""
        is_promised = packet.cluster_id == self.identity.promised_to
        leads = any(isinstance(m, (RaftAppendRequest, RaftSnapshotRequest)) for m in messages)
        if not is_promised and not (packet.adopts and leads):
            return False
        self._become_of(packet.cluster_id)
        self._join(RaftDisk(identity=self.identity), now_s)
        fields = {"cluster_id": packet.cluster_id, "through": packet.source}
        self._effects.append(Note("cluster_joined", fields))
        return True

    def _become_of(self, cluster_id: str) -> None:
        self.identity = RaftIdentity(cluster_id=cluster_id)
        self.bootstrap = None
        self._effects.append(SaveIdentity(self.identity))

    def _begin_cluster(self, message: RaftOffer | RaftPromise, now_s: float) -> None:
        if isinstance(message, RaftOffer):
            self.on_offer(message, now_s)
        else:
            self.on_promise(message, now_s)

    def on_offer(self, offer: RaftOffer, now_s: float) -> None:
        """Handle an offer to begin a cluster, if this node has none."""
        if self.bootstrap:
            self._has_news = True
            self._take_bootstrap(self.bootstrap.on_offer(offer, self.roster, now_s), now_s)

    def on_promise(self, promise: RaftPromise, now_s: float) -> None:
        """Handle a promise to begin a cluster, if this node has none."""
        if self.bootstrap:
            effects = self.bootstrap.on_promise(promise, now_s)
            self._take_bootstrap([*effects, *self.bootstrap.tick(self.roster, now_s)], now_s)

    # What this node and others ask for.

    def set_roster(self, roster: RaftRoster) -> None:
        """Set what gossip reports of the nodes."""
        self._has_news |= roster != self.roster
        self.roster = roster
        if self.raft is not None:
            voters = self.raft.state.configuration.voters
            self.fallen_back.watch(roster, voters)
        self._set_timeouts()

    def _set_timeouts(self) -> None:
        if self.raft:
            voters = self.raft.state.configuration.voters
            factor = timeout_factor(self.node_name, voters, self.roster, step=TIMEOUT_STEP)
            self.raft.set_timeout_factor(factor)

    def propose(self, message: RaftPropose, asker: str) -> None:
        """Propose commands at the next `take_effects`, or forward them to the leader."""
        if self.is_leader:
            self._queue.append((message, asker))
        elif self.leader and not message.was_passed_on and not message.number:
            passed_on = message.model_copy(update={"was_passed_on": True})
            self._effects.append(SendTo(self.leader, passed_on))
        else:
            why = "it does not lead" if self.leader else "no leader is known"
            self._refuse(message, asker, f"{self.node_name}: {why}")

    def lead(
        self, message: RaftProposeAsLeader | LeadershipProve, asker: str, now_s: float
    ) -> None:
        """Do what only a leader can; otherwise drop it.

        A question is answered with `ProofDone` once a majority has followed this leader after now.
        """
        if self.raft is None or not self.is_leader:
            return
        match message:
            case RaftProposeAsLeader(commands=commands, term=term):
                self._take(self.raft.propose(commands, now_s, term=term)[1], now_s)
            case LeadershipProve():
                number = self._proof_askers.add(asker, message)
                self._take(self.raft.prove(number, now_s), now_s)

    def _refuse(self, message: RaftPropose, asker: str, why: str) -> None:
        refusal = RaftRefused(number=message.number, leader=self.leader, why=why)
        if not message.was_passed_on:
            self._effects.append(Reply(asker, refusal))

    def _propose_all(self, queue: Sequence[tuple[RaftPropose, str]], now_s: float) -> None:
        raft = self._of_cluster()
        commands = [command for message, _ in queue for command in message.commands]
        indexes, effects = raft.propose(commands, now_s)
        if not indexes:
            for message, asker in queue:
                self._refuse(
                    message, asker, "it is transferring leadership, or too many proposals wait"
                )
            return
        end = indexes[0] - 1
        for message, asker in queue:
            end += len(message.commands)
            if message.number:
                term = raft.state.term
                self._effects += self.proposals.add_proposal(end, term, asker, message.number)
        self._take(effects, now_s)

    def read(self, asker: str, asked: int, now_s: float) -> None:
        """Answer with `ReadDone` once the state machine is as new as this request."""

        def done(is_confirmed: bool) -> None:  # noqa: FBT001 - a callback
            self._effects.append(ReadDone(asker, asked, is_confirmed))

        number = self._reads.add_read(done, now_s)
        if self.raft is not None and self.is_leader:
            self._take(self.raft.read(number, now_s), now_s)
        elif self.leader:
            self._effects.append(SendTo(self.leader, RaftReadIndexRequest(number=number)))
        else:
            self._reads.end(number, is_confirmed=False)

    def on_read_index_request(
        self, request: RaftReadIndexRequest, asker: str, now_s: float
    ) -> None:
        """Answer another member with the index that it must have applied."""

        def done(is_confirmed: bool) -> None:  # noqa: FBT001 - a callback
            index = self.raft.state.applied_index if self.raft else 0
            answer = RaftReadIndex(number=request.number, index=index, is_confirmed=is_confirmed)
            self._effects.append(Reply(asker, answer))

        number = self._reads.add_read(done, now_s)
        if self.raft is not None:
            self._take(self.raft.read(number, now_s), now_s)
        else:
            self._reads.end(number, is_confirmed=False)

    def on_read_index(self, answer: RaftReadIndex) -> None:
        """Continue a read: the leader has sent the index that it needs."""
        if answer.is_confirmed and self.raft:
            self._reads.wait_for(answer.number, answer.index)
            self._reads.applied(self.raft.state.applied_index)
        else:
            self._reads.end(answer.number, is_confirmed=False)

    def order(self, order: RaftOrder, asker: str, now_s: float) -> None:
        """Carry out an operator's order, or forward it to the leader."""
        if not self.is_leader and self.leader and not order.was_passed_on:
            number = self.orders.add_order(order, asker, now_s)
            passed_on = order.model_copy(update={"number": number, "was_passed_on": True})
            self._effects.append(SendTo(self.leader, passed_on))
            return
        try:
            self._obey(order, asker, now_s)
        except ConfigurationRefusedError as error:
            self._effects.append(answer_to(order, asker, str(error), is_done=False))

    def on_order_done(self, done: RaftOrderDone) -> None:
        """Return the leader's answer to an order that was forwarded."""
        self._effects += self.orders.done(done.number, is_done=done.is_done, text=done.text)

    def _obey(self, order: RaftOrder, asker: str, now_s: float) -> None:
        if self.raft is None:
            raise ConfigurationRefusedError(f"{self.node_name} belongs to no cluster yet")
        if self.is_leader and (text := already_done(order, self.leader, self.configuration)):
            self._effects.append(answer_to(order, asker, text, is_done=True))
            return
        if order.action == "transfer":
            effects = self.raft.transfer(order.node, now_s)
            self.orders.add_order(order, asker, now_s)
        else:
            if order.action == "promote":
                refuse_even_number(self.configuration, order.node)
            effects = self.raft.change(CHANGES[order.action], order.node, now_s)
            state = self.raft.state
            index, term = state.configuration_index, state.term
            self.orders.add_order(order, asker, now_s, index=index, term=term)
        self._take(effects, now_s)

    def begin_to_yield(self, now_s: float) -> None:
        """Transfer leadership to another voter, if this node leads and one is ready."""
        if self.raft is not None:
            self._take(give_leadership(self.raft, self.roster, now_s), now_s)

    # Time.

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        if self._has_news or self._queue or self._effects:
            return -math.inf
        due_s = self.bootstrap.next_due_s if self.bootstrap else math.inf
        if self.raft is None:
            return due_s
        due_s = min(due_s, self.raft.next_due_s, self.orders.next_due_s, self._reads.next_due_s)
        return min(due_s, self._steward_due_s) if self._has_company else due_s

    @property
    def _has_company(self) -> bool:
        """Whether this node leads, and there are other nodes to look after."""
        return self.is_leader and (len(self.roster) > 1 or len(self.configuration.members) > 1)

    def set_patience(self, patience: int) -> None:
        """Multiply the timeouts of Raft, because this node is late itself."""
        if self.raft is not None:
            self.raft.set_patience(patience)

    def was_late(self, now_s: float) -> None:
        """This node has not run for a while, and what arrived meanwhile is not handled yet."""
        if self.raft is not None:
            self.raft.was_late(now_s)

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        self._has_news = False
        if self.bootstrap:
            self._take_bootstrap(self.bootstrap.tick(self.roster, now_s), now_s)
        if self.raft is None:
            return
        if now_s >= self.raft.next_due_s:
            self._take(self.raft.tick(now_s), now_s)
        self._effects += self.orders.tick(now_s)
        self._reads.tick(now_s)
        if not self.is_leader:
            self._steward.follows()
        elif now_s >= self._steward_due_s:
            self._steward_due_s = now_s + STEWARD_INTERVAL_S
            cluster_id = self.identity.cluster_id
            self._note_fallen_back(now_s)
            effects = look_after_members(
                self.raft, self._steward, cluster_id, self.roster, self.fallen_back, now_s
            )
            self._take(effects, now_s)

    def _note_fallen_back(self, now_s: float) -> None:
        raft = self._of_cluster()
        leadership = raft.leadership
        if leadership is None:
            return
        for name in leadership.fell_back:
            self.fallen_back.note(name, LOST)
        leadership.fell_back.clear()
        self.fallen_back.watch(self.roster, raft.state.configuration.voters)
        self.fallen_back.show(now_s)

    # Effects.

    def _take_bootstrap(self, effects: Sequence[BootstrapEffect], now_s: float) -> None:
        for effect in effects:
            match effect:
                case Begin(voters):
                    raft = self._join(RaftDisk(identity=self.identity), now_s)
                    first = self._policy.first_state
                    self._take(raft.bootstrap(voters, now_s, first_state=first), now_s)
                case SaveIdentity(identity):
                    self.identity = identity
                    if identity.cluster_id:
                        self.bootstrap = None
                    self._effects.append(effect)
                case _:
                    self._effects.append(effect)

    def _take(self, effects: Sequence[Effect], now_s: float) -> None:
        for effect in effects:
            self._effects.append(effect)
            match effect:
                case Apply(entries):
                    self._effects += self.proposals.applied(entries)
                    self._reads.applied(entries[-1].index)
                    self._effects += self.orders.committed(entries)
                case ReadReady(number, is_confirmed):
                    self._reads.end(number, is_confirmed=is_confirmed)
                case LeaderProved():
                    self._effects += self._proof_askers.done(effect)
                case RoleChanged(role, _, leader, _):
                    if leader or self._knew_leader:
                        self.leaderless_since_s = now_s
                    self._knew_leader = bool(leader)
                    if role != "leader":
                        self._steward.follows()
                        self._effects += self.proposals.give_up(leader)
                        self._effects += self.orders.give_up()
                    self._effects += self.orders.leads(leader)
                case _:
                    continue  # only for the host

    def _of_cluster(self) -> RaftNode:
        assert self.raft is not None, "called only where a cluster is known"
        return self.raft

    def _note(self, event: str, **fields: object) -> None:
        self._effects.append(Note(event, fields, "warning"))
