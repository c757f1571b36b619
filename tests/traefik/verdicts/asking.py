"""Asks a real Traefik what it makes of one body."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from rigs.ports import free_ports
from rigs.traefik import Traefik, traefik
from tests.traefik.conftest import Answering
from tests.traefik.every_key import static_configuration
from tests.traefik.verdicts.raw_body import body_of
from tests.traefik.verdicts.values import Question

# works: a request is answered by the server or by the middleware itself.  fails: the element is
# taken, and no request succeeds.  disabled: Traefik leaves the element out.  refused: Traefik
# leaves the whole body out.  crashes: Traefik ends.  hangs: it takes no further body.
Verdict = Literal["works", "fails", "disabled", "refused", "crashes", "hangs"]
RESTARTED = ("refused", "crashes", "hangs")
UNDECODED = "cannot decode configuration data"
ANSWER_TIMEOUT_S = 10.0
SECTIONS = ("routers", "services", "middlewares")


class Asker:
    """Shows one body after another to a Traefik; starts it again when it refused one.

    After a refusal Traefik polls ever more seldom.
    """

    def __init__(self, source: Answering, backend: str, start: Callable[[], Traefik]) -> None:
        self._source = source
        self._backend = backend
        self._start = start
        self._traefik: Traefik | None = None
        self._number = 0

    def ask(self, question: Question) -> Verdict:
        """Return what Traefik makes of the value."""
        self._number += 1
        body = body_of(question, self._number, self._backend)
        if self._traefik is None:
            self._source.body = body
            self._traefik = self._start()
        self._source.body = body
        verdict = self._verdict(self._traefik, question)
        if verdict in RESTARTED:
            self._traefik = None
        return verdict

    def _verdict(self, asked: Traefik, question: Question) -> Verdict:
        deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if not asked.process.is_running:
                return "crashes"
            try:
                raw = asked.raw()
            except OSError:
                continue
            if f"probe{self._number}@http" in (raw.get("middlewares") or {}):
                return self._of_element(asked, raw, question)
            if UNDECODED in asked.process.log_text():
                return "refused"
            time.sleep(0.01)
        return "hangs"

    def _of_element(
        self, asked: Traefik, raw: dict[str, dict[str, dict[str, object]]], question: Question
    ) -> Verdict:
        prefix = "" if question.protocol == "http" else question.protocol
        for section in SECTIONS:
            kind = f"{prefix}{section.capitalize()}" if prefix else section
            made = (raw.get(kind) or {}).get("x@http")
            if made is not None and made["status"] == "disabled":
                return "disabled"
        if question.protocol != "http":
            return "works"
        try:
            status, _ = asked.get(question.host, question.path, timeout_s=3.0)
        except OSError:
            return "crashes" if not asked.process.is_running else "fails"
        return "fails" if status in question.fails else "works"


@contextmanager
def asker(directory: Path) -> Iterator[Asker]:
    """Run a provider, a server, and a Traefik that asks the one about the other."""
    with ExitStack() as stack:
        source, backend = Answering(b"{}"), Answering(b"ok")
        stack.callback(source.stop)
        stack.callback(backend.stop)
        running = stack.enter_context(ExitStack())
        count = 0

        def start() -> Traefik:
            nonlocal count
            running.close()
            count += 1
            place = directory / str(count)
            place.mkdir(parents=True)
            return running.enter_context(
                traefik(
                    f"http://127.0.0.1:{source.server_port}/",
                    place,
                    poll_interval_s=0.03,
                    throttle_s=0.01,
                    arguments=static_configuration(place, *free_ports(2)),
                )
            )

        yield Asker(source, f"127.0.0.1:{backend.server_port}", start)
