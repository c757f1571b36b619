"""Health of one service, from observations of it, as a pure state machine.

Docker applies a hysteresis of its own (retries, start period) before it calls a container
unhealthy, so its word is taken at once.  Single checks of a static service are not: health turns
after `failing_count` or `passing_count` equal results in a row.  A death needs no second opinion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from messages.monitor import Health, ServiceObservation, ServiceState

TOO_FEW = "too few checks yet"


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """Check results in a row that turn a static service's health."""

    failing_count: int = 2
    passing_count: int = 1


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """What one service's monitor believes.  `health` is None until the first observation."""

    policy: HealthPolicy = HealthPolicy()
    health: Health | None = None
    reason: str = ""
    instance: str = ""
    failing_streak: int = 0  # checks in a row that contradict `health`; one of the two is 0
    passing_streak: int = 0

    def step(self, observation: ServiceObservation) -> ServiceHealth:
        """Return the belief after `observation`."""
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
        """Return the belief a monitor had that ended; the next observation goes on from there."""
        return replace(self, health=state.health, reason=state.reason, instance=state.instance)

    def state(self, observation: ServiceObservation) -> ServiceState:
        """Return what the cluster is told, after a step with `observation`."""
        assert self.health is not None
        return ServiceState(
            service=observation.service,
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
            role=observation.role,
            draining=observation.draining,
            created_at_utc_s=observation.created_at_utc_s,
        )

    def of_instance(self, instance: str) -> ServiceHealth:
        """Another instance: results of the one before say nothing about it."""
        return ServiceHealth(self.policy, instance=instance)

    def concluded(self, health: Health, reason: str) -> ServiceHealth:
        """Return the belief with `health` settled, nothing counted against it."""
        return replace(self, health=health, reason=reason, failing_streak=0, passing_streak=0)

    def counted(self, observation: ServiceObservation) -> ServiceHealth:
        """Step with one check of a static service."""
        match observation.check:
            case "starting":
                return self if self.health else self.concluded("starting", "not checked yet")
            case "failing":
                counted = replace(self, failing_streak=self.failing_streak + 1, passing_streak=0)
                turned = counted.failing_streak >= self.policy.failing_count
                health: Health = "unhealthy"
            case _:
                counted = replace(self, passing_streak=self.passing_streak + 1, failing_streak=0)
                turned = counted.passing_streak >= self.policy.passing_count
                health = "healthy"
        if self.health == health:
            # The first reason stands, or refusals and time-outs in turn would each be news.
            return self.concluded(health, self.reason)
        if turned:
            return self.concluded(health, observation.detail or f"check {observation.check}")
        return counted if self.health else replace(counted, health="starting", reason=TOO_FEW)
