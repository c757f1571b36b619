"""The shell of hooks: real programs, in order, and ended in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.lease_hooks import LeaseHooksActor
from constellation.settings.agent import Settings
from messages.leases import LeaseAcquired, LeaseLetGo, LeaseLost, LeaseWanted
from messages.wellness import Trouble, TroublesReported
from tests.harness import Harness, messages_of

LB, OWN = "lb-leader", "backup"


class Hooked:
    """A started actor with one program for two leases, which writes what it does."""

    def __init__(self, directory: Path, body: str, timeout_s: float = 10.0) -> None:
        self.lines_file = directory / "lines"
        program = directory / "program"
        program.write_text(f"#!/bin/sh\nLINES_FILE={self.lines_file}\n{body}\n")
        program.chmod(0o755)
        hook = {"program": str(program), "timeout_s": timeout_s}
        settings = Settings(
            node_name="alpha",
            data_dir="/nonexistent",
            leases={"hooks": [{"lease": LB, **hook}, {"lease": OWN, **hook}]},
        )
        self.harness = Harness(LeaseHooksActor(), settings, name="lease_hooks")
        self.harness.neighbours("leases", "admin")
        # The manager starts after the actor, which therefore asks twice.
        self.until(lambda: [one.number for one in self.wants().values()] == [2, 2])

    def until(self, condition: Callable[[], bool]) -> None:
        self.harness.pump_until(condition)

    def wants(self) -> dict[str, LeaseWanted]:
        return {one.name: one for one in messages_of(LeaseWanted, self.harness.sent)}

    @property
    def lines(self) -> list[str]:
        return self.lines_file.read_text().splitlines() if self.lines_file.exists() else []

    def acquire(self, token: int, *, name: str = LB, for_s: float = 10.0) -> None:
        until_s = time.clock_gettime(time.CLOCK_BOOTTIME) + for_s
        number = self.wants()[name].number
        acquired = LeaseAcquired(
            name=name, fencing_token=token, valid_until_s=until_s, number=number
        )
        self.harness.deliver(acquired)

    def lose(self, token: int) -> None:
        self.harness.deliver(LeaseLost(name=LB, fencing_token=token, why="test"))

    def let_go(self) -> list[int]:
        return [one.fencing_token for one in messages_of(LeaseLetGo, self.harness.sent)]

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        reports = messages_of(TroublesReported, self.harness.sent)
        return reports[-1].troubles if reports else ()

    def runs(self, event: str, result: str) -> float:
        labels: dict[str, str] = {"lease": LB, "event": event, "result": result}
        name = "constellation_lease_hook_runs_total"
        return self.harness.actor.registry.get_sample_value(name, labels) or 0.0


Start = Callable[..., Hooked]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Hooked] = []

    def begin(body: str, **fields: Any) -> Hooked:
        made.append(Hooked(tmp_path, body, **fields))
        return made[-1]

    yield begin
    for one in made:
        one.harness.stop()


SAYS = 'echo "$@" >> $LINES_FILE'


def test_leases_that_others_decide_on_are_only_followed(start: Start) -> None:
    hooked = start(SAYS)

    assert {name: want.is_passive for name, want in hooked.wants().items()} == {
        LB: True, OWN: False,
    }  # fmt: skip


def test_programs_run_in_the_order_of_events_and_the_lease_is_let_go_after_lost(
    start: Start,
) -> None:
    hooked = start(f"sleep 0.2; {SAYS}")
    hooked.acquire(7)
    hooked.until(lambda: hooked.lines == ["acquired lb-leader 7 alpha"])
    hooked.lose(7)
    hooked.acquire(9)
    hooked.until(lambda: hooked.let_go() == [7])
    assert hooked.lines[1:] == ["lost lb-leader 7 alpha"]

    hooked.until(lambda: len(hooked.lines) == 3)
    assert hooked.lines[2] == "acquired lb-leader 9 alpha"
    assert (hooked.troubles, hooked.runs("lost", "ok")) == ((), 1)


def test_acquired_that_still_runs_is_ended_by_the_loss_and_lost_comes_last(start: Start) -> None:
    hooked = start(f'{SAYS}; test "$1" = lost || sleep 60; echo "end of $1" >> $LINES_FILE')
    hooked.acquire(7)
    hooked.until(lambda: len(hooked.lines) == 1)
    began_s = time.monotonic()
    hooked.lose(7)

    hooked.until(lambda: hooked.let_go() == [7])

    assert time.monotonic() - began_s < 5.0
    assert hooked.lines == [
        "acquired lb-leader 7 alpha", "lost lb-leader 7 alpha", "end of lost",
    ]  # fmt: skip
    assert (hooked.runs("acquired", "failed"), hooked.runs("lost", "ok")) == (1, 1)


def test_program_that_fails_or_takes_too_long_is_a_trouble_and_holds_nothing_up(
    start: Start,
) -> None:
    hooked = start('test "$1" = acquired && { echo no address; exit 4; }; sleep 60', timeout_s=0.5)
    hooked.acquire(7)
    hooked.until(lambda: len(hooked.troubles) == 1)
    assert hooked.troubles[0].why.endswith("exit code 4; it wrote last: no address")

    hooked.lose(7)
    hooked.until(lambda: hooked.let_go() == [7])

    hooked.until(lambda: "killed after 0.5 s, its timeout_s" in hooked.troubles[0].why)
    hooked.harness.neighbours("leases", "admin", generation=1)
    reported = len(messages_of(TroublesReported, hooked.harness.sent))
    hooked.until(lambda: len(messages_of(TroublesReported, hooked.harness.sent)) > reported)


def test_lost_is_killed_when_another_node_may_hold_the_lease_and_the_lease_is_not_let_go(
    start: Start,
) -> None:
    hooked = start(f'{SAYS}; test "$1" = acquired || sleep 60')
    hooked.acquire(7, for_s=1.0)
    hooked.until(lambda: len(hooked.lines) == 1)
    began_s = time.monotonic()
    hooked.lose(7)

    hooked.until(lambda: hooked.runs("lost", "failed") == 1)

    assert time.monotonic() - began_s < 2.5  # the grant and the margin
    hooked.until(lambda: len(hooked.troubles) == 1)
    assert "no longer holds the lease" in hooked.troubles[0].why
    assert hooked.let_go() == []
