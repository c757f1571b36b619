"""The lease manager of a simulated node, and the actors in it that act on leases.

Manager and actors are processes of their own: what one sends the other takes a while and may be
lost, each of them may be killed or start again, and an actor may be stopped and go on.  An actor
writes to something outside, which takes a while too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from constellation.effects import Send
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import (
    Confirmed,
    Gone,
    HolderEffect,
    ManagerEffect,
    Overdue,
    Propose,
    ProposeAsLeader,
    Prove,
    SendToReader,
    WritePermit,
)
from constellation.leases.holder import LeaseHolder
from constellation.leases.keeper import Leading, LeaseKeeper, Want
from constellation.leases.manager import LeaseManager
from constellation.leases.policy import LeasePolicy
from constellation.wire import encode
from messages.base import Message
from messages.leases import (
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeaseRefused,
    LeasesChanged,
    LeaseTableState,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.raft_member import LeadershipProve, LeadershipProved, LeasesRead, LeasesReadDone

if TYPE_CHECKING:
    from tests.simulation.raft_member import Member

LEASE_POLICY = LeasePolicy()
FOLLOWING = ("lb-leader", "dns-writer")  # the leader is preferred
WANTS = {
    **{name: Want(ttl_s=LEASE_POLICY.ttl_s) for name in FOLLOWING},
    "anywhere": Want(ttl_s=2.5, follows_leader=False),
}
ACTORS = {"first": frozenset(WANTS), "second": frozenset({"lb-leader"})}  # what each can act on


class LeaseUser:
    """Manager and actors in one life of a node."""

    def __init__(self, member: Member, random: Random) -> None:
        self.member = member
        self.random = random
        self.wanted = dict(member.net.wants)
        self.actors: dict[str, LeaseActor] = {}
        self.start_manager()
        self.actors |= {name: LeaseActor(self, name) for name in ACTORS}

    @property
    def keeper(self) -> LeaseKeeper:
        """The keeper of its manager."""
        return self.manager.keeper

    @property
    def now_s(self) -> BootSeconds:
        """What the node's clock shows."""
        return BootSeconds(self.member.now_s)

    # Faults.

    def start_manager(self) -> None:
        """Start the manager, or start it again: it knows nothing then."""
        session = f"{self.random.getrandbits(64):x}"
        manager = self.manager = LeaseManager(
            node_name=self.member.name, session=session, policy=LEASE_POLICY
        )
        self._wakeups = 0

        def begin() -> None:
            if self.manager is manager:
                raft = self.member.raft
                is_leader = raft.leadership is not None
                leading = Leading(raft.state.leader, is_leader=is_leader, term=raft.state.term)
                self._perform(manager.restore(self.member.table.state, self.now_s))
                self._perform(manager.set_leading(leading, self.now_s))

        self.member.later("raft to manager", begin)
        for actor in list(self.actors.values()):
            self.member.later(f"directory to {actor.reader}", actor.on_manager_started)

    def kill_actor(self, name: str) -> None:
        """Kill an actor and start it again; its requests that are on their way go on."""
        dead = self.actors[name]
        dead.is_dead = True
        dead.suspend_writes()
        self.actors[name] = LeaseActor(self, name, dead.life + 1)
        self.to_manager("directory", lambda manager: manager.reader_died(dead.reader, self.now_s))
        self.member.later(
            f"directory to {self.actors[name].reader}", self.actors[name].on_manager_started
        )

    # What it receives.

    def hear(self, message: LeasesChanged | LeaseTableState) -> None:
        if isinstance(message, LeaseTableState):
            self._perform(self.manager.restore(message, self.now_s))
        else:
            self._perform(self.manager.change(message, self.now_s))

    def lead(self, leading: Leading) -> None:
        self._perform(self.manager.set_leading(leading, self.now_s))

    def want(self, name: str) -> None:
        """Be able to act on a lease."""
        self.wanted[name] = self.member.net.wants[name]
        for actor in self.actors.values():
            if name in ACTORS[actor.name]:
                actor.want(name)

    def unwant(self, name: str) -> None:
        """Be unable to act on a lease."""
        self.member.net.checks.counts["unwanted"] += name in self.keeper.held
        self.wanted.pop(name, None)
        for actor in self.actors.values():
            actor.unwant(name)

    def suspend_writes(self) -> None:
        """The whole node is stopped, or dead."""
        for actor in self.actors.values():
            actor.suspend_writes()

    def close(self) -> None:
        self._perform(self.manager.close(self.now_s))

    # What the manager does.

    def to_manager(
        self, source: str, step: Callable[[LeaseManager], Sequence[ManagerEffect]]
    ) -> None:
        """Step the manager, if the one that runs now still runs when the message arrives."""
        manager = self.manager

        def arrive() -> None:
            if self.manager is manager:
                self._perform(step(manager))

        self.member.later(f"{source} to manager", arrive)

    def _perform(self, effects: Sequence[ManagerEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose(commands):
                    data = tuple(encode(one) for one in commands)
                    self.member.later("manager to raft", partial(self.member.forward, data))
                case ProposeAsLeader(commands, term):
                    data = tuple(encode(one) for one in commands)
                    work = partial(self.member.propose_as_leader, data, term)
                    self.member.later("manager to raft", work)
                case Prove(question):
                    self.member.later("manager to raft", partial(self._prove, question))
                case SendToReader(reader, message):
                    self._to_actor(reader, message)
                case _:
                    continue
        self._arm()

    def _prove(self, question: LeadershipProve) -> None:
        manager = self.manager

        def done(proof: LeadershipProved) -> None:
            if self.manager is manager:
                self._perform(manager.proved(proof, self.now_s))

        self.member.prove(question, done)

    def _to_actor(self, reader: str, message: LeaseAcquired | LeaseLost | LeaseRefused) -> None:
        for actor in self.actors.values():
            if actor.reader == reader and not self.member.net.loses_local():
                self.member.later(f"manager to {reader}", partial(actor.hear, message))

    def _arm(self) -> None:
        self._wakeups += 1
        wakeup, manager = self._wakeups, self.manager

        def wake() -> None:
            if self.manager is manager and wakeup == self._wakeups:
                self._perform(manager.tick(self.now_s))

        due_s = manager.keeper.next_due_s(self.now_s)
        self.member.net.after_local(self.member, due_s + 0.001, wake)


class LeaseActor:
    """One life of an actor that acts on leases as often as it may."""

    def __init__(self, user: LeaseUser, name: str, life: int = 0) -> None:
        self._user, self._net, self._member = user, user.member.net, user.member
        self.name, self.life = name, life
        self.reader = f"{name}/{life}"
        self.is_dead = False
        self.writes: dict[int, WritePermit] = {}  # in progress, as the actor itself knows
        self._long: set[str] = set()  # keys of writes that end with this process
        self._holder = LeaseHolder(margin_s=LEASE_POLICY.margin_s)
        self._waiting: list[Callable[[], None]] | None = None  # None: it is not stopped
        self._wakeups = 0
        for lease in sorted(user.wanted):
            if lease in ACTORS[name]:
                self.want(lease)
        self._net.at(self._member, self._net.random.uniform(0, 0.2), self._act)

    # Faults.

    def stop(self, seconds: float) -> None:
        """Stop it as SIGSTOP does: what arrives meanwhile waits."""
        if self._waiting is None:
            self._waiting = []
            self.suspend_writes()
            self._net.at(self._member, seconds, self.go_on)

    def suspend_writes(self) -> None:
        """End long writes: their process is stopped or dead, and does nothing.

        If it goes on too late, only its fencing token keeps it out.
        """
        for key in self._long:
            self._net.checks.act_ends(key)

    def go_on(self) -> None:
        """Go on, with what has arrived."""
        waiting, self._waiting = self._waiting or [], None
        for work in waiting:
            self._do(work)

    def _do(self, work: Callable[[], None]) -> None:
        if self.is_dead:
            return
        if self._waiting is None:
            work()
        else:
            self._waiting.append(partial(self._do, work))

    # What it wants and receives.

    def want(self, name: str) -> None:
        want = self._net.wants[name]

        def do() -> None:
            effects = self._holder.want(
                name, self._user.now_s, ttl_s=want.ttl_s, follows_leader=want.follows_leader
            )
            self._perform(effects)

        self._do(do)

    def unwant(self, name: str) -> None:
        self._do(lambda: self._perform(self._holder.unwant(name, self._user.now_s)))

    def on_manager_started(self) -> None:
        self._do(lambda: self._perform(self._holder.manager_started(self._user.now_s)))

    def hear(self, message: LeaseAcquired | LeaseLost | LeaseRefused) -> None:
        self._do(lambda: self._perform(self._holder.receive(message, self._user.now_s)))

    def hear_read(self, message: LeasesReadDone) -> None:
        self._do(lambda: self._perform(self._holder.receive_read(message, self._user.now_s)))

    # What it does.

    def _act(self) -> None:
        if self.is_dead:
            return
        self._do(self._begin_writes)
        self._net.at(self._member, self._net.random.uniform(0.05, 0.3), self._act)

    def _begin_writes(self) -> None:
        for lease in sorted(self._user.wanted):
            if self._net.random.random() < self._net.confirm_chance:
                _, effects = self._holder.confirm(lease, self._user.now_s)
                self._perform(effects)
            else:
                permit = self._holder.begin_write(lease, self._user.now_s)
                if permit is not None:
                    self._write(permit)

    def _write(self, permit: WritePermit) -> None:
        """Write for at most the margin by its own clock, or for longer, while it may."""
        net = self._net
        is_long = net.random.random() < net.long_write_chance
        lasts_s = net.random.uniform(0, 8) if is_long else self._short_s()
        key = self._key(permit)
        self.writes[permit.number] = permit
        net.checks.act_begins(key, permit.lease, self._member.name, permit.fencing_token)
        if is_long:
            self._long.add(key)
        else:  # it is on its way, whatever becomes of this process
            net.after(lasts_s, partial(net.checks.act_ends, key))
        net.at(self._member, lasts_s, partial(self._do, partial(self._end, permit)))
        self._arm()

    def _short_s(self) -> float:
        _, rate = self._net.clocks[self._member.name]
        return min(1.0, self._net.random.uniform(0, 2)) * LEASE_POLICY.margin_s / rate

    def _end(self, permit: WritePermit) -> None:
        self._forget(permit)
        self._perform(self._holder.end_write(permit, self._user.now_s))

    def _forget(self, permit: WritePermit) -> None:
        key = self._key(permit)
        self._net.checks.act_ends(key)
        self.writes.pop(permit.number, None)
        self._long.discard(key)

    def _key(self, permit: WritePermit) -> str:
        return f"{self._member.name}/{id(self)}/{permit.number}"

    def _perform(self, effects: Sequence[HolderEffect]) -> None:
        for effect in effects:
            match effect:
                case Send(_, (LeaseWanted() | LeaseUnwanted() | LeaseLetGo()) as message):
                    self._to_manager(message)
                case Send(_, LeasesRead(number=number)):
                    self._read(number)
                case Gone(permit):
                    wait_s = self._net.random.choice([0.0, self._net.random.uniform(0, 0.3)])
                    end = partial(self._do, partial(self._end, permit))
                    self._net.at(self._member, wait_s, end)
                case Overdue(permit):
                    self._net.checks.counts["overdue"] += permit.number in self.writes
                    self._forget(permit)
                case Confirmed(_, permit, _) if permit is not None:
                    self._net.checks.counts["confirmed"] += 1
                    self._write(permit)
                case _:
                    continue
        self._arm()

    def _to_manager(self, message: LeaseWanted | LeaseUnwanted | LeaseLetGo) -> None:
        self._check_let_go(message)
        if self._net.loses_local():
            return
        reader = self.reader

        def step(manager: LeaseManager) -> Sequence[ManagerEffect]:
            now_s = self._user.now_s
            match message:
                case LeaseWanted():
                    return manager.wanted(message, reader, now_s)
                case LeaseUnwanted():
                    return manager.unwanted(message, reader, now_s)
                case LeaseLetGo():
                    return manager.let_go(message, reader, now_s)

        self._user.to_manager(reader, step)

    def _check_let_go(self, message: Message) -> None:
        """Assert that the actor writes nothing under a grant that it lets go of."""
        match message:
            case LeaseLetGo(name=name, fencing_token=token):
                going_on = [
                    one
                    for one in self.writes.values()
                    if (one.lease, one.fencing_token) == (name, token)
                ]
            case LeaseUnwanted(name=name, has_let_go=True):
                going_on = [one for one in self.writes.values() if one.lease == name]
            case _:
                return
        self._net.checks.counts["let go"] += 1
        assert not going_on, f"{self._member.name} lets go of {name} while it writes"

    def _read(self, number: int) -> None:
        def answer(is_confirmed: bool) -> None:
            done = LeasesReadDone(
                number=number, state=self._member.table.state, is_confirmed=is_confirmed
            )
            self._member.later(f"raft to {self.reader}", partial(self.hear_read, done))

        self._member.later(f"{self.reader} to raft", partial(self._member.ask, answer))

    def _arm(self) -> None:
        self._wakeups += 1
        wakeup = self._wakeups

        def wake() -> None:
            if wakeup == self._wakeups and not self.is_dead:
                self._perform(self._holder.tick(self._user.now_s))

        due_s = self._holder.next_due_s(self._user.now_s)
        self._net.after_local(self._member, due_s + 0.001, lambda: self._do(wake))
