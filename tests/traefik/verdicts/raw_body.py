"""The body that one value of one option gives, without any check of ours.

Labels become JSON by the types of the schema alone, so that Traefik is asked about values that the
decoder refuses.  A value that is not of its type is sent as a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from constellation.traefik.label_decode import BOOLEANS
from constellation.traefik.label_tree import LabelNode, label_tree
from constellation.traefik.schema.kinds import (
    Flag,
    Kind,
    Rows,
    Struct,
    Table,
    Texts,
    Whole,
)
from messages.monitor import Label
from tests.traefik.schema_labels import STRUCTS, Leaf, element
from tests.traefik.verdicts.values import Question

ROUTER: Mapping[str, Mapping[str, Any]] = {
    "http": {"rule": "Host(`x.localhost`)", "entryPoints": ["web"]},
    "tcp": {"rule": "HostSNI(`*`)", "entryPoints": ["tcp"]},
    "udp": {"entryPoints": ["udp"]},
}


def labels_of(question: Question) -> dict[str, str]:
    """Return the labels of the smallest element that has the option, by their path below it."""
    struct = STRUCTS[question.protocol, question.section]
    prefix = "" if question.protocol == "http" else question.protocol
    leaf = Leaf(question.option, Texts(), "3.0", question.value)
    return element(struct, f"{prefix}{question.section[:-1]}", leaf) | dict(question.beside)


def raw_element(question: Question) -> dict[str, Any]:
    """Return the element with the value, typed but unchecked."""
    labels = [
        Label(name=f"traefik.x.{path}", value=value) for path, value in labels_of(question).items()
    ]
    node = label_tree(labels, []).find("x")
    assert node is not None
    return dict(_raw(STRUCTS[question.protocol, question.section], node))


def body_of(question: Question, number: int, server: str) -> bytes:
    """Return a body with a router to a service, one of which has the value.

    `number` is in the name of a middleware that shows that Traefik has taken this body; `server`
    is host:port.
    """
    protocol = question.protocol
    router: dict[str, Any] = {**ROUTER[protocol], "service": "x"}
    service: dict[str, Any] = {"loadBalancer": {}}
    middlewares: dict[str, Any] = {}
    made = raw_element(question)
    if question.section == "routers":
        router |= made
    elif question.section == "services":
        service = {"loadBalancer": {}} | made
    else:
        middlewares = {"x": made}
        router["middlewares"] = ["x"]
    balancer = service["loadBalancer"]
    asked = balancer.pop("server", {}) if isinstance(balancer, dict) else {}
    if isinstance(balancer, dict):
        balancer["servers"] = [_server(protocol, asked, server)]
    mine: dict[str, Any] = {"routers": {"x": router}, "services": {"x": service}}
    if middlewares:
        mine["middlewares"] = middlewares
    body: dict[str, Any] = {protocol: mine}
    probe = {f"probe{number}": {"addPrefix": {"prefix": "/"}}}
    body.setdefault("http", {}).setdefault("middlewares", {}).update(probe)
    return json.dumps(body).encode()


def _server(protocol: str, asked: Mapping[str, Any], server: str) -> dict[str, Any]:
    options = {key: value for key, value in asked.items() if key not in {"port", "scheme", "url"}}
    if "port" in asked:
        server = f"{server.rpartition(':')[0]}:{asked['port']}"
    if protocol != "http":
        return {"address": server, **options}
    return {"url": asked.get("url") or f"{asked.get('scheme', 'http')}://{server}", **options}


def _raw(kind: Kind, node: LabelNode) -> Any:
    text = node.value
    if not node.children:
        return _single(kind, text)
    if isinstance(kind, Rows):
        return [_raw(kind.row, child) for child in node.children]
    made = {}
    for child in node.children:
        field = kind.find(child.name) if isinstance(kind, Struct) else None
        below: Kind = field.kind if field is not None else Texts()
        if isinstance(kind, Table):
            below = kind.value
        made[field.name if field is not None else child.name] = _raw(below, child)
    return made


def _single(kind: Kind, text: str) -> Any:
    match kind:
        case Struct():
            return {} if text.lower() in {"", "true"} else text
        case Flag():
            return BOOLEANS.get(text, text)
        case Whole():
            return int(text) if re.fullmatch(r"[+-]?[0-9]{1,25}", text) else text
        case Texts():
            return [part.strip() for part in text.split(",")] if text else []
        case _:
            return text
