"""An agent whose disk fails to sync while the file named in SYNC_FAILS_FILE exists.

If that file holds `hang`, a sync does not return until the file is removed.

python -m rigs.failing_disk --config FILE
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

from constellation.start import main

FILE_VARIABLE = "SYNC_FAILS_FILE"
HANG = "hang"


def _fdatasync(fd: Any) -> None:
    file = Path(os.environ[FILE_VARIABLE])
    while file.exists():
        if file.read_text() != HANG:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        time.sleep(0.05)
    _real_fdatasync(fd)


_real_fdatasync = os.fdatasync

if __name__ == "__main__":
    os.fdatasync = _fdatasync
    sys.exit(main())
