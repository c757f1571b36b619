"""One node as a member: how it comes to a cluster, and who may join that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from constellation.effects import Note
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Apply, Restore, SaveEntries, SaveIdentity
from constellation.raft.node import FirstState
from constellation.raft.roster import RosterNode
from constellation.wire import encode
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftEntry,
    RaftHardState,
    RaftIdentity,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from messages.raft_member import (
    RaftCommitted,
    RaftOffer,
    RaftOrder,
    RaftPacket,
    RaftPropose,
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
def test_node_without_a_cluster_joins_the_one_whose_leader_adds_it(identity: RaftIdentity) -> None:
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
    assert member.heard_clusters.recent(1.0) == {"theirs"}
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


def test_restarted_member_continues_from_its_disk() -> None:
    member = of_disk("a", configured("abc"))

    assert member.identity.cluster_id == "ours"
    assert member.configuration == Configuration.of_voters("abc")
    assert not member.is_leader
    assert member.bootstrap is None


def test_initiator_leads_at_once_and_sends_the_voters_to_the_others() -> None:
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


def test_voter_whose_demotion_is_uncommitted_may_not_join_without_state() -> None:
    group = led("abc")
    leader = group.members[group.leader]
    demoted = next(name for name in "abc" if name != group.leader)

    leader.order(RaftOrder(action="demote", node=demoted), "asker", group.now_s)

    assert leader.configuration.learners == {demoted}
    assert leader.adoptable == frozenset()
    group.exchange()
    assert leader.adoptable == {demoted}


def test_node_without_a_cluster_lets_no_node_join() -> None:
    assert blank("a").adoptable == frozenset()


def test_follower_lets_no_node_join() -> None:
    assert of_disk("a", configured("abc", "d")).adoptable == frozenset()


def test_new_leader_lets_no_node_join_before_its_first_commit() -> None:
    before = configured("abc")
    relieved = Configuration(frozenset("ab"), frozenset("c")).encode()
    entry = RaftEntry(index=2, term=1, kind="configuration", data=relieved)
    member = of_disk(
        "a",
        replace(before, hard_state=RaftHardState(term=1), entries=(*before.entries, entry)),
    )
    member.tick(10.0)
    for pre_vote in (True, False):
        granted = RaftVoteResponse(term=2, voter="b", granted=True, pre_vote=pre_vote)
        member.on_packet(packet(granted), 10.0)
    assert member.is_leader
    assert member.configuration.learners == {"c"}

    assert member.adoptable == frozenset()  # a majority may still take c for a voter
    answer = RaftAppendResponse(term=2, follower="b", number=1, accepted=True, index=3)
    member.on_packet(packet(answer), 10.0)
    assert member.adoptable == {"c"}


# Where a cluster begins.


def test_cluster_begins_after_its_first_state_which_followers_get_as_a_snapshot() -> None:
    first = FirstState(index=1000, data=b"first")
    group = Group(*[blank(name, expect=3, first_state=first) for name in "abc"])
    group.gossip()

    group.run(2)
    group.members["a"].propose(RaftPropose(commands=(b"x",), number=1), "asker")
    group.run(1)

    (committed,) = group.replies(RaftCommitted)
    assert committed.index > 1000
    for name in "bc":
        theirs = [one for who, one in group.effects if who == name]
        (restored,) = [one for one in theirs if isinstance(one, Restore)]
        assert (restored.snapshot.last_index, restored.snapshot.data) == (1000, b"first")
        applied = [one for one in theirs if isinstance(one, Apply)]
        assert theirs.index(restored) < theirs.index(applied[0])
        assert all(entry.index > 1000 for one in applied for entry in one.entries)
        raft = group.members[name].raft
        assert raft
        assert raft.state.applied_index == committed.index
        assert raft.state.configuration.voters == set("abc")


# Two clusters.


@pytest.mark.parametrize(
    ("other", "yields"),
    [
        (RosterNode(is_living=True, cluster_id="lower"), True),
        (RosterNode(is_living=False, cluster_id="lower"), False),
        (RosterNode(is_living=True, cluster_id="zz-higher"), False),
        (RosterNode(is_living=True, cluster_id="ours"), False),
        (RosterNode(is_living=True, cluster_id=""), False),
    ],
    ids=["lower", "dead", "higher", "the same", "none"],
)
def test_cluster_with_the_higher_id_yields_to_a_live_one(other: RosterNode, yields: bool) -> None:
    member = of_disk("a", configured("a"))

    member.set_roster({"a": RosterNode(is_living=True, cluster_id="ours"), "z": other})

    assert member.yields == yields
