"""Health of one service, from observations of it, as a pure state machine.

Docker applies a hysteresis of its own (retries, start period) before it reports a container as
unhealthy, so its reports take effect at once.  The health of a static service changes after
`failing_count` or `passing_count` consecutive results.  A death takes effect at once.
"""

from __future__ import annotations

from msgspec.structs import replace

from constellation.value import Value
from messages.monitor import Health, ServiceObservation, ServiceState

TOO_FEW = "too few checks yet"


class HealthPolicy(Value):
    """Consecutive check results that change the health of a static service."""

    failing_count: int = 2
    passing_count: int = 1


class ServiceHealth(Value):
    """The health of one service.  `health` is None until the first observation."""

    policy: HealthPolicy = HealthPolicy()
    health: Health | None = None
    reason: str = ""
    instance: str = ""
    failing_streak: int = 0  # consecutive checks that contradict `health`; one of the two is 0
    passing_streak: int = 0

    def step(self, observation: ServiceObservation) -> ServiceHealth:
        """Return the health after `observation`."""
        same = (
            self
            if observation.instance == self.instance
            else self.of_instance(observation.instance)
        )
        if not observation.running:
            if observation.paused:
                return same.concluded("unhealthy", observation.detail or "paused")
            return same.concluded("stopped", observation.detail or "not running")
        if observation.source == "static":
            return same.counted(observation)
        match observation.check:
            case "none":
                return same.concluded("healthy", "running, no health check")
            case "passing":
                return same.concluded("healthy", "health check passing")
            case "starting":
                return same.concluded("starting", "health check not passed yet")
            case "failing":
                return same.concluded("unhealthy", observation.detail or "health check failing")

    def resumed(self, state: ServiceState) -> ServiceHealth:
        """Return the health that an earlier monitor published; observations continue from there."""
        return replace(self, health=state.health, reason=state.reason, instance=state.instance)

    def state(self, observation: ServiceObservation) -> ServiceState:
        """Return the state to publish after a step with `observation`."""
        assert self.health is not None
        return ServiceState(
            service=observation.service,
            name=observation.name,
            health=self.health,
            reason=self.reason,
            source=observation.source,
            instance=observation.instance,
            image=observation.image,
            networks=observation.networks,
            labels=observation.labels,
            endpoints=observation.endpoints,
            exposed_ports=observation.exposed_ports,
            exposed_udp_ports=observation.exposed_udp_ports,
            container_host=observation.container_host,
            reach_notes=observation.reach_notes,
            role=observation.role,
            draining=observation.draining,
            created_at_utc_s=observation.created_at_utc_s,
        )

    def of_instance(self, instance: str) -> ServiceHealth:
        """Return the health of a new instance, without the results of the one before."""
        return ServiceHealth(self.policy, instance=instance)

    def concluded(self, health: Health, reason: str) -> ServiceHealth:
        """Return the health set to `health`, with both streaks at 0."""
        return replace(self, health=health, reason=reason, failing_streak=0, passing_streak=0)

    def counted(self, observation: ServiceObservation) -> ServiceHealth:
        """Step with one check of a static service, or with the last of several equal ones."""
        match observation.check:
            case "starting":
                return self if self.health else self.concluded("starting", "not checked yet")
            case "failing":
                streak = max(self.failing_streak + 1, observation.results_count)
                counted = replace(self, failing_streak=streak, passing_streak=0)
                turned = counted.failing_streak >= self.policy.failing_count
                health: Health = "unhealthy"
            case _:
                streak = max(self.passing_streak + 1, observation.results_count)
                counted = replace(self, passing_streak=streak, failing_streak=0)
                turned = counted.passing_streak >= self.policy.passing_count
                health = "healthy"
        if self.health == health:
            # Keep the first reason: alternating refusals and timeouts would publish each time.
            return self.concluded(health, self.reason)
        if turned:
            return self.concluded(health, observation.detail or f"check {observation.check}")
        return counted if self.health else replace(counted, health="starting", reason=TOO_FEW)
