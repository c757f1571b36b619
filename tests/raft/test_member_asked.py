"""What a member does for who asks: proposals, reads, orders; and what it does before it ends."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from constellation.raft.effects import SaveEntries, SendTo
from constellation.raft.member import RaftMember
from constellation.raft.reads import READ_TIMEOUT_S, ReadDone
from messages.raft_member import (
    OrderAction,
    RaftCommitted,
    RaftOrder,
    RaftOrderDone,
    RaftPropose,
    RaftReadIndex,
    RaftRefused,
)
from tests.raft.members import Group, blank, configured, led, of_disk


def propose(number: int = 1, *, was_passed_on: bool = False) -> RaftPropose:
    return RaftPropose(commands=(b"x", b"y"), number=number, was_passed_on=was_passed_on)


# Proposals.


def test_proposals_since_the_last_batch_are_answered_each_with_its_last_index() -> None:
    group = led("a")
    member = group.members["a"]
    last = member.raft.state.log.last_index if member.raft else 0

    member.propose(propose(1), "asker")
    member.propose(propose(0), "asker")
    member.propose(propose(2), "asker")
    effects = member.take_effects(group.now_s)

    (saved,) = [one for one in effects if isinstance(one, SaveEntries)]
    assert len(saved.entries) == 6
    group.effects += [("a", one) for one in effects]
    assert [(one.number, one.index) for one in group.replies(RaftCommitted)] == [
        (1, last + 2),
        (2, last + 6),
    ]


def follower_of(group: Group) -> RaftMember:
    return next(one for name, one in group.members.items() if name != group.leader)


def test_follower_passes_on_what_wants_no_answer_once() -> None:
    group = led()
    follower = follower_of(group)

    follower.propose(propose(0), "asker")
    follower.propose(propose(0, was_passed_on=True), "asker")

    sent = [one for one in follower.take_effects(group.now_s) if isinstance(one, SendTo)]
    assert sent == [SendTo(group.leader, propose(0, was_passed_on=True))]


def test_follower_refuses_what_wants_an_answer_and_names_the_leader() -> None:
    group = led()
    follower_of(group).propose(propose(5), "asker")
    group.exchange()

    (refused,) = group.replies(RaftRefused)
    assert (refused.number, refused.leader) == (5, group.leader)


def test_member_without_a_leader_refuses() -> None:
    group = Group(of_disk("a", configured("ab")))
    group.members["a"].propose(propose(0), "asker")
    group.exchange()

    (refused,) = group.replies(RaftRefused)
    assert refused.why == "a: no leader is known"


def test_proposals_are_given_up_when_leadership_is_lost() -> None:
    group = led()
    old = group.leader
    group.members[old].propose(propose(5), "asker")

    group.run(3, without=old)
    group.members[old].tick(group.now_s)
    group.exchange(without=old)

    (refused,) = group.replies(RaftRefused)
    assert "it may still be committed" in refused.why


# Reads.


def test_leader_reads_when_a_majority_has_confirmed_it() -> None:
    group = led()
    group.members[group.leader].read("asker", 7, group.now_s)
    assert not group.reads()

    group.exchange()

    assert group.reads() == [ReadDone("asker", 7, is_confirmed=True)]


def test_follower_reads_when_it_has_applied_what_the_leader_had() -> None:
    group = led()
    leader, follower = group.members[group.leader], follower_of(group)
    leader.propose(propose(1), "asker")
    group.exchange()  # committed, and the follower does not know yet
    assert leader.raft is not None
    assert follower.raft is not None
    committed = leader.raft.state.commit_index
    assert follower.raft.state.applied_index < committed

    follower.read("asker", 7, group.now_s)
    group.run(0.3)  # it is told with a heartbeat at the latest

    assert group.reads() == [ReadDone("asker", 7, is_confirmed=True)]
    assert follower.raft.state.applied_index == committed


def test_read_without_a_leader_or_an_answer_is_not_confirmed() -> None:
    lonely = Group(of_disk("a", configured("ab")))
    lonely.members["a"].read("asker", 7, 0.0)
    lonely.exchange()
    assert lonely.reads() == [ReadDone("asker", 7, is_confirmed=False)]

    group = led()
    follower = follower_of(group)
    follower.read("asker", 8, group.now_s)
    follower.take_effects(group.now_s)  # the request is lost
    group.run(READ_TIMEOUT_S + 0.2)
    assert group.reads() == [ReadDone("asker", 8, is_confirmed=False)]


def test_node_without_a_cluster_confirms_no_read() -> None:
    member = blank("a")
    member.read("asker", 1, 0.0)
    member.on_read_index(RaftReadIndex(number=1, index=0, is_confirmed=True))

    assert member.take_effects(0.0) == [ReadDone("asker", 1, is_confirmed=False)]


# Orders.


def ordered(group: Group, action: OrderAction, node: str, *, at: str) -> RaftOrderDone:
    group.members[at].order(RaftOrder(action=action, node=node, number=3), "asker", group.now_s)
    group.exchange()
    group.run(0.5)
    return group.replies(RaftOrderDone)[-1]


@pytest.mark.parametrize("at_leader", [True, False], ids=["at the leader", "at another"])
def test_order_is_done_wherever_it_is_given(at_leader: bool) -> None:
    group = led()
    at = group.leader if at_leader else follower_of(group).node_name
    node = next(name for name in "abc" if name not in {at, group.leader})

    done = ordered(group, "remove", node, at=at)

    assert (done.number, done.is_done) == (3, True)
    assert done.text.startswith(f"{node} is no longer a member")
    assert group.members[group.leader].configuration.removed == {node}


def test_transfer_is_done_when_that_node_leads() -> None:
    group = led()
    to = follower_of(group).node_name

    done = ordered(group, "transfer", to, at=group.leader)

    assert (done.is_done, done.text) == (True, f"{to} is now the leader")
    assert group.leader == to


@pytest.mark.parametrize(
    ("action", "node", "why"),
    [
        ("transfer", "nobody", "not another voter"),
        ("promote", "nobody", "has not caught up"),
        ("demote", "nobody", "is not a voter"),
        ("remove", "nobody", "is not a member"),
    ],
)
def test_order_that_cannot_be_is_refused_with_the_reason(
    action: OrderAction, node: str, why: str
) -> None:
    group = led()

    done = ordered(group, action, node, at=follower_of(group).node_name)

    assert not done.is_done
    assert why in done.text


@pytest.mark.case("O15")
def test_order_that_finds_its_work_done_says_so_and_succeeds() -> None:
    group = led()
    leader = group.leader

    texts: dict[OrderAction, str] = {
        "transfer": "leads already",
        "add": "is a member already",
        "promote": "votes already",
    }
    for action, text in texts.items():
        done = ordered(group, action, leader, at=follower_of(group).node_name)
        assert (done.is_done, done.text) == (True, f"{leader} {text}")


def test_order_to_a_node_without_a_cluster_is_refused() -> None:
    group = Group(blank("a"))

    assert ordered(group, "add", "b", at="a").text == "a belongs to no cluster yet"


def test_order_without_a_leader_is_refused() -> None:
    group = Group(of_disk("a", configured("ab")))
    group.members["a"].order(RaftOrder(action="add", node="c"), "asker", 0.0)
    group.exchange()

    assert "no leader is known" in group.replies(RaftOrderDone)[0].text


# Leaving.


def test_leader_that_ends_makes_another_one_lead() -> None:
    group = led()
    old = group.leader

    group.members[old].begin_to_yield(group.now_s)
    group.exchange()

    assert group.leader not in {"", old}


def test_follower_or_single_node_has_nothing_to_yield() -> None:
    group = led()
    follower_of(group).begin_to_yield(group.now_s)
    assert not follower_of(group).take_effects(group.now_s)
    alone = led("a")
    alone.members["a"].begin_to_yield(alone.now_s)

    assert not alone.members["a"].has_others
    assert alone.members["a"].is_leader
    blank("b").begin_to_yield(0.0)


# Snapshots.


def test_snapshot_takes_the_place_of_the_log() -> None:
    group = led("a")
    member = group.members["a"]
    member.shorten_log(lambda: b"too early")
    assert member.raft is not None
    before = member.raft.state.snapshot
    member.raft.policy = replace(member.raft.policy, snapshot_entries=1)

    member.shorten_log(lambda: b"all of it")

    assert before is None or before.data != b"too early"
    assert member.raft.state.snapshot is not None
    assert member.raft.state.snapshot.data == b"all of it"
    blank("b").shorten_log(lambda: b"")
