"""The members of a cluster, voters and learners; one change at a time (Raft thesis §4.1).

Any two majorities of configurations that differ in one voter overlap, so no joint consensus is
needed.  A node becomes a learner first, and a voter once it has caught up (thesis §4.2.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from constellation.value import Value
from constellation.wire import decode, encode
from messages.raft import NODE_CHARACTERS_MAX, RaftConfiguration

VOTERS_MAX = 5  # two of five may fail; more voters make every decision slower
MEMBERS_MAX = 64

REMOVED_MAX = 64  # beyond this the first by name are forgotten

ChangeKind = Literal["add_learner", "promote", "demote", "relieve", "remove", "forget"]


class ConfigurationRefusedError(Exception):
    """A change is not allowed; the text says what to do."""


class Configuration(Value):
    """The members of one Raft cluster, by node name."""

    voters: frozenset[str] = frozenset()
    learners: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()  # by an operator; only an operator adds them again
    demoted: frozenset[str] = frozenset()  # by an operator; only an operator promotes them again

    def __post_init__(self) -> None:
        both = self.voters & self.learners
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: voter and learner at once")

    def check_names(self) -> None:
        """Check that each name is short enough for every message that carries it.

        Raises:
            ValueError: one is too long.
        """
        for name in self.members | self.removed | self.demoted:
            if len(name) > NODE_CHARACTERS_MAX:
                raise ValueError(f"a node's name has {len(name)} characters: {name:.40}...")

    @property
    def members(self) -> frozenset[str]:
        """All nodes that get the log."""
        return self.voters | self.learners

    @staticmethod
    def of_voters(voters: Iterable[str]) -> Configuration:
        """Return the configuration of a new cluster."""
        return Configuration(frozenset(voters))

    @staticmethod
    def of(message: RaftConfiguration) -> Configuration:
        """Return the configuration in a message.

        Raises:
            ValueError: a node is voter and learner at once.
        """
        return Configuration(
            frozenset(message.voters),
            frozenset(message.learners),
            frozenset(message.removed),
            frozenset(message.demoted),
        )

    @staticmethod
    def decode(data: bytes) -> Configuration:
        """Return the configuration in the data of an entry of kind 'configuration'.

        Raises:
            WireError: the data is not a configuration.
            ValueError: a node is voter and learner at once.
        """
        message = decode(data, source="the log")
        if not isinstance(message, RaftConfiguration):
            raise ValueError(  # noqa: TRY004 - of a value, not of an argument
                f"the log has a {type(message).__name__} in place of a configuration"
            )
        return Configuration.of(message)

    def message(self) -> RaftConfiguration:
        """Return the configuration as a message."""
        return RaftConfiguration(
            voters=tuple(sorted(self.voters)),
            learners=tuple(sorted(self.learners)),
            removed=tuple(sorted(self.removed)),
            demoted=tuple(sorted(self.demoted)),
        )

    def encode(self) -> bytes:
        """Return the data of an entry that holds the configuration."""
        return encode(self.message())

    def changed(
        self, kind: ChangeKind, node: str, *, voters_max: int = VOTERS_MAX
    ) -> Configuration:
        """Return the configuration after one change.

        A removed node stays out until an operator adds it, and a demoted one learns until an
        operator promotes it.  A node that is forgotten, or relieved of its vote, may come back by
        itself.

        Raises:
            ConfigurationRefusedError: it changes nothing, takes the last voter, or passes a limit.
        """
        match kind:
            case "add_learner":
                self._refuse(node in self.members, f"{node} is a member already")
                self._refuse(
                    len(self.members) >= MEMBERS_MAX,
                    f"there are {MEMBERS_MAX} members already: remove one first",
                )
                return replace(self, learners=self.learners | {node}, removed=self.removed - {node})
            case "promote":
                self._refuse(node not in self.learners, f"{node} is not a learner: add it first")
                count = len(self.voters)
                why = f"there are {count} voters of at most {voters_max}: demote one first"
                self._refuse(count >= voters_max, why)
                return replace(
                    self,
                    voters=self.voters | {node},
                    learners=self.learners - {node},
                    demoted=self.demoted - {node},
                )
            case "demote" | "relieve":
                self._refuse_losing(node)
                demoted = self.demoted | {node} if kind == "demote" else self.demoted
                return replace(
                    self,
                    voters=self.voters - {node},
                    learners=self.learners | {node},
                    demoted=demoted,
                )
            case "remove" | "forget":
                self._refuse(node not in self.members, f"{node} is not a member")
                if node in self.voters:
                    self._refuse_losing(node)
                removed = self.removed
                if kind == "remove":
                    removed = frozenset(sorted(removed)[-REMOVED_MAX + 1 :]) | {node}
                return Configuration(
                    self.voters - {node},
                    self.learners - {node},
                    removed,
                    self.demoted - {node},
                )

    def _refuse_losing(self, voter: str) -> None:
        self._refuse(voter not in self.voters, f"{voter} is not a voter")
        self._refuse(len(self.voters) == 1, f"{voter} is the only voter: promote another one first")

    @staticmethod
    def _refuse(is_wrong: bool, why: str) -> None:  # noqa: FBT001 - a guard, read as a sentence
        if is_wrong:
            raise ConfigurationRefusedError(why)
