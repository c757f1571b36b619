"""The file that keeps the last good body for a restart.  Blocking: call it in a thread."""

from __future__ import annotations

from pathlib import Path

from actors.adapters.durable_file import replace_file
from constellation.errors import AdapterError
from constellation.traefik.last_good import FILE_BYTES_MAX, LastGood, LastGoodError

FILE_NAME = "traefik-last-good.json"


def load_last_good(path: Path) -> LastGood | None:
    """Return the saved body; None if there is no file.

    Raises:
        AdapterError: the file cannot be read or used.  It is not changed.
    """
    try:
        with path.open("rb") as file:
            return LastGood.decode(file.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return None
    except (OSError, LastGoodError) as error:
        fix = "nothing to do: the next good body replaces it"
        raise AdapterError(f"{path} cannot be used", why=str(error), fix=fix) from error


def save_last_good(path: Path, last_good: LastGood) -> None:
    """Replace the file atomically: after a crash it has the old or the new content.

    Raises:
        AdapterError: the file cannot be written.  The old one stays.
    """
    replace_file(path, last_good.encode())
