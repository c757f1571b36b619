"""The commands that ask for a page from inside a gateway, and what they answered.

A gateway has curl, or the wget of GNU or of busybox, and perhaps no shell.  So a command is run
without one, and the next is tried if its program is not there or does not know the options: a wget
of busybox that is built without timeouts crashes at `-T`.
"""

from __future__ import annotations

import re

from constellation.value import Value
from constellation.warp.page import shown

CLIENTS: tuple[tuple[str, ...], ...] = (
    ("curl", "-sSf", "--max-time", "{timeout_s}", "{url}"),
    ("wget", "-q", "-O", "-", "-T", "{timeout_s}", "-t", "1", "{url}"),
    ("timeout", "{timeout_s}", "wget", "-q", "-O", "-", "{url}"),
    ("busybox", "wget", "-q", "-O", "-", "-T", "{timeout_s}", "{url}"),
    ("busybox", "timeout", "{timeout_s}", "busybox", "wget", "-q", "-O", "-", "{url}"),
)
STATUS_OF_WARP = ("warp-cli", "--accept-tos", "status")  # the first use asks for a consent
STATUS_CHARACTERS_MAX = 160
# Exit codes of a program that cannot be run, is not found, or has crashed.
_OF_NO_USE = frozenset({126, 127, 139})
_TIMED_OUT = frozenset({124, 143})  # of `timeout`: GNU's, and busybox's
# An engine other than Docker may say so when it is asked to run the program.
_NOT_FOUND = re.compile(r"executable file|command not found|not found in \$PATH")
_DOWN = re.compile(r"is not running|is paused|is restarting|no such container", re.IGNORECASE)
_UNKNOWN_OPTION = re.compile(r"(invalid|unrecognized|unknown) option|applet not found")
_WHY_CHARACTERS_MAX = 120


class Ran(Value):
    """How a command ended in a container."""

    code: int | None = None  # exit code; None: it did not end in time
    output: str = ""
    errors: str = ""  # what it wrote to standard error
    refused: str = ""  # why Docker did not run it; empty: it did


def client_command(client: int, url: str, timeout_s: int) -> tuple[str, ...]:
    """Return the command with which one of `CLIENTS` asks for a page."""
    return tuple(part.format(url=url, timeout_s=timeout_s) for part in CLIENTS[client])


def lacks_client(ran: Ran) -> bool:
    """Return whether the program of a command is not there, or not as it is needed."""
    if ran.code in _OF_NO_USE or _NOT_FOUND.search(ran.refused):
        return True
    return bool(ran.code) and _UNKNOWN_OPTION.search(ran.errors) is not None


def found_down(ran: Ran) -> bool:
    """Return whether a command was refused because the container does not run any more."""
    return _DOWN.search(ran.refused) is not None


def why_no_answer(ran: Ran) -> str:
    """Return why a command that ran got no page."""
    if ran.code is None or (ran.code in _TIMED_OUT and not ran.errors.strip()):
        return "no answer in time"
    lines = [line for line in ran.errors.splitlines() if line.strip()]
    return shown(lines[-1], _WHY_CHARACTERS_MAX) if lines else f"exit code {ran.code}"


def status_of_warp(ran: Ran) -> str:
    """Return what `warp-cli status` says; empty: it is not there, or does not work."""
    if ran.refused or ran.code != 0:
        return ""
    return shown(ran.output, STATUS_CHARACTERS_MAX)
