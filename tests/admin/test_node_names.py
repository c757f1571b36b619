"""The names that a data directory had: other nodes may still expect one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.adapters.node_names import FILE_NAME, former_names
from constellation.errors import AdapterError
from messages.gossip import FORMER_NAMES_MAX
from tests.admin.started_admin import Admin


@pytest.mark.case("C3")
def test_former_name_is_published_until_the_node_has_it_again(tmp_path: Path) -> None:
    for name, former in (("gamma", ()), ("delta", ("gamma",)), ("gamma", ("delta",))):
        admin = Admin(node_name=name, data_dir=str(tmp_path))
        admin.harness.neighbours("gossip", generation=1)

        published = admin.published()[-1]

        assert published is not None
        assert published.former_names == former


def test_the_latest_names_are_kept(tmp_path: Path) -> None:
    for number in range(9):
        former = former_names(tmp_path, f"n{number}")

    assert former == ("n4", "n5", "n6", "n7")
    assert len(former) == FORMER_NAMES_MAX
    assert (tmp_path / FILE_NAME).read_text().splitlines() == [*former, "n8"]


def test_names_that_cannot_be_noted_are_an_error_and_do_not_stop_the_node() -> None:
    with pytest.raises(AdapterError):
        former_names(Path("/nonexistent"), "alpha")
    assert [one.former_names for one in Admin().published() if one] == [()]
