"""Services that speak a well-known TCP protocol, recognised by their image or by a label.

A service is never recognised by its name: "redis" may be a web page about Redis.
"""

from __future__ import annotations

from constellation.near_names import did_you_mean
from constellation.traefik.rejection import Complaint
from constellation.value import Value

LABEL = "constellation.tcp"


class KnownProtocol(Value):
    """A protocol.  Its name is also that of the entry point that serves it."""

    name: str
    port: int
    images: frozenset[str]  # last parts of image names


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


_BY_IMAGE = {image: protocol for protocol in PROTOCOLS for image in protocol.images}


def protocol_of_image(image: str) -> KnownProtocol | None:
    """Return the protocol that containers with this image speak; None: unknown."""
    return _BY_IMAGE.get(_base_name(image))


def known_protocol(of_image: KnownProtocol | None, label: str) -> KnownProtocol | Complaint | None:
    """Return the protocol of a container; None: unknown.

    `of_image` is that of its image.  `label` is the value of the label `constellation.tcp`: a
    protocol, "none", or empty if the container does not have it.
    """
    if label == "none":
        return None
    if not label:
        return of_image
    for protocol in PROTOCOLS:
        if label == protocol.name:
            return protocol
    known = (*(protocol.name for protocol in PROTOCOLS), "none")
    remedy = did_you_mean(label, known, f"use one of {', '.join(known)}")
    return Complaint(LABEL, f"the protocol {label[:64]!r} is unknown", remedy)


def _base_name(image: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    path = image.partition("@")[0]
    return path.rpartition("/")[2].partition(":")[0].lower()
