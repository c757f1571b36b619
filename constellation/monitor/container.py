"""One container, read from an inspection by the Docker Engine (API 1.41, `ContainerInspect`)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Literal

from msgspec.structs import replace

from constellation.monitor.container_network import container_network
from constellation.monitor.published_ports import PublishPolicy, exposed_ports
from constellation.monitor.role import (
    is_role_of_check,
    is_role_unknown,
    role_of_check,
    role_of_label,
)
from constellation.monitor.service_name import (
    COMPOSE_SERVICE_LABEL,
    PROJECT_LABEL,
    instance_name,
    service_name,
)
from constellation.monitor.stop_signal import DRAIN_S, drain_limit_s, stop_signal
from constellation.value import Value
from messages.monitor import Label, Role, ServiceObservation

Check = Literal["passing", "failing", "starting", "none"]
Phase = Literal["created", "running", "paused", "stopped"]

LABELS_MAX = 256
LABEL_VALUE_BYTES_MAX = 4096
LABELS_BYTES_MAX = 16 << 10  # of one service; every node of the cluster stores them
NETWORKS_MAX = 64
TEXT_CHARACTERS_MAX = 256

# Facts about how a container was created, of no use to other nodes.
_LOCAL_LABELS = ("com.docker.compose.", "org.opencontainers.image.", "org.label-schema.")
_KEPT_LABELS = (PROJECT_LABEL, COMPOSE_SERVICE_LABEL)  # they say whose names in labels these are
_ROUTING_LABELS = ("constellation.", "traefik.")
CHECKS: dict[str, Check] = {"healthy": "passing", "unhealthy": "failing", "starting": "starting"}


class Container(Value):
    """One container.  Its service's monitor receives `observation`."""

    container_id: str
    name: str
    phase: Phase
    observation: ServiceObservation
    labels_left_out: tuple[str, ...] = ()
    started_at: str = ""  # as Docker writes it; a different one means it was restarted
    stop_signal: int = 15
    drain_s: float = DRAIN_S  # still running this long after the stop signal, it ignores the signal
    is_role_of_check: bool = False
    is_role_unknown: bool = False  # its label has an unknown value
    health_check: Check = "none"  # as Docker says it; without a network, the observation fails
    lenders: tuple[str, ...] = ()  # ids of the containers whose network it uses
    cut_off_why: str = ""  # why it has no network; empty: it has

    def stopped(self, detail: str) -> Container:
        """Return it with its process ended, and without addresses."""
        ended = {"running": False, "paused": False, "check": "none", "draining": False}
        gone = {"endpoints": (), "container_host": "", "role": self._role_without_check()}
        seen = self.observation.model_copy(update={**ended, **gone, "detail": detail})
        return replace(self, phase="stopped", observation=seen, health_check="none")

    def draining(self) -> Container:
        """Return it draining: asked to stop, and still running."""
        seen = self.observation.model_copy(update={"draining": True})
        return replace(self, observation=seen)

    def paused(self) -> Container:
        """Return it paused."""
        seen = self.observation.model_copy(
            update={"running": False, "paused": True, "detail": "paused"}
        )
        return replace(self, phase="paused", observation=seen)

    def checked(self, check: Check) -> Container:
        """Return it with a new result of its health check."""
        now = replace(self, health_check=check)
        if self.cut_off_why:
            return now
        detail = "health check failing" if check == "failing" else ""
        seen = self.observation.model_copy(update={"check": check, "detail": detail})
        return replace(now, observation=seen)

    def renamed(self, name: str) -> Container:
        """Return it with another name, and so maybe as an instance of another service."""
        labels = {label.name: label.value for label in self.observation.labels}
        names = {"service": service_name(name, labels), "name": instance_name(name, labels)}
        seen = self.observation.model_copy(update=names)
        return replace(self, name=name, observation=seen)

    def known_by_row(self, known: Container | None) -> Container:
        """Return it as a row of a listing shows it, with what only an inspection has told."""
        if known is None:
            return self
        created = {"created_at_utc_s": known.observation.created_at_utc_s}
        return replace(
            self,
            observation=self.observation.model_copy(update=created),
            started_at=known.started_at,
            stop_signal=known.stop_signal,
            drain_s=known.drain_s,
        )

    def cut_off(self, why: str) -> Container:
        """Return it without a network, so that it gets no requests; its process still runs."""
        if self.phase != "running":
            return self
        why = why[:TEXT_CHARACTERS_MAX]
        seen = self.observation.model_copy(update={"check": "failing", "detail": why})
        return replace(self, observation=seen, cut_off_why=why)

    def _role_without_check(self) -> Role:
        return "" if self.is_role_of_check else self.observation.role


class Unreadable(Value):
    """A container that cannot be published as a service, and why."""

    container_id: str
    name: str
    why: str


def read_container(found: Mapping[str, Any], policy: PublishPolicy) -> Container | Unreadable:
    """Return the container in the response of `GET /containers/{id}/json`."""
    container_id = str(found.get("Id", ""))
    name = str(found.get("Name", "")).lstrip("/")
    try:
        return _read(container_id, name, found, policy)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"Docker describes it in an unknown format: {type(error).__name__}: {error}"
        return Unreadable(container_id, name, why[:TEXT_CHARACTERS_MAX])


def _read(
    container_id: str, name: str, found: Mapping[str, Any], policy: PublishPolicy
) -> Container:
    config = found["Config"]
    all_labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
    phase, check, detail = _state(found["State"])
    network = container_network(found, all_labels, policy)
    exposed = config.get("ExposedPorts") or {}
    labels, left_out = kept_labels(all_labels)
    has_process = phase in {"running", "paused"}
    observation = ServiceObservation(
        service=service_name(name, all_labels),
        name=instance_name(name, all_labels),
        source="docker",
        instance=container_id,
        running=phase == "running",
        paused=phase == "paused",
        check=check,
        detail=detail,
        image=str(config.get("Image", ""))[:TEXT_CHARACTERS_MAX],
        networks=network.names[:NETWORKS_MAX],
        labels=labels,
        endpoints=network.endpoints if has_process else (),
        exposed_ports=exposed_ports(exposed, "tcp"),
        exposed_udp_ports=exposed_ports(exposed, "udp"),
        container_host=network.container_host if has_process else "",
        reach_notes=network.notes if has_process else (),
        role=_role(all_labels, found["State"] if has_process else {}),
        created_at_utc_s=_utc_s(found.get("Created", "")),
    )
    container = Container(
        container_id,
        name,
        phase,
        observation,
        left_out,
        started_at=str(found["State"].get("StartedAt", "")),
        stop_signal=stop_signal(config),
        drain_s=drain_limit_s(config),
        is_role_of_check=is_role_of_check(all_labels),
        is_role_unknown=is_role_unknown(all_labels),
        health_check=check,
        lenders=network.lenders,
    )
    return container.cut_off(network.cut_off_why) if network.cut_off_why else container


def _role(labels: Mapping[str, str], state: Mapping[str, Any]) -> Role:
    return role_of_check(state) if is_role_of_check(labels) else role_of_label(labels)


def _state(state: Mapping[str, Any]) -> tuple[Phase, Check, str]:
    """Return phase, check and detail, without the check's output: it may contain secrets."""
    health = state.get("Health") or {}
    check: Check = CHECKS.get(health.get("Status", ""), "none")
    if state.get("Paused"):
        return "paused", check, "paused"
    if state.get("Running") and not state.get("Restarting"):
        if check != "failing":
            return "running", check, ""
        log = health.get("Log") or [{}]
        # Docker also reports a container as unhealthy that has just been paused, with code 0.
        exit_code = log[-1].get("ExitCode")
        known = f", last exit code {exit_code}" if exit_code else ""
        return "running", check, f"health check failing{known}"
    if state.get("Status") == "created":
        return "created", "none", "created, never started"
    reason = f"exited with code {state.get('ExitCode', '?')}"
    if state.get("OOMKilled"):
        reason += ", out of memory"
    return "stopped", "none", f"{reason}, restarting" if state.get("Restarting") else reason


def kept_labels(labels: Mapping[str, str]) -> tuple[tuple[Label, ...], tuple[str, ...]]:
    """Return the labels to publish, by name, and the names of those that exceed a limit.

    A value that is too long is omitted, not cut: half a routing rule may match more than the whole.
    Labels of Docker Compose and of routing are kept first, so that a limit affects the others.
    """
    wanted = [
        name
        for name in labels
        if name and (name in _KEPT_LABELS or not name.startswith(_LOCAL_LABELS))
    ]
    kept_first = (*_KEPT_LABELS, *_ROUTING_LABELS)
    wanted.sort(key=lambda name: (not name.lower().startswith(kept_first), name))
    kept: list[Label] = []
    left_out: list[str] = []
    size_bytes = 0
    for name in wanted:
        value_bytes = len(labels[name].encode())
        label_bytes = len(name.encode()) + value_bytes
        fits = size_bytes + label_bytes <= LABELS_BYTES_MAX and len(kept) < LABELS_MAX
        if fits and value_bytes <= LABEL_VALUE_BYTES_MAX:
            kept.append(Label(name=name, value=labels[name]))
            size_bytes += label_bytes
        else:
            left_out.append(name[:TEXT_CHARACTERS_MAX])
    return tuple(sorted(kept, key=lambda label: label.name)), tuple(left_out)


def _utc_s(text: str) -> float:
    """Return Docker's timestamp as Unix seconds; 0 if Docker has not set it."""
    if not text or text.startswith("0001-"):
        return 0.0
    # Docker writes nanoseconds; Python parses microseconds at most.
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    digits = "".join(character for character in fraction[:6] if character.isdigit()) or "0"
    return datetime.datetime.fromisoformat(f"{seconds}.{digits:<06}+00:00").timestamp()
