"""What the labels of a container define (Traefik documentation, "Docker labels", v3).

A wrong label only invalidates the router, service or middleware that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from constellation.traefik.elements import Protocol, Section
from constellation.traefik.label_decode import BOOLEANS, DecodeError, LabelDecoder
from constellation.traefik.label_tree import SHOWN_CHARACTERS_MAX, LabelNode, label_tree
from constellation.traefik.rejection import Complaint
from constellation.traefik.schema.http import ROUTER, SERVICE
from constellation.traefik.schema.kinds import Struct
from constellation.traefik.schema.middlewares import MIDDLEWARE
from constellation.traefik.schema.stream import (
    TCP_MIDDLEWARE,
    TCP_ROUTER,
    TCP_SERVICE,
    UDP_ROUTER,
    UDP_SERVICE,
)
from messages.monitor import Label

NAMED_MAX = 64  # routers, services or middlewares of one container, for each protocol
SWITCH = "constellation.http"
KNOWN_PROTOCOL = "constellation.tcp"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STRUCTS: dict[tuple[Protocol, Section], Struct] = {
    ("http", "routers"): ROUTER,
    ("http", "services"): SERVICE,
    ("http", "middlewares"): MIDDLEWARE,
    ("tcp", "routers"): TCP_ROUTER,
    ("tcp", "services"): TCP_SERVICE,
    ("tcp", "middlewares"): TCP_MIDDLEWARE,
    ("udp", "routers"): UDP_ROUTER,
    ("udp", "services"): UDP_SERVICE,
}
# Labels of the container as a whole.  The container's monitor evaluates its network.
_OF_CONTAINER = frozenset({"enable", "docker.network", "docker.lbswarm", "docker.allownonrunning"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One element that labels define; `config` is None if its labels are wrong.

    `label` is its first label; `labels` are all of them, by their lower-case path below it.
    """

    label: str
    config: dict[str, Any] | None
    labels: Mapping[str, str]

    def label_of(self, option: str) -> str:
        """Return the label that sets `option`, or else the first one."""
        return self.labels.get(option.lower(), self.label)[:SHOWN_CHARACTERS_MAX]


@dataclass(frozen=True, slots=True)
class TraefikLabels:
    """Everything that the labels of one container define, and what is wrong with them.

    `known_protocol` is the value of `constellation.tcp`; empty: the label is not set.  `paths` are
    the names of all labels of Traefik, unreadable ones included, in lower case.
    """

    enabled: bool = True
    known_protocol: str = ""
    asked: dict[tuple[Protocol, Section], dict[str, Asked]] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()
    paths: tuple[str, ...] = ()

    def of(self, protocol: Protocol, section: Section) -> dict[str, Asked]:
        """Return the elements of one section by name, wrong ones included."""
        return self.asked.get((protocol, section), {})

    def asks_for(self, protocol: Protocol) -> bool:
        """Return whether labels define an element of `protocol`."""
        return any(elements for (of, _), elements in self.asked.items() if of == protocol)

    def mentions(self, protocol: Protocol) -> bool:
        """Return whether any label is about `protocol`, even one that cannot be read."""
        return any(re.split(r"[.\[]", path, maxsplit=2)[1] == protocol for path in self.paths)

    @property
    def is_routed(self) -> bool:
        """Return whether labels are about an HTTP router, even one that cannot be read.

        A default router in its place would not have the middlewares that its owner intended.
        """
        others = ("traefik.http.services.", "traefik.http.middlewares.")
        return any(
            path.startswith("traefik.http.") and not path.startswith(others) for path in self.paths
        )


def read_labels(labels: Iterable[Label], version: str) -> TraefikLabels:
    """Return what `labels` define, in any order; `version` is Traefik's."""
    labels = tuple(labels)
    complaints: list[Complaint] = []
    tree = label_tree(labels, complaints)
    asked: dict[tuple[Protocol, Section], dict[str, Asked]] = {}
    for protocol_node in tree.children:
        if protocol_node.name.lower() not in {"http", "tcp", "udp"}:
            continue
        if protocol_node.has_value:
            complaints.append(_no_such_label(protocol_node.label))
        for section_node in protocol_node.children:
            part = protocol_node.name.lower(), section_node.name.lower()
            if part in _STRUCTS and not section_node.has_value:
                asked[part] = _read_section(section_node, _STRUCTS[part], version, complaints)
            else:
                complaints.append(_no_such_label(section_node.label))
    return TraefikLabels(
        _is_enabled(tree, labels, complaints),
        _known_protocol(labels),
        asked,
        tuple(complaints),
        tuple(path for label in labels if (path := label.name.lower()).startswith("traefik.")),
    )


def _read_section(
    section: LabelNode, struct: Struct, version: str, complaints: list[Complaint]
) -> dict[str, Asked]:
    found: dict[str, Asked] = {}
    for node in section.children:
        name = node.name
        if not _NAME.fullmatch(name):
            reason = f"{name[:64]!r} is not a valid name"
            complaints.append(_complaint(node, reason, "use 1 to 64 of a-z, 0-9, '-' and '_'"))
        elif len(found) >= NAMED_MAX:
            complaints.append(
                _complaint(node, f"more than {NAMED_MAX} are defined", "define fewer")
            )
        else:
            # A service works without an option that its Traefik does not have yet.  A router or a
            # middleware without an option could let in more than its owner wrote.
            passed_over: list[DecodeError] | None = None
            if section.name.lower() == "services":
                passed_over = []
            config = _read_element(node, struct, LabelDecoder(version, passed_over), complaints)
            complaints += [_of_error(error) for error in passed_over or ()]
            labels = {path: leaf.label for path, leaf in node.leaves()}
            found[name] = Asked(node.label, config, labels)
    return found


def _read_element(
    node: LabelNode, struct: Struct, decoder: LabelDecoder, complaints: list[Complaint]
) -> dict[str, Any] | None:
    try:
        return decoder.element(struct, node)
    except DecodeError as error:
        complaints.append(_of_error(error))
        return None


def _is_enabled(tree: LabelNode, labels: Iterable[Label], complaints: list[Complaint]) -> bool:
    """Return whether the container gets routes.

    A switch that cannot be read counts as off, so that nothing is published by mistake.
    """
    switches = [(leaf.label, leaf.value) for path, leaf in tree.leaves() if path == "enable"]
    switches += [
        (label.name, label.value.strip()) for label in labels if label.name.lower() == SWITCH
    ]
    for label, value in switches:
        if value not in BOOLEANS:
            reason = f"{value[:64]!r} is neither true nor false"
            complaints.append(Complaint(label, reason, "write true or false"))
    for node in tree.children:
        if node.name.lower() in {"http", "tcp", "udp"}:
            continue
        paths = [path for path, _ in node.leaves()]
        paths = [f"{node.name.lower()}.{path}" for path in paths]
        if node.has_value:
            paths.append(node.name.lower())
        if any(path not in _OF_CONTAINER for path in paths):
            complaints.append(_no_such_label(node.label))
    return all(BOOLEANS.get(value, False) for _, value in switches)


def _known_protocol(labels: Iterable[Label]) -> str:
    for label in labels:
        if label.name.lower() == KNOWN_PROTOCOL:
            return label.value.strip().lower()
    return ""


def _no_such_label(label: str) -> Complaint:
    return Complaint(label[:SHOWN_CHARACTERS_MAX], "unknown label", "correct its name")


def _of_error(error: DecodeError) -> Complaint:
    return Complaint(error.label, error.reason, error.remedy)


def _complaint(node: LabelNode, reason: str, remedy: str) -> Complaint:
    return Complaint(node.label[:SHOWN_CHARACTERS_MAX], reason, remedy)
