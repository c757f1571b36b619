"""What the Docker actor tells the admin actor of Docker: absent, present, lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.docker import DockerActor
from messages.admin import PartReported
from tests.harness import Harness, messages_of
from tests.monitor.builders import settings
from tests.monitor.fake_engine import FakeDocker


@pytest.fixture
def host() -> FakeDocker:
    return FakeDocker()


class Told:
    """A Docker actor beside an admin actor, and what the one told the other."""

    def __init__(self, host: FakeDocker) -> None:
        self.harness = Harness(
            DockerActor(host.connect),
            settings(docker={"connect_interval_s": 0.02}),
            name="docker",
        )

    def parts(self) -> list[PartReported]:
        return messages_of(PartReported, self.harness.sent)

    def until(self, state: str, text: str = "") -> None:
        self.harness.pump_until(
            lambda: any(one.state == state and text in one.why for one in self.parts()[-1:])
        )


@pytest.fixture
def told(host: FakeDocker) -> Iterator[Told]:
    host.stop()
    made = Told(host)
    made.harness.neighbours("admin", "services")
    yield made
    made.harness.stop()


def test_docker_is_absent_before_it_was_reached_and_lost_afterwards(
    host: FakeDocker, told: Told
) -> None:
    told.until("absent")
    host.start()
    told.until("present")
    host.stop()
    told.until("lost")
    host.start()
    told.until("present")

    states = [one.state for one in told.parts()]
    assert [*dict.fromkeys(states)] == ["absent", "present", "lost"]
    assert states[-1] == "present"
    assert all(one.why and one.fix for one in told.parts() if one.state == "lost")


def test_lost_docker_is_reported_again_only_with_another_reason(
    host: FakeDocker, told: Told
) -> None:
    host.start()
    told.until("present")
    host.stop()
    ended = host.connections
    told.harness.pump_until(lambda: host.connections >= ended + 5)
    told.until("lost")

    reasons = [one.why for one in told.parts() if one.state == "lost"]
    assert len(reasons) == 2
    assert len(set(reasons)) == 2


def test_restarted_admin_actor_gets_the_report_again(host: FakeDocker, told: Told) -> None:
    host.start()
    told.until("present")
    before = len(told.parts())

    told.harness.neighbours("admin", "services", generation=1)
    told.harness.pump_until(lambda: len(told.parts()) > before)

    assert told.parts()[-1].state == "present"
