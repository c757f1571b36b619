"""Addresses of the actor system: a node's listener, and one actor behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from constellation.errors import WireError

ADMIN_ID = "system"  # the process that listens for the node; Thespian calls it the admin
NAME_PREFIX = "@"
TEXT_BYTES_MAX = 200
# The part before the dot names a socket in the runtime directory: nothing may lead out of it.
_ACTOR_ID = re.compile(r"@?[a-z0-9][a-z0-9-]{0,99}(\.[0-9]{1,9})?")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9._-]+)?")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class ActorRef:
    """One actor: `host:port` of its node's actor system, and its id on that node.

    The id of an actor that shares a process is the one of the process, a dot, and a number.
    Ids are not reused during one run of a node, so the address of an ended actor stays invalid.
    An id starting with '@' is a name ('@admin'), claimed by the process that now has that role.
    A node that does not listen (an operator's command) has port 0 and a random host part.
    """

    host: str
    port: int
    actor_id: str
    # Each message asks for both, some of them several times.
    node: tuple[str, int] = field(init=False, repr=False, compare=False)  # its listener
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        object.__setattr__(self, "node", (self.host, self.port))
        object.__setattr__(self, "_text", f"{host}:{self.port}/{self.actor_id}")

    def __str__(self) -> str:
        return self._text

    @property
    def is_name(self) -> bool:
        """Whether it is a name, and so the address of whichever process has it."""
        return self.actor_id.startswith(NAME_PREFIX)

    @property
    def process_id(self) -> str:
        """The id of the process in which the actor lives, which is also that of its main actor."""
        return self.actor_id.partition(".")[0]

    @property
    def seat_no(self) -> int:
        """The number of the actor in its process; 0 for the main actor, and for a name."""
        return int(self.actor_id.partition(".")[2] or 0)

    def neighbour(self, number: int) -> ActorRef:
        """Return the address of another actor in the process of this one."""
        return ActorRef(self.host, self.port, f"{self.process_id}.{number}")

    @classmethod
    @lru_cache(maxsize=1024)  # every message repeats the same few
    def parse(cls, text: str) -> ActorRef:
        """Return the address written as `host:port/id`.

        Raises:
            WireError: `text` is not in this format.
        """
        node, slash, actor_id = text.partition("/")
        host, _, port = node.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        valid = (
            len(text) <= TEXT_BYTES_MAX
            and slash
            and _HOST.fullmatch(host)
            and _PORT.fullmatch(port)
            and _ACTOR_ID.fullmatch(actor_id)
        )
        if not valid or int(port) > 65535:
            raise WireError(f"{text!r:.80} is not an actor address host:port/id", reason="address")
        address = cls(host, int(port), actor_id)
        if len(str(address)) > TEXT_BYTES_MAX:  # brackets make it longer than `text`
            raise WireError(f"{text!r:.80} is too long for an actor address", reason="address")
        return address
