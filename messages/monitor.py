"""Messages of service monitoring: what sources observe, and what each monitor concludes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message

Health = Literal["healthy", "unhealthy", "starting", "stopped"]
Role = Literal["", "primary", "replica"]


class Label(Message):
    """One label of a service, as its container carries it."""

    name: str
    value: str


class Endpoint(Message):
    """Where one port of a service is reached from other nodes.  Part of a service's state."""

    protocol: Literal["tcp", "udp"]
    host: str = Field(description="address reachable from other nodes; empty: not published")
    port: int = Field(ge=0, le=65535, description="port on `host`; 0: not published")
    container_port: int = Field(ge=1, le=65535, description="port the service itself listens on")
    scheme: Literal["", "http", "https"] = Field(default="", description="empty: not known")


class ServiceObservation(Message):
    """What one source saw of one service on this node just now.  Part of `ServicesObserved`."""

    service: str = Field(min_length=1, max_length=128)
    source: Literal["docker", "static"]
    instance: str = Field(description="container id, or the address checked")
    running: bool = Field(description="the process exists and is not paused")
    paused: bool = Field(default=False, description="the process exists but is held still")
    check: Literal["passing", "failing", "starting", "none"] = Field(
        description="what its health check says; 'none' when it has no check"
    )
    detail: str = Field(default="", max_length=512, description="why, for people; never a secret")
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
        description="the container's own IP address on its host, reached from that host only; "
        "empty: none (stopped, host network, static)",
    )
    role: Role = Field(
        default="",
        description="whether this instance is the one that takes writes; empty: not known",
    )
    draining: bool = Field(
        default=False, description="asked to stop, and still running: no new requests"
    )
    created_at_utc_s: float = Field(default=0.0, description="when deployed, Unix seconds")


class ServicesObserved(Message):
    """State what a source sees.  Sent by a source to the `services` actor.  No answer."""

    source: Literal["docker", "static"]
    complete: bool = Field(description="these are all: a service missing here has vanished")
    observations: tuple[ServiceObservation, ...]
    vanished: tuple[str, ...] = Field(default=(), description="names of services now gone")


class MonitorStop(Message):
    """Tell a monitor that its service is gone: withdraw it from gossip and end.  No answer."""

    service: str


class MonitorDone(Message):
    """State that the monitor has withdrawn its service and may be ended."""

    service: str


class ServiceState(Message):
    """One service on one node as its monitor judges it.  Travels by gossip."""

    service: str = Field(min_length=1, max_length=128)
    health: Health
    reason: str = Field(default="", max_length=512, description="why, for people")
    source: Literal["docker", "static"]
    instance: str
    image: str = ""
    networks: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    exposed_ports: tuple[int, ...] = ()
    exposed_udp_ports: tuple[int, ...] = ()
    container_host: str = Field(
        default="", max_length=64, description="IP address on its own host, reached from there only"
    )
    role: Role = Field(default="", description="who takes writes; empty: not known")
    draining: bool = Field(default=False, description="asked to stop: no new requests")
    created_at_utc_s: float = 0.0
