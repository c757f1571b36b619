"""Other Raft clusters that a node knows of.  They never merge with its own (see `bootstrap`)."""

from __future__ import annotations

from constellation.raft.roster import RaftRoster

HEARD_S = 60.0  # time after which a cluster that sends nothing here is forgotten
_HEARD_MAX = 16


def foreign(cluster_id: str, own_name: str, roster: RaftRoster) -> tuple[tuple[str, str], ...]:
    """Return the living nodes of other clusters: the name of each, and its cluster id."""
    return tuple(
        (name, one.cluster_id)
        for name, one in sorted(roster.items())
        if one.is_living and name != own_name and one.cluster_id not in ("", cluster_id)
    )


def yields(cluster_id: str, own_name: str, roster: RaftRoster) -> bool:
    """Return whether the leader acts on nothing, in favour of a cluster with a lower id."""
    return any(other < cluster_id for _, other in foreign(cluster_id, own_name, roster))


class HeardClusters:
    """Clusters whose packets were refused here recently."""

    def __init__(self) -> None:
        self._heard_at_s: dict[str, float] = {}

    def remember(self, cluster_id: str, now_s: float) -> bool:
        """Remember a cluster; return whether it was unknown."""
        is_news = cluster_id not in self.recent(now_s)
        self._heard_at_s[cluster_id] = now_s
        return is_news

    def recent(self, now_s: float) -> frozenset[str]:
        """Return the ids of the clusters that were heard recently."""
        recent = {one: at for one, at in self._heard_at_s.items() if now_s - at < HEARD_S}
        self._heard_at_s = dict(list(recent.items())[-_HEARD_MAX:])
        return frozenset(self._heard_at_s)
