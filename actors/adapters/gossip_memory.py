"""What gossip saves for its next life, in the data directory: an incarnation and addresses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from actors.adapters.durable_file import make_directory, replace_file
from actors.adapters.node_identity import FILE_NAME as IDENTITY_FILE
from constellation.gossip.incarnation import FIRST_MAX
from constellation.gossip.member import Address
from constellation.log import get_logger
from constellation.value import Value

log = get_logger(__name__)

ADDRESSES_MAX = 1024
FILE_BYTES_MAX = 1 << 20


class Remembered(Value):
    """What was saved.  Empty if there is no readable file: then peers know the rest."""

    incarnation: int = 0  # the highest that was used
    addresses: tuple[Address, ...] = ()


class GossipMemory:
    """One small file, replaced atomically."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "gossip.json"
        self._identity = data_dir / IDENTITY_FILE

    def load(self) -> Remembered:
        """Return what was saved last."""
        try:
            if self._path.stat().st_size > FILE_BYTES_MAX:
                return Remembered()
            fields = json.loads(self._path.read_text())
            addresses = tuple(Address(str(ip), int(port)) for ip, port in fields["addresses"])
            incarnation = min(max(0, int(fields["incarnation"])), FIRST_MAX)
            return Remembered(incarnation, addresses[:ADDRESSES_MAX])
        except (OSError, ValueError, KeyError, TypeError):
            return Remembered()

    def age_s(self) -> float:
        """Return how long ago the file was saved; if it never was, the age of the node identity."""
        now_utc_s = datetime.now(UTC).timestamp()
        for path in (self._path, self._identity):
            try:
                return max(0.0, now_utc_s - path.stat().st_mtime)
            except OSError as error:
                log.debug("gossip_memory_has_no_age", path=str(path), error=str(error))
        return 0.0

    def save(self, remembered: Remembered) -> None:
        """Replace the saved content by `remembered`.

        Raises:
            AdapterError: the data directory cannot be written.
        """
        fields = {
            "incarnation": remembered.incarnation,
            "addresses": remembered.addresses[:ADDRESSES_MAX],
        }
        make_directory(self._path.parent)
        replace_file(self._path, json.dumps(fields).encode())
