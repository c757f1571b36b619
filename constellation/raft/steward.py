"""What a leader does about members and preference, now and then: one step at a time.

New nodes become learners, and voters once they have caught up, as long as an odd number of voters
can be had; who is away for long makes room for who is there; who is preferred votes, and is handed
leadership to, when it has been there for a while.  The core refuses each step that must not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constellation.raft.configuration import (
    MEMBERS_MAX,
    VOTERS_MAX,
    ChangeKind,
    Configuration,
)
from constellation.raft.roster import Roster, RosterNode

BLANK_S = 15.0  # a voter without state that does not answer for so long has lost its disk
WITNESS_LEADS_S = 2.0  # while a witness leads nobody holds a lease: who can lead is given no time
SHARED_LEADERSHIP_S = 600.0  # who lost leadership sooner after it was given waits longer for it
HICCUP_S = 3.0  # a follower that is silent for less is still taken to be there
_AWAY = RosterNode(is_living=False)


@dataclass(frozen=True, slots=True)
class StewardPolicy:
    """Patience, in seconds."""

    voters_max: int = VOTERS_MAX
    replace_after_s: float = 300.0  # a voter that is away for so long is replaced
    forget_after_s: float = 259_200.0  # a member that is away for so long is no member any more
    preferred_stable_s: float = 30.0
    preferred_wait_max_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Change:
    """A step: change the configuration."""

    kind: ChangeKind
    node: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """A step: make another node the leader."""

    node: str


Step = Change | HandOver


@dataclass(frozen=True, slots=True)
class Followers:
    """What the leader sees of the others now."""

    answering: frozenset[str]  # within the last election timeout
    caught_up: frozenset[str]


class Steward:
    """The memory of one node, as leader or not."""

    def __init__(self, node_name: str, policy: StewardPolicy) -> None:
        self.node_name = node_name
        self.policy = policy
        self._away_since_s: dict[str, float] = {}
        self._there_since_s: dict[str, float] = {}
        self._answered_at_s: dict[str, float] = {}
        self._blank_since_s: dict[str, float] = {}
        self._led_since_s: float | None = None
        self._gave_at_s: dict[str, float] = {}  # when leadership was handed to a node
        self._wait_s: dict[str, float] = {}  # how long it must be there before it is again

    def follows(self) -> None:
        """Take note that this node does not lead."""
        self._led_since_s = None
        self._away_since_s.clear()
        self._there_since_s.clear()
        self._answered_at_s.clear()
        self._blank_since_s.clear()

    def step(
        self,
        configuration: Configuration,
        cluster_id: str,
        roster: Roster,
        followers: Followers,
        now_s: float,
    ) -> Step | None:
        """Return the next thing to do as the leader, if any."""
        if self._led_since_s is None:
            self._led_since_s = now_s
            self._came_back(now_s)
        self._watch(configuration, roster, followers, now_s)
        return (
            self._blank(configuration, roster, now_s)
            or self._newcomer(configuration, cluster_id, roster)
            or self._voters(configuration, roster, followers, now_s)
            or self._forgotten(configuration, now_s)
            or self._preferred(configuration, roster, followers, now_s)
        )

    def _watch(
        self,
        configuration: Configuration,
        roster: Roster,
        followers: Followers,
        now_s: float,
    ) -> None:
        for name in configuration.members - {self.node_name}:
            answers = name in followers.answering
            if answers or roster.get(name, _AWAY).is_living:
                self._away_since_s.pop(name, None)
            else:
                self._away_since_s.setdefault(name, now_s)
            if answers:
                self._answered_at_s[name] = now_s
                self._there_since_s.setdefault(name, now_s)
            elif now_s - self._answered_at_s.get(name, now_s) >= HICCUP_S:
                self._there_since_s.pop(name, None)
        for known in (self._away_since_s, self._there_since_s, self._answered_at_s):
            for name in set(known) - configuration.members:
                del known[name]

    def _is_away(self, name: str, for_s: float, now_s: float) -> bool:
        return now_s - self._away_since_s.get(name, now_s) >= for_s

    def _is_there(self, name: str, for_s: float, now_s: float) -> bool:
        return now_s - self._there_since_s.get(name, now_s) >= for_s

    def _blank(self, configuration: Configuration, roster: Roster, now_s: float) -> Step | None:
        """Begin anew with a voter that has lost its disk: it must not vote on what it forgot."""
        for name in sorted(configuration.voters - {self.node_name}):
            node = roster.get(name, _AWAY)
            if not node.is_living or node.cluster_id or name in self._there_since_s:
                self._blank_since_s.pop(name, None)
            elif now_s - self._blank_since_s.setdefault(name, now_s) >= BLANK_S:
                del self._blank_since_s[name]
                return Change("forget", name)
        return None

    def _newcomer(
        self, configuration: Configuration, cluster_id: str, roster: Roster
    ) -> Step | None:
        if len(configuration.members) >= MEMBERS_MAX:
            return None
        barred = configuration.members | configuration.removed
        for name, node in sorted(roster.items()):
            if name not in barred and node.is_living and node.cluster_id in ("", cluster_id):
                return Change("add_learner", name)
        return None

    def _voters(
        self, configuration: Configuration, roster: Roster, followers: Followers, now_s: float
    ) -> Step | None:
        voters = configuration.voters
        gone = {v for v in voters if self._is_away(v, self.policy.replace_after_s, now_s)}
        living = [
            name
            for name in configuration.members
            if name == self.node_name or name in self._there_since_s
        ]
        # An even number survives no more failures than the odd one below, and needs one vote more.
        fit = min(self.policy.voters_max, len(living))
        wanted = fit if fit % 2 else fit - 1
        spares = sorted(
            (configuration.learners - configuration.demoted) & followers.caught_up,
            key=lambda name: (roster.get(name, _AWAY).rank, name),
        )
        if len(voters - gone) < wanted and spares:
            if len(voters) < self.policy.voters_max:
                return Change("promote", spares[0])
            if gone:
                return Change("relieve", min(gone))
        if gone and len(voters) > max(wanted, 3):
            return Change("relieve", min(gone))
        others = voters - {self.node_name}
        if not others:
            return None
        worst = max(
            others,
            key=lambda name: (name not in self._there_since_s, roster.get(name, _AWAY).rank, name),
        )
        is_one_too_many = len(voters) > max(wanted, 3) and others <= set(self._there_since_s)
        if len(voters) > self.policy.voters_max or is_one_too_many:
            return Change("relieve", worst)
        return self._better_voter(voters, worst, spares, roster, now_s)

    def _better_voter(
        self,
        voters: frozenset[str],
        worst: str,
        spares: Sequence[str],
        roster: Roster,
        now_s: float,
    ) -> Step | None:
        """Let a more preferred node vote in place of the least preferred: only a voter can lead."""
        if len(voters) < 3 or not spares or spares[0] not in roster:
            return None
        best = spares[0]
        is_stable = self._is_there(best, self.policy.preferred_stable_s, now_s)
        if not is_stable or roster[best].rank >= roster.get(worst, _AWAY).rank:
            return None
        has_room = len(voters) < self.policy.voters_max
        return Change("promote", best) if has_room else Change("relieve", worst)

    def _forgotten(self, configuration: Configuration, now_s: float) -> Step | None:
        for name in sorted(configuration.learners):
            if self._is_away(name, self.policy.forget_after_s, now_s):
                return Change("forget", name)
        return None

    # Preference.

    def _came_back(self, now_s: float) -> None:
        """Leadership is here again: who had it from here for a short time only waits longer."""
        for name, gave_at_s in self._gave_at_s.items():
            if now_s - gave_at_s < SHARED_LEADERSHIP_S:
                wait_s = 2 * self._wait_s.get(name, self.policy.preferred_stable_s)
                self._wait_s[name] = min(wait_s, self.policy.preferred_wait_max_s)
            else:
                self._wait_s.pop(name, None)
        self._gave_at_s.clear()

    def _preferred(
        self, configuration: Configuration, roster: Roster, followers: Followers, now_s: float
    ) -> Step | None:
        own = roster.get(self.node_name)
        if own is None:
            return None
        better = [
            name
            for name in configuration.voters & followers.caught_up
            if name in roster and roster[name].rank < own.rank
        ]
        for name in sorted(better, key=lambda one: (roster[one].rank, one)):
            wait_s = self._wait_s.get(name, self.policy.preferred_stable_s)
            if own.is_witness and not roster[name].is_witness:
                wait_s = WITNESS_LEADS_S
            tried_at_s = self._gave_at_s.get(name, float("-inf"))
            if self._is_there(name, wait_s, now_s) and now_s - tried_at_s >= wait_s:
                self._gave_at_s[name] = now_s
                return HandOver(name)
        return None
