"""Continuous requests through Traefik, in threads; each answer is kept with its start time.

    with Load(traefik, "hello.localhost").running() as load:
        ...
    load.failed(since_s=kill_s + 1)

A load is for minutes, not for hours, because all answers are kept.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

INTERVAL_S = 0.02  # between two requests of one thread
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one request.  `status` is 0 if there was no answer."""

    began_s: float
    status: int
    body: str
    took_s: float

    @property
    def succeeded(self) -> bool:
        """Whether the request was served."""
        return self.status == 200


class Target(Protocol):
    """What requests are sent to."""

    def get(self, host: str, path: str = "/", *, timeout_s: float) -> tuple[int, bytes]:
        """Send one request; return status and body."""


class Load:
    """GET requests for one host name."""

    def __init__(self, traefik: Target, host: str, *, threads: int = 2) -> None:
        self.answers: list[Answer] = []
        self._traefik = traefik
        self._host = host
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    @contextlib.contextmanager
    def running(self) -> Iterator[Load]:
        """Send requests until the block ends."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def failed(self, *, since_s: float = 0.0) -> list[Answer]:
        """Return the requests begun since then that were not served."""
        return [one for one in self._since(since_s) if not one.succeeded]

    def served_by(self, *, since_s: float = 0.0) -> set[str]:
        """Return the bodies of the requests begun since then that were served."""
        return {one.body for one in self._since(since_s) if one.succeeded}

    def _since(self, since_s: float) -> list[Answer]:
        return [one for one in list(self.answers) if one.began_s >= since_s]

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            began_s = time.monotonic()
            try:
                status, body = self._traefik.get(self._host, timeout_s=TIMEOUT_S)
            except OSError as error:
                status, body = 0, str(error).encode()
            text = body.decode(errors="replace").strip()
            self.answers.append(Answer(began_s, status, text, time.monotonic() - began_s))
