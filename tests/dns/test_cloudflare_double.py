"""The double of Cloudflare's API behaves as the API does, through the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cloudflare as sdk
import pytest

from rigs.cloudflare import CALLS_MAX, EMAIL, KEY, TOKEN, Cloudflare, cloudflare

pytestmark = pytest.mark.slow  # the SDK takes a second to load

ZONE = "home.example"
COMMENT = "constellation:home.example:7"


@pytest.fixture(scope="module")
def served() -> Iterator[Cloudflare]:
    with cloudflare() as api:
        yield api


@pytest.fixture
def api(served: Cloudflare) -> Cloudflare:
    served.forget_calls()
    return served


@pytest.fixture
def zone_id(api: Cloudflare) -> str:
    return api.add_zone(ZONE)


@pytest.fixture
def client(api: Cloudflare) -> Iterator[sdk.Cloudflare]:
    with client_of(api) as made:
        yield made


def client_of(api: Cloudflare, **credentials: str) -> sdk.Cloudflare:
    given = credentials or {"api_token": TOKEN}
    return sdk.Cloudflare(base_url=api.url, max_retries=0, **given)  # type: ignore[arg-type]


def a_record(name: str = ZONE, content: str = "192.0.2.1", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "A", "content": content, "ttl": 60, **fields}


def refused(client: sdk.Cloudflare, zone_id: str, **operations: Any) -> tuple[int, int | None]:
    """Return HTTP status and code of a batch that must be refused."""
    with pytest.raises(sdk.APIStatusError) as caught:
        client.dns.records.batch(zone_id=zone_id, **operations)
    return caught.value.status_code, caught.value.errors[0].code


def test_records_are_listed_in_pages_with_totals(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare
) -> None:
    for at in range(25):
        api.add(zone_id, **a_record(f"n{at}.{ZONE}"))

    pages = [client.dns.records.list(zone_id=zone_id, per_page=10, page=at) for at in (1, 2, 3, 4)]

    assert [len(page.result) for page in pages] == [10, 10, 5, 0]
    assert len({record.id for page in pages for record in page.result}) == 25
    info: Any = pages[2].result_info
    assert (info.page, info.count, info.total_count, info.total_pages) == (3, 5, 25, 3)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"name": {"exact": f"WWW.{ZONE}"}}, {"www"}),
        ({"name": {"startswith": "*."}}, {"*"}),
        ({"comment": {"startswith": "CONSTELLATION:"}}, {"*", "ours"}),
        ({"name": {"startswith": "*."}, "comment": {"startswith": COMMENT}}, {"*"}),
        (
            {
                "name": {"exact": f"www.{ZONE}", "startswith": "*."},
                "comment": {"startswith": COMMENT},
                "match": "any",
            },
            {"www", "*", "ours"},
        ),
        ({"type": "CNAME"}, set()),
    ],
)
def test_filters_ignore_case_and_match_all_or_any(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare, filters: Any, found: set[str]
) -> None:
    api.add(zone_id, **a_record(f"www.{ZONE}"))
    api.add(zone_id, **a_record(f"*.{ZONE}", comment=COMMENT))
    api.add(zone_id, **a_record(f"ours.{ZONE}", comment=COMMENT))
    api.add(zone_id, **a_record(f"other.{ZONE}", comment="by hand"))

    page = client.dns.records.list(zone_id=zone_id, **filters)

    assert {record.name.removesuffix(f".{ZONE}") for record in page.result} == found


def test_zone_is_found_by_its_name(api: Cloudflare, client: sdk.Cloudflare) -> None:
    zone_id = api.add_zone("other.example")

    assert [zone.id for zone in client.zones.list(name="other.example").result] == [zone_id]
    assert client.zones.list(name="nobody.example").result == []


def test_batch_deletes_then_changes_then_creates(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare
) -> None:
    alias = api.add(zone_id, name=f"www.{ZONE}", type="CNAME", content="x.example")
    moved = api.add(zone_id, **a_record("moved", "192.0.2.1", comment="kept"))
    put = api.add(zone_id, **a_record("put", "192.0.2.3", comment="lost"))

    done = client.dns.records.batch(
        zone_id=zone_id,
        posts=[a_record(f"www.{ZONE}"), a_record("moved", "192.0.2.1")],  # type: ignore[list-item]
        puts=[{"id": put["id"], **a_record("put", "192.0.2.4")}],  # type: ignore[list-item]
        patches=[{"id": moved["id"], "content": "192.0.2.2"}],  # type: ignore[list-item]
        deletes=[{"id": alias["id"]}],
    )

    assert done is not None
    assert [record.id for record in done.deletes or ()] == [alias["id"]]
    assert [(one["name"], one["content"], one["comment"]) for one in api.records(zone_id)] == [
        (f"moved.{ZONE}", "192.0.2.1", None),
        (f"moved.{ZONE}", "192.0.2.2", "kept"),
        (f"put.{ZONE}", "192.0.2.4", None),
        (f"www.{ZONE}", "192.0.2.1", None),
    ]
    assert [(call.what, call.writes) for call in api.calls] == [("batch", 5)]


def test_refused_batch_changes_nothing(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare
) -> None:
    first = api.add(zone_id, **a_record())
    second = api.add(zone_id, **a_record(f"www.{ZONE}"))
    before = api.records(zone_id)

    answer = refused(
        client,
        zone_id,
        deletes=[{"id": first["id"]}],
        patches=[{"id": second["id"], "content": "192.0.2.9"}],
        posts=[a_record(f"n.{ZONE}"), a_record(f"m.{ZONE}", "300.0.2.1")],
    )

    assert answer == (400, 9005)
    assert api.records(zone_id) == before


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        (a_record("taken"), (400, 81058)),
        ({**a_record("taken"), "type": "CNAME", "content": "x.example"}, (400, 81053)),
        (a_record("alias"), (400, 81054)),
        (a_record(content="x"), (400, 9005)),
        ({**a_record(), "type": "AAAA"}, (400, 9006)),
        (a_record(ttl=59), (400, 9021)),
        (a_record(ttl=86_401), (400, 9021)),
        (a_record(comment="x" * 101), (400, 9313)),
        (a_record(name="a b"), (400, 9000)),
        ({**a_record(), "type": "TXT", "proxied": True}, (400, 9041)),
    ],
)
def test_record_that_the_api_refuses_is_refused(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare, fields: Any, answer: tuple[int, int]
) -> None:
    api.add(zone_id, **a_record("taken"))
    api.add(zone_id, name="alias", type="CNAME", content="x.example")

    assert refused(client, zone_id, posts=[fields]) == answer


def test_limits_of_the_free_plan_are_kept(api: Cloudflare, client: sdk.Cloudflare) -> None:
    zone_id = api.add_zone(ZONE, records_max=200)
    many = [a_record(f"n{at}.{ZONE}") for at in range(201)]

    assert refused(client, zone_id, posts=many)[0] == 400
    assert api.records(zone_id) == []
    assert client.dns.records.batch(zone_id=zone_id, posts=many[:200])  # type: ignore[arg-type]
    assert refused(client, zone_id, posts=many[200:]) == (400, 81045)


def test_single_records_are_created_changed_and_deleted(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare
) -> None:
    records = client.dns.records
    made = records.create(zone_id=zone_id, name="@", type="A", content="192.0.2.1", ttl=60)
    assert made is not None
    records.edit(made.id, zone_id=zone_id, name=ZONE, type="A", ttl=120)
    found = records.get(made.id, zone_id=zone_id)
    assert found is not None
    assert (found.name, found.ttl, found.content) == (ZONE, 120, "192.0.2.1")
    records.delete(made.id, zone_id=zone_id)

    assert api.records(zone_id) == []
    with pytest.raises(sdk.NotFoundError) as caught:
        records.get(made.id, zone_id=zone_id)
    assert caught.value.errors[0].code == 81044


def test_answers_have_the_marks_of_the_real_api(
    api: Cloudflare, zone_id: str, client: sdk.Cloudflare
) -> None:
    for content in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        api.add(zone_id, **a_record(content=content, ttl=300, proxied=True))
    outside = api.add(zone_id, **a_record("www.other.example"))

    lists = [
        [
            one.content
            for one in client.dns.records.list(zone_id=zone_id, name={"exact": ZONE}).result
        ]
        for _ in range(2)
    ]
    records = client.dns.records.list(zone_id=zone_id, name={"exact": ZONE}).result

    assert lists[0] != lists[1]
    assert sorted(map(str, lists[0])) == sorted(map(str, lists[1]))
    assert [record.ttl for record in records] == [1, 1, 1]
    assert outside["name"] == f"www.other.example.{ZONE}"


@pytest.mark.parametrize(
    ("credentials", "answer"),
    [
        ({"api_token": "another"}, (403, 9109)),
        ({"api_token": "reader"}, (403, 10_000)),
        ({"api_email": EMAIL}, (400, 9106)),
        ({"api_email": EMAIL, "api_key": "another"}, (403, 9103)),
    ],
)
def test_wrong_credentials_are_refused(
    api: Cloudflare, zone_id: str, credentials: dict[str, str], answer: tuple[int, int]
) -> None:
    api.rights["reader"] = frozenset({"read"})

    with client_of(api, **credentials) as client:
        assert refused(client, zone_id, posts=[a_record()]) == answer


def test_key_with_its_address_and_reading_token_are_enough(api: Cloudflare, zone_id: str) -> None:
    api.rights["reader"] = frozenset({"read"})

    with client_of(api, api_token="reader") as client:
        assert client.dns.records.list(zone_id=zone_id).result == []
    with client_of(api, api_email=EMAIL, api_key=KEY) as client:
        assert client.dns.records.create(zone_id=zone_id, **a_record()) is not None


def test_unknown_zone_is_refused(api: Cloudflare, client: sdk.Cloudflare) -> None:
    assert refused(client, "0" * 32, posts=[a_record()]) == (404, 7003)


def test_over_the_limit_everything_is_refused_for_five_minutes() -> None:
    now_s = [1000.0]
    with cloudflare(clock=lambda: now_s[0]) as api, client_of(api) as client:
        api.calls_max = 3
        raw = [client.zones.with_raw_response.list() for _ in range(3)]
        assert raw[0].headers["ratelimit"] == '"default";r=2;t=300'
        assert raw[2].headers["ratelimit-policy"] == '"default";q=3;w=300'
        for _ in range(2):
            with pytest.raises(sdk.RateLimitError) as caught:
                client.zones.list()
            assert caught.value.response.headers["retry-after"] == "300"
        now_s[0] += 300.0

        assert client.zones.list().result == []
    assert CALLS_MAX == 1200


def test_stale_list_has_the_state_of_a_moment_ago() -> None:
    now_s = [1000.0]
    with cloudflare(clock=lambda: now_s[0]) as api, client_of(api) as client:
        zone_id = api.add_zone(ZONE)
        now_s[0] = 1010.0
        record = api.add(zone_id, **a_record())
        api.stale_s = 2.0

        assert client.dns.records.list(zone_id=zone_id).result == []
        assert client.dns.records.get(record["id"], zone_id=zone_id) is not None
        now_s[0] = 1012.0
        assert len(client.dns.records.list(zone_id=zone_id).result) == 1
