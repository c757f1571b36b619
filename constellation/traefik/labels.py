"""What the labels of a container define (Traefik documentation, "Docker labels", v3).

A wrong label only invalidates the router, service or middleware that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import field

from constellation.near_names import did_you_mean
from constellation.traefik.elements import Protocol, Section
from constellation.traefik.known_labels import PROTOCOLS, SWITCH, other_complaints
from constellation.traefik.known_protocols import LABEL as PROTOCOL_LABEL
from constellation.traefik.label_decode import BOOLEANS, LabelDecoder, no_boolean
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
from constellation.value import Value
from messages.monitor import Label

NAMED_MAX = 64  # routers, services or middlewares of one container, for each protocol
NAME_CHARACTERS_MAX = 128

# Traefik takes more, but a name must also fit into a header, a rule and a list.
_NAME = re.compile(rf"[\w-]([\w +:~/-]{{0,{NAME_CHARACTERS_MAX - 2}}}[\w-])?")
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


class Asked(Value):
    """One element that labels define; `config` is None if its labels are wrong.

    `node` has its labels; `read` is what could be read of them, to find what else is wrong.
    """

    node: LabelNode
    config: dict[str, Any] | None
    read: dict[str, Any] = field(default_factory=dict)

    def label_of(self, option: str) -> str:
        """Return the label that sets `option`, or else the first one."""
        labels = {path: leaf.label for path, leaf in self.node.leaves()}
        return labels.get(option.lower(), self.node.label)[:SHOWN_CHARACTERS_MAX]


class TraefikLabels(Value):
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
        start = f"traefik.{protocol}"
        return any(
            path == start or path.startswith((f"{start}.", f"{start}[")) for path in self.paths
        )

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
    for node in tree.children:
        if node.name.lower() in PROTOCOLS:
            _read_protocol(node, version, asked, complaints)
    is_enabled = _is_enabled(tree, labels, complaints)
    complaints += other_complaints(tree, labels)
    return TraefikLabels(
        is_enabled,
        _known_protocol(labels),
        asked,
        tuple(complaints),
        tuple(path for label in labels if (path := label.name.lower()).startswith("traefik.")),
    )


def _read_protocol(
    protocol: LabelNode,
    version: str,
    asked: dict[tuple[Protocol, Section], dict[str, Asked]],
    complaints: list[Complaint],
) -> None:
    name = protocol.name.lower()
    sections = [section for of, section in _STRUCTS if of == name]
    listed = f"use traefik.{name}.{' or '.join(sections)}"
    if protocol.has_value:
        complaints.append(_complaint(protocol, "it names no router and no service", listed))
    for section in protocol.children:
        part = name, section.name.lower()
        if part not in _STRUCTS:
            reason = f"traefik.{name} has no {section.name[:64]!r}"
            remedy = did_you_mean(section.name, sections, _ELSEWHERE.get(part[1], listed))
            complaints.append(_complaint(section, reason, remedy))
            continue
        if section.has_value:
            remedy = f"write a name and an option after {part[1]}"
            complaints.append(_complaint(section, "it names no element", remedy))
        asked[part] = _read_section(section, _STRUCTS[part], version, complaints)


# What labels cannot define, in Traefik neither.
_ELSEWHERE = dict.fromkeys(("serverstransports", "models"), "define it in a file of Traefik")


def _read_section(
    section: LabelNode, struct: Struct, version: str, complaints: list[Complaint]
) -> dict[str, Asked]:
    found: dict[str, Asked] = {}
    for node in section.children:
        with_dots = _dotted(node, struct)
        for dotted in with_dots:
            reason = f"names have no dots: Traefik reads {node.name[:64]!r} as the name"
            remedy = f"call it {dotted.name.replace('.', '-')[:64]}"
            complaints.append(_complaint(dotted, reason, remedy))
            found[dotted.name] = Asked(dotted, None)
        name = node.name
        if with_dots and not node.children:
            continue
        if not _NAME.fullmatch(name):
            reason = f"{name[:64]!r} is not a valid name"
            remedy = f"use 1 to {NAME_CHARACTERS_MAX} of a-z, 0-9, '-' and '_'"
            complaints.append(_complaint(node, reason, remedy))
        elif len(found) >= NAMED_MAX:
            complaints.append(
                _complaint(node, f"more than {NAMED_MAX} are defined", "define fewer")
            )
        else:
            # A service works without an option that its Traefik does not have yet.  A router or a
            # middleware without an option could let in more than its owner wrote.
            is_service = section.name.lower() == "services"
            decoder = LabelDecoder(version, complaints, passes_over=is_service)
            found[name] = Asked(node, decoder.element(struct, node), decoder.read)
    return found


def _dotted(node: LabelNode, struct: Struct) -> list[LabelNode]:
    """Take what belongs to names with dots out of `node`; return each, with its whole name."""
    found = []
    for child in [*node.children]:
        if struct.find(child.name) is None and _has_option(child, struct):
            node.children.remove(child)
            found += _whole_names(node.name, child, struct)
    return found


def _has_option(node: LabelNode, struct: Struct) -> bool:
    return any(
        struct.find(child.name) is not None or _has_option(child, struct) for child in node.children
    )


def _whole_names(before: str, node: LabelNode, struct: Struct) -> list[LabelNode]:
    name = f"{before}.{node.name}"
    found = []
    if any(struct.find(child.name) is not None for child in node.children):
        found.append(LabelNode(name, node.label))
    for child in node.children:
        if struct.find(child.name) is None and _has_option(child, struct):
            found += _whole_names(name, child, struct)
    return found


def _is_enabled(tree: LabelNode, labels: Iterable[Label], complaints: list[Complaint]) -> bool:
    """Return whether the container gets routes.

    A switch that cannot be read counts as off, so that nothing is published by mistake.
    """
    enable = tree.find("enable")
    switches = [(enable.label, enable.value)] if enable is not None and enable.has_value else []
    switches += [
        (label.name, label.value.strip()) for label in labels if label.name.lower() == SWITCH
    ]
    for label, value in switches:
        if value not in BOOLEANS:
            fault = no_boolean(value)
            complaints.append(Complaint(label, fault.reason, fault.remedy))
    return all(BOOLEANS.get(value, False) for _, value in switches)


def _known_protocol(labels: Iterable[Label]) -> str:
    for label in labels:
        if label.name.lower() == PROTOCOL_LABEL:
            return label.value.strip().lower()
    return ""


def _complaint(node: LabelNode, reason: str, remedy: str) -> Complaint:
    return Complaint(node.label[:SHOWN_CHARACTERS_MAX], reason, remedy)
