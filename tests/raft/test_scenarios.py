"""Replay scenarios/*.txt: stories of a few nodes, one event a line (the verbs are in `story`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.raft.story import replayed

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_story_happens_as_written(scenario: Path, *, rewrite: bool) -> None:
    told = scenario.read_text()

    happened = replayed(told)

    if rewrite:
        scenario.write_text(happened)
    assert happened == told


def test_stories_exist() -> None:
    assert SCENARIOS
