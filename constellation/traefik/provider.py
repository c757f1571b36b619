"""The provider: builds the body from the cluster, and decides which body Traefik gets."""

from __future__ import annotations

from msgspec.structs import replace

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.composition import Composition
from constellation.traefik.document import Body
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.elements import Instance
from constellation.traefik.last_good import LastGood
from constellation.traefik.settling import Phase, Routed, Settling, SettlingPolicy

BUILDS_LONG_SERVICES = 300  # a full build takes about 0.1 s


class TraefikProvider:
    """One node's provider.  A change of the cluster takes effect at the next `step`.

    Args:
        settings: what goes into the body, and how long to settle.
        domain: the domain of the services' host names.
        expects_others: other nodes exist, or may exist.
        last_good: the body that was saved before the restart, unless it has expired.
    """

    def __init__(
        self,
        *,
        settings: TraefikSettings,
        domain: str,
        expects_others: bool,
        last_good: LastGood | None,
    ) -> None:
        self.view = ClusterView()
        self.configuration: DynamicConfiguration | None = None
        self._served = last_good.body if last_good else None
        self._policy = SettlingPolicy(settings.settle_s, settings.alone_s, expects_others)
        self._builder = ConfigurationBuilder(settings=settings, domain=domain)
        self._routed: Routed = last_good.routed if last_good else frozenset[Instance]()
        self._settling = Settling(self._policy, self._routed)
        self._is_stale = False
        self._is_anew = False  # a snapshot arrived that no build has used yet

    @property
    def body(self) -> bytes | None:
        """The body that Traefik gets; None: answer 503."""
        return bytes(self._served) if self._served is not None else None

    @property
    def served(self) -> Body | None:
        """The same, whose pieces need not be joined."""
        return self._served

    @property
    def phase(self) -> Phase:
        """How much of the cluster this node knows."""
        return self._settling.phase

    def gossip_started(self) -> None:
        """Gossip has started, or restarted and knows nothing yet."""
        self._settling = Settling(self._policy, self._routed)

    def others_expected(self, expected: bool) -> None:  # noqa: FBT001 - the one fact
        """Other nodes exist, or they do not, as far as is known now."""
        self._policy = replace(self._policy, expects_others=expected)
        self._settling = replace(self._settling, policy=self._policy)

    def cluster_changed(self, view: ClusterView, *, is_snapshot: bool) -> None:
        """Build from `view` at the next step.

        While WAITING only a snapshot counts: a delta is from the gossip before the restart.
        """
        if self.phase is Phase.WAITING and not is_snapshot:
            return
        self.view = view
        self._is_stale = True
        self._is_anew = self._is_anew or is_snapshot
        if self.phase is Phase.WAITING:
            self._settling = self._settling.begin()

    @property
    def builds_long(self) -> bool:
        """The next build takes long: all of a large cluster is new, or a node of it changed."""
        is_large = len(self.view.services) > BUILDS_LONG_SERVICES
        return is_large and (self._is_anew or self._builder.moves_services(self.view))

    def build(self) -> None:
        """Build from the current view, which another thread may replace meanwhile."""
        self._is_stale = self._is_anew = False  # first: a change during the build needs another one
        self.configuration = self._builder.build(self.view)

    def step(self, now_s: float) -> bool:
        """Build if anything has changed, and settle with time; True if there is a new body."""
        if self.phase is Phase.WAITING:
            return False
        if self._is_stale or self.configuration is None:
            self.build()
        assert self.configuration is not None
        self._settling = self._settling.step(self.view, self.configuration.routed, now_s)
        if self.phase is not Phase.SETTLED or self._served == self.configuration.content:
            return False
        self._served = self.configuration.content
        self._routed = self.configuration.routed
        return True

    @property
    def composition(self) -> Composition:
        """What the configuration was made from, as of the last build."""
        return self._builder.composition

    @property
    def is_stale(self) -> bool:
        """Return whether the cluster has changed since the last build."""
        return self._is_stale

    def due_at_s(self) -> float | None:
        """Return when to step even if nothing changes; None: never."""
        return self._settling.due_at_s()

    def last_good(self, now_utc_s: float) -> LastGood | None:
        """Return the body to keep for a restart; None until this node has settled."""
        if self.phase is not Phase.SETTLED or self._served is None:
            return None
        return LastGood(self._served, self._routed, now_utc_s)
