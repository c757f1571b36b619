"""A small HTTP service, as a script that needs only the standard library.

    python http_backend.py --name web-1 --port 8000 [--host 127.0.0.1] [--delay-s 0.1]

GET, or any other method, on any path returns the service's name; `/healthz` returns its health, and
`PUT /healthz` with the body `fail` or `pass` sets it.  On SIGTERM it stops listening, finishes
requests in progress, and exits.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

BODY_BYTES_MAX = 1 << 20


class Backend(ThreadingHTTPServer):
    """The service's listener and its state."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, host: str, port: int, delay_s: float) -> None:
        super().__init__((host, port), _Handler)
        self.service_name = name
        self.delay_s = delay_s
        self.is_healthy = True
        self.is_stopping = False
        self._busy = 0
        self._idle = threading.Condition()

    def begin(self) -> None:
        """Count a request that must be answered before the exit."""
        with self._idle:
            self._busy += 1

    def end(self) -> None:
        """Count its answer."""
        with self._idle:
            self._busy -= 1
            self._idle.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Return whether all requests in progress are answered in time."""
        with self._idle:
            return self._idle.wait_for(lambda: self._busy == 0, timeout_s)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet, or the second waits for an acknowledgement
    server: Backend

    def _answer(self) -> None:
        self.server.begin()
        try:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX))
            if self.path == "/healthz":
                self._health(body)
            else:
                time.sleep(self.server.delay_s)
                self._send(200, {"name": self.server.service_name, "path": self.path})
        finally:
            self.server.end()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 - http.server's names

    def _health(self, body: bytes) -> None:
        if self.command == "PUT":
            self.server.is_healthy = body != b"fail"
        is_well = self.server.is_healthy and not self.server.is_stopping
        self._send(200 if is_well else 503, {"name": self.server.service_name, "well": is_well})

    def _send(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.is_stopping:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Do not log single requests."""


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="A small HTTP service for tests.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-s", type=float, default=0.0, help="before each answer")
    options = parser.parse_args()
    backend = Backend(options.name, options.host, options.port, options.delay_s)

    def stop(number: int, frame: FrameType | None) -> None:
        backend.is_stopping = True
        # `shutdown` waits for the loop that this handler interrupts, so another thread calls it.
        threading.Thread(target=backend.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    backend.serve_forever(poll_interval=0.05)
    backend.server_close()
    return 0 if backend.drain(timeout_s=5.0) else 1


if __name__ == "__main__":
    sys.exit(main())
