"""Whether containers were watched on this host before, so that Docker is expected after a restart.

It is an empty file in the data directory.  `docker.enabled=false` ends the expectation.
"""

from __future__ import annotations

from pathlib import Path

from actors.adapters.durable_file import create_file
from constellation.errors import AdapterError
from constellation.log import get_logger

log = get_logger(__name__)

FILE_NAME = "docker_known"


class DockerMemory:
    """The file.  Blocking: call it in threads."""

    def __init__(self, data_dir: str) -> None:
        self._path = Path(data_dir) / FILE_NAME

    def is_known(self) -> bool:
        """Return whether containers were watched before, as far as the disk tells."""
        try:
            return self._path.exists()
        except OSError:
            return False

    def remember(self) -> None:
        """Record that containers are watched; without it, only the next start knows less."""
        try:
            create_file(self._path, b"")
        except AdapterError as error:
            log.debug("docker_memory_not_saved", why=error.why)
