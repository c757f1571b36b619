"""Records by dynamic updates, against a real BIND."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from actors.adapters import rfc2136
from actors.adapters.rfc2136 import Rfc2136Provider
from constellation.dns.intents import Desired, Point, WantedRecord
from constellation.dns.mark import OwnerMark
from constellation.dns.plan import make_plan
from constellation.dns.plan_parts import PlanPolicy
from messages.dns_calls import (
    TTL_AUTOMATIC,
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsChanged,
    DnsCreate,
    DnsDelete,
    DnsRecord,
    DnsRecordsList,
    DnsRecordsListed,
    DnsUpdate,
    DnsZone,
    DnsZoneFind,
    DnsZoneFound,
    Rfc2136Access,
)
from rigs.bind import HOST, KEY_ALGORITHM, KEY_NAME, Bind, bind

pytestmark = [pytest.mark.integration, pytest.mark.needs("named")]

APEX = "home.example"
WILDCARD = f"*.{APEX}"
MARK = f"constellation:{APEX}"
ZONE = DnsZone(id=APEX, name=APEX)
LONG = ".".join(["a" * 63] * 3 + ["b" * 48, APEX])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bind]:
    with bind(tmp_path / "bind") as running:
        yield running


def access(server: str, port: int) -> Rfc2136Access:
    return Rfc2136Access(
        server=server,
        port=port,
        key_name=KEY_NAME,
        key_algorithm=KEY_ALGORITHM,
        key_secret="c2VjcmV0",
    )


class Writer:
    """A provider, as one node has it."""

    def __init__(self, bind: Bind, **other: str) -> None:
        secret = other.pop("secret", bind.key_secret)
        settings = {"server": HOST, "key_name": KEY_NAME, "key_algorithm": KEY_ALGORITHM, **other}
        access = {**settings, "port": bind.port, "key_secret": secret}
        self._provider = Rfc2136Provider(Rfc2136Access.model_validate(access))

    def ask(self, call: DnsCall) -> DnsAnswer:
        return asyncio.run(self._provider.call(call))

    def failure(self, call: DnsCall) -> DnsCallFailed:
        answer = self.ask(call)
        assert isinstance(answer, DnsCallFailed), answer
        return answer

    def change(
        self,
        *,
        deletes: tuple[DnsDelete, ...] = (),
        updates: tuple[DnsUpdate, ...] = (),
        creates: tuple[DnsCreate, ...] = (),
    ) -> tuple[DnsRecord, ...]:
        answer = self.ask(change(deletes, updates, creates))
        assert isinstance(answer, DnsChanged), answer
        return answer.records

    def listed(self, *names: str) -> list[DnsRecord]:
        answer = self.ask(DnsRecordsList(zone=ZONE, names=names or (APEX, WILDCARD), mark=MARK))
        assert isinstance(answer, DnsRecordsListed), answer
        assert answer.cursor == ""
        return list(answer.records)

    def only(self, name: str, content: str = "") -> DnsRecord:
        [found] = [
            one for one in self.listed(name) if one.name == name and content in ("", one.content)
        ]
        return found


def change(
    deletes: tuple[DnsDelete, ...] = (),
    updates: tuple[DnsUpdate, ...] = (),
    creates: tuple[DnsCreate, ...] = (),
) -> DnsChange:
    return DnsChange(zone=ZONE, deletes=deletes, updates=updates, creates=creates)


def create(name: str, kind: str, content: str, *, token: int = 1, ttl_s: int = 60) -> DnsCreate:
    return DnsCreate.model_validate(
        {
            "name": name,
            "type": kind,
            "content": content,
            "ttl_s": ttl_s,
            "comment": f"{MARK}:{token}",
        }
    )


def raised(record: DnsRecord, token: int, **other: object) -> DnsUpdate:
    return DnsUpdate.model_validate({"before": record, "comment": f"{MARK}:{token}", **other})


def marks(server: Bind) -> list[str]:
    return [name for name in server.everything() if "_constellation" in name]


def test_zone_is_found_where_the_server_is_its_primary(server: Bind) -> None:
    writer = Writer(server)

    assert writer.ask(DnsZoneFind(name=APEX)) == DnsZoneFound(zone=ZONE)
    for other in ("other.example", f"www.{APEX}"):
        failure = writer.failure(DnsZoneFind(name=other))
        assert failure.failure == "permanent"
        assert failure.fix


def test_records_of_every_kind_are_listed_as_they_were_created(server: Bind) -> None:
    writer = Writer(server)
    creates = (
        create(APEX, "A", "203.0.113.7"),
        create(APEX, "A", "203.0.113.8", token=2),
        create(APEX, "AAAA", "2001:db8::7"),
        create(WILDCARD, "CNAME", f"www.{APEX}", ttl_s=TTL_AUTOMATIC),
        create(LONG, "A", "203.0.113.9"),
        create(f"text.{APEX}", "TXT", 'é; "quoted" \\ ' + "x" * 600),
        create(f"quotes.{APEX}", "TXT", '"in quotes of its own"'),
    )

    made = writer.change(creates=creates)
    listed = writer.listed()

    assert {one.id: one for one in made} == {one.id: one for one in listed}
    assert {(one.name, one.type, one.content, one.ttl_s, one.comment) for one in listed} == {
        (one.name, one.type, one.content, one.ttl_s, one.comment) for one in creates
    }
    assert {one.proxied for one in listed} == {None}
    assert server.answer(f"anything.{APEX}", "CNAME") == [f"300 CNAME www.{APEX}."]


def test_nothing_but_what_is_ours_or_was_named_is_listed(server: Bind) -> None:
    writer = Writer(server)
    server.add(f"foreign.{APEX}", 60, "A", "192.0.2.1")
    server.add(APEX, 60, "MX", f"10 ns.{APEX}.")
    writer.change(creates=(create(f"ours.{APEX}", "A", "203.0.113.7"),))

    rows = [(one.name, one.type, one.comment) for one in writer.listed()]

    assert rows == [(APEX, "MX", ""), (f"ours.{APEX}", "A", f"{MARK}:1")]
    assert writer.only(f"foreign.{APEX}").comment == ""


def test_foreign_records_stay_as_they_are_beside_ours(server: Bind) -> None:
    writer = Writer(server)
    for kind, content in (("A", "192.0.2.1"), ("TXT", '"one" "two"'), ("MX", f"10 ns.{APEX}.")):
        server.add(APEX, 1800, kind, content)
    before = server.everything()
    writer.listed()

    writer.change(creates=(create(APEX, "A", "203.0.113.7"), create(APEX, "TXT", "ours")))
    assert server.answer(APEX, "A") == ["1800 A 192.0.2.1", "1800 A 203.0.113.7"]
    ours = [one for one in writer.listed() if one.comment]
    writer.change(updates=tuple(raised(one, 2, ttl_s=60) for one in ours))
    ours = [one for one in writer.listed() if one.comment]
    assert [one.ttl_s for one in ours] == [60, 60], "as asked for: the other record has its way"
    assert server.answer(APEX, "A") == ["1800 A 192.0.2.1", "1800 A 203.0.113.7"]
    writer.change(deletes=tuple(DnsDelete(before=one) for one in ours))

    assert server.everything() == before


def test_ttls_that_a_zone_cannot_have_are_not_written_for_ever(server: Bind) -> None:
    writer = Writer(server)
    server.add(WILDCARD, 1800, "A", "192.0.2.1")
    shared = WantedRecord("A", "203.0.113.7", 60, is_ttl_set=True)
    longer = WantedRecord("A", "203.0.113.8", 300, is_ttl_set=True)
    beside = Point((shared,), "", is_complete=False)  # what else is there stays
    desired = Desired(APEX, {APEX: Point((shared, longer), ""), WILDCARD: beside})
    policy = PlanPolicy(adopt=frozenset({WILDCARD}), is_cname_alone=True)

    def write() -> int:
        plan = make_plan(desired, writer.listed(), OwnerMark(MARK), 1, policy)
        for one in plan.changes(ZONE):
            writer.change(deletes=one.deletes, updates=one.updates, creates=one.creates)
        return len(plan.steps)

    assert [write() for _ in range(3)] == [3, 0, 0]
    assert server.answer(APEX, "A") == ["60 A 203.0.113.7", "60 A 203.0.113.8"]
    server.delete(APEX, "A")
    server.add(APEX, 900, "A", "203.0.113.7")
    assert [write() for _ in range(3)] == [2, 0, 0], "drift is put right"


def test_content_ttl_and_comment_of_a_record_change_in_one_update(server: Bind) -> None:
    writer = Writer(server)
    writer.change(creates=(create(APEX, "A", "203.0.113.7"),))
    before = writer.only(APEX)

    writer.change(updates=(raised(before, 7, content="203.0.113.8", ttl_s=120),))

    after = writer.only(APEX)
    assert (after.content, after.ttl_s, after.comment) == ("203.0.113.8", 120, f"{MARK}:7")
    assert server.answer(APEX, "A") == ["120 A 203.0.113.8"]
    assert len(server.everything()) == 3  # the apex, its name server and one mark


def test_alias_becomes_an_address_and_an_alias_again_in_one_message_each(server: Bind) -> None:
    writer = Writer(server)
    name = f"www.{APEX}"
    writer.change(creates=(create(name, "CNAME", f"ns.{APEX}"),))

    [made] = writer.change(
        deletes=(DnsDelete(before=writer.only(name)),),
        creates=(create(name, "A", "203.0.113.7", token=2),),
    )
    assert server.everything()[name] == ["60 A 203.0.113.7"]
    writer.change(deletes=(DnsDelete(before=made),), creates=(create(name, "CNAME", "a.example"),))

    assert server.everything()[name] == ["60 CNAME a.example."]
    assert writer.only(name).comment == f"{MARK}:1"


def test_foreign_records_that_exclude_ours_are_refused_with_what_to_do(server: Bind) -> None:
    writer = Writer(server)
    server.add(f"alias.{APEX}", 60, "CNAME", "other.example.")
    server.add(f"mail.{APEX}", 60, "MX", f"10 ns.{APEX}.")
    before = server.everything()
    address = change(creates=(create(f"alias.{APEX}", "A", "203.0.113.7"),))
    alias = change(creates=(create(f"mail.{APEX}", "CNAME", APEX),))

    assert [writer.failure(one).failure for one in (address, alias)] == ["conflict"] * 2
    for call in (address, alias):
        writer.listed(f"alias.{APEX}", f"mail.{APEX}")
        failure = writer.failure(call)
        assert (failure.failure, failure.code) == ("permanent", "CNAME")
        assert "delete" in failure.fix
    assert server.everything() == before


def test_foreign_record_is_adopted_by_an_update(server: Bind) -> None:
    writer = Writer(server)
    server.add(APEX, 1800, "A", "192.0.2.1")

    writer.change(updates=(raised(writer.only(APEX), 3, content="203.0.113.7"),))

    adopted = writer.only(APEX)
    assert (adopted.content, adopted.ttl_s) == ("203.0.113.7", 1800)
    assert adopted.comment == f"{MARK}:3"


NAMES = (APEX, WILDCARD, f"www.{APEX}", f"a.b.{APEX}")
CONTENTS = {
    "A": ("203.0.113.1", "203.0.113.2"),
    "AAAA": ("2001:db8::1", "2001:db8::2"),
    "CNAME": (f"ns.{APEX}", "other.example"),
    "TXT": ("v=spf1 -all", 'with "quotes"'),
}
Key = tuple[str, str, str]


def key_of(record: DnsRecord | DnsCreate) -> Key:
    return record.name, record.type, record.content


def may_stand(key: Key, others: set[Key]) -> bool:
    kinds = {kind for name, kind, _ in others if name == key[0]}
    return key not in others and not ("CNAME" in kinds or (key[1] == "CNAME" and kinds))


def random_change(
    random: Random, ours: list[DnsRecord], foreign: set[Key], token: int
) -> DnsChange:
    """Return a change that the rules of DNS allow, of records that are changed once each."""
    chosen = random.sample(ours, min(len(ours), random.randrange(5)))
    deletes = {one for one in chosen if random.random() < 0.5}
    stay = foreign | {key_of(one) for one in ours if one not in deletes}
    updates, creates = [], []
    for record in (one for one in chosen if one not in deletes):
        stay.discard(key_of(record))
        content = random.choice((record.content, *CONTENTS[record.type]))
        if not may_stand((record.name, record.type, content), stay):
            content = record.content
        stay.add((record.name, record.type, content))
        updates.append(raised(record, token, content=content))
    for _ in range(random.randrange(4)):
        kind = random.choice(list(CONTENTS))
        key = (random.choice(NAMES), kind, random.choice(CONTENTS[kind]))
        if may_stand(key, stay):
            stay.add(key)
            creates.append(create(*key, token=token))
    return change(tuple(DnsDelete(before=one) for one in deletes), tuple(updates), tuple(creates))


@pytest.mark.slow
def test_random_changes_leave_what_was_wanted_and_all_that_is_foreign(server: Bind) -> None:
    random = Random(15)
    server.add(APEX, 60, "MX", f"10 ns.{APEX}.")
    server.add(f"www.{APEX}", 60, "A", "203.0.113.9")
    writer, reader = Writer(server), Writer(server)
    strangers = {key_of(one) for one in writer.listed(*NAMES)}
    ours: list[DnsRecord] = []
    for token in range(1, 26):
        if random.random() < 0.2:
            writer = Writer(server)  # another process, which has listed nothing yet
            writer.listed(*NAMES)
        asked = random_change(random, ours, strangers, token)

        made = writer.change(deletes=asked.deletes, updates=asked.updates, creates=asked.creates)

        gone = {one.before.id for one in asked.deletes} | {one.before.id for one in asked.updates}
        wanted = {one.id: one for one in (*(one for one in ours if one.id not in gone), *made)}
        listed = reader.listed(*NAMES)
        ours = [one for one in listed if one.comment]
        assert {one.id: one for one in ours} == wanted
        assert {key_of(one) for one in listed if not one.comment} == strangers
        assert len(marks(server)) == len(ours)


@pytest.mark.parametrize("forgets", [False, True], ids=["same process", "new process"])
def test_writer_with_an_old_token_is_refused_when_it_comes_late(
    server: Bind, *, forgets: bool
) -> None:
    late, later = Writer(server), Writer(server)
    late.change(creates=(create(APEX, "A", "203.0.113.1"), create(WILDCARD, "A", "203.0.113.1")))
    old = late.listed()
    later.change(updates=tuple(raised(one, 9, content="203.0.113.9") for one in later.listed()))
    zone = server.everything()
    if forgets:
        late = Writer(server)

    for call in (
        change(updates=tuple(raised(one, 2, content="203.0.113.2") for one in old)),
        change(updates=(raised(old[0], 2),)),
        change(deletes=(DnsDelete(before=old[0]),)),
        change(creates=(create(f"new.{APEX}", "A", "203.0.113.2"),), updates=(raised(old[1], 2),)),
    ):
        assert late.failure(call).failure == "conflict"

    assert server.everything() == zone
    assert {one.comment for one in late.listed()} == {f"{MARK}:9"}


def test_token_alone_keeps_a_late_writer_out(server: Bind) -> None:
    late, later = Writer(server), Writer(server)
    late.change(creates=(create(APEX, "A", "203.0.113.1"),))
    [old] = late.listed()
    later.change(updates=(raised(later.only(APEX), 9),))  # the address is the same
    delete = change(deletes=(DnsDelete(before=old),))
    update = change(updates=(raised(old, 2, content="203.0.113.2"),))

    assert [late.failure(one).code for one in (delete, update)] == ["NXRRSET"] * 2
    late.listed()  # and now a plan from before this listing
    assert [late.failure(one).code for one in (delete, update)] == ["NXRRSET"] * 2


def test_record_that_somebody_edited_meanwhile_is_left(server: Bind) -> None:
    writer = Writer(server)
    [made] = writer.change(creates=(create(APEX, "A", "203.0.113.1"),))
    server.delete(APEX, "A")
    server.add(APEX, 60, "A", "192.0.2.1")
    before = server.everything()

    for one in (writer, Writer(server)):
        for call in (
            change(updates=(raised(made, 2, content="203.0.113.2"),)),
            change(deletes=(DnsDelete(before=made),)),
        ):
            assert one.failure(call).failure == "conflict"
    assert server.everything() == before


def test_record_that_somebody_made_meanwhile_is_not_taken_over(server: Bind) -> None:
    writer = Writer(server)
    writer.listed()
    server.add(APEX, 1800, "A", "203.0.113.7")
    call = change(creates=(create(APEX, "A", "203.0.113.7"),))

    assert writer.failure(call).failure == "conflict"
    assert writer.only(APEX).comment == ""
    assert writer.failure(call).failure == "conflict"
    assert writer.only(APEX).comment == ""


def test_mark_of_a_record_that_somebody_deleted_goes_with_the_next_change(server: Bind) -> None:
    writer = Writer(server)
    gone, back, new = (f"{label}.{APEX}" for label in ("gone", "back", "new"))
    writer.change(creates=(create(gone, "A", "203.0.113.7"), create(back, "A", "203.0.113.7")))
    server.delete(gone, "A")
    server.delete(back, "A")
    other = create(f"other.{APEX}", "A", "203.0.113.7")
    writer.change(creates=(other.model_copy(update={"comment": f"{MARK}.example:1"}),))
    server.delete(other.name, "A")
    assert writer.listed() == []

    writer.change(creates=(create(back, "A", "203.0.113.7", token=2),))
    assert len(marks(server)) == 2, "one is another cluster's"
    writer.change(creates=(create(new, "A", "203.0.113.7"),))

    assert [(one.name, one.comment) for one in writer.listed()] == [
        (back, f"{MARK}:2"),
        (new, f"{MARK}:1"),
    ]


def test_mark_stays_if_its_record_is_back_before_the_next_change(server: Bind) -> None:
    writer = Writer(server)
    writer.change(creates=(create(APEX, "A", "203.0.113.7"),))
    server.delete(APEX, "A")
    assert writer.listed() == []
    server.add(APEX, 60, "A", "203.0.113.7")
    call = change(creates=(create(WILDCARD, "A", "203.0.113.7"),))

    assert writer.failure(call).failure == "conflict"
    assert writer.only(APEX).comment == f"{MARK}:1"


def test_alias_does_not_replace_what_somebody_has_made_meanwhile(server: Bind) -> None:
    writer = Writer(server)
    name = f"www.{APEX}"
    [made] = writer.change(creates=(create(name, "A", "203.0.113.7"),))
    server.add(name, 60, "TXT", "foreign")
    before = server.everything()

    alias = change(deletes=(DnsDelete(before=made),), creates=(create(name, "CNAME", APEX),))

    assert writer.failure(alias).failure == "conflict"
    assert server.everything() == before


@pytest.mark.slow
def test_signatures_of_a_signed_zone_are_neither_listed_nor_in_the_way(tmp_path: Path) -> None:
    with bind(tmp_path / "signed", is_signed=True) as server:
        writer = Writer(server)
        name = f"www.{APEX}"
        [made] = writer.change(creates=(create(name, "CNAME", APEX),))
        assert writer.listed(name) == [made]

        address = create(name, "A", "203.0.113.7", token=2)
        [made] = writer.change(deletes=(DnsDelete(before=made),), creates=(address,))
        assert writer.listed(name) == [made]
        writer.change(deletes=(DnsDelete(before=made),), creates=(create(name, "CNAME", APEX),))

        assert [line for line in server.everything()[name] if "RRSIG CNAME" in line]


def test_wrong_keys_are_permanent_failures_with_what_to_do(server: Bind) -> None:
    listing = DnsRecordsList(zone=ZONE, names=(APEX,), mark=MARK)
    making = change(creates=(create(APEX, "A", "203.0.113.7"),))
    others: tuple[tuple[dict[str, str], str], ...] = (
        ({"key_name": "unknown"}, "BADKEY"),
        ({"secret": "d3Jvbmcgc2VjcmV0IG9mIG91cnM="}, "BADSIG"),
        ({"key_name": "stranger"}, "REFUSED"),
        ({"secret": "no base64!"}, "settings"),
        ({"server": ""}, "settings"),
    )
    for other, code in others:
        for call in (listing, making):
            failure = Writer(server, **other).failure(call)
            assert (failure.failure, failure.code) == ("permanent", code), failure
            assert failure.fix
            assert server.key_secret not in str(failure.model_dump())
    assert len(server.everything()) == 2


def test_names_outside_the_zone_are_a_permanent_failure(server: Bind) -> None:
    failure = Writer(server).failure(change(creates=(create("www.example", "A", "192.0.2.1"),)))

    assert (failure.failure, failure.code) == ("permanent", "NOTZONE")


def test_change_that_fits_into_no_message_is_a_permanent_failure(server: Bind) -> None:
    creates = tuple(create(f"t{at}.{APEX}", "TXT", "x" * 4096) for at in range(16))

    failure = Writer(server).failure(change(creates=creates))

    assert (failure.failure, failure.code) == ("permanent", "TooBig")


def test_text_that_is_no_mark_is_left_alone(server: Bind) -> None:
    writer = Writer(server)
    for at, text in enumerate(
        (
            f'"A" "no name!" "ttl=1" "{MARK}:1"',
            f'"A" "x.other" "ttl=1" "{MARK}:1"',
            f'"FOO" "x.{APEX}" "ttl=1" "{MARK}:1"',
            f'"{MARK}:1"',
            '"\\255"',
        )
    ):
        server.add(f"{at}._constellation.{APEX}", 60, "TXT", text)
    before = server.everything()
    assert writer.listed() == []

    [made] = writer.change(creates=(create(APEX, "A", "203.0.113.7"),))
    writer.change(deletes=(DnsDelete(before=made),))

    assert server.everything() == before


def test_server_that_is_down_is_a_transient_failure(server: Bind) -> None:
    writer = Writer(server)
    server.stop()

    for call in (
        DnsZoneFind(name=APEX),
        DnsRecordsList(zone=ZONE, names=(APEX,), mark=MARK),
        change(creates=(create(APEX, "A", "203.0.113.7"),)),
    ):
        assert writer.failure(call).failure == "transient"


def test_update_without_an_answer_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc2136, "TIMEOUT_S", 0.2)
    with socket.create_server((HOST, 0)) as silent:  # connects, and says nothing
        provider = Rfc2136Provider(access("localhost", silent.getsockname()[1]))
        call = change(creates=(create(APEX, "A", "203.0.113.7"),))
        answer = asyncio.run(provider.call(call))

    assert isinstance(answer, DnsCallFailed)
    assert (answer.failure, answer.code) == ("uncertain", "timeout")


def test_answer_that_is_not_signed_is_not_believed() -> None:
    with socket.create_server((HOST, 0)) as forger:

        def answer_done() -> None:
            with forger.accept()[0] as connection:
                identity = connection.recv(65_537)[2:4]
                connection.sendall(b"\0\x0c" + identity + b"\xa8\0" + bytes(8))
                connection.recv(1)

        provider = Rfc2136Provider(access(HOST, forger.getsockname()[1]))
        thread = threading.Thread(target=answer_done)
        thread.start()
        answer = asyncio.run(provider.call(change(creates=(create(APEX, "A", "192.0.2.1"),))))
        thread.join()

    assert isinstance(answer, DnsCallFailed)
    assert answer.failure == "uncertain"
    assert "TSIG" in answer.why


def test_zone_over_the_limit_is_a_permanent_failure(
    server: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfc2136, "RECORDS_MAX", 2)
    server.add(f"one.{APEX}", 60, "A", "192.0.2.1")

    failure = Writer(server).failure(DnsRecordsList(zone=ZONE, names=(APEX,), mark=MARK))

    assert (failure.failure, failure.code) == ("permanent", "size")
