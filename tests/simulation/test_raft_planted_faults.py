"""Each check catches the fault that it is for, in few seeds or in one story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from constellation.leases.clock import BootSeconds
from constellation.leases.effects import LeaseEffect
from constellation.leases.holder import LeaseHolder, _Grant
from constellation.leases.keeper import LeaseKeeper, Want
from constellation.leases.policy import CLOCK_DRIFT_MAX, LeasePolicy
from constellation.raft import batch
from constellation.raft.configuration import Configuration
from constellation.raft.effects import Effect, Save, SendTo
from constellation.raft.following import Following
from constellation.raft.leadership import Leadership
from constellation.raft.log import RaftLog
from constellation.raft.quorum import committed_index
from constellation.raft.state import RaftState
from messages.base import Message
from messages.leases import Lease
from messages.raft import RaftAppendRequest, RaftAppendResponse, RaftVoteResponse
from tests.raft.story import replayed
from tests.simulation import raft_leases, raft_member
from tests.simulation.member_life import Life
from tests.simulation.members import Members, names
from tests.simulation.raft_chaos import disturbed, settles
from tests.simulation.raft_checks import Checks
from tests.simulation.raft_leases import WANTS, LeaseUser
from tests.simulation.raft_network import CALM_S, RaftNetwork

SEEDS = range(40)
STORIES = Path(__file__).parent.parent / "raft" / "scenarios"


def complaint(seeds: Iterable[int] = SEEDS) -> str:
    """Return what the first seed that fails complains of; "" if none does."""
    for seed in seeds:
        try:
            settles(disturbed(seed))
        except (AssertionError, ValueError) as error:
            return str(error)
    return ""


def complaint_in(story: str) -> str:
    """Return what is wrong in a story; "" if nothing is."""
    try:
        replayed((STORIES / f"{story}.txt").read_text())
    except AssertionError as error:
        return str(error)
    return ""


def say_before_saving(monkeypatch: pytest.MonkeyPatch, kind: type[Message]) -> None:
    def in_unsafe_order(
        effects: Sequence[Effect],
    ) -> tuple[list[SendTo], list[Save], list[Effect]]:
        early, saves, late = batch.in_safe_order(effects)
        hasty = [one for one in late if isinstance(one, SendTo) and isinstance(one.message, kind)]
        return [*early, *hasty], saves, [one for one in late if one not in hasty]

    monkeypatch.setattr(raft_member, "in_safe_order", in_unsafe_order)


def test_shell_that_answers_before_it_saves_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert begun_with_crashes() == ""
    in_order = Life._steps

    def hasty(self: Life, batch: batch.Batch) -> list[Callable[[], None]]:
        steps = in_order(self, batch)
        sends = [one for one in steps if getattr(one, "func", None) == self._transmit]
        return [*sends, *[one for one in steps if one not in sends]]

    monkeypatch.setattr(Life, "_steps", hasty)

    assert "before it is on its disk" in begun_with_crashes()


def begun_with_crashes() -> str:
    """Return what goes wrong where three nodes begin a cluster and write to it."""
    net = Members(seed=1, names=names(3), expect=3, loss=0.1)
    net.crash_chance = 0.05
    try:
        for number in range(10):
            net.start()
            net.run(1)
            if net.leader:
                net.life(net.leader).propose(b"%d" % number)
    except AssertionError as error:
        return str(error)
    return ""


@pytest.fixture
def only_consequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for what follows from saying what is not on disk, not for that itself."""

    def says(self: Checks, name: str, to: str, message: Message, disk: object) -> None:
        if isinstance(message, RaftVoteResponse) and message.granted and not message.pre_vote:
            first = self.votes.setdefault((message.term, name), to)
            assert first == to, f"{name} votes twice in term {message.term}"

    monkeypatch.setattr(Checks, "says", says)


def test_vote_that_is_sent_before_it_is_saved_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    say_before_saving(monkeypatch, RaftVoteResponse)

    assert "RaftVoteResponse" in complaint()


def test_entries_acknowledged_before_they_are_saved_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say_before_saving(monkeypatch, RaftAppendResponse)

    assert "RaftAppendResponse" in complaint()


@pytest.mark.usefixtures("only_consequences")
def test_forgotten_votes_elect_two_leaders(monkeypatch: pytest.MonkeyPatch) -> None:
    say_before_saving(monkeypatch, RaftVoteResponse)

    assert crash_often() in {"votes twice", "two leaders"}


@pytest.mark.usefixtures("only_consequences")
def test_forgotten_entries_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    say_before_saving(monkeypatch, RaftAppendResponse)

    assert crash_often() in {"without entry", "state machines differ", "is committed"}


def crash_often() -> str:
    """Return what goes wrong where nodes often die between what they say and what they save."""
    words = ["votes twice", "two leaders", "without entry", "state machines differ", "is committed"]
    for seed in range(200):
        net = RaftNetwork(seed=seed, nodes=3, loss=0.1)
        net.crash_chance, net.delay_s = 0.3, (0.001, 0.3)
        try:
            for number in range(15):
                net.run(net.random.uniform(0.1, 1.5))
                net.start_all()
                if net.leader:
                    net.propose(net.leader, f"{number}".encode())
        except (AssertionError, ValueError) as error:
            return next((one for one in words if one in str(error)), str(error))
    return ""


def test_commit_by_counting_entries_of_earlier_terms_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def advance_commit(self: Leadership, now_s: float) -> None:
        held = {name: one.match_index for name, one in self.followers.items()}
        held[self._state.node_name] = self._state.log.last_index
        self._state.commit(committed_index(held, self._state.configuration.voters))

    monkeypatch.setattr(Leadership, "_advance_commit", advance_commit)

    assert complaint_in("figure_8_d") == "e leads in term 4 without entry 3"


def test_votes_for_shorter_logs_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RaftLog, "is_up_to_date", lambda self, index, term: True)

    assert "without entry" in complaint()


def test_change_before_the_first_commit_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leadership, "has_committed", True)
    # Nor does it look whether the new voters are there, which would save it here.
    monkeypatch.setattr(Leadership, "_check_quorum_of", lambda *arguments: None)

    assert complaint_in("change_before_first_commit") == "a leads in term 3 without entry 3"


def test_reads_without_a_confirmation_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_at_a_leader_that_was_replaced() == ""

    def answer_reads(self: Leadership, now_s: float) -> None:
        self._reads = [(number, float("-inf")) for number, _ in self._reads]
        answered(self, now_s)

    answered = Leadership._answer_reads
    monkeypatch.setattr(Leadership, "_answer_reads", answer_reads)

    assert "a read at" in read_at_a_leader_that_was_replaced()


def read_at_a_leader_that_was_replaced() -> str:
    """Return what goes wrong when a leader stops, another one writes, and the first one reads."""
    for seed in SEEDS[:5]:
        net = RaftNetwork(seed=seed, nodes=3)
        old = net.wait_for_leader()
        net.run(1)
        net.isolate([old])
        net.stop(old, 20)
        try:
            assert net.run(15, until=partial(is_led_by_another, net, old))
            net.wait_for_leader()
            net.leading.write(b"new")
            assert net.run(3, until=partial(has_written, net))
            net.members[old].read()
            net.run(1)
        except AssertionError as error:
            return str(error)
    return ""


def is_led_by_another(net: RaftNetwork, old: str) -> bool:
    return net.leader not in {"", old}


def has_written(net: RaftNetwork) -> bool:
    return net.checks.counts["writes"] > 0


def test_reads_before_the_first_commit_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_at_a_new_leader() == ""
    monkeypatch.setattr(Leadership, "has_committed", True)

    assert "a read at" in read_at_a_new_leader()


def read_at_a_new_leader() -> str:
    """Return what goes wrong when a leader is cut off by a write, and the next reads at once."""
    for seed in SEEDS:
        net = RaftNetwork(seed=seed, nodes=3)
        old = net.wait_for_leader()
        net.run(1)
        net.delay_s = (0.001, 0.3)
        net.leading.write(b"new")
        try:
            assert net.run(5, until=partial(has_written, net))
            net.isolate([old])
            assert net.run(15, until=partial(is_led_by_another, net, old))
            net.leading.read()
            net.run(1)
        except AssertionError as error:
            return str(error)
    return ""


def test_snapshot_without_the_configuration_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    at = RaftState._configuration_at

    def first(self: RaftState, index: int) -> Configuration:
        return replace(at(self, index), learners=frozenset())

    monkeypatch.setattr(RaftState, "_configuration_at", first)

    assert "another configuration" in complaint()


def test_append_sent_before_its_term_is_saved_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only who elects itself alone can be in such haste: others wait for votes, and so for the disk.
    monkeypatch.setattr(
        batch, "_is_early", lambda message, _: isinstance(message, RaftAppendRequest)
    )

    assert "RaftAppendRequest" in alone_with_a_learner()


def alone_with_a_learner() -> str:
    """Return what goes wrong with one voter, one learner and crashes."""
    for seed in SEEDS:
        net = RaftNetwork(seed=seed, nodes=1, spares=1)
        net.batch_chance = 0.5
        try:
            net.wait_for_leader()
            net.leading.change("add_learner", "n2")
            for _ in range(10):
                net.run(2)
                net.kill("n1")
                net.start("n1")
        except AssertionError as error:
            return str(error)
    return ""


def test_entries_that_do_not_follow_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    on_append = Following.on_append

    def credulous(self: Following, request: RaftAppendRequest) -> None:
        term = self._state.log.term_at(request.prev_log_index)
        if term is not None:
            request = request.model_copy(update={"prev_log_term": term})
        on_append(self, request)

    monkeypatch.setattr(Following, "on_append", credulous)

    assert "logs differ" in complaint_in("figure_8_d")


# Of leases.

DOUBLE = "still does"


def test_lease_without_a_margin_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeasePolicy, "valid_until_s", lambda self, sent_s, ttl_s: sent_s + ttl_s)

    assert DOUBLE in complaint()


def test_lease_counted_from_when_it_was_granted_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    see = LeaseKeeper._see

    def counted_late(
        self: LeaseKeeper, lease: Lease, at_s: BootSeconds, now_s: BootSeconds
    ) -> None:
        if lease.session == self.session:
            self._sent_at_s[lease.number] = now_s
        see(self, lease, at_s, now_s)

    monkeypatch.setattr(LeaseKeeper, "_see", counted_late)

    assert DOUBLE in with_holder_cut_off(local_delay_s=(0.0, 1.5))


def test_lease_that_is_free_too_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeasePolicy, "free_at_s", lambda self, seen_s, ttl_s: seen_s + 0.5 * ttl_s)

    assert DOUBLE in complaint()


def test_drift_that_is_not_waited_for_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # So large a drift that what clocks make of the time is more than what messages take.
    monkeypatch.setattr(raft_leases, "LEASE_POLICY", LeasePolicy(clock_drift=CLOCK_DRIFT_MAX))
    monkeypatch.setitem(WANTS, "anywhere", Want(ttl_s=20.0, follows_leader=False))
    assert with_holder_cut_off(slow="n3") == ""

    monkeypatch.setattr(LeasePolicy, "free_at_s", lambda self, seen_s, ttl_s: seen_s + ttl_s)

    assert DOUBLE in with_holder_cut_off(slow="n3")


def with_holder_cut_off(*, local_delay_s: tuple[float, float] = CALM_S, slow: str = "") -> str:
    """Return what goes wrong when the holder of a lease is cut off, being busy or slow."""
    for seed in range(12) if slow else range(200):
        net = RaftNetwork(seed=seed, nodes=3)
        if slow:
            fast = 1 + CLOCK_DRIFT_MAX
            net.set_clocks({name: (0.0, 1.0 if name == slow else fast) for name in net.names})
        net.wait_for_leader()
        net.run(2)
        if slow:
            take_from_others(net, slow)
        holder = next((name for name, lease in net.held() if lease == "anywhere"), "")
        if not holder or slow not in {"", holder}:
            continue  # nobody let go of it yet
        net.local_delay_s = local_delay_s
        net.run(net.random.uniform(2, 4))
        net.isolate([holder])
        net.local_delay_s = CALM_S
        try:
            net.run(5 + WANTS["anywhere"].ttl_s)
        except AssertionError as error:
            return str(error)
    return ""


def take_from_others(net: RaftNetwork, name: str) -> None:
    for want in (LeaseUser.unwant, LeaseUser.want):
        for member in net.members.values():
            if member.name != name:
                want(member.user, "anywhere")
        net.run(2)


def release_after(monkeypatch: pytest.MonkeyPatch, wait_s: float) -> None:
    """Release a lost lease after a fixed time, whatever goes on under it."""
    tick = LeaseKeeper.tick

    def hasty(self: LeaseKeeper, now_s: BootSeconds) -> list[LeaseEffect]:
        before = set(self._acting_until_s)
        effects = tick(self, now_s)
        for token in set(self._acting_until_s) - before:
            self._acting_until_s[token] = now_s + wait_s
        return effects

    monkeypatch.setattr(LeaseKeeper, "tick", hasty)


def test_release_while_writes_go_on_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    release_after(monkeypatch, 0.0)

    assert DOUBLE in complaint()


def test_release_before_a_busy_actor_knows_of_the_loss_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert stopped_while_its_actors_are_busy() == ""

    release_after(monkeypatch, LeasePolicy().margin_s)

    assert " acts w" in stopped_while_its_actors_are_busy()


def stopped_while_its_actors_are_busy() -> str:
    """Return what goes wrong when actors learn late that their node gives its leases back."""
    for seed in range(10):
        net = RaftNetwork(seed=seed, nodes=3)
        net.wait_for_leader()
        net.run(4)
        net.local_delay_s = (1.4, 1.5)
        net.leading.user.close()
        net.local_delay_s = CALM_S
        try:
            net.run(4)
        except AssertionError as error:
            return str(error)
    return ""


def test_holder_that_does_not_read_the_clock_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_at(self: LeaseHolder, name: str, now_s: BootSeconds) -> _Grant | None:
        return self._leases[name].open_grant if name in self._leases else None

    monkeypatch.setattr(LeaseHolder, "_open_at", open_at)
    monkeypatch.setattr(LeaseHolder, "_stop_in_time", lambda self, now_s: None)
    monkeypatch.setattr(LeaseHolder, "next_due_s", lambda self, now_s: now_s + 1)

    assert " acts w" in complaint()  # while another does, or with an older token
