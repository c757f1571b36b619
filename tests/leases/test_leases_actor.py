"""The leases actor's shell: Raft's table in, commands to Raft out, and the actors that act told."""

from __future__ import annotations

import time
from typing import Any

import pytest
from thespian.actors import ActorAddress

from actors.leases import LeasesActor
from actors.shell import YIELD_TIMEOUT_S
from constellation.leases.clock import BootSeconds
from constellation.leases.keeper import REFUSED_S
from constellation.leases.policy import PROVED_SHARE
from constellation.leases.table import LeaseTable
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from constellation.wire import decode, encode
from messages.base import Message
from messages.events import ChangeReported
from messages.leases import (
    LeaseAcquire,
    LeaseAcquired,
    LeaseExpire,
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
    LeadershipProve,
    LeadershipProved,
    LeasesSubscribe,
    RaftLeading,
    RaftPropose,
    RaftProposeAsLeader,
    RaftRefused,
)
from tests.harness import Harness, messages_of

TRAEFIK = ActorAddress(ActorRef("127.0.0.1", 7947, "traefik"))
DNS = ActorAddress(ActorRef("127.0.0.1", 7947, "dns"))
LEASE, OTHER = "lb-leader", "dns-writer"
HELD = "constellation_lease_held"
PROVED_S = 4.0 * PROVED_SHARE  # a grant to the leader's node lasts as long as a proof


class Shell:
    """A started leases actor on a clock of its own; Raft is a table that takes everything."""

    def __init__(self, *, witness: bool = False) -> None:
        self.now_s = 1000.0  # CLOCK_BOOTTIME
        self.monotonic_s = 500.0
        settings = Settings(node_name="alpha", data_dir="/nonexistent", raft={"witness": witness})
        self.table = LeaseTable()
        self.index = 0
        self._taken = 0
        self.actor = LeasesActor()
        self.actor.boot_now_s = lambda: BootSeconds(self.now_s)  # type: ignore[method-assign]
        self.actor.now_s = lambda: self.monotonic_s  # type: ignore[method-assign]
        self.harness = Harness(
            self.actor, settings, name="leases", neighbours=("raft", "admin", "traefik", "dns")
        )
        self.harness.deliver(self.table.state)

    def lead(self, *, is_leader: bool = True, yields: bool = False) -> None:
        leader = "alpha" if is_leader else "beta"
        leading = RaftLeading(is_leader=is_leader, leader=leader, term=1, yields=yields)
        self.harness.deliver(leading)

    @property
    def proposed(self) -> list[Message]:
        """All commands so far."""
        return [decode(data, source="test") for data in self._proposed]

    @property
    def _proposed(self) -> list[bytes]:
        kinds = (RaftPropose, RaftProposeAsLeader)
        proposals = [one for _, one in self.harness.sent if isinstance(one, kinds)]
        return [data for one in proposals for data in one.commands]

    def commit(self) -> None:
        """Apply what was proposed since, and let the actor know; again for what follows."""
        while True:
            data = self._proposed[self._taken :]
            if not data:
                return
            self._taken += len(data)
            commands = list(enumerate(data, self.index + 1))
            self.index += len(data)
            self.harness.deliver(self.table.apply(commands))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.monotonic_s += seconds
        self.harness.tick()

    def sleep(self, seconds: float) -> None:
        """Suspend the machine: only CLOCK_BOOTTIME goes on."""
        self.now_s += seconds
        self.harness.tick()

    def want(self, sender: ActorAddress = TRAEFIK, name: str = LEASE, **fields: Any) -> None:
        fields.setdefault("number", 1)
        self.harness.deliver(LeaseWanted(name=name, **fields), sender=sender)

    def sent_to(self, name: str) -> list[Any]:
        return self.harness.sent_to(name)

    def lost(self, name: str = "traefik") -> LeaseLost:
        message = self.sent_to(name)[-1]
        assert isinstance(message, LeaseLost)
        return message

    def let_go(self, sender: ActorAddress = TRAEFIK) -> None:
        lost = self.lost(str(sender.addressDetails.actor_id))
        answer = LeaseLetGo(name=lost.name, fencing_token=lost.fencing_token)
        self.harness.deliver(answer, sender=sender)

    def held(self, name: str = LEASE) -> float | None:
        return self.actor.registry.get_sample_value(HELD, {"lease": name})

    @property
    def holders(self) -> dict[str, str]:
        return {lease.name: lease.holder for lease in self.table.state.leases}


@pytest.fixture
def leading() -> Shell:
    """Return the shell of a node that leads, and holds the lease for its `traefik` actor."""
    shell = Shell()
    shell.lead()
    shell.want()
    shell.commit()
    assert shell.holders == {LEASE: "alpha"}
    return shell


def test_raft_is_asked_for_the_table_whenever_it_starts(leading: Shell) -> None:
    leading.harness.neighbours("raft", "admin", "traefik", "dns", generation=1)

    asked = [one for one in leading.sent_to("raft") if isinstance(one, LeasesSubscribe)]
    assert len(asked) == 2


def test_leader_acquires_only_what_an_actor_of_its_node_wants() -> None:
    shell = Shell()
    shell.lead()
    for _ in range(5):
        shell.pass_time(1)
    assert shell.proposed == []

    shell.want(name=OTHER)
    shell.commit()
    assert shell.holders == {OTHER: "alpha"}


def test_lease_that_the_leader_does_not_want_goes_to_a_node_that_does() -> None:
    shell = Shell()
    shell.lead(is_leader=False)
    shell.want()
    shell.pass_time(1.9)
    assert shell.proposed == []

    shell.pass_time(0.2)
    shell.commit()
    assert shell.holders == {LEASE: "alpha"}


def test_subscriber_is_told_when_its_lease_is_acquired_and_renewed() -> None:
    shell = Shell()
    shell.want(number=3)
    shell.lead()
    assert not shell.sent_to("traefik")

    shell.commit()
    (acquired,) = shell.sent_to("traefik")
    assert isinstance(acquired, LeaseAcquired)
    assert acquired.fencing_token == shell.table.state.leases[-1].fencing_token
    assert acquired.number == 3
    assert shell.now_s < acquired.valid_until_s < shell.now_s + PROVED_S

    shell.pass_time(1.6)
    shell.commit()
    renewed = shell.sent_to("traefik")[-1]
    assert renewed.fencing_token == acquired.fencing_token
    assert renewed.valid_until_s > acquired.valid_until_s
    assert isinstance(shell.proposed[-1], LeaseRenew)


def test_leader_asks_for_proofs_and_renews_by_them(leading: Shell) -> None:
    (acquired,) = leading.sent_to("traefik")
    leading.pass_time(1.0)
    question = messages_of(LeadershipProve, leading.harness.sent)[-1]
    proved = LeadershipProved(
        number=question.number, term=1, tokens=(acquired.fencing_token,), earlier_ago_s=9.0
    )

    leading.harness.deliver(proved)

    renewed = leading.sent_to("traefik")[-1]
    assert renewed.fencing_token == acquired.fencing_token
    assert acquired.valid_until_s < renewed.valid_until_s < leading.now_s + PROVED_S
    assert not any(isinstance(one, LeaseRenew) for one in leading.proposed)


def test_leader_ends_another_nodes_lease_in_its_own_term_alone() -> None:
    shell = Shell()
    held = LeaseAcquire(name=OTHER, holder="beta", session="b", ttl_s=4.0, number=1)
    shell.index = 7
    shell.lead()
    shell.harness.deliver(shell.table.apply([(7, encode(held))]))
    (question,) = messages_of(LeadershipProve, shell.harness.sent)
    proved = LeadershipProved(number=question.number, term=1, tokens=(), earlier_ago_s=0.0)
    shell.harness.deliver(proved)

    shell.pass_time(4.1)

    (ended,) = messages_of(RaftProposeAsLeader, shell.harness.sent)
    assert ended.term == 1
    (command,) = (decode(data, source="test") for data in ended.commands)
    assert isinstance(command, LeaseExpire)


def test_subscriber_to_a_held_lease_is_told_at_once(leading: Shell) -> None:
    leading.want(DNS, number=5)

    (acquired,) = leading.sent_to("dns")
    assert (acquired.name, acquired.number, type(acquired)) == (LEASE, 5, LeaseAcquired)


def test_lease_is_released_only_when_all_its_actors_have_let_go(leading: Shell) -> None:
    leading.want(DNS)
    leading.lead(is_leader=False)

    assert leading.lost("dns") == leading.lost("traefik")
    leading.let_go(TRAEFIK)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}
    leading.let_go(DNS)
    leading.commit()

    assert leading.holders == {}
    assert isinstance(leading.proposed[-1], LeaseRelease)
    reports = messages_of(ChangeReported, leading.harness.sent)
    assert [one.subject for one in reports] == [LEASE]


def test_actor_that_never_lets_go_delays_the_release_by_the_time_of_the_grant_only(
    leading: Shell,
) -> None:
    leading.lead(is_leader=False)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}

    leading.pass_time(2.7)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}
    leading.pass_time(0.2)  # the margin is over as well
    leading.commit()

    assert leading.holders == {}


def test_lease_that_cannot_be_renewed_is_lost_before_its_time_is_over(leading: Shell) -> None:
    assert leading.held() == 1

    for _ in range(4):  # nothing is committed
        leading.pass_time(0.9)

    assert leading.lost().name == LEASE
    assert leading.held() == 0


def test_refusal_from_another_node_is_ignored(leading: Shell) -> None:
    refused = RaftRefused(number=0, leader="", why="it does not lead")
    before = len(leading.proposed)
    elsewhere = ActorAddress(ActorRef("127.0.0.2", 7947, "raft"))

    leading.harness.deliver(refused, sender=elsewhere)
    leading.pass_time(REFUSED_S + 0.05)
    assert len(leading.proposed) == before

    leading.harness.deliver(refused)
    leading.pass_time(REFUSED_S + 0.05)
    assert isinstance(leading.proposed[-1], LeaseRenew)


def test_lease_does_not_outlive_a_suspended_machine(leading: Shell) -> None:
    leading.sleep(2.4)

    assert leading.lost().why == "it was not renewed in time"
    assert leading.held() == 0


def test_leases_are_measured_on_the_clock_that_goes_on_in_a_suspended_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = {time.CLOCK_BOOTTIME: 5000.0, time.CLOCK_MONOTONIC: 1000.0}
    monkeypatch.setattr(time, "clock_gettime", lambda clock: clocks[clock])
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)

    assert LeasesActor.boot_now_s() == 5000.0
    shell = Shell()
    del shell.actor.boot_now_s, shell.actor.now_s  # the clocks of the test
    shell.lead()
    shell.want()
    shell.commit()
    (acquired,) = shell.sent_to("traefik")
    assert acquired.valid_until_s == pytest.approx(5000.0 + PROVED_S - 0.5)
    clocks[time.CLOCK_BOOTTIME] = 5002.4  # and no monotonic time has passed
    shell.harness.tick()
    assert shell.lost().fencing_token == acquired.fencing_token


def test_lease_is_given_back_when_the_last_actor_does_not_want_it(leading: Shell) -> None:
    leading.want(DNS)
    leading.harness.deliver(LeaseUnwanted(name=LEASE), sender=TRAEFIK)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}

    leading.harness.deliver(LeaseUnwanted(name=LEASE), sender=DNS)
    leading.commit()

    assert leading.holders == {}
    assert leading.held() is None


def test_actor_that_does_not_want_a_lost_lease_has_let_go_of_it(leading: Shell) -> None:
    leading.want(DNS)
    leading.lead(is_leader=False)
    leading.let_go(TRAEFIK)

    leading.harness.deliver(LeaseUnwanted(name=LEASE), sender=DNS)
    leading.commit()

    assert leading.holders == {}


def test_lease_of_an_actor_with_an_abandoned_write_is_released_only_after_its_time(
    leading: Shell,
) -> None:
    leading.harness.deliver(LeaseUnwanted(name=LEASE, has_let_go=False), sender=TRAEFIK)
    leading.pass_time(2.7)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}

    leading.pass_time(0.2)
    leading.commit()
    assert leading.holders == {}


def test_lease_of_an_actor_that_died_is_released_only_after_its_time(leading: Shell) -> None:
    # What it sent last may still be on its way.
    leading.harness.neighbours("raft", "admin", "dns")
    leading.pass_time(2.7)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}

    leading.pass_time(0.2)
    leading.commit()
    assert leading.holders == {}


def test_actor_that_starts_again_acts_under_a_new_grant(leading: Shell) -> None:
    (token,) = [lease.fencing_token for lease in leading.table.state.leases]
    leading.harness.neighbours("raft", "admin", "traefik", "dns", generation=1)
    again = ActorAddress(ActorRef("127.0.0.1", 7948, "traefik"))
    leading.want(again)
    for _ in range(60):
        leading.pass_time(0.1)
        leading.commit()

    (lease,) = leading.table.state.leases
    assert lease.fencing_token > token
    assert leading.sent_to("traefik")[-1].fencing_token == lease.fencing_token


def test_lease_is_kept_for_the_other_actors_when_one_dies_and_then_released_late(
    leading: Shell,
) -> None:
    leading.want(DNS)
    leading.harness.neighbours("raft", "admin", "dns")
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}

    leading.lead(is_leader=False)
    leading.let_go(DNS)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}
    leading.pass_time(2.9)
    leading.commit()
    assert leading.holders == {}


def test_want_that_cannot_be_is_refused_with_the_reason(leading: Shell) -> None:
    leading.want(DNS, "backup", ttl_s=1.0)

    (refused,) = leading.sent_to("dns")
    assert isinstance(refused, LeaseRefused)
    assert "ttl_s" in refused.why
    leading.commit()
    assert "backup" not in leading.holders


def test_witness_acquires_nothing_and_refuses_who_wants_it() -> None:
    witness = Shell(witness=True)
    witness.lead()
    witness.want()
    for _ in range(5):
        witness.pass_time(1)

    (refused,) = witness.sent_to("traefik")
    assert isinstance(refused, LeaseRefused)
    assert "witness" in refused.why
    assert not witness.proposed


def test_cluster_that_yields_to_another_holds_nothing_that_follows_the_leader(
    leading: Shell,
) -> None:
    leading.lead(is_leader=False, yields=True)

    assert isinstance(leading.lost(), LeaseLost)


def test_leases_are_given_back_before_the_node_stops(leading: Shell) -> None:
    leading.harness.deliver(ActorYield())
    assert leading.lost().why == "this node stops"
    assert not messages_of(ActorYielded, leading.harness.sent)
    leading.let_go()
    leading.commit()

    assert messages_of(ActorYielded, leading.harness.sent) == [ActorYielded(name="leases")]
    leading.pass_time(5)
    leading.commit()
    assert leading.holders == {}


def test_node_that_cannot_give_its_leases_back_stops_all_the_same(leading: Shell) -> None:
    leading.harness.deliver(ActorYield())  # and nothing is committed any more
    leading.pass_time(YIELD_TIMEOUT_S / 2)
    assert not messages_of(ActorYielded, leading.harness.sent)
    leading.pass_time(YIELD_TIMEOUT_S / 2 + 0.1)

    assert messages_of(ActorYielded, leading.harness.sent) == [ActorYielded(name="leases")]


def test_subscriber_keeps_its_lease_when_a_change_of_its_want_is_refused(leading: Shell) -> None:
    leading.want(ttl_s=1.0, number=2)
    assert isinstance(leading.sent_to("traefik")[-1], LeaseRefused)

    leading.lead(is_leader=False)
    leading.commit()
    assert leading.holders == {LEASE: "alpha"}
    leading.let_go()
    leading.commit()
    assert leading.holders == {}


def test_step_that_fails_ends_the_process_and_nothing_of_it_is_sent(
    leading: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the failed step wanted is lost; the harness raises where the process would end."""

    def fails_half_way(*arguments: object) -> None:
        leading.actor.manager.keeper.unwant(LEASE, BootSeconds(leading.now_s))
        raise KeyError("a table that cannot be")

    monkeypatch.setattr(leading.actor.manager, "change", fails_half_way)
    sent = len(leading.harness.sent)

    with pytest.raises(KeyError, match="cannot be"):
        leading.harness.deliver(leading.table.apply([]))
    assert len(leading.harness.sent) == sent


def test_passive_reader_is_told_of_the_lease_and_holds_its_release_up_but_never_holds_it() -> None:
    shell = Shell()
    shell.lead()
    shell.want(DNS, is_passive=True)
    shell.commit()
    assert shell.holders == {}

    shell.want()
    shell.commit()
    assert shell.holders == {LEASE: "alpha"}
    assert isinstance(shell.sent_to("dns")[-1], LeaseAcquired)

    shell.harness.deliver(LeaseUnwanted(name=LEASE), sender=TRAEFIK)
    shell.commit()
    assert shell.holders == {LEASE: "alpha"}
    shell.let_go(DNS)
    shell.commit()
    assert shell.holders == {}


def test_reader_that_becomes_passive_no_longer_holds_the_lease(leading: Shell) -> None:
    leading.want(is_passive=True, number=2)
    leading.let_go()
    leading.commit()

    assert leading.holders == {}
