"""The names that this node has had, in the data directory, one a line, the present one last.

Other nodes know a node by its name alone.  After a change of `node_name`, they can be told by which
name they still expect it.
"""

from __future__ import annotations

from pathlib import Path

from actors.adapters.durable_file import disk_error, replace_file
from messages.gossip import FORMER_NAMES_MAX, NODE_NAME_CHARACTERS_MAX

FILE_NAME = "node_names"
_BYTES_MAX = 4096


def former_names(directory: Path, node_name: str) -> tuple[str, ...]:
    """Return the other names that this data directory had, the newest last, and note this one.

    Raises:
        AdapterError: the file cannot be read or written.
    """
    path = directory / FILE_NAME
    try:
        names = _read(path)
    except OSError as error:
        raise disk_error(str(path), error, path) from error
    former = [name for name in names if name != node_name][-FORMER_NAMES_MAX:]
    if names[-1:] != [node_name]:
        replace_file(path, "".join(f"{name}\n" for name in (*former, node_name)).encode())
    return tuple(former)


def _read(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES_MAX).decode(errors="replace")
    except FileNotFoundError:
        return []
    return [name for name in text.splitlines() if 0 < len(name) <= NODE_NAME_CHARACTERS_MAX]
