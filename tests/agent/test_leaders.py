"""Which actor systems a node meets in the convention."""

from __future__ import annotations

from io import StringIO

from actors.node_life import convention_leaders
from constellation.log import configure_logging
from constellation.settings.agent import Settings
from constellation.settings.gossip import GossipSettings
from constellation.settings.node import ActorSettings


def leaders(seeds: tuple[str, ...] = (), named: tuple[str, ...] = ()) -> list[str]:
    return convention_leaders(
        Settings(
            node_name="alpha",
            data_dir="/nowhere",
            gossip=GossipSettings(seeds=seeds),
            actors=ActorSettings(leaders=named, port=7000),
        )
    )


def test_leaders_default_to_the_hosts_of_the_seeds() -> None:
    seeds = ("127.0.0.1:7946", "127.0.0.2:7946", "127.0.0.1:1234")

    assert leaders(seeds) == ["127.0.0.1:7000", "127.0.0.2:7000"]


def test_configured_leaders_replace_the_default() -> None:
    assert leaders(("127.0.0.1:7946",), ("127.0.0.3:1", "[::1]:2")) == ["127.0.0.3:1", "[::1]:2"]


def test_names_of_leaders_are_resolved_and_unknown_ones_omitted() -> None:
    out = StringIO()
    configure_logging(form="json", level="info", node="alpha", stream=out)

    found = leaders(named=("localhost:5", "no-such-host.invalid:5"))

    assert "127.0.0.1:5" in found
    assert not any("invalid" in one for one in found)
    assert "no-such-host.invalid:5" in out.getvalue()
