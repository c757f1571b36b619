"""The actor's messages to its neighbours and its metrics, in each state of tailscaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from actors.tailscale import TailscaleActor
from constellation.settings.agent import Settings
from constellation.settings.tailscale import TailscaleSettings
from constellation.tailscale.condition import STATES
from messages.admin import PartReported
from messages.tailscale import SeedsFound
from messages.wellness import TroublesReported
from tests.harness import Harness
from tests.tailscale.fake_tailscaled import FakeTailscaled, machine

TAG = "tag:constellation"


@pytest.fixture
def started(tailscaled: FakeTailscaled) -> Iterator[Harness[TailscaleActor]]:
    tailscaled.up(tags=(TAG,))
    settings = Settings(
        node_name="alpha",
        data_dir="/nonexistent",
        cluster_key=SecretStr("k" * 32),
        bind_address="100.64.0.1",
        tailscale=TailscaleSettings(socket=str(tailscaled.socket), refresh_interval_s=0.02),
    )
    harness = Harness(
        TailscaleActor(), settings, name="tailscale", neighbours=("admin", "gossip", "http")
    )
    yield harness
    harness.stop()


def parts(harness: Harness[TailscaleActor]) -> list[tuple[str, str]]:
    told: list[PartReported] = harness.sent_to("admin")
    return [(one.state, one.why) for one in told]


def metric(harness: Harness[TailscaleActor], name: str, **labels: str) -> float | None:
    return harness.actor.registry.get_sample_value(f"constellation_tailscale_{name}", labels)


def states(harness: Harness[TailscaleActor]) -> dict[str, Any]:
    return {state: metric(harness, "state", state=state) for state in STATES}


def last_seeds(harness: Harness[TailscaleActor], to: str) -> tuple[str, ...] | None:
    told = [one.hosts for one in harness.sent_to(to) if isinstance(one, SeedsFound)]
    return told[-1] if told else None


def test_each_state_reaches_admin_gossip_and_the_metrics(
    started: Harness[TailscaleActor], tailscaled: FakeTailscaled
) -> None:
    def wait_for(state: str) -> None:
        started.pump_until(lambda: states(started)[state] == 1)
        assert sum(states(started).values()) == 1

    wait_for("connected")
    started.pump_until(lambda: parts(started) == [("present", "")])
    started.pump_until(lambda: last_seeds(started, "gossip") == ())

    tailscaled.set_peers(machine(2, tags=(TAG,)), machine(3))
    started.pump_until(lambda: last_seeds(started, "gossip") == ("100.64.0.2",))
    assert last_seeds(started, "http") == ("100.64.0.2",)
    assert (metric(started, "peers"), metric(started, "seeds")) == (2, 1)

    tailscaled.down()
    wait_for("stopped")
    tailscaled.expire()
    wait_for("key_expired")
    assert metric(started, "key_expiry_timestamp_seconds") == 1_767_323_045.0
    tailscaled.logout()
    wait_for("logged_out")
    tailscaled.up(tags=(TAG,))
    wait_for("address_changed")
    tailscaled.answer = (500, b"")
    wait_for("absent")
    assert (metric(started, "errors_total") or 0) > 0
    started.pump_until(lambda: len(parts(started)) == 6)
    assert [state for state, _ in parts(started)] == ["present", *["lost"] * 5]
    assert last_seeds(started, "gossip") == ("100.64.0.2",)


def test_restarted_neighbour_is_notified_again(
    started: Harness[TailscaleActor], tailscaled: FakeTailscaled
) -> None:
    tailscaled.set_peers(machine(2, tags=(TAG,)))
    started.pump_until(lambda: last_seeds(started, "gossip") == ("100.64.0.2",))
    before = len(started.sent)

    started.neighbours("admin", "gossip", "http", generation=1)

    started.pump_until(
        lambda: (
            [type(message) for _, message in started.sent[before:]]
            == [PartReported, TroublesReported, SeedsFound, SeedsFound]
        )
    )
