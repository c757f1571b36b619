"""The file that keeps a node cordoned through a restart.  There is none while it is not.

It is small and written when an operator says so: it is synced before they are told that it holds.
"""

from __future__ import annotations

from pathlib import Path

from actors.adapters.durable_file import remove_file, replace_file
from constellation.admin.cordon import FILE_BYTES_MAX, Cordon, CordonError
from constellation.errors import AdapterError

FILE_NAME = "cordon.json"


def load_cordon(path: Path) -> Cordon:
    """Return what was saved last.

    Raises:
        AdapterError: the file cannot be read or used.  It is left as it is.
    """
    try:
        with path.open("rb") as file:
            return Cordon.decode(file.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return Cordon()
    except (OSError, CordonError) as error:
        fix = "say how it should be: `constellation cordon` and `uncordon` write the file anew"
        raise AdapterError(f"{path} cannot be used", why=_why(error), fix=fix) from error


def save_cordon(path: Path, cordon: Cordon) -> None:
    """Replace the file as a whole, or take it away; what holds after a crash is the old or the new.

    Raises:
        AdapterError: that failed.  The old file stays, unless only its directory was not synced.
    """
    if cordon.cordoned:
        replace_file(path, cordon.encode())
    else:
        remove_file(path)


def _why(error: OSError | CordonError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
