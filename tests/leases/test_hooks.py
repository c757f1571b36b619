"""Which programs run for which event, and what is said of those that fail."""

from __future__ import annotations

import pytest

from constellation.leases.hooks import (
    Hook,
    LeaseHooks,
    environment,
    failure_of,
    is_passive,
    not_started,
)
from constellation.settings.raft import LeaseSettings

MOVE_IP = Hook("lb-leader", "/opt/move-ip", 10.0)
TELL = Hook("lb-leader", "/opt/tell", 1.0)
BACKUP = Hook("backup", "/opt/backup", 10.0)


def hooks() -> LeaseHooks:
    return LeaseHooks([MOVE_IP, BACKUP, TELL], "alpha")


def test_each_program_of_the_lease_gets_event_lease_token_and_node() -> None:
    runs = hooks().runs("acquired", "lb-leader", 7)

    assert [run.arguments for run in runs] == [
        ("/opt/move-ip", "acquired", "lb-leader", "7", "alpha"),
        ("/opt/tell", "acquired", "lb-leader", "7", "alpha"),
    ]
    assert hooks().runs("lost", "other", 7) == []


def test_acquired_does_not_run_for_a_grant_that_is_over_and_lost_always_runs() -> None:
    known = hooks()
    known.close("backup", 7)

    assert known.runs("acquired", "backup", 7) == []
    assert len(known.runs("lost", "backup", 7)) == 1
    assert len(known.runs("acquired", "backup", 8)) == 1
    assert len(known.runs("acquired", "lb-leader", 7)) == 2


def test_failure_is_a_trouble_until_that_program_succeeds() -> None:
    known = hooks()
    move, tell = known.runs("acquired", "lb-leader", 7)
    assert not known.ended(tell, "")

    assert known.ended(move, "it ended with exit code 3")
    assert not known.ended(move, "it ended with exit code 3")
    (trouble,) = known.troubles
    assert trouble.what == "the hook /opt/move-ip of the lease lb-leader failed"
    assert trouble.why == "/opt/move-ip acquired lb-leader 7 alpha: it ended with exit code 3"
    assert known.failing == {"backup": 0, "lb-leader": 1}

    assert known.ended(known.runs("lost", "lb-leader", 7)[0], "")
    assert known.troubles == ()


@pytest.mark.parametrize(
    ("code", "output", "why"),
    [
        (0, "all is well", ""),
        (3, "", "it ended with exit code 3"),
        (-9, "", "signal 9 ended it"),
        (1, "one\nno \x1b[1m \n\n", "it ended with exit code 1; it wrote last: no ?[1m"),
    ],
)
def test_reason_is_code_or_signal_and_the_last_line(code: int, output: str, why: str) -> None:
    assert failure_of(code, output) == why


def test_reason_of_a_program_that_cannot_be_started_says_what_to_look_at() -> None:
    assert not_started(FileNotFoundError(2, "x")).startswith("it does not exist")
    assert not_started(PermissionError(13, "x")) == "it is not executable for the agent"
    assert not_started(OSError(8, "Exec format error")).endswith("Exec format error")


def test_program_gets_nothing_of_the_agents_environment_that_may_be_secret() -> None:
    own = {"CONSTELLATION_CLUSTER_KEY": "k", "CLOUDFLARE_API_TOKEN": "t", "PATH": "/bin", "TZ": "X"}

    assert environment(own) == {"PATH": "/bin", "TZ": "X"}
    assert "/usr/sbin" in environment({})["PATH"]


def test_hooks_of_leases_that_others_decide_on_are_passive() -> None:
    assert [is_passive(name) for name in ("lb-leader", "dns-writer", "backup")] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hooks", "why"),
    [
        ([{"lease": "lb-leader", "program": "move-ip"}], "is not an absolute path"),
        ([{"lease": "LB", "program": "/x"}], "pattern"),
        ([{"lease": "a", "program": "/x"}] * 2, "/x is listed twice for the lease a"),
    ],
)
def test_hooks_that_cannot_work_are_refused(hooks: list[dict[str, str]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LeaseSettings.model_validate({"hooks": hooks})
