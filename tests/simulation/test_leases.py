"""Stories of leases in virtual time: who may act, who should, and that no lease is ever stuck.

The second half plants a fault in the holder or the manager, and shows that a story or the random
faults of `raft_chaos` catch it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from constellation.leases.clock import BootSeconds
from constellation.leases.effects import Gone
from constellation.leases.holder import LeaseHolder, _Grant, _Lease
from constellation.leases.keeper import LeaseKeeper
from constellation.leases.policy import LeasePolicy
from messages.leases import LeaseAcquired
from messages.raft_member import LeasesReadDone
from tests.simulation.raft_chaos import disturbed, is_hard_on_holders, settles
from tests.simulation.raft_leases import LEASE_POLICY
from tests.simulation.raft_network import RaftNetwork

LEASE = "lb-leader"  # the leader is preferred
SEEDS = range(40)
few_seeds = pytest.mark.parametrize("seed", range(3))
PATIENCE_S = LEASE_POLICY.patience_s
TAKEOVER_S = LEASE_POLICY.takeover_after_s
SLACK_S = 1.0  # of messages and of the time between two acts


def actor_of(net: RaftNetwork, lease: str = LEASE) -> str:
    """Return which node was the last to begin an act; "" if none did."""
    last = net.checks.acts.get(lease)
    return last.node if last else ""


def led(seed: int) -> tuple[RaftNetwork, str]:
    """Return a cluster of three whose leader acts on all leases that prefer it, and that leader."""
    net = RaftNetwork(seed=seed, nodes=3)
    leader = net.wait_for_leader()
    assert net.run(10, until=lambda: actor_of(net) == leader), "the leader does not act"
    return net, leader


def acts_of_each(net: RaftNetwork, seconds: float, lease: str = LEASE) -> list[str]:
    """Let time pass; return the nodes that acted one after the other."""
    seen: list[str] = []
    end_s = net.now_s + seconds
    while net.now_s < end_s:
        net.run(0.05)
        node = actor_of(net, lease)
        if node and node != (seen[-1] if seen else ""):
            seen.append(node)
    return seen


# Preference for the leader.


@few_seeds
def test_lease_goes_to_the_leader_when_all_nodes_can_act(seed: int) -> None:
    net, leader = led(seed)

    assert acts_of_each(net, 30) == [leader]


@few_seeds
def test_another_node_acts_when_the_leader_cannot(seed: int) -> None:
    net, leader = led(seed)
    net.members[leader].user.unwant(LEASE)

    assert net.run(
        PATIENCE_S + SLACK_S + LEASE_POLICY.margin_s + 4, until=lambda: moved(net, leader)
    )
    other = actor_of(net)
    assert acts_of_each(net, 30) == [other]
    assert net.leader == leader


def moved(net: RaftNetwork, leader: str) -> bool:
    return actor_of(net) not in {"", leader}


def held_by_another(seed: int) -> tuple[RaftNetwork, str, str]:
    """Return a cluster in which another node acts than the leader: the leader, the other node."""
    net, leader = led(seed)
    net.members[leader].user.unwant(LEASE)
    assert net.run(10, until=lambda: moved(net, leader)), "nobody acts for the leader"
    return net, leader, actor_of(net)


@few_seeds
def test_leader_that_can_act_again_takes_the_lease_over_once(seed: int) -> None:
    net, leader, other = held_by_another(seed)
    net.members[leader].user.want(LEASE)

    assert acts_of_each(net, TAKEOVER_S - SLACK_S) == [other]
    assert acts_of_each(net, 30) == [other, leader]


@few_seeds
def test_take_over_interrupts_the_acts_for_a_moment_only(seed: int) -> None:
    net, leader, other = held_by_another(seed)
    net.members[leader].user.want(LEASE)
    net.run(2 * TAKEOVER_S, until=lambda: not net.members[other].keeper.held.get(LEASE))

    # As long as a write in progress may take, and the messages.
    limit_s = LEASE_POLICY.ttl_s + SLACK_S
    assert net.run(limit_s, until=lambda: actor_of(net) == leader)


@few_seeds
def test_leader_that_can_act_only_now_and_then_does_not_make_the_lease_bounce(
    seed: int,
) -> None:
    net, leader, other = held_by_another(seed)
    seen: list[str] = []
    for _ in range(10):
        net.members[leader].user.want(LEASE)
        seen += acts_of_each(net, TAKEOVER_S / 2)
        net.members[leader].user.unwant(LEASE)
        seen += acts_of_each(net, 1)

    assert set(seen) == {other}


@few_seeds
def test_lease_follows_when_a_leader_that_can_act_is_elected(seed: int) -> None:
    net, leader, other = held_by_another(seed)
    third = next(name for name in net.names if name not in {leader, other})
    net.members[leader].transfer(third)
    assert net.run(5, until=lambda: net.leader == third)

    assert net.run(TAKEOVER_S + 5, until=lambda: actor_of(net) == third)


@few_seeds
def test_lease_goes_on_while_the_leader_is_replaced(seed: int) -> None:
    net, leader, other = held_by_another(seed)
    net.kill(leader)

    seen = acts_of_each(net, 30)
    assert seen[0] == other
    assert seen[-1] == net.leader


# No lease is stuck.


def calm_hand_over_s(seed: int) -> float:
    """Return how long nobody acts when a holder gives the lease back in peace."""
    net, leader = led(seed)
    net.long_write_chance = 0.0
    net.run(9)  # all long ones have ended
    other = next(name for name in net.names if name != leader)
    for name in net.names:
        if name != leader:
            net.members[name].user.unwant("anywhere")
    assert net.run(20, until=lambda: actor_of(net, "anywhere") == leader)
    net.members[other].user.want("anywhere")
    net.run(1)
    net.members[leader].user.unwant("anywhere")
    writes = net.members[leader].user.actors["first"].writes
    assert net.run(10, until=lambda: "anywhere" not in {one.lease for one in writes.values()})
    began_s = net.now_s
    assert net.run(20, until=lambda: actor_of(net, "anywhere") == other), "it is stuck"
    return net.now_s - began_s


@few_seeds
def test_lease_moves_at_once_when_the_last_write_has_ended(seed: int) -> None:
    assert calm_hand_over_s(seed) < SLACK_S


@few_seeds
def test_lease_that_nobody_here_wants_moves_though_that_message_was_lost(seed: int) -> None:
    net, leader = led(seed)
    net.local_loss = 1.0
    net.members[leader].user.unwant(LEASE)
    net.run(0.5)
    net.local_loss = 0.0

    assert net.run(20, until=lambda: moved(net, leader)), "it is stuck"


@few_seeds
def test_actor_goes_on_when_its_want_was_lost(seed: int) -> None:
    net = RaftNetwork(seed=seed, nodes=3)
    net.local_loss = 1.0
    net.run(2)
    net.local_loss = 0.0

    assert net.run(20, until=lambda: actor_of(net) != ""), "it is stuck"


@few_seeds
def test_manager_that_starts_again_holds_the_lease_under_a_new_grant(seed: int) -> None:
    net, leader = led(seed)
    for name in net.names:
        if name != leader:
            net.members[name].user.unwant(LEASE)
    token = net.checks.acts[LEASE].token
    net.members[leader].user.start_manager()

    assert net.run(20, until=lambda: net.checks.acts[LEASE].token > token), "it is stuck"
    assert actor_of(net) == leader


@few_seeds
def test_actor_that_is_killed_acts_again(seed: int) -> None:
    net, _ = led(seed)
    assert net.run(10, until=lambda: actor_of(net, "anywhere") != "")
    net.members[actor_of(net, "anywhere")].user.kill_actor("first")
    last = net.checks.acts["anywhere"]

    assert net.run(20, until=lambda: net.checks.acts["anywhere"] is not last), "it is stuck"


# A clock that stops with the machine.


def late_write(seed: int, *, confirm_chance: float) -> str:
    """Return what goes wrong when a hypervisor pauses the holder and its clock."""
    net, leader = led(seed)
    net.run(1)
    net.confirm_chance = confirm_chance
    net.run(1)
    seconds = 20.0
    net.isolate([leader])  # nothing that waits tells it the time
    net.run(0.1)  # no read of before is confirmed when it wakes
    net.stop(leader, seconds)
    try:
        net.run(seconds - 0.001)
        offset_s, rate = net.clocks[leader]
        net.clocks[leader] = (offset_s - seconds * rate, rate)
        net.cuts.clear()
        net.run(10)
    except AssertionError as error:
        return str(error)
    return ""


@few_seeds
def test_confirmed_read_keeps_a_holder_with_a_stopped_clock_from_writing(seed: int) -> None:
    assert late_write(seed, confirm_chance=1.0) == ""


def test_holder_with_a_stopped_clock_writes_late_without_a_confirmed_read() -> None:
    assert any(" acts w" in late_write(seed, confirm_chance=0.0) for seed in SEEDS)


# Planted faults.


def complaint(seeds: Iterable[int] = SEEDS) -> str:
    """Return what the first seed of random faults that fails complains of; "" if none does."""
    for seed in seeds:
        try:
            settles(disturbed(seed))
        except AssertionError as error:
            return str(error)
    return ""


def story_fails(story: Callable[[int], object], seeds: Sequence[int] = SEEDS) -> bool:
    """Return whether a story fails for any seed."""
    for seed in seeds:
        try:
            story(seed)
        except AssertionError:
            return True
    return False


Patch = pytest.MonkeyPatch


def test_holder_that_lets_go_while_it_writes_is_caught(monkeypatch: Patch) -> None:
    def settle(self: LeaseHolder, lease: _Lease, grant: _Grant) -> None:
        if not grant.is_open and grant.is_lost:
            self._let_go(lease, grant.fencing_token)

    monkeypatch.setattr(LeaseHolder, "_settle", settle)

    assert "lets go of" in complaint()


def test_holder_that_gives_back_while_it_writes_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(_Lease, "is_writing", False)

    assert "lets go of" in complaint()


def test_release_while_writes_go_on_is_caught_from_outside(monkeypatch: Patch) -> None:
    monkeypatch.setattr(_Lease, "is_writing", False)
    monkeypatch.setattr(
        "tests.simulation.raft_leases.LeaseActor._check_let_go", lambda self, message: None
    )

    assert "still does" in complaint()


def test_holder_that_never_lets_go_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(LeaseHolder, "_leave_if_done", lambda *arguments: None)

    assert story_fails(test_lease_moves_at_once_when_the_last_write_has_ended, range(3))


def test_holder_that_acts_on_a_lost_grant_again_is_caught(monkeypatch: Patch) -> None:
    end_for_good = LeaseHolder._end_for_good

    def forgetful(self: LeaseHolder, lease: _Lease, token: int, why: str) -> None:
        end_for_good(self, lease, token, why)
        lease.over_token = 0

    monkeypatch.setattr(LeaseHolder, "_end_for_good", forgetful)

    assert late_write_of(1.0)


def late_write_of(confirm_chance: float) -> bool:
    return any(late_write(seed, confirm_chance=confirm_chance) for seed in range(15))


def test_holder_that_trusts_any_confirmed_read_is_caught(monkeypatch: Patch) -> None:
    receive_read = LeaseHolder.receive_read

    def credulous(self: LeaseHolder, message: LeasesReadDone, now_s: BootSeconds) -> object:
        question = self._questions.get(message.number)
        grant = self._open_at(question.lease, now_s) if question else None
        if question is not None and grant is not None:
            leases = tuple(
                one.model_copy(update={"fencing_token": question.fencing_token})
                for one in message.state.leases
            )
            state = message.state.model_copy(update={"leases": leases})
            message = message.model_copy(update={"state": state})
        return receive_read(self, message, now_s)

    monkeypatch.setattr(LeaseHolder, "receive_read", credulous)

    assert late_write_of(1.0)


def test_holder_that_does_not_subscribe_again_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(LeaseHolder, "manager_started", lambda self, now_s: [])
    monkeypatch.setattr(LeaseHolder, "_is_to_ask_again", lambda self, lease: False)

    assert story_fails(test_manager_that_starts_again_holds_the_lease_under_a_new_grant, range(3))


def test_holder_that_ignores_what_it_does_not_want_is_caught(monkeypatch: Patch) -> None:
    on_acquired = LeaseHolder._on_acquired

    def deaf(self: LeaseHolder, lease: _Lease, message: LeaseAcquired, now_s: BootSeconds) -> None:
        if lease.want is not None:
            on_acquired(self, lease, message, now_s)

    monkeypatch.setattr(LeaseHolder, "_on_acquired", deaf)

    assert story_fails(
        test_lease_that_nobody_here_wants_moves_though_that_message_was_lost, range(3)
    )


def test_release_when_an_actor_dies_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr("constellation.leases.subscribers.LeaseSubscribers.note_death", _nothing)

    assert "still does" in complaint(filter(is_hard_on_holders, range(400)))


def _nothing(*arguments: object) -> None:
    return


def test_nodes_that_do_not_wait_for_the_leader_are_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(LeasePolicy, "patience_s", 0.0)

    assert story_fails(test_leader_that_can_act_again_takes_the_lease_over_once) or story_fails(
        test_lease_goes_to_the_leader_when_all_nodes_can_act
    )


def test_leader_that_never_claims_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(LeaseKeeper, "_claims", lambda self, now_s: [])

    assert story_fails(test_leader_that_can_act_again_takes_the_lease_over_once, range(3))


def test_leader_that_claims_at_once_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(LeaseKeeper, "_claim_at_s", lambda self, name: 0.0)

    assert story_fails(
        test_leader_that_can_act_only_now_and_then_does_not_make_the_lease_bounce, range(3)
    )


def test_stop_that_nobody_waits_for_is_caught(monkeypatch: Patch) -> None:
    close = LeaseHolder._close

    def hasty(self: LeaseHolder, lease: _Lease, grant: _Grant, why: str) -> None:
        close(self, lease, grant, why)
        for effect in self._effects:
            if isinstance(effect, Gone):
                grant.writes.clear()

    monkeypatch.setattr(LeaseHolder, "_close", hasty)

    assert "lets go of" in complaint()
