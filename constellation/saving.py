"""Whether one file of the data directory can be saved, reported on change and not on each attempt.

What cannot be saved ends no actor and takes no node out of the cluster: the value stays in memory,
is reported once with the remedy, and saving is tried again until it works.
"""

from __future__ import annotations

from constellation.effects import Note, Send
from constellation.errors import AdapterError
from messages.admin import PartReported

TEXT_CHARACTERS_MAX = 512
_PREFIX = "saving "


def is_saving(part: str) -> bool:
    """Return whether the part of that name is the saving of a file, which no node relies on."""
    return part.startswith(_PREFIX)


class Saving:
    """The outcome of saving one file, as the actor that owns the file reports it.

    The actor calls `failed` or `succeeded` after each attempt and performs the effects, and sends
    `part` to an `admin` actor that was restarted.
    """

    def __init__(self, what: str, *, consequence: str) -> None:
        """Start with nothing wrong.

        Args:
            what: what the file holds, e.g. "the last good routes".
            consequence: what a restart would lose meanwhile.
        """
        self._what = what
        self._name = f"{_PREFIX}{what}"  # of the part, in `constellation status`
        self._consequence = consequence
        self._error: AdapterError | None = None

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

    def failed(self, error: AdapterError) -> list[Note | Send]:
        """Record a failed attempt; the same failure is reported once."""
        before, self._error = self._error, error
        if before is not None and (before.what, before.why) == (error.what, error.why):
            return []
        fields = {"what": self._what, "error": error.what, "why": error.why, "fix": error.fix}
        return [Note("file_not_saved", fields, "error"), Send("admin", self.part)]

    def succeeded(self) -> list[Note | Send]:
        """Record that the file on disk is up to date."""
        if self._error is None:
            return []
        self._error = None
        return [Note("file_saved_again", {"what": self._what}), Send("admin", self.part)]
