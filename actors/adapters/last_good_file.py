"""The file that holds the last good body through a restart.  Blocking: call it in threads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from constellation.errors import AdapterError
from constellation.traefik.last_good import FILE_BYTES_MAX, LastGood, LastGoodError

FILE_NAME = "traefik-last-good.json"


def load_last_good(path: Path) -> LastGood | None:
    """Return what was saved; None if nothing was.

    Raises:
        AdapterError: the file cannot be read or used.  It is left as it is.
    """
    try:
        with path.open("rb") as file:
            return LastGood.decode(file.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return None
    except (OSError, LastGoodError) as error:
        fix = "nothing to do: the next good body replaces it"
        raise AdapterError(f"last good body in {path}", why=str(error), fix=fix) from error


def save_last_good(path: Path, last_good: LastGood) -> None:
    """Replace the file as a whole: after a crash it holds the old or the new.

    Raises:
        AdapterError: it cannot be written.  The old file stays.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(last_good.encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        fix = "give the agent a data_dir that it can write to, with space left"
        raise AdapterError(f"last good body to {path}", why=str(error), fix=fix) from error
