"""The lease manager of a simulated node, and one in it who acts on all leases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from constellation.leases.effects import LeaseEffect, Propose, Tell
from constellation.leases.guard import LeaseGuard
from constellation.leases.keeper import LeaseKeeper, Want
from constellation.leases.policy import LeasePolicy
from constellation.wire import encode
from messages.leases import LeaseAcquired, LeaseLost, LeasesChanged, LeaseTableState

if TYPE_CHECKING:
    from tests.simulation.raft_member import Member

LEASE_POLICY = LeasePolicy()
FOLLOWING = ("lb-leader", "dns-writer")  # held where Raft's leader is
WANTS = {
    **{name: Want(ttl_s=LEASE_POLICY.ttl_s) for name in FOLLOWING},
    "anywhere": Want(ttl_s=2.5, follows_leader=False),
}


class LeaseUser:
    """One life.  Manager and subscriber are two actors: what one tells the other takes a while."""

    def __init__(self, member: Member, random: Random) -> None:
        self._member = member
        self._net = net = member.net
        session = f"{random.getrandbits(64):x}"
        self.keeper = LeaseKeeper(node_name=member.name, session=session, policy=LEASE_POLICY)
        self.guards = {lease: LeaseGuard(lease) for lease in WANTS}
        self._ends_s: dict[int, float] = {}  # when the last act ends, by token
        self._wakeups = 0

        def begin() -> None:
            self._mind(self.keeper.restore(member.table.state, member.now_s))
            for name, want in net.wants.items():
                self._mind(self.keeper.want(name, want, member.now_s))
            self._arm()

        member.later("raft to keeper", begin)
        net.at(member, net.random.uniform(0, 0.2), self._act)

    # What it is told.

    def hear(self, message: LeasesChanged | LeaseTableState) -> None:
        if isinstance(message, LeaseTableState):
            self._mind(self.keeper.restore(message, self._member.now_s))
        else:
            self._mind(self.keeper.change(message, self._member.now_s))
        self._arm()

    def lead(self, *, is_leader: bool) -> None:
        self._mind(self.keeper.set_leader(is_leader=is_leader, now_s=self._member.now_s))
        self._arm()

    def want(self, name: str) -> None:
        self._mind(self.keeper.want(name, WANTS[name], self._member.now_s))
        self._arm()

    def unwant(self, name: str) -> None:
        self._net.checks.counts["unwanted"] += name in self.keeper.held
        self._mind(self.keeper.unwant(name, self._member.now_s))
        self._arm()

    def close(self) -> None:
        self._mind(self.keeper.close(self._member.now_s))
        self._arm()

    # What it does.

    def _arm(self) -> None:
        self._wakeups += 1
        wakeup = self._wakeups

        def wake() -> None:
            if wakeup == self._wakeups:  # else another one was set since
                self._mind(self.keeper.tick(self._member.now_s))
                self._arm()

        due_s = self.keeper.next_due_s(self._member.now_s)
        self._net.after_local(self._member, due_s + 0.001, wake)

    def _mind(self, effects: Sequence[LeaseEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose(commands):
                    data = tuple(encode(one) for one in commands)
                    self._later("keeper to raft", partial(self._member.forward, data))
                case Tell(message):
                    hear = partial(self._subscriber_hears, message)
                    self._later("keeper to subscriber", hear)
                case _:
                    continue

    def _later(self, channel: str, work: Callable[[], None]) -> None:
        self._member.later(channel, work)

    def _subscriber_hears(self, message: LeaseAcquired | LeaseLost) -> None:
        self.guards[message.name].hear(message)
        if isinstance(message, LeaseLost) and self._net.random.random() < 0.8:
            token = message.fencing_token
            wait_s = max(0.0, self._ends_s.pop(token, 0.0) - self._net.now_s)

            def say() -> None:
                self._later("subscriber to keeper", partial(self._let_go, token))

            self._net.at(self._member, wait_s, say)  # else it never says so

    def _let_go(self, token: int) -> None:
        self._mind(self.keeper.let_go(token, self._member.now_s))
        self._arm()

    def _act(self) -> None:
        """Act on what is held; what is begun may take as long as the margin, by its own clock."""
        net, name = self._net, self._member.name
        _, rate = net.clocks[name]
        for lease, guard in self.guards.items():
            token = guard.fencing_token(self._member.now_s)
            if token is not None:
                lasts_s = min(1.0, net.random.uniform(0, 2)) * LEASE_POLICY.margin_s
                ends_s = net.now_s + lasts_s / rate
                net.checks.acts_on(lease, name, token, net.now_s, ends_s)
                self._ends_s[token] = max(ends_s, self._ends_s.get(token, 0.0))
        net.at(self._member, net.random.uniform(0.05, 0.3), self._act)
