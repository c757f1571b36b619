"""Values of labels."""

from __future__ import annotations

import pytest

from constellation.metrics.names import label_value


@pytest.mark.case("O16")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StatusRequest", "status"),
        ("RaftOrder", "raft_order"),
        ("HTTPPageRequest", "http_page"),
        ("Node2Report", "node2_report"),
        ("Request", "request"),
    ],
)
def test_class_name_becomes_words_in_lower_case(name: str, value: str) -> None:
    assert label_value(type(name, (), {})) == value
