"""Time spans and sizes as people say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.admin.words import duration, size


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (59.9, "59 s"),
        (60.0, "1 min 0 s"),
        (3_599.9, "59 min 59 s"),
        (3_600.0, "1 h 0 min"),
        (86_399.0, "23 h 59 min"),
        (86_400.0, "1 d 0 h"),
        (100 * 86_400.0 + 7_200.0, "100 d 2 h"),
    ],
)
def test_duration_is_written_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@given(st.floats(0.0, 1e9))
def test_duration_is_off_by_less_than_its_smaller_unit(seconds: float) -> None:
    units_s = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
    said = duration(seconds).split()
    pairs = list(zip(map(int, said[::2]), said[1::2], strict=True))

    total_s = sum(number * units_s[unit] for number, unit in pairs)

    assert 0 <= seconds - total_s < units_s[pairs[-1][1]]


@pytest.mark.parametrize(
    ("count_bytes", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (1_300_000, "1.2 MiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 60, "1048576.0 TiB"),
    ],
)
def test_size_is_written_in_the_shortest_unit(count_bytes: int, said: str) -> None:
    assert size(count_bytes) == said
