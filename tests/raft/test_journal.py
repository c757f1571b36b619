"""The bytes of the journal: what a crash can have torn is cut, what is damaged is refused."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.raft.effects import Save, SaveIdentity, SaveSnapshot
from constellation.raft.journal import disk_of, encode_changes, encode_file, replay
from constellation.raft.journal_records import (
    BODY_BYTES_MAX,
    FILE_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    SALT_BYTES,
    SECTOR_BYTES,
    JournalEnd,
    JournalError,
    JournalLimitError,
    RecordReader,
    encode_file_header,
    encode_record,
)
from constellation.raft.journal_state import JournalState
from messages.raft import RaftEntry, RaftHardState, RaftIdentity
from tests.raft.journals import SALT, SNAPSHOT, Journal, disk, entries, hard, state_of


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


STEPS: list[list[Save]] = [
    [SaveIdentity(RaftIdentity(cluster_id="one", promised_to="offer"))],
    [hard(1, "a"), entries(1, 1, data=b"one")],
    [entries(1, after=2, data=b"three")],
    [hard(2)],
    [entries(2, 2, after=1, data=b"in place of two and three")],
]


def test_what_was_written_is_read() -> None:
    journal = Journal(*STEPS)

    replayed = replay(journal.data)

    read = disk_of(replayed.state, torn_bytes=0)
    assert read.identity == RaftIdentity(cluster_id="one", promised_to="offer")
    assert read.hard_state == RaftHardState(term=2)
    assert [(entry.index, entry.term) for entry in read.entries] == [(1, 1), (2, 2), (3, 2)]
    assert read.entries[1].data == b"in place of two and three"
    assert (replayed.end, replayed.torn_bytes) == (journal.end, 0)


def test_new_file_has_the_same_content_and_can_be_appended_to() -> None:
    state = state_of([hard(2, "b")], [SaveSnapshot(SNAPSHOT, entries(2, 2, after=7).entries)])

    journal = Journal([entries(2, after=9)], start=state)

    read = disk(journal.data)
    assert read.snapshot == SNAPSHOT
    assert [entry.index for entry in read.entries] == [8, 9, 10]
    assert read == disk_of(journal.state, torn_bytes=0)


def test_a_new_file_holds_entries_in_records_of_bounded_size() -> None:
    state = state_of([hard(1), entries(*[1] * 40, data=bytes(100_000))])

    data, end = encode_file(state, SALT)

    assert len([payload for _, payload in RecordReader(data)]) == 1 + 4
    assert disk(data) == disk_of(state, torn_bytes=0)
    assert replay(data).end == end


@given(
    payloads=st.lists(st.binary(max_size=700).filter(bool), max_size=6),
    zeros=st.integers(0, 2000),
)
def test_any_payload_is_read_again_whatever_zeros_follow(payloads: list[bytes], zeros: int) -> None:
    end = JournalEnd.of_empty(SALT)
    data = encode_file_header(SALT, FILE_HEADER_BYTES)
    for payload in payloads:
        record, end = encode_record(payload, end)
        data += record

    reader = RecordReader(data + bytes(zeros))

    assert [payload for _, payload in reader] == payloads
    assert (reader.end, reader.torn_bytes) == (end, 0)


@pytest.mark.parametrize("rest", [b"", bytes(5), bytes(5000)], ids=["ends", "zeros", "many zeros"])
def test_wherever_the_last_record_ends_early_it_is_cut_and_no_other(rest: bytes) -> None:
    journal = Journal(*STEPS)
    before = disk(journal.data[: journal.starts[-1]])

    for length in range(journal.starts[-1], len(journal.data)):
        replayed = replay(journal.data[:length] + rest)

        assert disk_of(replayed.state, torn_bytes=0) == before
        assert replayed.end.offset == journal.starts[-1]
        assert replayed.torn_bytes <= length - journal.starts[-1]


def test_a_torn_record_makes_room_for_another() -> None:
    journal = Journal(*STEPS)
    end = replay(journal.data[:-1]).end

    record, _ = encode_changes([hard(9)], end)

    assert disk(journal.data[: end.offset] + record).hard_state.term == 9


@pytest.mark.parametrize("zeros", [0, 4096], ids=["", "zeros follow"])
def test_each_flipped_bit_of_a_complete_record_is_refused(zeros: int) -> None:
    journal = Journal(*STEPS)

    for bit in range(len(journal.data) * 8):
        with pytest.raises(JournalError) as caught:
            replay(flipped(journal.data, bit) + bytes(zeros))
        assert caught.value.offset <= bit // 8, bit


def test_a_flipped_bit_is_refused_in_a_record_that_itself_is_nothing_but_zeros() -> None:
    # Its sectors must not be taken for such that were never written.
    journal = Journal([hard(1), entries(1, data=bytes(3 * SECTOR_BYTES))])

    for bit in range(0, len(journal.data) * 8, 3):
        with pytest.raises(JournalError):
            replay(flipped(journal.data, bit))


def test_a_bit_flipped_in_zeros_that_follow_is_refused_or_loses_nothing() -> None:
    journal = Journal(*STEPS)
    data = journal.data + bytes(2 * SECTOR_BYTES)

    for bit in range(len(journal.data) * 8, len(data) * 8, 5):
        try:
            replayed = replay(flipped(data, bit))
        except JournalError:
            continue
        assert disk_of(replayed.state, torn_bytes=0) == disk(journal.data)
        assert replayed.end == journal.end


@given(
    old_size=st.integers(0, 3 * SECTOR_BYTES),
    size=st.integers(1, 6 * SECTOR_BYTES),
    written=st.lists(st.booleans(), min_size=16, max_size=16),
    cut=st.integers(0, 7 * SECTOR_BYTES),
    room=st.sampled_from([0, 1000]),
    fill=st.sampled_from([b"\0", b"x"]),
)
def test_last_record_is_whole_or_cut_whichever_sectors_a_crash_left_unwritten(
    *, old_size: int, size: int, written: list[bool], cut: int, room: int, fill: bytes
) -> None:
    journal = Journal([hard(1), entries(1, data=fill * old_size)])
    old = journal.data
    journal.add([entries(1, after=1, data=fill * size)])
    data = bytearray(journal.data + bytes(room))
    for number, is_written in enumerate(written):
        sector = slice(number * SECTOR_BYTES, min((number + 1) * SECTOR_BYTES, len(data)))
        if not is_written and sector.start < len(data):
            data[sector] = old[sector].ljust(len(data[sector]), b"\0")

    left = bytes(data[: max(len(old), len(data) - cut)])

    is_whole = left.rstrip(b"\0") == journal.data
    assert disk(left) == disk(journal.data if is_whole else old)


@pytest.mark.parametrize("number", range(len(STEPS) - 1))
def test_zeros_in_a_record_that_is_not_the_last_are_no_torn_record(number: int) -> None:
    journal = Journal(*STEPS)
    data = bytearray(journal.data)
    start, end = journal.starts[number : number + 2]

    for first, last in ((start, end), (start, start + RECORD_HEADER_BYTES), (end - 8, end)):
        data[first:last] = bytes(last - first)
        with pytest.raises(JournalError):
            replay(bytes(data))
        data[:] = journal.data


@pytest.mark.parametrize("with_header", [True, False], ids=["header too", "body"])
def test_a_zero_sector_is_torn_in_the_last_record_and_refused_in_another(with_header: bool) -> None:
    journal = Journal([hard(1), entries(1, data=bytes(9) * 300)])
    first = journal.starts[0] if with_header else SECTOR_BYTES
    zeros = bytes(2 * SECTOR_BYTES - first)

    def with_zeros(data: bytes) -> bytes:
        return data[:first] + zeros + data[2 * SECTOR_BYTES :]

    assert replay(with_zeros(journal.data)).end.offset == journal.starts[0]
    journal.add([hard(2)])
    with pytest.raises(JournalError, match="damaged"):
        replay(with_zeros(journal.data))


def test_sealed_part_of_a_file_is_never_cut() -> None:
    state = state_of([hard(2)], [SaveSnapshot(SNAPSHOT, ())])
    data, _ = encode_file(state, SALT)

    for length in range(FILE_HEADER_BYTES, len(data)):
        with pytest.raises(JournalError):
            replay(data[:length])
    with pytest.raises(JournalError):
        replay(data[:SECTOR_BYTES] + bytes(SECTOR_BYTES) + data[2 * SECTOR_BYTES :])


def test_a_record_lost_doubled_or_of_another_place_is_refused() -> None:
    journal = Journal(*STEPS)
    first, second, third = journal.starts[:3]
    data = journal.data

    for wrong in (
        data[:first] + data[second:],
        data[:second] + data[first:],
        data[:first] + data[second:third] + data[first:second] + data[third:],
    ):
        with pytest.raises(JournalError):
            replay(wrong)


@pytest.mark.parametrize(
    ("salt", "crc_change"),
    [
        pytest.param(b"\7" * SALT_BYTES, 0, id="of another file"),
        pytest.param(SALT, 1, id="after another record"),
    ],
)
def test_a_record_that_was_written_elsewhere_is_refused_at_the_same_place(
    salt: bytes, crc_change: int
) -> None:
    data, end = encode_file(JournalState(), SALT)
    record, _ = encode_changes([hard(1)], JournalEnd(salt, end.offset, end.crc ^ crc_change))

    with pytest.raises(JournalError):
        replay(data + record)


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"SQLite format 3\0" * 9], ids=len)
def test_file_that_is_not_a_journal_is_refused(content: bytes) -> None:
    with pytest.raises(JournalError, match="not a Raft journal"):
        replay(content)


def test_later_version_is_distinguished_from_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("constellation.raft.journal_records.FORMAT_VERSION", 2)
    data, _ = encode_file(JournalState(), SALT)
    monkeypatch.undo()

    with pytest.raises(JournalError, match="version 2") as caught:
        replay(data)
    assert caught.value.is_newer


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xc1", id="no msgpack"),
        pytest.param(b"\x91\x92\xa6future\x80", id="unknown kind"),
        pytest.param(b"\x91\x92\xaahard_state\x81\xa4term\xa11", id="wrong type"),
        pytest.param(b"\x01", id="no list"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(payload: bytes) -> None:
    data, end = encode_file(JournalState(), SALT)
    record, _ = encode_record(payload, end)

    with pytest.raises(JournalError, match="cannot interpret a record"):
        replay(data + record)


def test_a_record_that_breaks_an_invariant_is_refused_when_it_is_read() -> None:
    data, end = encode_file(state_of([hard(1), entries(1)]), SALT)
    record, _ = encode_changes([entries(1, after=5)], end)

    with pytest.raises(JournalError, match="entry 6 cannot follow"):
        replay(data + record)


def test_a_record_has_a_limit() -> None:
    with pytest.raises(JournalLimitError, match="over the limit"):
        encode_record(bytes(BODY_BYTES_MAX), JournalEnd.of_empty(SALT))


@pytest.mark.parametrize("seed", range(30))
def test_many_steps_leave_what_a_naive_log_would_hold(seed: int) -> None:
    random = Random(seed)
    naive: dict[int, RaftEntry] = {}
    snapshot_index = last = 0
    journal = Journal([hard(1)])

    for _ in range(random.randrange(1, 40)):
        changes: list[Save] = []
        for _ in range(random.randrange(1, 4)):
            first = random.randint(snapshot_index + 1, last + 1)
            news = entries(*[1] * random.randrange(4), after=first - 1, data=b"%d" % seed)
            if news.entries:
                naive = {at: one for at, one in naive.items() if at < first}
                naive.update({one.index: one for one in news.entries})
                last = max(naive)
            changes.append(news)
            if naive and random.random() < 0.2:
                snapshot_index = random.choice(list(naive))
                naive = {at: one for at, one in naive.items() if at > snapshot_index}
                update = {"last_index": snapshot_index, "last_term": 1, "data": b""}
                whole = SNAPSHOT.model_copy(update=update)
                changes.append(SaveSnapshot(whole, tuple(naive.values())))
        journal.add(changes)

    assert disk(journal.data).entries == tuple(naive.values())
    assert disk(encode_file(journal.state, SALT)[0]) == disk(journal.data)
