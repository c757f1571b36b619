"""The profiles of gossip: what they change, and what precedes them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from constellation.gossip.policy import SwimPolicy
from constellation.settings.gossip import PROFILES, GossipSettings
from tests.settings.loading import load


def test_defaults_equal_the_profile_lan_and_the_defaults_of_the_core() -> None:
    assert GossipSettings() == GossipSettings(profile="lan")
    assert GossipSettings().probe_interval_s == SwimPolicy().probe_interval_s
    assert GossipSettings().suspicion_multiplier == SwimPolicy().suspicion_multiplier


def test_wan_is_slower_and_local_is_faster_than_lan() -> None:
    wan, lan, local = (GossipSettings(profile=name) for name in ("wan", "lan", "local"))

    assert wan.probe_timeout_s > lan.probe_timeout_s > local.probe_timeout_s
    assert wan.gossip_interval_s > lan.gossip_interval_s > local.gossip_interval_s
    assert wan.tcp_timeout_s > lan.tcp_timeout_s > local.tcp_timeout_s


@pytest.mark.parametrize("name", PROFILES)
def test_explicit_setting_precedes_the_profile(name: str) -> None:
    settings = GossipSettings(profile=name, gossip_interval_s=0.3)

    assert settings.gossip_interval_s == 0.3


def test_setting_that_conflicts_with_its_profile_is_refused() -> None:
    with pytest.raises(ValidationError, match="probe_timeout_s"):
        GossipSettings(profile="wan", probe_interval_s=1.0)


def test_profile_may_come_from_every_source() -> None:
    settings = load("gossip.profile=wan", environ={"CONSTELLATION_GOSSIP__GOSSIP_NODES": "7"})

    assert (settings.gossip.probe_interval_s, settings.gossip.gossip_nodes) == (5.0, 7)
