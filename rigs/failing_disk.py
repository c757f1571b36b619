"""An agent whose disk fails to sync while the file named in SYNC_FAILS_FILE exists.

python -m rigs.failing_disk --config FILE
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from constellation.start import main

FILE_VARIABLE = "SYNC_FAILS_FILE"


def _fdatasync(fd: Any) -> None:
    if Path(os.environ[FILE_VARIABLE]).exists():
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    _real_fdatasync(fd)


_real_fdatasync = os.fdatasync

if __name__ == "__main__":
    os.fdatasync = _fdatasync
    sys.exit(main())
