"""Whether an entry point of this node's Traefik answers, and when it is asked again.

Two kinds of question:

    knock   a connection, which is closed at once.  It finds a Traefik that has ended, costs Traefik
            almost nothing, and is in no access log.
    ask     a request.  It finds a Traefik that hangs: the kernel accepts connections for it.

An entry point that answers is knocked at every `KNOCK_EVERY_S`, and asked every `ASK_EVERY_S`.  One
failure proves nothing: Traefik may restart, or be slow once.  So it is asked again every `AGAIN_S`,
and fails if all attempts fail for `FAILED_FOR_S`.  A refused connection is therefore a verdict
`KNOCK_EVERY_S + FAILED_FOR_S` after the end of Traefik, and a restart in less than `FAILED_FOR_S`
is none.  One answer ends a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from messages.gossip import IngressState

Question = Literal["knock", "ask"]

KNOCK_EVERY_S = 0.45
ASK_EVERY_S = 2.0
AGAIN_S = 0.2
FAILED_FOR_S = 1.0
FAILURES_MIN = 2


@dataclass(slots=True)
class EntryPoint:
    """One entry point.  `now_s` is monotonic seconds."""

    host: str
    port: int
    state: IngressState = "unknown"
    why: str = ""  # it gave no answer last; empty: it did
    due_at_s: float = float("-inf")  # of the next question
    _answered_at_s: float = float("-inf")
    _failures: int = 0
    _failing_since_s: float = 0.0

    @property
    def address(self) -> str:
        """Host and port, as in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def question(self, now_s: float) -> Question:
        """Return what to do at `due_at_s`."""
        is_fine = self.state == "works" and not self._failures
        return "knock" if is_fine and now_s < self._answered_at_s + ASK_EVERY_S else "ask"

    def told(self, question: Question, why_not: str, now_s: float) -> None:
        """Note how a question ended; `why_not`: why there was no answer, empty if there was."""
        self.why = why_not
        if why_not:
            self._failed(now_s)
        else:
            self._failures = 0
            if question == "ask":
                self.state, self._answered_at_s = "works", now_s
        self.due_at_s = now_s + KNOCK_EVERY_S
        if self._failures and self.state != "fails":
            verdict_at_s = self._failing_since_s + FAILED_FOR_S
            self.due_at_s = now_s + AGAIN_S
            if now_s < verdict_at_s:
                self.due_at_s = min(self.due_at_s, verdict_at_s)

    def _failed(self, now_s: float) -> None:
        if not self._failures:
            self._failing_since_s = now_s
        self._failures += 1
        if self._failures >= FAILURES_MIN and now_s >= self._failing_since_s + FAILED_FOR_S:
            self.state = "fails"


def entry_point(address: str) -> EntryPoint:
    """Return the entry point of a checked `host:port`, where an IPv6 host is in brackets."""
    host, _, port = address.rpartition(":")
    return EntryPoint(host.strip("[]"), int(port))
