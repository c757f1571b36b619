"""The leases actor's shell: Raft's table in, commands to Raft out, and those who act told."""

from __future__ import annotations

from typing import Any

import pytest
from thespian.actors import ActorAddress

from actors.leases import LeasesActor
from actors.shell import YIELD_TIMEOUT_S
from constellation.leases.policy import DEFAULT_LEASES
from constellation.leases.table import LeaseTable
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from constellation.wire import decode
from messages.base import Message
from messages.events import ChangeReported
from messages.leases import (
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeaseRefused,
    LeaseRelease,
    LeaseRenew,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.lifecycle import ActorYield, ActorYielded
from messages.raft_member import (
    LeasesSubscribe,
    RaftLeading,
    RaftPropose,
)
from tests.harness import Harness, messages_of

TRAEFIK = ActorAddress(ActorRef("127.0.0.1", 7947, "traefik"))
DNS = ActorAddress(ActorRef("127.0.0.1", 7947, "dns"))
LEASE = "lb-leader"


class Shell:
    """A started leases actor on a clock of its own; Raft is a table that takes all at once."""

    def __init__(self, *, witness: bool = False) -> None:
        self.now_s = 1000.0
        settings = Settings(node_name="alpha", data_dir="/nonexistent", raft={"witness": witness})
        self.table = LeaseTable()
        self.index = 0
        self._taken = 0
        self.actor = LeasesActor()
        self.actor.now_s = lambda: self.now_s  # type: ignore[method-assign]
        self.harness = Harness(
            self.actor, settings, name="leases", neighbours=("raft", "admin", "traefik", "dns")
        )
        self.harness.deliver(self.table.state)

    def lead(self, *, is_leader: bool = True) -> None:
        leader = "alpha" if is_leader else "beta"
        self.harness.deliver(RaftLeading(is_leader=is_leader, leader=leader, term=1))

    @property
    def proposed(self) -> list[Message]:
        """All commands so far."""
        proposals = messages_of(RaftPropose, self.harness.sent)
        return [decode(data, source="test") for one in proposals for data in one.commands]

    def commit(self) -> None:
        """Apply what was proposed since, and let the actor know; again for what follows."""
        while True:
            proposals = messages_of(RaftPropose, self.harness.sent)
            data = [one for proposal in proposals for one in proposal.commands][self._taken :]
            if not data:
                return
            self._taken += len(data)
            commands = list(enumerate(data, self.index + 1))
            self.index += len(data)
            self.harness.deliver(self.table.apply(commands))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.harness.tick()

    def told(self, name: str) -> list[Any]:
        return self.harness.sent_to(name)

    @property
    def holders(self) -> dict[str, str]:
        return {lease.name: lease.holder for lease in self.table.state.leases}


@pytest.fixture
def leading() -> Shell:
    """Return the shell of a node that leads and holds the leases."""
    shell = Shell()
    shell.lead()
    shell.commit()
    assert set(shell.holders) == set(DEFAULT_LEASES)
    return shell


def test_raft_is_asked_for_the_table_whenever_it_starts(leading: Shell) -> None:
    leading.harness.neighbours("raft", "admin", generation=1)

    asked = [one for one in leading.told("raft") if isinstance(one, LeasesSubscribe)]
    assert len(asked) == 2


def test_nothing_is_acquired_before_this_node_leads() -> None:
    shell = Shell()
    shell.lead(is_leader=False)
    shell.pass_time(5)

    assert not shell.proposed


def test_who_wants_a_lease_is_told_when_it_is_acquired_and_renewed() -> None:
    shell = Shell()
    shell.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)
    shell.lead()
    assert not shell.told("traefik")

    shell.commit()
    (acquired,) = shell.told("traefik")
    assert isinstance(acquired, LeaseAcquired)
    assert acquired.fencing_token == shell.table.state.leases[-1].fencing_token
    assert shell.now_s < acquired.valid_until_s < shell.now_s + 4.0

    shell.pass_time(1.1)
    shell.commit()
    renewed = shell.told("traefik")[-1]
    assert renewed.fencing_token == acquired.fencing_token
    assert renewed.valid_until_s > acquired.valid_until_s
    assert isinstance(shell.proposed[-1], LeaseRenew)


def test_who_wants_what_is_held_already_is_told_at_once(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)

    (acquired,) = leading.told("traefik")
    assert (acquired.name, type(acquired)) == (LEASE, LeaseAcquired)


def test_lease_is_given_back_only_when_all_who_acted_have_let_go(leading: Shell) -> None:
    for reader in (TRAEFIK, DNS):
        leading.harness.deliver(LeaseWanted(name=LEASE), sender=reader)
    leading.lead(is_leader=False)

    lost = leading.told("traefik")[-1]
    assert isinstance(lost, LeaseLost)
    assert leading.told("dns")[-1] == lost
    let_go = LeaseLetGo(name=LEASE, fencing_token=lost.fencing_token)
    leading.harness.deliver(let_go, sender=TRAEFIK)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}  # the other one had nobody who acts on it
    leading.harness.deliver(let_go, sender=DNS)
    leading.commit()

    assert leading.holders == {}
    assert isinstance(leading.proposed[-1], LeaseRelease)
    reports = messages_of(ChangeReported, leading.harness.sent)
    assert {(one.what, one.subject) for one in reports} == {
        ("lease_lost", name) for name in DEFAULT_LEASES
    }


def test_who_never_lets_go_holds_others_up_for_the_time_of_the_grant_only(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)
    leading.lead(is_leader=False)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}

    leading.pass_time(3.4)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}
    leading.pass_time(1.2)  # what it may have begun last is over as well
    leading.commit()

    assert leading.holders == {}


def test_lease_that_cannot_be_renewed_is_lost_before_its_time_is_over(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)
    value = leading.actor.registry.get_sample_value
    assert value("constellation_lease_held", {"lease": LEASE}) == 1

    for _ in range(4):  # nothing is committed
        leading.pass_time(0.9)

    assert isinstance(leading.told("traefik")[-1], LeaseLost)
    assert value("constellation_lease_held", {"lease": LEASE}) == 0


def test_lease_of_its_own_is_given_back_when_the_last_one_wants_it_no_more(leading: Shell) -> None:
    for reader in (TRAEFIK, DNS):
        leading.harness.deliver(LeaseWanted(name="backup"), sender=reader)
    leading.commit()
    assert leading.holders["backup"] == "alpha"

    leading.harness.deliver(LeaseUnwanted(name="backup"), sender=TRAEFIK)
    leading.commit()
    assert "backup" in leading.holders
    leading.harness.deliver(LeaseUnwanted(name="backup"), sender=DNS)
    leading.commit()

    assert "backup" not in leading.holders
    assert set(leading.holders) == set(DEFAULT_LEASES)


def test_default_lease_is_held_on_though_nobody_wants_it_any_more(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)
    leading.harness.deliver(LeaseUnwanted(name=LEASE), sender=TRAEFIK)
    leading.commit()

    assert set(leading.holders) == set(DEFAULT_LEASES)


def test_actor_that_ends_wants_nothing_any_more(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name="backup"), sender=TRAEFIK)
    leading.commit()

    leading.harness.neighbours("raft", "admin", "dns")
    leading.commit()

    assert "backup" not in leading.holders


def test_wish_that_cannot_be_is_refused_with_the_reason(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name="backup", ttl_s=1.0), sender=TRAEFIK)

    (refused,) = leading.told("traefik")
    assert isinstance(refused, LeaseRefused)
    assert "ttl_s" in refused.why
    leading.commit()
    assert "backup" not in leading.holders


def test_witness_wants_no_lease_even_when_it_leads() -> None:
    witness = Shell(witness=True)
    witness.lead()
    for _ in range(5):
        witness.pass_time(1)

    assert not witness.proposed


def test_leases_are_given_back_before_the_node_ends(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)

    leading.harness.deliver(ActorYield())
    lost = leading.told("traefik")[-1]
    assert isinstance(lost, LeaseLost)
    assert lost.why == "this node ends"
    assert not messages_of(ActorYielded, leading.harness.sent)
    leading.harness.deliver(
        LeaseLetGo(name=LEASE, fencing_token=lost.fencing_token), sender=TRAEFIK
    )
    leading.commit()

    assert messages_of(ActorYielded, leading.harness.sent) == [ActorYielded(name="leases")]
    leading.pass_time(5)
    leading.commit()
    assert leading.holders == {}


def test_node_that_cannot_give_its_leases_back_ends_all_the_same(leading: Shell) -> None:
    leading.harness.deliver(ActorYield())  # and nothing is committed any more
    leading.pass_time(YIELD_TIMEOUT_S / 2)
    assert not messages_of(ActorYielded, leading.harness.sent)
    leading.pass_time(YIELD_TIMEOUT_S / 2 + 0.1)

    assert messages_of(ActorYielded, leading.harness.sent) == [ActorYielded(name="leases")]


def test_who_acts_on_a_lease_goes_on_when_another_wish_of_it_is_refused(leading: Shell) -> None:
    leading.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)
    leading.harness.deliver(LeaseWanted(name=LEASE, ttl_s=1.0), sender=TRAEFIK)
    assert isinstance(leading.told("traefik")[-1], LeaseRefused)

    leading.lead(is_leader=False)
    leading.commit()

    lost = leading.told("traefik")[-1]
    assert isinstance(lost, LeaseLost)
    assert leading.holders == {LEASE: "alpha"}
    let_go = LeaseLetGo(name=LEASE, fencing_token=lost.fencing_token)
    leading.harness.deliver(let_go, sender=TRAEFIK)
    leading.commit()
    assert leading.holders == {}


def test_witness_refuses_who_wants_a_lease() -> None:
    witness = Shell(witness=True)
    witness.lead()

    witness.harness.deliver(LeaseWanted(name=LEASE), sender=TRAEFIK)
    witness.pass_time(5)

    (refused,) = witness.told("traefik")
    assert isinstance(refused, LeaseRefused)
    assert "witness" in refused.why
    assert not witness.proposed
