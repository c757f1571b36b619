"""How a leader maintains the membership and prefers some leaders: one step at a time.

- A new node becomes a learner.  It becomes a voter once it has caught up, if the number of voters
  stays odd.
- A voter that is unreachable for `replace_after_s` is replaced by a reachable learner.
- A preferred node becomes a voter and gets leadership once it has been reachable for
  `preferred_stable_s`.

The steward only proposes; the Raft core refuses a step that would be unsafe.
"""

from __future__ import annotations

from collections.abc import Sequence

from constellation.raft.configuration import (
    MEMBERS_MAX,
    VOTERS_MAX,
    ChangeKind,
    Configuration,
)
from constellation.raft.quorum import has_quorum
from constellation.raft.roster import RaftRoster, RosterNode
from constellation.value import Value

BLANK_S = 15.0  # after this time a voter that has no state and does not answer has lost its disk
WITNESS_LEADS_S = 2.0  # short: while a witness leads, no node holds a lease
SHARED_LEADERSHIP_S = 600.0  # a node that loses leadership sooner waits longer the next time
HICCUP_S = 3.0  # a follower that is silent for a shorter time still counts as present
_ABSENT = RosterNode(is_living=False)


class StewardPolicy(Value):
    """Limits of the steward, and how long it waits, in seconds."""

    voters_max: int = VOTERS_MAX
    replace_after_s: float = 300.0  # time after which an unreachable voter is replaced
    forget_after_s: float = 259_200.0  # time after which an unreachable learner is removed
    preferred_stable_s: float = 30.0
    preferred_wait_max_s: float = 1800.0


class Change(Value):
    """A step: change the configuration."""

    kind: ChangeKind
    node: str


class HandOver(Value):
    """A step: make another node the leader."""

    node: str


Step = Change | HandOver


class Followers(Value):
    """What the leader knows of the other members now."""

    answering: frozenset[str]  # within the last election timeout
    caught_up: frozenset[str]
    fallen_back: frozenset[str] = frozenset()  # voters that must learn again


class Steward:
    """Proposes the next step of a leader; remembers when each member was reachable."""

    def __init__(self, node_name: str, policy: StewardPolicy) -> None:
        self.node_name = node_name
        self.policy = policy
        self._absent_since_s: dict[str, float] = {}
        self._present_since_s: dict[str, float] = {}
        self._answered_at_s: dict[str, float] = {}
        self._blank_since_s: dict[str, float] = {}
        self._led_since_s: float | None = None
        self._gave_at_s: dict[str, float] = {}  # when leadership was last handed to a node
        self._wait_s: dict[str, float] = {}  # how long a node must be reachable to get it again

    def follows(self) -> None:
        """Forget what was observed as the leader: this node does not lead."""
        self._led_since_s = None
        self._absent_since_s.clear()
        self._present_since_s.clear()
        self._answered_at_s.clear()
        self._blank_since_s.clear()

    def step(
        self,
        configuration: Configuration,
        cluster_id: str,
        roster: RaftRoster,
        followers: Followers,
        now_s: float,
    ) -> Step | None:
        """Return the next step of this leader, if any."""
        if self._led_since_s is None:
            self._led_since_s = now_s
            self._came_back(now_s)
        self._watch(configuration, roster, followers, now_s)
        return (
            self._fallen_back(configuration, followers)
            or self._blank(configuration, roster, now_s)
            or self._newcomer(configuration, cluster_id, roster)
            or self._voters(configuration, roster, followers, now_s)
            or self._forgotten(configuration, now_s)
            or self._preferred(configuration, roster, followers, now_s)
        )

    def _watch(
        self,
        configuration: Configuration,
        roster: RaftRoster,
        followers: Followers,
        now_s: float,
    ) -> None:
        for name in configuration.members - {self.node_name}:
            answers = name in followers.answering
            if answers or roster.get(name, _ABSENT).is_living:
                self._absent_since_s.pop(name, None)
            else:
                self._absent_since_s.setdefault(name, now_s)
            if answers:
                self._answered_at_s[name] = now_s
                self._present_since_s.setdefault(name, now_s)
            elif now_s - self._answered_at_s.get(name, now_s) >= HICCUP_S:
                self._present_since_s.pop(name, None)
        for known in (self._absent_since_s, self._present_since_s, self._answered_at_s):
            for name in set(known) - configuration.members:
                del known[name]

    def _is_absent(self, name: str, for_s: float, now_s: float) -> bool:
        return now_s - self._absent_since_s.get(name, now_s) >= for_s

    def _is_present(self, name: str, for_s: float, now_s: float) -> bool:
        return now_s - self._present_since_s.get(name, now_s) >= for_s

    def _fallen_back(self, configuration: Configuration, followers: Followers) -> Step | None:
        """Remove a voter that has forgotten what it promised, so that it joins as a learner.

        Not while the others have no majority without it: they could never commit its removal.
        """
        there = followers.answering | {self.node_name}
        for name in sorted(followers.fallen_back & configuration.voters - {self.node_name}):
            if has_quorum(there, configuration.voters - {name}):
                return Change("forget", name)
        return None

    def _blank(self, configuration: Configuration, roster: RaftRoster, now_s: float) -> Step | None:
        """Remove a voter that has lost its disk, so that it joins as a learner.

        It must not vote again in a term whose vote it has forgotten.
        """
        for name in sorted(configuration.voters - {self.node_name}):
            node = roster.get(name, _ABSENT)
            if not node.is_living or node.cluster_id or name in self._present_since_s:
                self._blank_since_s.pop(name, None)
            elif now_s - self._blank_since_s.setdefault(name, now_s) >= BLANK_S:
                del self._blank_since_s[name]
                return Change("forget", name)
        return None

    def _newcomer(
        self, configuration: Configuration, cluster_id: str, roster: RaftRoster
    ) -> Step | None:
        if len(configuration.members) >= MEMBERS_MAX:
            return None
        barred = configuration.members | configuration.removed
        for name, node in sorted(roster.items()):
            if name not in barred and node.is_living and node.cluster_id in ("", cluster_id):
                return Change("add_learner", name)
        return None

    def _voters(
        self, configuration: Configuration, roster: RaftRoster, followers: Followers, now_s: float
    ) -> Step | None:
        voters = configuration.voters
        gone = {v for v in voters if self._is_absent(v, self.policy.replace_after_s, now_s)}
        living = [
            name
            for name in configuration.members
            if name == self.node_name or name in self._present_since_s
        ]
        # An even number tolerates no more failures than one voter less, and needs one vote more.
        fit = min(self.policy.voters_max, len(living))
        wanted = fit if fit % 2 else fit - 1
        spares = sorted(
            (configuration.learners - configuration.demoted) & followers.caught_up,
            key=lambda name: (roster.get(name, _ABSENT).rank, name),
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
            key=lambda name: (
                name not in self._present_since_s,
                roster.get(name, _ABSENT).rank,
                name,
            ),
        )
        is_one_too_many = len(voters) > max(wanted, 3) and others <= set(self._present_since_s)
        if len(voters) > self.policy.voters_max or is_one_too_many:
            return Change("relieve", worst)
        return self._better_voter(voters, worst, spares, roster, now_s)

    def _better_voter(
        self,
        voters: frozenset[str],
        worst: str,
        spares: Sequence[str],
        roster: RaftRoster,
        now_s: float,
    ) -> Step | None:
        """Replace the least preferred voter by a more preferred learner: only a voter can lead."""
        if len(voters) < 3 or not spares or spares[0] not in roster:
            return None
        best = spares[0]
        is_stable = self._is_present(best, self.policy.preferred_stable_s, now_s)
        if not is_stable or roster[best].rank >= roster.get(worst, _ABSENT).rank:
            return None
        has_room = len(voters) < self.policy.voters_max
        return Change("promote", best) if has_room else Change("relieve", worst)

    def _forgotten(self, configuration: Configuration, now_s: float) -> Step | None:
        for name in sorted(configuration.learners):
            if self._is_absent(name, self.policy.forget_after_s, now_s):
                return Change("forget", name)
        return None

    # Preference.

    def _came_back(self, now_s: float) -> None:
        """This node leads again: a node that it handed leadership to briefly waits longer now."""
        for name, gave_at_s in self._gave_at_s.items():
            if now_s - gave_at_s < SHARED_LEADERSHIP_S:
                wait_s = 2 * self._wait_s.get(name, self.policy.preferred_stable_s)
                self._wait_s[name] = min(wait_s, self.policy.preferred_wait_max_s)
            else:
                self._wait_s.pop(name, None)
        self._gave_at_s.clear()

    def _preferred(
        self, configuration: Configuration, roster: RaftRoster, followers: Followers, now_s: float
    ) -> Step | None:
        own = roster.get(self.node_name)
        if own is None:
            return None
        better = [
            name
            for name in configuration.voters & followers.caught_up
            if name in roster and roster[name].rank < own.rank
        ]
        is_one_expected = False  # more preferred, reachable, and soon stable
        for name in sorted(better, key=lambda one: (roster[one].rank, one)):
            wait_s = self._wait_s.get(name, self.policy.preferred_stable_s)
            if own.is_witness and not roster[name].is_witness:
                wait_s = WITNESS_LEADS_S
            if is_one_expected:  # two handovers would take longer than one; not for ever, though
                wait_s *= 2
            tried_at_s = self._gave_at_s.get(name, float("-inf"))
            if self._is_present(name, wait_s, now_s) and now_s - tried_at_s >= wait_s:
                self._gave_at_s[name] = now_s
                return HandOver(name)
            is_new = name not in self._wait_s and name not in self._gave_at_s
            is_one_expected |= is_new and name in self._present_since_s
        return None
