"""The writer's rounds through the real adapter: what the API answers is what is compared."""

from __future__ import annotations

import asyncio
import random

import pytest

from actors.adapters.cloudflare import CloudflareProvider
from constellation.cluster_view import ClusterView
from constellation.dns.intents import Desired, Point, WantedRecord
from constellation.dns.mark import OwnerMark
from constellation.dns.plan_parts import PlanPolicy
from constellation.dns.zone_writer import WriterPolicy, ZoneWriter
from messages.dns_calls import CloudflareAccess
from rigs.cloudflare import TOKEN, Cloudflare, cloudflare

pytestmark = pytest.mark.slow  # the SDK takes a second to load

ROUNDS = 100
ZONE, WILDCARD = "home.example", "*.home.example"


def addresses(*, proxied: bool | None) -> Point:
    wanted = tuple(
        WantedRecord("A", f"203.0.113.{at}", 60, proxied, is_ttl_set=True) for at in (1, 2, 3)
    )
    return Point(wanted, "all work")


async def run_rounds(api: Cloudflare, writer: ZoneWriter, count: int = ROUNDS) -> None:
    """Make what is due, at the time at which it is due, for so many rounds."""
    access = CloudflareAccess(base_url=api.url, api_token=TOKEN)
    provider = CloudflareProvider(access)
    rounds = 0
    while rounds < count:
        now_s = writer.next_due_s
        call = writer.next_call(now_s)
        assert call is not None, writer.problem
        writer.answered(await provider.call(call), now_s)
        rounds += writer.state == "resting"
    await provider.close()


@pytest.mark.scenario(31)
@pytest.mark.case("N2")
def test_a_hundred_rounds_write_once_and_leave_proxies_as_they_are() -> None:
    with cloudflare() as api:
        zone_id = api.add_zone(ZONE)
        mark = OwnerMark("constellation:home")
        for at in (3, 1):
            api.add(
                zone_id, name=WILDCARD, type="A", content=f"203.0.113.{at}", proxied=True,
                comment=mark.comment(4), ttl=1,
            )  # fmt: skip
        policy = WriterPolicy(PlanPolicy())
        writer = ZoneWriter(ZONE, zone_id, mark, policy, random.Random(31))
        wanted = {ZONE: addresses(proxied=False), WILDCARD: addresses(proxied=None)}
        writer.wants(Desired(ZONE, wanted), ClusterView(), 0.0)
        writer.granted(5, 0.0)
        asyncio.run(run_rounds(api, writer))

        assert len(api.calls_of("list")) >= ROUNDS
        assert len(api.calls_of("batch")) == 1
        seen = {(one["name"], one["content"]): one["proxied"] for one in api.records(zone_id)}
        assert {proxied for (name, _), proxied in seen.items() if name == WILDCARD} == {True}
        assert {proxied for (name, _), proxied in seen.items() if name == ZONE} == {False}
        assert len(seen) == 6


def test_five_thousand_records_of_others_cost_no_page() -> None:
    with cloudflare() as api:
        zone_id = api.add_zone(ZONE, records_max=6000)
        for first in range(0, 5000, 200):
            names = (f"host{at}.{ZONE}" for at in range(first, first + 200))
            hosts = [{"name": name, "type": "A", "content": "198.51.100.1"} for name in names]
            api.edit_zone(zone_id, posts=hosts)
        policy = WriterPolicy(PlanPolicy())
        writer = ZoneWriter(
            ZONE, zone_id, OwnerMark("constellation:home"), policy, random.Random(1)
        )
        wanted = {ZONE: addresses(proxied=None), WILDCARD: addresses(proxied=None)}
        writer.wants(Desired(ZONE, wanted), ClusterView(), 0.0)
        writer.granted(5, 0.0)
        asyncio.run(run_rounds(api, writer, 2))

        assert [call.what for call in api.calls] == ["list", "batch", "list"]
        assert len(api.records(zone_id)) == 5006
