"""The file that keeps a node cordoned through a restart; it exists only while the node is.

It is written on an operator's order, and synced before the operator gets the answer.
"""

from __future__ import annotations

from pathlib import Path

from actors.adapters.durable_file import remove_file, replace_file
from constellation.admin.cordon import FILE_BYTES_MAX, Cordon, CordonError
from constellation.errors import AdapterError

FILE_NAME = "cordon.json"


def load_cordon(path: Path) -> Cordon:
    """Return the cordon that was saved last.

    Raises:
        AdapterError: the file cannot be read or used.  It is left as it is.
    """
    try:
        with path.open("rb") as file:
            return Cordon.decode(file.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return Cordon()
    except (OSError, CordonError) as error:
        fix = "run `constellation cordon` or `uncordon` for this node: either replaces the file"
        raise AdapterError(f"{path} cannot be used", why=_why(error), fix=fix) from error


def save_cordon(path: Path, cordon: Cordon) -> None:
    """Replace the file, or remove it; after a crash the old state holds or the new one.

    Raises:
        AdapterError: it failed.  The old file stays, unless only the sync of its directory failed.
    """
    if cordon.cordoned:
        replace_file(path, cordon.encode())
    else:
        remove_file(path)


def _why(error: OSError | CordonError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
