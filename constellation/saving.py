"""Whether one file of the data directory can be saved, reported on change and not on each attempt.

What cannot be saved ends no actor and takes no node out of the cluster: the value stays in memory,
is reported once with the remedy, and saving is tried again until it works.
"""

from __future__ import annotations

from constellation.effects import Note, Send
from constellation.errors import AdapterError
from messages.admin import PartReported

RETRY_S = 2.0  # short enough that a node is whole within seconds after there is space again
TEXT_CHARACTERS_MAX = 512


class Saving:
    """The outcome of saving one file, as the actor that owns the file reports it.

    The actor calls `failed` or `succeeded` after each attempt and performs the effects, attempts
    again when `is_due`, and sends `part` to an `admin` actor that has started anew.
    """

    def __init__(self, part: str, *, consequence: str) -> None:
        """Start with nothing wrong.

        Args:
            part: what is saved, as `constellation status` names it, e.g. "last good routes".
            consequence: what a restart would lose meanwhile.
        """
        self._name = part
        self._consequence = consequence
        self._error: AdapterError | None = None
        self._retry_at_s = 0.0

    @property
    def is_failing(self) -> bool:
        """The last attempt failed: what is on disk is older than what this actor knows."""
        return self._error is not None

    @property
    def part(self) -> PartReported:
        """The file as a part of this node."""
        if self._error is None:
            return PartReported(part=self._name, state="present")
        why = f"{self._error.what}: {self._error.why}; {self._consequence}"
        fix = f"{self._error.fix}; saving is retried"
        return PartReported(
            part=self._name,
            state="lost",
            why=why[:TEXT_CHARACTERS_MAX],
            fix=fix[:TEXT_CHARACTERS_MAX],
        )

    def is_due(self, now_s: float) -> bool:
        """Return whether the last attempt failed long enough ago to try again."""
        return self._error is not None and now_s >= self._retry_at_s

    def failed(self, error: AdapterError, now_s: float) -> list[Note | Send]:
        """Record a failed attempt; the same failure is reported once."""
        before, self._error = self._error, error
        self._retry_at_s = now_s + RETRY_S
        if before is not None and (before.what, before.why) == (error.what, error.why):
            return []
        fields = {"file": self._name, "error": error.what, "why": error.why, "fix": error.fix}
        return [Note("file_not_saved", fields, "error"), Send("admin", self.part)]

    def succeeded(self) -> list[Note | Send]:
        """Record that the file on disk is up to date."""
        if self._error is None:
            return []
        self._error = None
        return [Note("file_saved_again", {"file": self._name}), Send("admin", self.part)]
