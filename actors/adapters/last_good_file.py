"""The file that keeps the last good body over a restart.  Blocking: call it in threads."""

from __future__ import annotations

from pathlib import Path

from actors.adapters.durable_file import replace_file
from constellation.errors import AdapterError
from constellation.traefik.last_good import FILE_BYTES_MAX, LastGood, LastGoodError

FILE_NAME = "traefik-last-good.json"


def load_last_good(path: Path) -> LastGood | None:
    """Return the body that was saved last; None if there is none.

    Raises:
        AdapterError: the file cannot be read or is not valid.  It is not changed.
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
    """Replace the file; after a crash it holds either the old or the new body.

    Raises:
        AdapterError: it cannot be written.  The old file stays.
    """
    replace_file(path, last_good.encode())
