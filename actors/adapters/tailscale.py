"""Tailscale on this host: tailscaled's LocalAPI, or `tailscale status --json`.  Blocking."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from contextlib import closing
from typing import Any

from constellation.errors import AdapterError, WireError
from constellation.settings.tailscale import TailscaleSettings
from constellation.tailscale.tailnet import Tailnet, read_tailnet

ANSWER_BYTES_MAX = 16 << 20
HOST = "local-tailscaled.sock"  # tailscaled refuses other host names, against DNS rebinding
PATH = "/localapi/v0/status"
PROGRAM = "tailscale"
INSTALL = "install or start Tailscale, correct tailscale.socket, or set tailscale.enabled=false"


def ask_tailscale(settings: TailscaleSettings) -> Tailnet:
    """Return the state that tailscaled reports now.

    Raises:
        AdapterError: neither its socket nor the program `tailscale` answers.
    """
    timeout_s = settings.request_timeout_s
    try:
        return _read(_ask_socket(settings.socket, timeout_s), settings.socket)
    except AdapterError as error:
        program = shutil.which(PROGRAM)
        if program is None:
            raise
        return _read(_ask_program(program, timeout_s, instead_of=error), f"{PROGRAM} status")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__(HOST, timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ask_socket(path: str, timeout_s: float) -> bytes:
    with closing(_UnixConnection(path, timeout_s)) as connection:
        try:
            connection.request("GET", PATH)
            response = connection.getresponse()
            body = response.read(ANSWER_BYTES_MAX + 1)
        except OSError as error:
            why = f"{path}: {(error.strerror or 'no answer in time').lower()}"
            raise AdapterError("Tailscale cannot be queried", why=why, fix=INSTALL) from None
        except (http.client.HTTPException, ValueError):
            why = f"{path}: the program there does not speak HTTP, or this is not a socket"
            raise AdapterError("Tailscale cannot be queried", why=why, fix=INSTALL) from None
    if response.status != http.client.OK:
        raise AdapterError(
            "Tailscale did not answer",
            why=f"{path}: HTTP status {response.status}",
            fix="check that this user may use it: run `tailscale status` as the same user",
        )
    return body


def _ask_program(program: str, timeout_s: float, *, instead_of: AdapterError) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - found on PATH, with fixed arguments
            [program, "status", "--json"], capture_output=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        raise instead_of from None
    if done.returncode != 0:
        raise AdapterError(
            instead_of.what,
            why=f"{instead_of.why}; and `{PROGRAM} status` ends with {done.returncode}",
            fix=instead_of.fix,
        )
    return done.stdout


def _read(body: bytes, source: str) -> Tailnet:
    try:
        return read_tailnet(_parsed(body))
    except WireError as error:
        raise AdapterError(
            "Tailscale returned a response that cannot be parsed",
            why=f"{source}: {error}",
            fix="check that tailscale.socket is tailscaled's; if it is, report this",
        ) from None


def _parsed(body: bytes) -> Any:
    if len(body) > ANSWER_BYTES_MAX:
        raise WireError(f"it is longer than {ANSWER_BYTES_MAX} bytes", reason="size")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise WireError("it is not JSON", reason="form") from None
