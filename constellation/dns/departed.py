"""Since when our records have not been wanted by anything: a node left, or a setting changed.

They are removed after a grace time, which begins when this writer first saw them so.  Without
knowledge of the cluster nothing is unwanted: a node that has just started knows no other, and
must not take the records of all others for those of departed nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from constellation.cluster_view import ClusterView
from constellation.dns.intents import Desired

ALONE_GRACE_S_MIN = 60.0  # longer than a node that has just started needs to find the others


def is_settled(view: ClusterView, known_s: float) -> bool:
    """Return whether the other nodes had the time to become known; `known_s`: age of the view."""
    return len(view.members) > 1 or known_s >= ALONE_GRACE_S_MIN


class Departed:
    """The names of our records in one zone that nothing wants, and since when."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}
        self._was_alone = False

    def wants(self, desired: Desired) -> None:
        """Forget what is wanted again, also while no list comes."""
        for name in self._since_s.keys() & desired.intents.keys():
            del self._since_s[name]

    def due(
        self,
        ours: Iterable[str],
        desired: Desired,
        view: ClusterView,
        *,
        grace_s: float,
        now_s: float,
    ) -> Mapping[str, str]:
        """Return the names whose records are to be removed, each with the reason, in order.

        `ours` are the names of all our records in the zone; what is not among them is forgotten,
        and so is what `desired` wants again.
        """
        if not view.known:
            self._since_s.clear()
            return {}
        is_alone = len(view.members) <= 1
        if is_alone and not self._was_alone:  # it may have lost sight of the others just now
            self._since_s.clear()
        self._was_alone = is_alone
        unwanted = sorted(set(ours) - desired.intents.keys())
        self._since_s = {name: self._since_s.get(name, now_s) for name in unwanted}
        wait_s = max(grace_s, ALONE_GRACE_S_MIN) if is_alone else grace_s
        return {
            name: f"nothing wants it: its node is gone, or it is no longer in dns.records, for "
            f"at least {wait_s:g} s"
            for name, since_s in self._since_s.items()
            if now_s - since_s >= wait_s
        }
