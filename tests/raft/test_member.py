"""One node as a member: how it comes to a cluster, and what it does for who asks."""

from __future__ import annotations

import pytest

from constellation.effects import Note
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import SaveEntries, SaveIdentity, SendTo
from constellation.raft.member import RaftMember
from constellation.raft.reads import READ_TIMEOUT_S, ReadDone
from constellation.wire import encode
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftEntry,
    RaftIdentity,
    RaftTimeoutNow,
    RaftVoteRequest,
)
from messages.raft_member import (
    OrderAction,
    RaftCommitted,
    RaftOffer,
    RaftOrder,
    RaftOrderDone,
    RaftPacket,
    RaftPropose,
    RaftReadIndex,
    RaftRefused,
)
from tests.raft.members import Group, blank, configured, led, of_disk

VOTE = RaftVoteRequest(term=1, candidate="b", last_log_index=1, last_log_term=1)
HEARTBEAT = RaftAppendRequest(
    term=1, leader="b", number=1, prev_log_index=0, prev_log_term=0, commit_index=0
)
PROMISED = RaftIdentity(promised_to="ours", promised_by="b", promised_with=(("a", "b", "c"),))


def packet(*messages: Message, cluster_id: str = "ours", adopts: bool = False) -> RaftPacket:
    frames = tuple(encode(message) for message in messages)
    return RaftPacket(cluster_id=cluster_id, source="b", adopts=adopts, frames=frames)


def propose(number: int = 1, *, was_passed_on: bool = False) -> RaftPropose:
    return RaftPropose(commands=(b"x", b"y"), number=number, was_passed_on=was_passed_on)


# Which cluster it is of.


@pytest.mark.parametrize("message", [VOTE, HEARTBEAT], ids=["vote", "heartbeat"])
def test_promised_node_joins_by_any_packet_of_that_cluster(message: Message) -> None:
    member = of_disk("a", RaftDisk(identity=PROMISED))

    member.on_packet(packet(message), 0.0)

    first, *_ = member.take_effects(0.0)
    assert first == SaveIdentity(RaftIdentity(cluster_id="ours"))
    assert member.identity.cluster_id == "ours"
    assert member.bootstrap is None


def test_promised_node_does_not_join_another_cluster_uninvited() -> None:
    member = of_disk("a", RaftDisk(identity=PROMISED))

    member.on_packet(packet(VOTE, HEARTBEAT, cluster_id="theirs"), 0.0)

    assert member.raft is None
    assert not member.take_effects(0.0)


@pytest.mark.parametrize("identity", [RaftIdentity(), PROMISED], ids=["free", "promised"])
def test_node_of_no_cluster_joins_the_one_whose_leader_adds_it(identity: RaftIdentity) -> None:
    member = of_disk("a", RaftDisk(identity=identity))

    member.on_packet(packet(HEARTBEAT, cluster_id="theirs", adopts=True), 0.0)

    assert member.identity == RaftIdentity(cluster_id="theirs")


@pytest.mark.parametrize(
    "message", [VOTE, RaftTimeoutNow(term=1, leader="b")], ids=["vote", "timeout now"]
)
def test_node_without_state_is_adopted_by_what_a_leader_sends_only(message: Message) -> None:
    member = blank("a")

    member.on_packet(packet(message, adopts=True), 0.0)

    assert member.raft is None


def test_voter_without_its_disk_does_not_join_as_if_nothing_had_happened() -> None:
    group = led("abc")
    lost = next(name for name in "abc" if name != group.leader)
    group.members[lost] = blank(lost, now_s=group.now_s)

    group.run(5)

    assert group.members[lost].raft is None
    assert group.members[lost].identity == RaftIdentity()


def test_packet_of_another_cluster_is_refused_and_noted_once() -> None:
    member = of_disk("a", configured("ab"))

    for _ in range(3):
        member.on_packet(packet(HEARTBEAT, cluster_id="theirs", adopts=True), 0.0)

    effects = member.take_effects(0.0)
    (note,) = [one for one in effects if isinstance(one, Note)]
    assert (note.event, note.fields["id"]) == ("foreign_cluster", "theirs")
    assert member.refused_clusters == {"theirs"}
    assert len(effects) == 1


def test_message_that_breaks_the_protocol_is_refused_and_the_next_is_taken() -> None:
    member = of_disk("a", configured("ab"))
    first = RaftEntry(index=2, term=1, data=b"x")
    junk = RaftEntry(index=2, term=1, kind="configuration", data=b"no configuration")
    ask = {"term": 1, "leader": "b", "prev_log_index": 1, "prev_log_term": 1, "commit_index": 0}

    member.on_packet(
        packet(
            RaftAppendRequest.model_validate({**ask, "number": 1, "entries": (junk,)}),
            RaftAppendRequest.model_validate({**ask, "number": 2, "entries": (first,)}),
        ),
        0.0,
    )

    effects = member.take_effects(0.0)
    assert [one.event for one in effects if isinstance(one, Note)] == ["message_refused"]
    assert [one.entries for one in effects if isinstance(one, SaveEntries)] == [(first,)]


def test_next_life_goes_on_with_what_is_on_the_disk() -> None:
    member = of_disk("a", configured("abc"))

    assert member.identity.cluster_id == "ours"
    assert member.configuration == Configuration.of_voters("abc")
    assert not member.is_leader
    assert member.bootstrap is None


def test_cluster_that_begins_leads_at_once_and_sends_who_its_voters_are() -> None:
    group = Group(*[blank(name, expect=3) for name in "abc"])
    group.gossip()

    group.run(2)

    assert group.leader == "a"
    assert {one.identity.cluster_id for one in group.members.values()} == {
        group.members["a"].identity.cluster_id
    }
    assert all(one.configuration.voters == set("abc") for one in group.members.values())


def test_bootstrap_is_over_for_a_member() -> None:
    member = of_disk("a", configured("ab"))
    member.on_offer(RaftOffer(cluster_id="x", initiator="b", voters=("a", "b")), 0.0)

    assert not member.take_effects(0.0)


# Who may join with an empty disk.


def test_only_a_learner_is_adopted() -> None:
    group = led("abc")
    group.members["d"] = blank("d", now_s=group.now_s)
    group.gossip()
    group.run(5)

    leader = group.members[group.leader]
    assert leader.configuration.learners == {"d"}
    assert leader.adoptable == {"d"}
    assert group.members["d"].identity.cluster_id == "ours"


def test_voter_whose_demotion_is_not_committed_is_not_adopted() -> None:
    group = led("abc")
    leader = group.members[group.leader]
    demoted = next(name for name in "abc" if name != group.leader)

    leader.order(RaftOrder(action="demote", node=demoted), "asker", group.now_s)

    assert leader.configuration.learners == {demoted}
    assert leader.adoptable == frozenset()
    group.exchange()
    assert leader.adoptable == {demoted}


def test_node_of_no_cluster_adopts_nobody() -> None:
    assert blank("a").adoptable == frozenset()


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
    assert refused.why == "a: nobody is known to lead"


def test_proposals_are_given_up_when_leadership_is_lost() -> None:
    group = led()
    old = group.leader
    group.members[old].propose(propose(5), "asker")

    group.run(3, without=old)
    group.members[old].tick(group.now_s)
    group.exchange(without=old)

    (refused,) = group.replies(RaftRefused)
    assert "it may be yet" in refused.why


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
    group.exchange()

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


def test_node_of_no_cluster_confirms_no_read() -> None:
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
    assert done.text.startswith(f"{node} is no member any more")
    assert group.members[group.leader].configuration.removed == {node}


def test_transfer_is_done_when_that_node_leads() -> None:
    group = led()
    to = follower_of(group).node_name

    done = ordered(group, "transfer", to, at=group.leader)

    assert (done.is_done, done.text) == (True, f"{to} leads now")
    assert group.leader == to


@pytest.mark.parametrize(
    ("action", "node", "why"),
    [
        ("transfer", "nobody", "no other voter"),
        ("promote", "nobody", "has not caught up"),
        ("demote", "nobody", "is no voter"),
        ("remove", "nobody", "is no member"),
    ],
)
def test_order_that_cannot_be_is_refused_with_the_reason(
    action: OrderAction, node: str, why: str
) -> None:
    group = led()

    done = ordered(group, action, node, at=follower_of(group).node_name)

    assert not done.is_done
    assert why in done.text


def test_transfer_to_who_leads_already_says_so() -> None:
    group = led()

    assert ordered(group, "transfer", group.leader, at=group.leader).text == (
        f"{group.leader} leads already"
    )


def test_order_to_a_node_of_no_cluster_is_refused() -> None:
    group = Group(blank("a"))

    assert ordered(group, "add", "b", at="a").text == "a is of no cluster yet"


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


def test_who_does_not_lead_or_is_alone_has_nothing_to_yield() -> None:
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
    assert not member.wants_snapshot

    member.take_snapshot(b"all of it")

    assert member.raft is not None
    assert member.raft.state.snapshot is not None
    assert member.raft.state.snapshot.data == b"all of it"
    blank("b").take_snapshot(b"")
