"""A node that is late itself neither disturbs its leader nor gives up leading (Lifeguard §IV-A)."""

from __future__ import annotations

import pytest

from constellation.lateness import PATIENCE_MAX
from messages.raft import RaftAppendRequest, RaftVoteRequest, RaftVoteResponse
from tests.raft.cores import POLICY, accepted, append, disk, leader, node, sent

NOW_S = 10.0
TIMEOUT_S = POLICY.election_timeout_s


@pytest.mark.case("S13")
def test_a_follower_that_did_not_run_first_hears_what_has_arrived() -> None:
    follower = node(disk(1), now_s=0.0)

    follower.set_patience(4)
    follower.was_late(5 * TIMEOUT_S)

    assert follower.tick(5 * TIMEOUT_S) == []
    follower.step(append(1, prev=(1, 1)), 5.01 * TIMEOUT_S)  # it was waiting in the inbox
    assert follower.tick(6 * TIMEOUT_S) == []


@pytest.mark.case("S13")
def test_a_node_that_is_late_all_the_time_stands_for_election_in_the_end() -> None:
    follower = node(disk(1), now_s=0.0)
    follower.set_patience(PATIENCE_MAX)

    late_s = [0.5 * n for n in range(100)]
    stood_at_s = None
    for now_s in late_s:
        follower.was_late(now_s)
        if stood_at_s is None and sent(follower.tick(now_s), RaftVoteRequest):
            stood_at_s = now_s

    assert stood_at_s is not None
    assert TIMEOUT_S * PATIENCE_MAX <= stood_at_s <= 2 * TIMEOUT_S * PATIENCE_MAX + 0.5


@pytest.mark.case("S13")
@pytest.mark.parametrize(("patience", "granted"), [(1, True), (4, False)])
def test_a_late_voter_refuses_a_vote_while_its_leader_may_only_be_late(
    patience: int, granted: bool
) -> None:
    voter = node(disk(1))
    voter.step(append(1, prev=(1, 1)), NOW_S)
    voter.set_patience(patience)
    request = RaftVoteRequest(
        term=2, candidate="c", last_log_index=1, last_log_term=1, pre_vote=True
    )

    effects = voter.step(request, NOW_S + 2 * TIMEOUT_S)

    assert bool(sent(effects, RaftVoteResponse)) is granted


@pytest.mark.case("S13")
@pytest.mark.parametrize(("patience", "leads"), [(1, False), (4, True)])
def test_a_leader_that_was_late_waits_for_the_answers_before_it_steps_down(
    patience: int, leads: bool
) -> None:
    made = leader(disk(1), NOW_S)
    request = sent(made.tick(NOW_S + POLICY.heartbeat_interval_s), RaftAppendRequest, "b")[0]
    made.step(accepted("b", request), NOW_S + POLICY.heartbeat_interval_s)

    made.set_patience(patience)
    made.was_late(NOW_S + 3 * TIMEOUT_S)
    made.tick(NOW_S + 3 * TIMEOUT_S)

    assert (made.leadership is not None) is leads
