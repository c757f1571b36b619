"""Every read ends once."""

from __future__ import annotations

from constellation.raft.reads import READ_TIMEOUT_S, READS_MAX, Reads


def test_read_ends_once() -> None:
    reads, ended = Reads(), list[bool]()
    number = reads.add_read(ended.append, 0.0)

    reads.end(number, is_confirmed=True)
    reads.end(number, is_confirmed=False)
    reads.tick(99.0)

    assert ended == [True]


def test_read_waits_until_as_much_is_applied_as_the_leader_had() -> None:
    reads, ended = Reads(), list[bool]()
    number = reads.add_read(ended.append, 0.0)

    reads.applied(99)
    assert ended == []
    reads.wait_for(number, 100)
    reads.applied(99)
    assert ended == []
    reads.applied(100)
    assert ended == [True]


def test_read_that_takes_too_long_is_not_confirmed() -> None:
    reads, ended = Reads(), list[bool]()
    reads.add_read(ended.append, 5.0)

    reads.tick(5.0 + READ_TIMEOUT_S - 0.1)
    assert ended == []
    reads.tick(5.0 + READ_TIMEOUT_S)
    assert ended == [False]


def test_oldest_read_ends_when_too_many_wait() -> None:
    reads, ended = Reads(), list[int]()
    for number in range(READS_MAX + 1):
        reads.add_read(lambda _, number=number: ended.append(number), 0.0)  # type: ignore[misc]

    assert ended == [0]


def test_answer_to_a_read_that_has_ended_changes_nothing() -> None:
    reads = Reads()

    reads.wait_for(7, 1)
    reads.end(7, is_confirmed=True)
    reads.applied(9)
