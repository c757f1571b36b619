"""Names that one process of this machine holds at a time, e.g. a block of ports.

Test workers, and several checkouts on one machine, run at the same time.  What they draw at random
they claim here, so that no two draw the same.

A claim is a Unix socket bound to an abstract name: the kernel refuses a second one, and frees the
name when the process ends, however it ends.  Like ports, such names belong to a network namespace.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from random import SystemRandom
from typing import TypeVar

T = TypeVar("T")


def claim(name: str) -> bool:
    """Claim a name until this process ends; return False if it is already claimed."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0constellation-rigs {name}")
    except OSError as error:
        holder.close()
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    holder.detach()  # The descriptor stays open, and so the name stays claimed.
    return True


def claimed(kind: str, choices: Iterable[T]) -> Iterator[T]:
    """Yield choices in random order, each once and claimed first.

    Raises:
        RuntimeError: no choice is left.
    """
    shuffled = list(choices)
    SystemRandom().shuffle(shuffled)
    for choice in shuffled:
        if claim(f"{kind} {choice}"):
            yield choice
    raise RuntimeError(
        f"no {kind} left: `ss -xl | grep constellation-rigs` shows which processes hold them"
    )
