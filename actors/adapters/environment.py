"""Removes secrets from the environment of this process, and from what /proc shows of it.

Removing a variable hides it only from programs that are started afterwards: /proc/PID/environ shows
the memory in which the kernel has put the environment, and a forked process has a copy of it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from setproctitle import getproctitle

_LIBC = ctypes.CDLL(None)
_LIBC.getenv.restype = ctypes.c_void_p
_LIBC.getenv.argtypes = [ctypes.c_char_p]
_FILLER = ord("x")


def remove_variables(is_removed: Callable[[str], bool]) -> None:
    """Remove the variables with such names, and overwrite their values in memory."""
    names = [name for name in os.environ if is_removed(name)]
    for name in names:
        if place := _LIBC.getenv(os.fsencode(name)):
            # Of the same length: titles of processes use this memory, up to the first gap.
            ctypes.memset(place, _FILLER, len(os.fsencode(os.environ[name])))
    getproctitle()  # it measures that memory, while all variables are in it
    for name in names:
        del os.environ[name]
