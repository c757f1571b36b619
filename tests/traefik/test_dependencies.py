"""Which elements must be composed again when another one changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.dependencies import DependencyGraph
from constellation.traefik.elements import ElementKey

ROUTER = ElementKey("http", "routers", "r")
CHAIN = ElementKey("http", "middlewares", "chain")
AUTH = ElementKey("http", "middlewares", "auth")
SERVICE = ElementKey("http", "services", "s")


def graph(*edges: tuple[ElementKey, ElementKey]) -> DependencyGraph:
    made = DependencyGraph()
    for key in {one for one, _ in edges}:
        made.set_needs(key, frozenset(need for one, need in edges if one == key))
    return made


def test_a_change_affects_direct_and_indirect_dependents() -> None:
    made = graph((ROUTER, CHAIN), (ROUTER, SERVICE), (CHAIN, AUTH))

    assert made.affected_by([AUTH]) == {CHAIN, ROUTER}
    assert made.affected_by([SERVICE]) == {ROUTER}
    assert made.affected_by([ROUTER]) == set()


def test_elements_in_a_cycle_affect_one_another_and_themselves() -> None:
    made = graph((CHAIN, AUTH), (AUTH, CHAIN), (ROUTER, AUTH))

    assert made.affected_by([CHAIN]) == {AUTH, CHAIN, ROUTER}


def test_new_needs_replace_the_earlier_ones() -> None:
    made = graph((ROUTER, AUTH), (ROUTER, SERVICE))

    made.set_needs(ROUTER, frozenset({SERVICE, CHAIN}))

    assert set(made.dependents(AUTH)) == set()
    assert {*made.dependents(SERVICE)} == {*made.dependents(CHAIN)} == {ROUTER}


def test_an_element_may_need_one_that_does_not_exist() -> None:
    made = graph((ROUTER, AUTH))

    made.set_needs(AUTH, frozenset())  # it was added, and needs nothing

    assert made.affected_by([AUTH]) == {ROUTER}


def test_an_element_without_needs_is_forgotten() -> None:
    made = graph((ROUTER, AUTH))

    made.set_needs(ROUTER, frozenset())

    assert set(made.dependents(AUTH)) == set()
    assert made.affected_by([AUTH, SERVICE]) == set()


KEYS = st.sampled_from([ROUTER, CHAIN, AUTH, SERVICE])


@given(st.lists(st.tuples(KEYS, st.frozensets(KEYS))), KEYS)
def test_affected_elements_are_those_with_a_path_to_the_change(
    changes: list[tuple[ElementKey, frozenset[ElementKey]]], changed: ElementKey
) -> None:
    made, needs = DependencyGraph(), dict[ElementKey, frozenset[ElementKey]]()
    for key, of_key in changes:
        made.set_needs(key, of_key)
        needs[key] = of_key

    def leads_to(key: ElementKey, seen: frozenset[ElementKey]) -> bool:
        return any(
            need == changed or (need not in seen and leads_to(need, seen | {need}))
            for need in needs.get(key, ())
        )

    assert made.affected_by([changed]) == {key for key in needs if leads_to(key, frozenset())}
