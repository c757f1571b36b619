"""Who votes and who only learns; one change at a time (Raft thesis §4.1).

Any two majorities of configurations that differ in one voter overlap, so no joint consensus is
needed.  A node becomes a learner first, and a voter once it has caught up (thesis §4.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

VOTERS_MAX = 5  # of which two may fail; more make every decision slower
MEMBERS_MAX = 64

ChangeKind = Literal["add_learner", "promote", "demote", "remove"]


class ConfigurationRefusedError(Exception):
    """A change that must not be; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members of one Raft cluster, by node name."""

    voters: frozenset[str] = frozenset()
    learners: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        both = self.voters & self.learners
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: voter and learner at once")

    @property
    def members(self) -> frozenset[str]:
        """All who get the log."""
        return self.voters | self.learners

    def changed(
        self, kind: ChangeKind, node: str, *, voters_max: int = VOTERS_MAX
    ) -> Configuration:
        """Return the configuration after one change.

        Raises:
            ConfigurationRefusedError: it changes nothing, takes the last voter, or passes a limit.
        """
        match kind:
            case "add_learner":
                self._refuse(node in self.members, f"{node} is a member already")
                self._refuse(len(self.members) >= MEMBERS_MAX, f"{MEMBERS_MAX} members are enough")
                return replace(self, learners=self.learners | {node})
            case "promote":
                self._refuse(node not in self.learners, f"{node} is no learner: add it as one")
                count = len(self.voters)
                why = f"there are {count} voters of at most {voters_max}: demote one first"
                self._refuse(count >= voters_max, why)
                return Configuration(self.voters | {node}, self.learners - {node})
            case "demote":
                self._refuse_losing(node)
                return Configuration(self.voters - {node}, self.learners | {node})
            case "remove":
                self._refuse(node not in self.members, f"{node} is no member")
                if node in self.voters:
                    self._refuse_losing(node)
                return Configuration(self.voters - {node}, self.learners - {node})

    def _refuse_losing(self, voter: str) -> None:
        self._refuse(voter not in self.voters, f"{voter} is no voter")
        self._refuse(
            len(self.voters) == 1, f"{voter} is the only voter: promote another before it goes"
        )

    @staticmethod
    def _refuse(is_wrong: bool, why: str) -> None:  # noqa: FBT001 - a guard, read as a sentence
        if is_wrong:
            raise ConfigurationRefusedError(why)
