"""Keys of elements: who wrote them, and their names in the body."""

from __future__ import annotations

from itertools import product

from constellation.traefik.elements import (
    AGENT,
    ENTRY_POINT,
    HOST,
    LABELS,
    ElementKey,
    Owner,
    Section,
)

ROUTERS: Section = "routers"
SHOP = Owner("shop")


def test_a_name_in_the_body_shows_writer_service_and_variant() -> None:
    keys = {
        ElementKey("http", ROUTERS, "web"): "web",
        ElementKey("http", ROUTERS, "web.example.org", HOST): "web.example.org",
        ElementKey("tcp", ROUTERS, "redis", ENTRY_POINT): "_default.redis",
        ElementKey("http", ROUTERS, "_from.web", AGENT): "_from.web",
        ElementKey("http", ROUTERS, "web", variant="._failover"): "web._failover",
        ElementKey("http", ROUTERS, "web", variant="._failover").meant_by(SHOP): (
            "web._of.shop._failover"
        ),
    }

    assert {key: key.body_name for key in keys} == keys


def test_no_two_keys_of_labels_have_the_same_name_in_the_body() -> None:
    """A service's name may have any characters, those that mark it in the body included."""
    services = ("shop", "Shop", "shop._failover", "été", "a._of.b", "b")
    owners = [None, *product(services, ("", "nginx")), *(("", "", stack) for stack in services)]
    keys = [
        ElementKey(
            "http", ROUTERS, name, LABELS._replace(owner=Owner(*owner) if owner else None), variant
        )
        for name, owner, variant in product(("web", "Web", "a"), owners, ("", "._failover"))
    ]

    assert len({key.body_name for key in keys}) == len(keys)


def test_written_returns_the_key_that_instances_contribute() -> None:
    for origin in (LABELS, HOST, ENTRY_POINT, AGENT):
        contributed = ElementKey("http", ROUTERS, "x", origin)

        assert contributed.written == contributed
        assert contributed.meant_by(SHOP)._replace(variant="._failover").written == contributed
