"""A small file system of its own, that a test can fill: `mark.needs("mount")`."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def small_disk(directory: Path, options: str = "size=2m") -> Iterator[Path]:
    """Mount a tmpfs at `directory`, which is created, for the length of the block."""
    directory.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "tmpfs", str(directory)]
    subprocess.run(command, check=True)
    try:
        yield directory
    finally:
        # Lazily: a process that is being killed may still have a file open there.
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Use up all space; return the file to delete for there to be space again."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    return filler
