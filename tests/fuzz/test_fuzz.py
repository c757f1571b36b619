"""A short campaign for every target, and planted faults that must be found."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest

from constellation.errors import WireError
from constellation.gossip import packets
from constellation.gossip.member import MemberTable
from constellation.gossip.membership import Membership
from constellation.gossip.outbox import Effect, Outbox
from tests.fuzz import campaign
from tests.fuzz.campaign import BLOCK_RUNS, FuzzFailure, run_campaign
from tests.fuzz.targets import TARGETS, Feed, Target

pytestmark = pytest.mark.xdist_group("measures cost")

RUNS = 3000
MUST_TAKE = 0.02  # of the inputs; with fewer, the campaign would only reach the first check


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_target(name: str) -> None:
    findings = run_campaign(TARGETS[name], runs=RUNS, seed=7)

    assert findings.runs == RUNS
    assert findings.taken > MUST_TAKE * RUNS
    assert findings.refused or name in {"lzw_back", "meta"}  # which refuse nothing


def found(target: Target, runs: int = RUNS) -> FuzzFailure:
    with pytest.raises(FuzzFailure) as failure:
        run_campaign(target, runs=runs, seed=1)
    return failure.value


def test_failure_is_shown_with_the_command_that_replays_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(data: bytes) -> bytes:
        return data[: data[5]]  # IndexError of a short one

    monkeypatch.setattr(packets, "_check_crc", careless)

    failure = found(TARGETS["packets"], runs=100_000)

    first = failure.number - failure.number % BLOCK_RUNS
    assert "IndexError" in failure.why
    assert failure.data.hex() in failure.text
    assert f"TARGET=packets SEED=1 FROM={first}" in failure.text
    with pytest.raises(FuzzFailure) as again:
        run_campaign(TARGETS["packets"], runs=failure.number - first + 1, seed=1, first=first)
    assert again.value.data == failure.data


def target_of(feed: Feed) -> Target:
    return Target("planted", [b"seed"], lambda: feed)


def test_slow_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "INPUT_CPU_S_MAX", 0.01)

    def slow(data: bytes, random: Random) -> None:
        until_s = time.process_time() + (0.05 if len(data) > 40 else 0.0)
        while time.process_time() < until_s:
            pass

    assert "s of the processor" in found(target_of(slow)).why


def test_input_that_uses_much_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "MEMORY_GROWTH_BYTES_MAX", 1 << 20)
    kept: list[bytes] = []

    assert "memory grew" in found(target_of(lambda data, random: kept.append(bytes(1 << 20)))).why


def test_refusal_is_counted_by_its_reason() -> None:
    def refuse(data: bytes, random: Random) -> None:
        raise WireError("no", reason="planted")

    assert run_campaign(target_of(refuse), runs=10, seed=1).refused == {"planted": 10}


def _no_refutation(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(self: Membership, accused: int) -> None:
        self.me.state = "dead"

    monkeypatch.setattr(Membership, "_refute", die)


def _no_limit_of_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemberTable, "is_full", False)


def _oversized_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_news(self: Outbox, to: object, parts: tuple[bytes, ...] = ()) -> list[bytes]:
        return self.membership.take_parts(1 << 16, limit=5) + self.user.take_parts(1 << 16, limit=5)

    monkeypatch.setattr(Outbox, "news", all_news)


def _storm(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Outbox.take_effects

    def many(self: Outbox) -> list[Effect]:
        effects = take(self)
        return effects * 5000 if len(effects) > 10 else effects

    monkeypatch.setattr(Outbox, "take_effects", many)


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (_no_refutation, "AssertionError"),
        (_no_limit_of_members, "AssertionError"),
        (_oversized_packets, "bytes"),
        (_storm, "effects of one input"),
    ],
)
def test_fault_in_a_node_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], why: str
) -> None:
    plant(monkeypatch)

    assert why in found(TARGETS["node"], runs=20_000).why
