"""A leader, and what its steward would do."""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.raft.configuration import Configuration
from constellation.raft.roster import RosterNode
from constellation.raft.steward import (
    Followers,
    Step,
    Steward,
    StewardPolicy,
)

POLICY = StewardPolicy()
OURS = "cluster"


@dataclass
class Leader:
    """Node `a` as the leader; everybody in `configuration` is there, unless said otherwise."""

    voters: str = "a"
    learners: str = ""
    removed: str = ""
    demoted: str = ""
    others: str = ""  # there, and no members
    dead: str = ""
    blank: str = ""  # living members of no cluster, by gossip, that do not answer
    stale: str = ""  # as those, and they answer
    lagging: str = ""
    fallen_back: str = ""
    priorities: dict[str, int] = field(default_factory=dict)
    witnesses: str = ""
    others_of: str = ""  # the cluster of those that are no members
    policy: StewardPolicy = POLICY
    now_s: float = 1000.0

    def __post_init__(self) -> None:
        self.steward = Steward("a", self.policy)

    def step(self, after_s: float = 0.0) -> Step | None:
        self.now_s += after_s
        answering = frozenset(set(self.voters + self.learners) - set("a" + self.dead + self.blank))
        return self.steward.step(
            Configuration(
                frozenset(self.voters),
                frozenset(self.learners),
                frozenset(self.removed),
                frozenset(self.demoted),
            ),
            OURS,
            {name: self.seen(name) for name in self.voters + self.learners + self.others},
            Followers(answering, answering - set(self.lagging), frozenset(self.fallen_back)),
            self.now_s,
        )

    def seen(self, name: str) -> RosterNode:
        cluster_id = self.others_of if name in self.others else OURS
        if name in self.blank + self.stale:
            cluster_id = ""
        return RosterNode(
            name not in self.dead,
            cluster_id,
            self.priorities.get(name, 100),
            name in self.witnesses,
        )
