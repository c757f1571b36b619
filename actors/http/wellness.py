"""Whether requests get through here: the own Traefik, the routes, and the verdict of `admin`."""

from __future__ import annotations

import time
from collections.abc import Callable

from constellation.settings.agent import Settings
from constellation.traefik.dynamic_configuration import DynamicConfiguration
from constellation.traefik.own_traefik import OwnTraefik
from constellation.traefik.provider import TraefikProvider
from constellation.traefik.settling import Phase
from constellation.traefik.unserved import unserved
from constellation.wellness.routes import counts_of
from messages.routes import UNSERVED_MAX, RoutesHealth, UnservedRow
from messages.wellness import ClusterJudged

LOOKS_SHARE = 30  # looks take at most this part of the time: in a large cluster they are long
_CLIENTS = ("Go-http-client/", "Traefik")  # as Traefik's HTTP provider calls itself


class HttpWellness:
    """What this actor reports, and what it is told."""

    def __init__(
        self,
        settings: Settings,
        provider: TraefikProvider,
        now_s: float,
        *,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin with nothing known; `is_behind` says whether a change of the cluster was missed."""
        port = settings.traefik.ingress_port
        ingress = f"{settings.bind_address}:{port}" if port else ""
        self.traefik = OwnTraefik.at(now_s, ingress, settings.traefik.probe)
        self.judged = ClusterJudged(problems=(), unlisted=0)
        self._provider = provider
        self._is_behind = is_behind
        self._unserved: list[UnservedRow] = []
        self._looked_at: tuple[object, object] = (None, None)  # configuration and view
        self._look_again_at_s = 0.0

    def polled(self, user_agent: str, now_s: float, *, was_served: bool) -> None:
        """`/api/dynamic` was read; only Traefik's own reads count."""
        if user_agent.startswith(_CLIENTS):
            self.traefik.polled(now_s, was_served=was_served)

    def routes(self, *, is_building: bool, no_candidate: str = "") -> RoutesHealth:
        """Return how this node routes.  During a build the rows of the last look are told."""
        provider = self._provider
        configuration = provider.configuration
        rejected = configuration.rejected if configuration is not None else ()
        if configuration is not None and not is_building:
            self._look(configuration, time.monotonic())
        return RoutesHealth(
            has_traefik=self.traefik.is_expected,
            has_body=provider.served is not None,
            is_settled=provider.phase is Phase.SETTLED,
            unserved=tuple(self._unserved[:UNSERVED_MAX]),
            unserved_total=len(self._unserved),
            no_candidate=no_candidate[:512],
            **counts_of(rejected),
        )

    def _look(self, configuration: DynamicConfiguration, now_s: float) -> None:
        """Look for instances without requests, if something has changed; not all the time."""
        provider = self._provider
        before, now = self._looked_at, (configuration, provider.view)
        is_same = before[0] is now[0] and before[1] is now[1]
        if is_same or now_s < self._look_again_at_s:
            return
        self._unserved = unserved(provider.composition, provider.view, configuration.rejected)
        self._looked_at = now
        took_s = time.monotonic() - now_s
        self._look_again_at_s = now_s + LOOKS_SHARE * took_s

    def problems(self) -> list[str]:
        """Return what is wrong, for `/health`: first what this process itself knows."""
        problems = []
        if self._is_behind():
            problems.append("a change of the cluster was missed; a snapshot was requested")
        if self._provider.phase is not Phase.SETTLED:
            served = "nothing" if self._provider.served is None else "the last good body"
            problems.append(f"the cluster is not fully known yet: Traefik gets {served}")
        problems += self.judged.problems
        if self.judged.unlisted:
            problems.append(f"{self.judged.unlisted} more: see `constellation status`")
        return problems
