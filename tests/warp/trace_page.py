"""A trace page whose answers the test controls: for gateways one, for the host another."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST_ADDRESS = "198.51.100.7"
EGRESS = "104.28.1.2"
TRACE = "fl=1f1\nh={host}\nip={address}\nts=1.2\nhttp=http/1.1\nloc=DE\nwarp={warp}\ngateway=off\n"


class TracePage(ThreadingHTTPServer):
    """Listens at `address`, from which the host asks too; others are gateways."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), _Handler)
        self.address = address
        self.status = 200
        self.answers = threading.Event()  # gateways; cleared: they wait
        self.answers.set()
        self.body = ""  # for gateways
        self.gateways_say(warp="on")

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.server_port}/cdn-cgi/trace"

    def gateways_say(self, *, warp: str, address: str = EGRESS) -> None:
        self.body = TRACE.format(host=self.address, address=address, warp=warp)


class _Handler(BaseHTTPRequestHandler):
    server: TracePage

    def do_GET(self) -> None:
        page, body = self.server, self.server.body
        if self.client_address[0] == page.address:
            body = TRACE.format(host=page.address, address=HOST_ADDRESS, warp="off")
        else:
            page.answers.wait()
        self.send_response(page.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Write nothing."""


@contextlib.contextmanager
def trace_page(address: str) -> Iterator[TracePage]:
    """Serve the page until the block ends."""
    page = TracePage(address)
    thread = threading.Thread(target=page.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield page
    finally:
        page.answers.set()
        page.shutdown()
        thread.join()
        page.server_close()
