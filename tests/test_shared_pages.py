"""Forked processes share memory: messages are built, and holes between objects filled."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, os
import messages
from actors.shared_pages import POOL_BYTES, share_pages
from messages.base import REGISTRY

share_pages()
assert all(kind.__pydantic_complete__ for kind in REGISTRY.values())
assert gc.get_freeze_count() > 10_000
blocks = [bytes(40) for _ in range(100)]
pools = {id(block) // POOL_BYTES for block in blocks}
print(len(pools))
"""


def test_new_objects_lie_together_and_all_messages_are_built() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) <= 2, done.stdout
