"""Parts of the body for people to look at: `/api/http/routers` and the like.

A list, and never an object: of an object Traefik would drop the keys that it does not know, and
take what is left, nothing, for a configuration.
"""

from __future__ import annotations

import json
from typing import Any

VIEWS = {
    f"/api/{protocol}/{section}": (protocol, section)
    for protocol, sections in (
        ("http", ("routers", "services", "middlewares")),
        ("tcp", ("routers", "services", "middlewares")),
        ("udp", ("routers", "services")),
    )
    for section in sections
}


class Views:
    """All views of one body; the body is read once."""

    def __init__(self) -> None:
        self._body = b""
        self._document: dict[str, dict[str, dict[str, Any]]] = {}

    def rows(self, body: bytes, path: str) -> list[dict[str, Any]]:
        """Return what `body` has at `path`, by name."""
        if body is not self._body:
            self._body, self._document = body, json.loads(body)
        protocol, section = VIEWS[path]
        elements = self._document.get(protocol, {}).get(section, {})
        return [{"name": name, **elements[name]} for name in sorted(elements)]
