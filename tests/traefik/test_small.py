"""Collections that keep one item without a table behave as those that have one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.elements import ElementKey, Instance
from constellation.traefik.routed import Routed, RoutedTable
from constellation.traefik.small import OneItem, SetsByKey, compact

ITEMS = st.integers(0, 3)


@given(st.lists(st.tuples(st.booleans(), ITEMS, ITEMS)))
def test_sets_by_key_hold_what_sets_hold(changes: list[tuple[bool, int, int]]) -> None:
    made: SetsByKey[int, int] = SetsByKey()
    expected: dict[int, set[int]] = {}
    for is_added, key, value in changes:
        if is_added:
            made.add(key, value)
            expected.setdefault(key, set()).add(value)
        else:
            made.discard(key, value)
            expected.get(key, set()).discard(value)

        assert {key: {*made.get(key)} for key in range(4)} == {
            key: expected.get(key, set()) for key in range(4)
        }
        assert {*made} == {key for key, values in expected.items() if values}


@given(st.dictionaries(ITEMS, ITEMS, max_size=2), st.dictionaries(ITEMS, ITEMS, max_size=2))
def test_a_compact_mapping_is_equal_to_the_one_that_it_was_made_of(
    one: dict[int, int], other: dict[int, int]
) -> None:
    made = compact(one)

    assert isinstance(made, OneItem) == (len(one) == 1)
    assert (made == compact(other), made == other, other == made) == (one == other,) * 3
    assert {key: made.get(key) for key in range(4)} == {key: one.get(key) for key in range(4)}
    assert [*made.items()] == [*one.items()]


SERVICES = st.sampled_from([ElementKey("http", "services", name) for name in "abc"])
INSTANCES = st.builds(Instance, st.sampled_from("xyz"), st.sampled_from("mn"), st.just("i"))


@given(st.lists(st.tuples(SERVICES, st.lists(INSTANCES, max_size=3, unique=True))))
def test_an_instance_gets_requests_while_any_service_routes_to_it(
    changes: list[tuple[ElementKey, list[Instance]]],
) -> None:
    made, expected = RoutedTable(), dict[ElementKey, list[Instance]]()
    seen = [(made.all(), frozenset[Instance]())]
    for key, instances in changes:
        made.replace(key, tuple(instances))
        expected[key] = instances
        now = frozenset(one for routed in expected.values() for one in routed)
        seen.append((made.all(), now))

    for value, then in seen:  # values do not change with the table
        assert (value == Routed((then,)), len(value), frozenset(value)) == (True, len(then), then)
