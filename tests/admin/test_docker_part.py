"""What the Docker actor tells the admin actor of Docker: absent, present, lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.adapters.docker_memory import FILE_NAME
from actors.docker import DockerActor
from constellation.settings.agent import Settings
from messages.admin import PartReported
from messages.monitor import ServicesObserved
from tests.harness import Harness, messages_of
from tests.monitor.fake_engine import FakeDocker


@pytest.fixture
def host() -> FakeDocker:
    return FakeDocker()


class Told:
    """A Docker actor beside an admin actor, and what the one told the other."""

    def __init__(self, host: FakeDocker, data_dir: str = "/nonexistent", **docker: Any) -> None:
        self.data_dir = Path(data_dir)
        fields = {"node_name": "alpha", "data_dir": data_dir}
        self.harness = Harness(
            DockerActor(host.connect),
            Settings(**fields, docker={"connect_interval_s": 0.02, **docker}),
            name="docker",
        )
        self.harness.neighbours("admin", "services")

    def parts(self) -> list[PartReported]:
        return messages_of(PartReported, self.harness.sent)

    def until_known(self, *, is_known: bool) -> None:
        """Wait until a container was published, and the actor has remembered that."""

        def knows() -> bool:
            reports = messages_of(ServicesObserved, self.harness.sent)
            return any(report.observations for report in reports) == is_known

        self.harness.pump_until(knows)
        self.harness.pump_until(lambda: (self.data_dir / FILE_NAME).exists() == is_known)

    def until(self, state: str, text: str = "") -> None:
        self.harness.pump_until(
            lambda: any(one.state == state and text in one.why for one in self.parts()[-1:])
        )


@pytest.fixture
def told(host: FakeDocker) -> Iterator[Told]:
    host.stop()
    made = Told(host)
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


@pytest.mark.case("O5")
@pytest.mark.parametrize("named", [{"socket": "/run/docker.sock"}, {"enabled": True}])
def test_docker_that_the_settings_name_is_lost_if_it_is_away_at_the_start(
    host: FakeDocker, named: dict[str, Any]
) -> None:
    host.stop()
    told = Told(host, **named)

    told.until("lost")
    states = [one.state for one in told.parts()]
    # The admin actor may start before or after the first attempt, and is then told what is known.
    assert (states[-1], set(states) <= {"absent", "lost"}) == ("lost", True)
    told.harness.stop()


@pytest.mark.case("O5")
def test_docker_whose_containers_were_watched_before_is_lost_after_a_restart(
    host: FakeDocker, tmp_path: Path
) -> None:
    known = {"absent": False, "lost": True}
    for state, has_container in known.items():
        if has_container:
            host.run("web")
        before = Told(host, str(tmp_path))
        before.until("present")
        before.until_known(is_known=has_container)
        host.stop()
        before.harness.stop()

        after = Told(host, str(tmp_path))
        after.until(state, "down")
        after.harness.stop()
        host.start()
