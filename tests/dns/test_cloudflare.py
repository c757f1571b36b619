"""The adapter for Cloudflare: one request per call, and every failure as an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from actors.adapters import cloudflare as adapter
from actors.adapters.cloudflare import CloudflareProvider
from messages.dns_calls import (
    CloudflareAccess,
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
)
from rigs.cloudflare import (
    BAD_GATEWAY,
    EMAIL,
    KEY,
    LIMITED,
    TOKEN,
    WRITES,
    Cloudflare,
    Fault,
    cloudflare,
)
from rigs.ports import free_port
from tests.dns.provider_model import ProviderModel

pytestmark = pytest.mark.slow  # the SDK takes a second to load

ZONE = "home.example"
MARK = "constellation:home.example"
COMMENT = f"{MARK}:7"
FIND = DnsZoneFind(name=ZONE)


@pytest.fixture(scope="module")
def served() -> Iterator[Cloudflare]:
    with cloudflare() as api:
        yield api


@pytest.fixture
def api(served: Cloudflare) -> Cloudflare:
    served.forget_calls()
    served.heal()
    return served


@pytest.fixture
def zone(api: Cloudflare) -> DnsZone:
    return DnsZone(id=api.add_zone(ZONE), name=ZONE)


def answers(api: Cloudflare, *calls: DnsCall, **access: str) -> list[DnsAnswer]:
    """Return the answers of one provider; each call may be one request at most."""
    given = {"base_url": api.url, "api_token": TOKEN, **access}

    async def ask() -> list[DnsAnswer]:
        provider = CloudflareProvider(CloudflareAccess.model_validate(given))
        found = []
        for call in calls:
            before = len(api.calls)
            found.append(await provider.call(call))
            assert len(api.calls) - before <= 1
            if isinstance(found[-1], DnsCallFailed):
                assert "\n" not in found[-1].why
                assert bool(found[-1].fix) == (found[-1].failure == "permanent")
        await provider.close()
        return found

    return asyncio.run(ask())


def failure(api: Cloudflare, call: DnsCall, **access: str) -> DnsCallFailed:
    (answer,) = answers(api, call, **access)
    assert isinstance(answer, DnsCallFailed)
    return answer


def listed(zone: DnsZone, *names: str, cursor: str = "") -> DnsRecordsList:
    return DnsRecordsList(zone=zone, names=names, mark=MARK, cursor=cursor)


def creation(zone: DnsZone, *contents: str, **fields: Any) -> DnsChange:
    given = {"name": ZONE, "type": "A", "ttl_s": 60, "comment": COMMENT, **fields}
    creates = tuple(DnsCreate.model_validate({**given, "content": one}) for one in contents)
    return DnsChange(zone=zone, creates=creates)


def records_in(answer: DnsAnswer) -> list[DnsRecord]:
    assert isinstance(answer, (DnsRecordsListed, DnsChanged))
    return sorted(answer.records, key=lambda one: (one.name, one.type, one.content))


def test_zone_is_found_by_name_or_the_fix_is_named(api: Cloudflare) -> None:
    zone_id = api.add_zone("found.example")

    found, missing = answers(
        api, DnsZoneFind(name="found.example"), DnsZoneFind(name="missing.example")
    )

    assert isinstance(found, DnsZoneFound)
    assert found.zone == DnsZone(id=zone_id, name="found.example")
    assert found.budget is not None
    assert 0 < found.budget.remaining < 1200
    assert 0 < found.budget.reset_s <= 300
    assert isinstance(missing, DnsCallFailed)
    assert missing.failure == "permanent"
    assert "missing.example" in missing.why


def test_one_request_lists_apex_wildcards_and_own_records(api: Cloudflare, zone: DnsZone) -> None:
    api.add(zone.id, name=ZONE, type="A", content="192.0.2.1", comment="by hand", tags=[])
    api.add(zone.id, name=f"*.{ZONE}", type="AAAA", content="2001:DB8::0:1", proxied=True, ttl=300)
    api.add(zone.id, name=f"*.n1.{ZONE}", type="CNAME", content="X.example.")
    api.add(zone.id, name=f"note.{ZONE}", type="TXT", content='"say \\"a\\" " "b"', comment=COMMENT)
    for at in range(20):
        api.add(zone.id, name=f"foreign{at}.{ZONE}", type="A", content="192.0.2.9")

    (answer,) = answers(api, listed(zone, ZONE, f"*.{ZONE}"))

    shown = [
        (one.name, one.type, one.content, one.ttl_s, one.proxied) for one in records_in(answer)
    ]
    assert shown == [
        (f"*.{ZONE}", "AAAA", "2001:db8::1", 1, True),
        (f"*.n1.{ZONE}", "CNAME", "x.example", 1, False),
        (ZONE, "A", "192.0.2.1", 1, False),
        (f"note.{ZONE}", "TXT", 'say "a" b', 1, False),
    ]
    assert isinstance(answer, DnsRecordsListed)
    assert answer.cursor == ""


def test_cursor_leads_through_all_pages_and_further_names(
    api: Cloudflare, zone: DnsZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PER_PAGE", 2)
    for at in range(5):
        api.add(zone.id, name=f"n{at}.{ZONE}", type="A", content="192.0.2.1", comment=COMMENT)
    api.add(zone.id, name=f"www.{ZONE}", type="A", content="192.0.2.1")
    names = (ZONE, f"*.{ZONE}", f"nobody.{ZONE}", f"www.{ZONE}")
    found: list[str] = []

    cursor, requests = "", 0
    while cursor or not requests:
        (answer,) = answers(api, listed(zone, *names, cursor=cursor))
        assert isinstance(answer, DnsRecordsListed)
        found += [one.name for one in answer.records]
        cursor, requests = answer.cursor, requests + 1

    assert sorted(found) == [*(f"n{at}.{ZONE}" for at in range(5)), f"www.{ZONE}"]
    assert requests == 3 + 2  # pages of the first query, and a page for each further name


def test_change_is_one_batch_and_answers_with_the_records(api: Cloudflare, zone: DnsZone) -> None:
    alias = api.add(zone.id, name=f"www.{ZONE}", type="CNAME", content="x.example")
    api.add(zone.id, name=ZONE, type="A", content="192.0.2.1", ttl=300, comment="ours", tags=[])
    (answer,) = answers(api, listed(zone, ZONE, f"www.{ZONE}"))
    (before,) = records_in(answer)
    www = replace_id(before, alias["id"], f"www.{ZONE}")
    change = DnsChange(
        zone=zone,
        deletes=(DnsDelete(before=www),),
        updates=(DnsUpdate(before=before, content="192.0.2.2", comment=COMMENT),),
        creates=creation(zone, "192.0.2.2", name=f"www.{ZONE}").creates
        + creation(zone, 'a "quoted" \\ text' + "x" * 300, type="TXT").creates,
    )
    api.forget_calls()

    (answer,) = answers(api, change)

    assert [call.what for call in api.calls] == ["batch"]
    assert records_in(answer) == [
        before.model_copy(update={"content": "192.0.2.2", "comment": COMMENT}),
        *records_in(answer)[1:],
    ]
    assert [(one.name, one.type, one.content[:20], one.ttl_s) for one in records_in(answer)] == [
        (ZONE, "A", "192.0.2.2", 300),
        (ZONE, "TXT", 'a "quoted" \\ textxxx', 60),
        (f"www.{ZONE}", "A", "192.0.2.2", 60),
    ]
    (answer,) = answers(api, listed(zone, ZONE))
    assert records_in(answer)[1].content == 'a "quoted" \\ text' + "x" * 300


def test_texts_are_read_as_what_they_say(api: Cloudflare, zone: DnsZone) -> None:
    for shown in (r'"\195\164 \"b\" \\ c"', r'"\"in quotes of its own\""', "without quotes"):
        api.add(zone.id, name=ZONE, type="TXT", content=shown)
    (answer,) = answers(api, listed(zone, ZONE))
    assert {one.content for one in records_in(answer)} == {
        '\u00e4 "b" \\ c',
        '"in quotes of its own"',
        "without quotes",
    }


def replace_id(record: DnsRecord, record_id: str, name: str) -> DnsRecord:
    return record.model_copy(update={"id": record_id, "name": name})


@pytest.mark.case("N2")
def test_proxied_record_answers_with_automatic_ttl(api: Cloudflare, zone: DnsZone) -> None:
    (answer,) = answers(api, creation(zone, "192.0.2.1", proxied=True))

    assert [(one.ttl_s, one.proxied) for one in records_in(answer)] == [(1, True)]


@pytest.mark.case("N4")
@pytest.mark.parametrize(
    "beside", [{"type": "A", "content": "192.0.2.1"}, {"type": "CNAME", "content": "x.example"}]
)
def test_record_that_another_was_faster_to_create_is_a_conflict(
    api: Cloudflare, zone: DnsZone, beside: dict[str, str]
) -> None:
    api.add(zone.id, name=ZONE, **beside)
    before = api.records(zone.id)

    assert failure(api, creation(zone, "192.0.2.2", "192.0.2.1")).failure == "conflict"
    assert api.records(zone.id) == before


def test_record_that_was_deleted_meanwhile_is_a_conflict(api: Cloudflare, zone: DnsZone) -> None:
    (answer,) = answers(api, creation(zone, "192.0.2.1"))
    (record,) = records_in(answer)
    api.remove(zone.id, record.id)

    change = DnsChange(zone=zone, updates=(DnsUpdate(before=record, content="192.0.2.2"),))
    assert failure(api, change).failure == "conflict"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"ttl_s": 30}, "9021", "Invalid TTL"),
        ({"content": "x"}, "9005", "valid IPv4 address"),
        ({"name": "www.other.example"}, "not in zone", "www.other.example is not in the zone"),
    ],
)
def test_change_that_is_refused_for_good_is_permanent(
    api: Cloudflare, zone: DnsZone, change: dict[str, Any], code: str, words: str
) -> None:
    given = {"content": "192.0.2.1", **change}
    failed = failure(api, creation(zone, given.pop("content"), **given))

    assert (failed.failure, failed.code) == ("permanent", code)
    assert words in failed.why


def test_limits_of_the_plan_are_permanent(api: Cloudflare) -> None:
    small = DnsZone(id=api.add_zone("small.example", records_max=1), name="small.example")
    two = creation(small, "192.0.2.1", "192.0.2.2", name="small.example")

    full = failure(api, two)
    many = failure(api, two.model_copy(update={"creates": two.creates * 101}))

    assert (full.failure, full.code) == ("permanent", "81045")
    assert "delete records" in full.fix
    assert many.failure == "permanent"
    assert api.records(small.id) == []


@pytest.mark.parametrize(
    ("access", "code", "words"),
    [
        ({"api_token": "another"}, "9109", "create an API token"),
        ({"api_token": "reader"}, "10000", "Zone.DNS.Edit"),
        ({"api_token": "", "api_key": KEY, "api_email": "x@y"}, "9103", "create an API token"),
    ],
)
def test_credentials_without_rights_are_permanent(
    api: Cloudflare, zone: DnsZone, access: dict[str, str], code: str, words: str
) -> None:
    api.rights["reader"] = frozenset({"read"})

    failed = failure(api, creation(zone, "192.0.2.1"), **access)

    assert (failed.failure, failed.code) == ("permanent", code)
    assert words in failed.fix


def test_key_and_address_are_sent_together(api: Cloudflare, zone: DnsZone) -> None:
    answers(api, creation(zone, "192.0.2.1"), api_token="", api_key=KEY, api_email=EMAIL)

    assert api.calls[-1].authentication == (("x-auth-email", EMAIL), ("x-auth-key", KEY))
    assert api.calls[-1].status == 200


def test_zone_that_does_not_exist_is_permanent(api: Cloudflare) -> None:
    failed = failure(api, creation(DnsZone(id="0" * 32, name=ZONE), "192.0.2.1"))

    assert (failed.failure, failed.code) == ("permanent", "7003")
    assert "dns.zones" in failed.fix


@pytest.mark.parametrize(
    ("fault", "kind", "of_changes"),
    [
        (LIMITED, "limited", "limited"),
        (BAD_GATEWAY, "transient", "uncertain"),
        (Fault(status=500, code=1000, text="internal"), "transient", "uncertain"),
        (Fault(status=503, body="<html>"), "transient", "uncertain"),
        (Fault(status=403, body="<html>challenge"), "transient", "transient"),
        (Fault(status=301, location="https://x.example/"), "permanent", "permanent"),
        (Fault(status=400, code=81058, text="identical"), "conflict", "conflict"),
        (Fault(is_unsuccessful=True), "transient", "uncertain"),
        (Fault(is_unsuccessful=True, code=10_000), "permanent", "permanent"),
        (Fault(status=200, body="<html>sign in"), "transient", "uncertain"),
        (Fault(cuts=True), "transient", "uncertain"),
        (Fault(cuts=True, at="after"), "transient", "uncertain"),
        (Fault(hangs=True), "transient", "uncertain"),
        (Fault(hangs=True, at="after"), "transient", "uncertain"),
        (Fault(delay_s=30.0), "transient", "uncertain"),
    ],
    ids=(
        *("429", "502-html", "500", "503-html", "403-html", "redirect", "identical"),
        *("unsuccessful", "unsuccessful-10000", "200-html", "cut-before", "cut-after"),
        *("hangs-before", "hangs-after", "slow"),
    ),
)
def test_each_failure_says_whether_something_may_have_been_done(
    api: Cloudflare,
    zone: DnsZone,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    kind: str,
    of_changes: str,
) -> None:
    monkeypatch.setattr(adapter, "TIMEOUT_S", 0.25)
    change = creation(zone, "192.0.2.1")
    api.plant(fault, times=3)

    found = answers(api, FIND, listed(zone, ZONE), change)

    kinds = [one.failure for one in found if isinstance(one, DnsCallFailed)]
    assert kinds == [kind, kind, of_changes]
    assert len(api.calls) == 3  # nothing was sent twice
    assert len(api.records(zone.id)) == (fault.at == "after")


def test_answer_of_no_known_form_is_uncertain_for_changes(api: Cloudflare, zone: DnsZone) -> None:
    async def ask() -> DnsAnswer:
        provider = CloudflareProvider(CloudflareAccess(base_url=api.url, api_token=TOKEN))
        answer = await provider.call(creation(zone, "192.0.2.1"))
        await provider.close()
        return answer

    api.plant(Fault(raw={"success": True, "result": {"posts": [{"id": 5, "ttl": "x"}]}}))

    answer = asyncio.run(ask())

    assert isinstance(answer, DnsCallFailed)
    assert answer.failure == "uncertain"


@pytest.mark.parametrize("after_s", [2.0, 61.0, 300.0])
def test_wait_that_cloudflare_asks_for_is_told_to_the_second(
    api: Cloudflare, after_s: float
) -> None:
    api.plant(replace(LIMITED, retry_after_s=after_s), times=5)

    failed = failure(api, FIND)

    assert (failed.failure, failed.retry_after_s, failed.code) == ("limited", after_s, "971")
    assert len(api.calls) == 1


def test_block_without_an_end_lasts_five_minutes(api: Cloudflare) -> None:
    api.plant(LIMITED)

    assert failure(api, FIND).retry_after_s == 300.0


def test_change_that_could_not_be_sent_was_not_done(zone: DnsZone, api: Cloudflare) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/client/v4"

    assert failure(api, creation(zone, "192.0.2.1"), base_url=nobody).failure == "transient"


def test_change_without_content_needs_no_request(api: Cloudflare, zone: DnsZone) -> None:
    assert answers(api, DnsChange(zone=zone)) == [DnsChanged()]
    assert api.calls == []


def test_environment_changes_nothing(
    api: Cloudflare, zone: DnsZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"http://127.0.0.1:{free_port()}"
    for name, value in {
        "CLOUDFLARE_EMAIL": "another@home.example",
        "CLOUDFLARE_API_TOKEN": "another",
        "CLOUDFLARE_API_KEY": "another",
        "CLOUDFLARE_API_USER_SERVICE_KEY": "another",
        "CLOUDFLARE_BASE_URL": elsewhere,
        "CLOUDFLARE_CUSTOM_HEADERS": "X-Custom: 1\nAuthorization: Bearer another",
        "HTTP_PROXY": elsewhere,
        "HTTPS_PROXY": elsewhere,
        "ALL_PROXY": elsewhere,
        "NO_PROXY": "",
    }.items():
        monkeypatch.setenv(name, value)
        if name.endswith("PROXY"):
            monkeypatch.setenv(name.lower(), value)

    answers(api, listed(zone, ZONE), creation(zone, "192.0.2.1"))

    assert [made.status for made in api.calls] == [200, 200]
    for made in api.calls:
        assert made.authentication == (("authorization", f"Bearer {TOKEN}"),)
        assert not any("another" in value for value in made.headers.values())
        assert "x-custom" not in made.headers


def test_secret_that_is_echoed_is_not_told(api: Cloudflare) -> None:
    api.plant(Fault(status=400, code=6003, text=f"Invalid header: Bearer {TOKEN}\nx"))

    failed = failure(api, FIND)

    assert TOKEN not in repr(failed)
    assert "Invalid header: Bearer ... x (6003)" in failed.why


def test_only_the_requests_that_a_fault_concerns_meet_it(api: Cloudflare, zone: DnsZone) -> None:
    api.plant(replace(BAD_GATEWAY, only=WRITES))

    found = answers(api, listed(zone, ZONE), creation(zone, "192.0.2.1"), listed(zone, ZONE))

    assert [isinstance(one, DnsCallFailed) for one in found] == [False, True, False]


def test_model_for_tests_of_cores_answers_as_the_adapter_does(
    api: Cloudflare, zone: DnsZone
) -> None:
    model = ProviderModel(zone=zone)
    www = {"name": f"www.{ZONE}"}
    steps: list[DnsCall] = [
        creation(zone, "192.0.2.1", "192.0.2.2"),
        creation(zone, "192.0.2.3", "192.0.2.1"),  # identical: none is created
        creation(zone, "x.example", type="CNAME", **www),
        creation(zone, "192.0.2.1", **www),  # beside a CNAME
        creation(zone, "192.0.2.1", name=f"*.{ZONE}", proxied=True),
        creation(zone, "192.0.2.9", name=f"n.{ZONE}", comment="of another"),
    ]
    steps.append(listed(zone, ZONE, f"*.{ZONE}"))

    found = answers(api, *steps)
    expected = [model.answer(step) for step in steps]

    assert [without_ids(one) for one in found] == [without_ids(one) for one in expected]


def without_ids(answer: DnsAnswer) -> str | list[DnsRecord]:
    """Return what a core looks at: the kind of a failure, or the records."""
    if isinstance(answer, DnsCallFailed):
        return answer.failure
    return [one.model_copy(update={"id": ""}) for one in records_in(answer)]
