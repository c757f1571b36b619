"""A double of tailscaled as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.adapters import tailscale as adapter
from tests.tailscale.fake_tailscaled import FakeTailscaled, fake_tailscaled


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own Tailscale out of it."""
    monkeypatch.setattr(adapter, "PROGRAM", "no-program-of-this-name")


@pytest.fixture
def tailscaled(tmp_path: Path) -> Iterator[FakeTailscaled]:
    with fake_tailscaled(tmp_path) as made:
        yield made
