"""Other Raft clusters that a node hears of.  They never merge with its own (see `bootstrap`)."""

from __future__ import annotations

from constellation.raft.roster import Roster

HEARD_S = 60.0  # so long a cluster is remembered that has sent something here
_HEARD_MAX = 16


def foreign(cluster_id: str, own_name: str, roster: Roster) -> tuple[tuple[str, str], ...]:
    """Return the living nodes that are of another cluster: name and its id."""
    return tuple(
        (name, one.cluster_id)
        for name, one in sorted(roster.items())
        if one.is_living and name != own_name and one.cluster_id not in ("", cluster_id)
    )


def gives_way(cluster_id: str, own_name: str, roster: Roster) -> bool:
    """Return whether what is the leader's is left to another cluster: to the one of lower id."""
    return any(other < cluster_id for _, other in foreign(cluster_id, own_name, roster))


class HeardClusters:
    """Clusters whose packets were refused here."""

    def __init__(self) -> None:
        self._heard_at_s: dict[str, float] = {}

    def hear(self, cluster_id: str, now_s: float) -> bool:
        """Remember one; return whether that is news."""
        is_news = cluster_id not in self.lately(now_s)
        self._heard_at_s[cluster_id] = now_s
        return is_news

    def lately(self, now_s: float) -> frozenset[str]:
        """Return the ids heard of lately."""
        recent = {one: at for one, at in self._heard_at_s.items() if now_s - at < HEARD_S}
        self._heard_at_s = dict(list(recent.items())[-_HEARD_MAX:])
        return frozenset(self._heard_at_s)
