"""Forked processes share memory: messages are built, and holes between objects filled."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, os
from actors.shared_pages import POOL_BYTES, share_pages
from actors.transport.process import ChildProcess
from messages import register_all
from messages.base import REGISTRY

register_all()
share_pages()
assert all(kind.__pydantic_complete__ for kind in REGISTRY.values())
assert gc.get_freeze_count() > 10_000
blocks = [bytes(40) for _ in range(100)]
pools = {id(block) // POOL_BYTES for block in blocks}
print(len(pools), flush=True)

made_since = [[] for _ in range(1000)]
child = ChildProcess(lambda: print(len(gc.get_objects()), flush=True))
os.waitpid(child.process_id, 0)
"""


def test_a_child_copies_few_pages_of_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    pools_count, followed_count = map(int, done.stdout.split())
    assert pools_count <= 2
    assert followed_count < 500, "a collection in a child must leave alone what its parent made"
