"""Parts of the body for people, such as `/api/http/routers`.

Each part is a list.  If Traefik polled an object by mistake, it would ignore the unknown keys and
apply an empty configuration.
"""

from __future__ import annotations

import json
from typing import Any

from constellation.traefik.secrecy import without_secrets

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
    """All views of one body, which is parsed once."""

    def __init__(self) -> None:
        self._body = b""
        self._document: dict[str, dict[str, dict[str, Any]]] = {}

    def rows(self, body: bytes, path: str) -> list[dict[str, Any]]:
        """Return the elements of `body` at `path`, sorted by name, without secrets."""
        if body is not self._body:
            self._body, self._document = body, json.loads(body)
        protocol, section = VIEWS[path]
        elements = self._document.get(protocol, {}).get(section, {})
        return [{"name": name, **without_secrets(elements[name])} for name in sorted(elements)]
