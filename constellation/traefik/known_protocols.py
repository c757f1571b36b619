"""Services that speak a well-known protocol over TCP, told by their image or by a label.

Never by a name: what is called "redis" may be a page about it.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.traefik.rejection import Complaint

LABEL = "constellation.tcp"


@dataclass(frozen=True, slots=True)
class KnownProtocol:
    """A protocol, called like the entry point that serves it."""

    name: str
    port: int
    images: frozenset[str]  # the last part of the image's name


PROTOCOLS = (
    KnownProtocol(
        "mongodb",
        27017,
        frozenset({"mongo", "mongodb", "mongodb-community-server", "percona-server-mongodb"}),
    ),
    KnownProtocol(
        "redis", 6379, frozenset({"redis", "redis-stack-server", "valkey", "keydb", "dragonfly"})
    ),
    KnownProtocol(
        "postgres",
        5432,
        frozenset({"postgres", "postgresql", "postgis", "timescaledb", "pgvector", "pgvecto-rs"}),
    ),
    KnownProtocol("mysql", 3306, frozenset({"mysql", "mysql-server", "mariadb", "percona"})),
)


def known_protocol(image: str, label: str) -> KnownProtocol | Complaint | None:
    """Return what a container of `image` speaks; None: not known.

    `label` is what the label `constellation.tcp` says: a protocol, "none", or empty if there is
    no such label.
    """
    if label == "none":
        return None
    for protocol in PROTOCOLS:
        if label == protocol.name or (not label and _base_name(image) in protocol.images):
            return protocol
    if label:
        names = ", ".join(protocol.name for protocol in PROTOCOLS)
        remedy = f"write one of {names}, none"
        return Complaint(LABEL, f"{label[:64]!r} is no protocol known here", remedy)
    return None


def _base_name(image: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    path = image.partition("@")[0]
    return path.rpartition("/")[2].partition(":")[0].lower()
