"""Labels as a tree: `traefik.http.routers.x.rule` is `rule` below `x`, below `routers`...

As in Traefik, names are compared without case; the spelling is that of the first label in
alphabetical order.  An index in brackets is a level of its own: `domains[0]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from constellation.traefik.rejection import Complaint
from messages.monitor import Label

DEPTH_MAX = 12
SHOWN_CHARACTERS_MAX = 128

_PART = re.compile(r"([^\[\]]+)(\[[^\[\]]*\])?")


@dataclass(slots=True)
class LabelNode:
    """One level.  `label` is the first label that contains it, for complaints."""

    name: str
    label: str
    value: str = ""
    children: list[LabelNode] = field(default_factory=list)
    has_value: bool = False
    lower: str = field(init=False, repr=False)  # its name, compared with those of all others

    def __post_init__(self) -> None:
        self.lower = self.name.lower()

    def find(self, name: str) -> LabelNode | None:
        """Return the child called `name` in any case."""
        wanted = name.lower()
        for child in self.children:
            if child.lower == wanted:
                return child
        return None

    def leaves(self) -> Iterable[tuple[str, LabelNode]]:
        """Yield every node below this one that has a value, with its lower-case path."""
        for child in self.children:
            if child.has_value:
                yield child.lower, child
            for path, leaf in child.leaves():
                yield f"{child.lower}.{path}", leaf


def label_tree(labels: Iterable[Label], complaints: list[Complaint]) -> LabelNode:
    """Return the tree of all `labels` below "traefik."; unreadable ones go to `complaints`."""
    root = LabelNode("traefik", "traefik")
    for label in sorted(labels, key=lambda label: label.name):
        if not label.name.lower().startswith("traefik."):
            continue
        parts = _parts(label.name)
        if parts is None:
            remedy = "write names separated by dots, as in traefik.http.routers.web.rule"
            complaints.append(_complaint(label, "the name of the label is not valid", remedy))
            continue
        node = _descend(root, parts[1:], label.name)
        if node.has_value:
            reason = "the label exists twice, in different case; the first one is used"
            remedy = "remove one of them"
            complaints.append(replace(_complaint(label, reason, remedy), is_sent=True))
            continue
        node.value, node.has_value = label.value.strip(), True
    return root


def _parts(name: str) -> list[str] | None:
    parts = name.split(".")
    if "[" not in name and "]" not in name:  # nearly always
        return parts if all(parts) and 2 <= len(parts) <= DEPTH_MAX else None
    given, parts = parts, []
    for part in given:
        match = _PART.fullmatch(part)
        if match is None:
            return None
        parts += [text for text in match.groups() if text]
    return parts if 2 <= len(parts) <= DEPTH_MAX else None


def _descend(node: LabelNode, parts: Iterable[str], label: str) -> LabelNode:
    for part in parts:
        child = node.find(part)
        if child is None:
            child = LabelNode(part, label)
            node.children.append(child)
        node = child
    return node


def _complaint(label: Label, reason: str, remedy: str) -> Complaint:
    return Complaint(label.name[:SHOWN_CHARACTERS_MAX], reason, remedy)
