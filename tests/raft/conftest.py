"""The store that tests of it begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.adapters.raft_store import RaftStore
from constellation.raft.effects import SaveIdentity
from messages.raft import RaftIdentity
from tests.raft.stores import TERM_1, saved


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "raft"


@pytest.fixture
def store(directory: Path) -> Iterator[RaftStore]:
    store = RaftStore.open(directory)
    store.save([SaveIdentity(RaftIdentity(cluster_id="one")), TERM_1])
    store.save([saved(1, 2)])
    yield store
    store.close()
