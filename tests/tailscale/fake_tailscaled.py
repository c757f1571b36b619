"""A double of tailscaled: its LocalAPI on a Unix socket, and the states a test puts it into.

`test_local_api.py` holds it against the real one, question by question.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

NO_TIME = "0001-01-01T00:00:00Z"
EXPIRED_AT = "2026-01-02T03:04:05Z"


def machine(number: int, *, tags: tuple[str, ...] = (), name: str = "") -> dict[str, Any]:
    """Return what tailscaled says of a machine that is well.

    Without tags, and with a key that never expires, it has no such keys at all.
    """
    name = name or f"host{number}"
    said: dict[str, Any] = {
        "ID": str(number),
        "HostName": name,
        "DNSName": f"{name}.tailnet.test.",
        "OS": "linux",
        "TailscaleIPs": [f"100.64.0.{number}", f"fd7a:115c:a1e0::{number:x}"],
        "Created": "2026-11-25T12:48:56.561286508Z",
        "LastSeen": NO_TIME,
        "Online": True,
    }
    return {**said, "Tags": list(tags)} if tags else said


class FakeTailscaled:
    """What it says is in `status`; the methods change it as the real one would."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.requests: list[tuple[str, str]] = []  # path and Host of each
        self.answer: tuple[int, bytes] | None = None  # in place of the status
        self.status: dict[str, Any] = {}
        self._number = 0
        self.logout()

    def up(self, *, tags: tuple[str, ...] = ()) -> None:
        """Log in as a machine with a new address, or connect as the one it was."""
        if self.status["TailscaleIPs"] is None or self.status["Self"].get("Expired"):
            self._number += 1
            self.status["Self"] = machine(self._number, tags=tags)
            self.status["TailscaleIPs"] = self.status["Self"]["TailscaleIPs"]
            self.status["Peer"] = self.status["Peer"] or {}
        self.status |= {"BackendState": "Running", "Health": []}

    def down(self) -> None:
        """Disconnect, and stay logged in."""
        self.status |= {"BackendState": "Stopped", "Health": ["Tailscale is stopped."]}
        self.status["Self"]["Online"] = False

    def logout(self) -> None:
        """Forget who this machine is."""
        nobody = {"ID": "", "HostName": "vm", "DNSName": "", "TailscaleIPs": None, "Online": False}
        self.status = {
            "Version": "1.94.1",
            "BackendState": "NeedsLogin",
            "AuthURL": "",
            "TailscaleIPs": None,
            "Self": nobody,
            "Health": ["Tailscale is stopped."],
            "Peer": None,
        }

    def expire(self) -> None:
        """Let this machine's key expire: it keeps its addresses."""
        self.status["BackendState"] = "NeedsLogin"
        self.status["Self"] |= {"Expired": True, "KeyExpiry": EXPIRED_AT}

    def set_peers(self, *peers: dict[str, Any]) -> None:
        """Let these be the other machines."""
        self.status["Peer"] = {f"nodekey:{number}": peer for number, peer in enumerate(peers)}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        tailscaled: FakeTailscaled = self.server.tailscaled  # type: ignore[attr-defined]
        tailscaled.requests.append((self.path, self.headers["Host"]))
        if tailscaled.answer is not None:
            status, body = tailscaled.answer
        elif self.path == "/localapi/v0/status":
            status, body = 200, json.dumps(tailscaled.status).encode()
        else:
            status, body = 404, b"not found"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Who asked may have heard enough.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    tailscaled: FakeTailscaled


@contextlib.contextmanager
def fake_tailscaled(directory: Path) -> Iterator[FakeTailscaled]:
    """Run one for the length of the block, not logged in."""
    tailscaled = FakeTailscaled(directory / "tailscaled.sock")
    with _Server(str(tailscaled.socket), _Handler) as server:
        server.tailscaled = tailscaled
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield tailscaled
        finally:
            server.shutdown()
            thread.join()
            tailscaled.socket.unlink(missing_ok=True)
