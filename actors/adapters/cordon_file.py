"""The file that keeps a node cordoned over a restart.  It exists only while the node is cordoned.

It is synced before the operator who gave the order gets an answer.
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
        AdapterError: the file cannot be read or is not valid.  It is not changed.
    """
    try:
        with path.open("rb") as file:
            return Cordon.decode(file.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return Cordon()
    except (OSError, CordonError) as error:
        fix = "run `constellation cordon` or `uncordon` for this node, which replaces the file"
        raise AdapterError(f"{path} cannot be used", why=_why(error), fix=fix) from error


def save_cordon(path: Path, cordon: Cordon) -> None:
    """Replace the file, or remove it; after a crash either the old or the new state holds.

    Raises:
        AdapterError: the old file stays, unless only the sync of the directory failed.
    """
    if cordon.cordoned:
        replace_file(path, cordon.encode())
    else:
        remove_file(path)


def _why(error: OSError | CordonError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
