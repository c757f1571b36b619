"""Messages of service monitoring: observations of sources, and the states monitors conclude."""

from typing import Literal, NamedTuple

from pydantic import Field, field_serializer

from messages.base import Message

Health = Literal["healthy", "unhealthy", "starting", "stopped"]
Role = Literal["", "primary", "replica"]

REACH_NOTES_MAX = 8


class Label(NamedTuple):
    """One label of a service, as its container carries it.

    It is part of messages and none itself: a large cluster has a hundred thousand labels, and each
    would take 400 bytes more.
    """

    name: str
    value: str


class Endpoint(Message):
    """Where other nodes reach one port of a service.  Part of a service's state."""

    protocol: Literal["tcp", "udp"]
    host: str = Field(description="address reachable from other nodes; empty: not published")
    port: int = Field(ge=0, le=65535, description="port on `host`; 0: not published")
    container_port: int = Field(ge=1, le=65535, description="port that the service listens on")
    scheme: Literal["", "http", "https"] = Field(default="", description="empty: unknown")


class ReachNote(Message):
    """Why a port of an instance is not reached as usual.  Part of a service's state."""

    container_port: int = Field(default=0, ge=0, le=65535, description="0: any port")
    why: str = Field(max_length=256, description="the reason, for people")
    fix: str = Field(max_length=256, description="what to do about it")
    is_doubtful: bool = Field(
        default=False, description="the container's own address is used, but may not be reached"
    )


class ServiceObservation(Message):
    """One instance on this node as a source observes it.  Part of `ServicesObserved`."""

    service: str = Field(min_length=1, max_length=128, description="of which it is an instance")
    name: str = Field(
        default="",
        max_length=128,
        description="of the instance, unique on its node; empty: the same as `service`",
    )
    source: Literal["docker", "static"]
    instance: str = Field(description="container id, or the checked address")
    running: bool = Field(description="the process exists and is not paused")
    paused: bool = Field(default=False, description="the process exists but is paused")
    check: Literal["passing", "failing", "starting", "none"] = Field(
        description="result of its health check; 'none' when it has no check"
    )
    detail: str = Field(
        default="", max_length=512, description="the reason, for people; never a secret"
    )
    results_count: int = Field(
        default=1,
        ge=1,
        description="of a static service: how many checks in a row had this result, up to the "
        "number that changes its health",
    )
    image: str = ""
    networks: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    exposed_ports: tuple[int, ...] = Field(default=(), description="TCP ports the image declares")
    exposed_udp_ports: tuple[int, ...] = Field(
        default=(), description="UDP ports the image declares"
    )
    container_host: str = Field(
        default="",
        max_length=64,
        description="the container's own IP address, reachable from its host only; empty: none "
        "(stopped, host network, static)",
    )
    reach_notes: tuple[ReachNote, ...] = Field(
        default=(), max_length=REACH_NOTES_MAX, description="why ports are not reached as usual"
    )
    role: Role = Field(
        default="",
        description="whether this instance takes writes; empty: unknown",
    )
    draining: bool = Field(
        default=False, description="asked to stop, and still running: it gets no new requests"
    )
    created_at_utc_s: float = Field(default=0.0, description="when deployed, Unix seconds")

    @property
    def key(self) -> str:
        """The instance's name, which is the key of its record."""
        return self.name or self.service


class ServicesObserved(Message):
    """State what a source observes.  Sent by a source to the `services` actor.  No answer."""

    source: Literal["docker", "static"]
    complete: bool = Field(description="these are all instances: one that is missing has vanished")
    observations: tuple[ServiceObservation, ...]
    vanished: tuple[str, ...] = Field(
        default=(), description="names of instances that no longer exist"
    )


class MonitorStop(Message):
    """Tell a monitor to withdraw its instance, which vanished.  Answered by `MonitorDone`."""

    name: str


class MonitorDone(Message):
    """Answer to `MonitorStop`: the instance is withdrawn, and the monitor may be ended."""

    name: str


class ServiceState(Message):
    """One instance of a service as its monitor judges it.  Published by gossip."""

    service: str = Field(min_length=1, max_length=128)
    name: str = Field(
        default="",
        max_length=128,
        description="of the instance, unique on its node; empty: the same as `service`",
    )
    health: Health
    reason: str = Field(default="", max_length=512, description="the reason, for people")
    source: Literal["docker", "static"]
    instance: str
    image: str = ""
    networks: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    exposed_ports: tuple[int, ...] = ()
    exposed_udp_ports: tuple[int, ...] = ()
    container_host: str = Field(
        default="", max_length=64, description="its own IP address, reachable from its host only"
    )
    reach_notes: tuple[ReachNote, ...] = Field(default=(), max_length=REACH_NOTES_MAX)
    role: Role = Field(default="", description="whether it takes writes; empty: unknown")
    draining: bool = Field(default=False, description="asked to stop: it gets no new requests")
    created_at_utc_s: float = 0.0

    @field_serializer("labels")
    def _labels_with_names(self, labels: tuple[Label, ...]) -> tuple[dict[str, str], ...]:
        """Return them as in the records of all versions."""
        return tuple([label._asdict() for label in labels])

    @property
    def key(self) -> str:
        """The instance's name, which is the key of its record."""
        return self.name or self.service
