"""Whether this machine lets the agent listen where its settings say, and why not."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Literal

from constellation.errors import AdapterError
from constellation.settings.listeners import Listener

PRIVILEGED_BELOW = 1024
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def is_own_address(address: str) -> bool:
    """Return whether an interface of this machine has `address` now."""
    try:
        _bind(address, 0, "udp").close()
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def listening_problem(listener: Listener, *, with_port: bool = True) -> AdapterError | None:
    """Return why the agent cannot listen there; None if it can.

    Without `with_port` only the address is tried: the agent itself uses the port already.
    """
    for protocol in listener.protocols:
        try:
            _bind(listener.address, listener.port if with_port else 0, protocol).close()
        except OSError as error:
            return cannot_listen(listener, error, protocol)
    return None


def listen_on(listener: Listener) -> socket.socket:
    """Return a listening TCP socket.

    Raises:
        AdapterError: the address is not this machine's, or the port is not free.
    """
    try:
        return _bind(listener.address, listener.port, "tcp")
    except OSError as error:
        raise cannot_listen(listener, error, "tcp") from error


def cannot_listen(listener: Listener, error: OSError, protocol: str) -> AdapterError:
    """Return why `listener` cannot be opened, in words that an operator can act on."""
    address, port = listener.address, listener.port
    host = f"[{address}]" if ":" in address else address
    what = f"{host}:{port} ({protocol}, {listener.setting}) cannot be listened on"
    match error.errno:
        case errno.EADDRNOTAVAIL:
            return AdapterError(
                f"{listener.address_setting} cannot be used",
                why=f"{address} is not an address of this machine",
                fix="set it to one that `ip address` shows here",
            )
        case errno.EADDRINUSE:
            why = "another program uses it"
            fix = f"stop that program (`ss -lntup` shows it), or set another {listener.setting}"
        case errno.EACCES if port < PRIVILEGED_BELOW:
            why = f"user id {os.geteuid()} may not use ports below {PRIVILEGED_BELOW}"
            fix = f"set another {listener.setting}"
        case _:
            why = error.strerror or str(error)
            fix = f"correct {listener.address_setting} or {listener.setting}"
    return AdapterError(what, why=why, fix=fix)


def _bind(address: str, port: int, protocol: Literal["tcp", "udp"]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(socket.socket(family, _KINDS[protocol]))
        if protocol == "tcp":  # connections of an earlier run may linger
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        if protocol == "tcp":
            opened.listen(128)
        stack.pop_all()
    return opened
