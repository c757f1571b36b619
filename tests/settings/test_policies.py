"""Each group of settings gives its core the values that the operator set."""

from __future__ import annotations

from msgspec.structs import fields

from constellation.gossip.policy import SwimPolicy
from constellation.monitor.health import HealthPolicy
from constellation.settings.docker import DockerSettings
from constellation.settings.gossip import GossipSettings
from constellation.settings.monitor import MonitorSettings
from constellation.settings.tailscale import TailscaleSettings
from constellation.tailscale.seeds import SeedPolicy


def test_each_swim_setting_reaches_the_policy() -> None:
    named = {field.name for field in fields(SwimPolicy)} & set(GossipSettings.model_fields)
    given = {name: getattr(GossipSettings(), name) + 1 for name in named - {"packet_bytes_max"}}
    given["probe_interval_s"] = 9.0  # above the timeout

    policy = GossipSettings(**given, packet_bytes_max=600, record_expiry_s=7.0).policy(
        overhead_bytes=44
    )

    assert {name: getattr(policy.swim, name) for name in given} == given
    assert len(given) >= 13
    assert policy.swim.packet_bytes_max == 556
    assert policy.state.expiry_s == 7.0


def test_ports_are_published_at_the_bind_address_unless_another_is_set() -> None:
    own = DockerSettings(watch="all").policy(bind_address="10.0.0.1", stopped_expiry_s=5.0)
    other = DockerSettings(publish_address="10.0.0.2").policy(
        bind_address="10.0.0.1", stopped_expiry_s=5.0
    )

    assert (own.watch, own.stopped_expiry_s) == ("all", 5.0)
    assert own.publish.host_for("0.0.0.0") == "10.0.0.1"
    assert other.publish.host_for("0.0.0.0") == "10.0.0.2"
    assert (other.watch, other.publish.bind_address) == ("enabled", "10.0.0.1")


def test_health_turns_after_the_counts_that_are_set() -> None:
    assert MonitorSettings(failing_count=7, passing_count=5).policy() == HealthPolicy(7, 5)


def test_seeds_are_selected_by_the_tag_and_prefix_that_are_set() -> None:
    settings = TailscaleSettings(tag="tag:x", hostname_prefix="node-")

    assert settings.policy() == SeedPolicy(tag="tag:x", hostname_prefix="node-")
