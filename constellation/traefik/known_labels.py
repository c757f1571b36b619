"""Labels that are about no element: which are known, and which look like a known one.

Traefik passes over labels such as `traefik.tags` without a word, and its constraints use them.  So
a label of Traefik is complained about only if it is nearly a known one.  Every label of
Constellation has a meaning, so an unknown one is always a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.near_names import did_you_mean, nearest
from constellation.traefik.known_protocols import LABEL as PROTOCOL_LABEL
from constellation.traefik.label_tree import SHOWN_CHARACTERS_MAX, LabelNode
from constellation.traefik.rejection import Complaint
from messages.monitor import Label

SWITCH = "constellation.http"
ENABLE = "constellation.enable"
SERVICE = "constellation.service"
PRIMARY = "constellation.primary"
OWN_PREFIX = "constellation."
OWN_LABELS = (ENABLE, SERVICE, PRIMARY, SWITCH, PROTOCOL_LABEL)
_OWN_ENDS = tuple(name.removeprefix(OWN_PREFIX) for name in OWN_LABELS)

PROTOCOLS = ("http", "tcp", "udp")
_PARTS = (*PROTOCOLS, "enable", "docker")
_OF_DOCKER = ("network", "lbswarm", "allownonrunning")
_ELSEWHERE = {"tls": "define certificates and TLS options in a file of Traefik"}

_ROLES = ("true", "false", "health")


def other_complaints(tree: LabelNode, labels: Iterable[Label]) -> list[Complaint]:
    """Return what is wrong with the labels that are about no element."""
    return [*_of_traefik(tree), *_of_constellation(labels)]


def _of_traefik(tree: LabelNode) -> Iterable[Complaint]:
    for node in tree.children:
        name = node.name.lower()
        if name == "docker":
            yield from _of_docker(node)
        elif name in _ELSEWHERE:
            yield _warning(node.label, "it has no effect here", _ELSEWHERE[name])
        elif name == "enable":
            for child in node.children:
                reason = "traefik.enable has no options"
                yield _warning(child.label, reason, "remove what follows its name")
        elif name not in PROTOCOLS and (near := nearest(name, _PARTS)):
            reason = f"Traefik passes over traefik.{node.name[:64]}"
            yield _warning(node.label, reason, f"did you mean traefik.{near}?")


def _of_docker(docker: LabelNode) -> Iterable[Complaint]:
    for child in docker.children:
        if child.name.lower() not in _OF_DOCKER:
            known = ", ".join(_OF_DOCKER)
            reason = f"traefik.docker has no option {child.name[:64]!r}"
            remedy = did_you_mean(child.name, _OF_DOCKER, f"use one of {known}")
            yield _warning(child.label, reason, remedy)


def _of_constellation(labels: Iterable[Label]) -> Iterable[Complaint]:
    seen: dict[str, str] = {}
    own = [label for label in labels if label.name.lower().startswith(OWN_PREFIX)]
    for label in sorted(own, key=lambda label: label.name):
        name = label.name.lower()
        if name in seen:
            reason = f"{label.name[:64]} exists twice, in different case"
            yield _warning(label.name, reason, "remove one of them")
        seen[name] = label.value
        if name not in OWN_LABELS:
            near = nearest(name.removeprefix(OWN_PREFIX), _OWN_ENDS)
            remedy = f"use one of {', '.join(OWN_LABELS)}"
            remedy = f"did you mean {OWN_PREFIX}{near}?" if near else remedy
            yield _warning(label.name, "Constellation has no such label", remedy)
        elif name == PRIMARY and label.value.strip().lower() not in _ROLES:
            yield _unknown_role(label)


def _unknown_role(label: Label) -> Complaint:
    shown = repr(label.value[:64])
    reason = f"{shown} is none of {', '.join(_ROLES)}, so this instance has no role"
    near = _nearest_role(label.value.strip().lower())
    return _warning(label.name, reason, f"did you mean {near}?" if near else "use one of them")


def _nearest_role(value: str) -> str:
    same = {"yes": "true", "1": "true", "primary": "true", "master": "true"}
    same |= {"no": "false", "0": "false", "replica": "false", "slave": "false"}
    return same.get(value) or nearest(value, _ROLES)


def _warning(label: str, reason: str, remedy: str) -> Complaint:
    return Complaint(label[:SHOWN_CHARACTERS_MAX], reason, remedy, is_sent=True)
