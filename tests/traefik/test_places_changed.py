"""A change of nodes concerns their own instances, and all when it is of what all depend on."""

from __future__ import annotations

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.places import Places, places
from tests.traefik.builders import member, node_state, on, state, view


def of(*, cordoned: bool = False, living: bool = True, nodes: str = "ab") -> Places:
    names = {"a": "alpha", "b": "beta", "c": "gamma"}
    made = view(
        on("alpha", state()),
        members=tuple(
            member(names[n], "alive" if n == "a" or living else "dead", is_self=n == "a")
            for n in nodes
        ),
        nodes=tuple(node_state(names[n], cordoned=cordoned and n == "b") for n in nodes),
    )
    return places(made, TraefikSettings())


def test_equal_places_have_no_changed_nodes() -> None:
    assert of().changed(of()) == frozenset()


def test_only_the_node_that_is_cordoned_or_dies_has_changed() -> None:
    assert of().changed(of(cordoned=True)) == frozenset({"beta"})
    assert of().changed(of(living=False)) == frozenset({"beta"})
    assert of(nodes="ab").changed(of(nodes="a")) == frozenset({"beta"})


def test_a_change_of_peers_affects_all_nodes() -> None:
    one = Places("alpha", {}, ("10.0.0.1",))

    assert one.changed(Places("alpha", {}, ("10.0.0.1", "10.0.0.2"))) is None
    assert one.changed(Places("beta", {}, ("10.0.0.1",))) is None
