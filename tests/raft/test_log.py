"""Raft §5.3, §5.4.1 and §7: entries that follow one another, conflicts, compaction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.raft.log import LogCompactedError, RaftLog
from messages.raft import RaftEntry

MANY = 1 << 20


def entries(*terms: int, after: int = 0) -> list[RaftEntry]:
    return [RaftEntry(index=after + n, term=term) for n, term in enumerate(terms, 1)]


def terms(log: RaftLog) -> list[int | None]:
    return [log.term_at(index) for index in range(log.snapshot_index + 1, log.last_index + 1)]


@pytest.mark.parametrize(
    ("index", "term", "is_as_complete"),
    [
        pytest.param(3, 2, True, id="the same end"),
        pytest.param(4, 2, True, id="longer"),
        pytest.param(2, 2, False, id="shorter"),
        pytest.param(1, 3, True, id="a later term wins over length"),
        pytest.param(9, 1, False, id="length does not win over term"),
    ],
)
def test_up_to_date_is_by_term_then_by_length(index: int, term: int, is_as_complete: bool) -> None:
    assert RaftLog(entries(1, 1, 2)).is_up_to_date(index, term) == is_as_complete


def test_entries_that_do_not_follow_are_refused_and_change_nothing() -> None:
    log = RaftLog(entries(1, 2))

    for wrong in (entries(2, after=3), entries(1, after=2), [*entries(2, after=2), *entries(1)]):
        with pytest.raises(ValueError, match="cannot follow"):
            log.append(wrong)

    assert terms(log) == [1, 2]


def test_only_what_conflicts_is_news_and_all_after_it() -> None:
    log = RaftLog(entries(1, 1, 2, 2))

    assert log.news_in(entries(1, 1)) == ()  # a late request with fewer
    assert log.news_in(entries(1, 1, 2, 2, 3)) == tuple(entries(3, after=4))
    assert log.news_in(entries(1, 1, 3)) == tuple(entries(3, after=2))


def test_committed_entries_are_never_cut() -> None:
    log = RaftLog(entries(1, 1, 2))

    with pytest.raises(ValueError, match="committed"):
        log.cut_from(2, commit_index=2)

    assert log.cut_from(3, commit_index=2) == 1
    assert terms(log) == [1, 1]


def test_entries_are_given_within_limits_but_at_least_one() -> None:
    made = [RaftEntry(index=n, term=1, data=bytes(100)) for n in range(1, 6)]
    log = RaftLog(made)

    assert log.entries_from(2, bytes_max=10, count_max=9) == (made[1],)
    assert log.entries_from(2, bytes_max=250, count_max=9) == (made[1], made[2])
    assert log.entries_from(2, bytes_max=MANY, count_max=3) == (made[1], made[2], made[3])
    assert log.entries_from(6, bytes_max=MANY, count_max=3) == ()


def test_compacted_entries_are_in_the_snapshot_only() -> None:
    log = RaftLog(entries(1, 1, 2, 3))

    log.compact(3)

    assert (log.snapshot_index, log.snapshot_term, log.last_index) == (3, 2, 4)
    assert (log.term_at(2), log.term_at(3), log.term_at(4)) == (None, 2, 3)
    assert log.matches(1, 9)  # committed, so it is every leader's
    with pytest.raises(LogCompactedError):
        log.entries_from(3, bytes_max=MANY, count_max=9)
    with pytest.raises(ValueError, match="no entry 9"):
        log.compact(9)


def test_snapshot_that_the_log_holds_keeps_what_follows_it() -> None:
    log = RaftLog(entries(1, 1, 2))

    log.restore(2, 1)

    assert (log.snapshot_index, terms(log)) == (2, [2])


@pytest.mark.parametrize(("index", "term"), [(2, 5), (9, 5)])
def test_snapshot_replaces_a_log_that_does_not_hold_its_last_entry(index: int, term: int) -> None:
    log = RaftLog(entries(1, 1, 2))

    log.restore(index, term)

    assert (log.last_index, log.last_term, terms(log)) == (index, term, [])


terms_of = st.lists(st.integers(1, 5), max_size=8).map(sorted)


@given(terms_of, terms_of, terms_of, st.integers(0, 8))
def test_back_off_takes_at_most_one_round_per_term(
    shared: list[int], of_leader: list[int], of_follower: list[int], compacted: int
) -> None:
    # After they part no term is in both: a term has one leader, and that one log (Raft §5.2).
    leader_terms = [*shared, *(5 + 2 * term for term in of_leader)]
    follower_terms = [*shared, *(6 + 2 * term for term in of_follower)]
    leader, follower = RaftLog(entries(*leader_terms)), RaftLog(entries(*follower_terms))
    follower.compact(min(compacted, len(shared)))

    rounds, at = 1, leader.last_index
    while not follower.matches(at, leader.term_at(at) or 0):
        hint_index, hint_term = follower.back_off_hint(at)
        before, at = at, leader.last_index_up_to(min(at - 1, hint_index), hint_term)
        assert at < before
        rounds += 1

    assert rounds <= 1 + len(set(leader_terms) | set(follower_terms))
    news = follower.news_in(leader.entries_from(at + 1, bytes_max=MANY, count_max=99))
    if news and news[0].index <= follower.last_index:
        follower.cut_from(news[0].index, commit_index=len(shared))
    follower.append(news)
    agreed = terms(follower)[: leader.last_index - follower.snapshot_index]
    assert agreed == leader_terms[follower.snapshot_index :]
