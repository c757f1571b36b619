"""The static configuration of Traefik that `deploy/traefik/compose.yaml` ships, as flags.

flags(address="100.64.0.1")          # the active flags
flags(address=..., optional=True)    # with those that are commented out
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

COMPOSE_FILE = Path(__file__).parent.parent / "deploy/traefik/compose.yaml"
INGRESS_PORT = 7948
PING_PORT = 8082

_VARIABLE = re.compile(r"\$\{(\w+)(?::\?[^}]*)?\}")
_OPTIONAL = re.compile(r"^      # - (--\S+)$", flags=re.MULTILINE)


def service() -> dict[str, Any]:
    """Return the service `traefik` of the compose file."""
    return dict(yaml.safe_load(COMPOSE_FILE.read_text())["services"]["traefik"])


def flags(*, address: str, optional: bool = False) -> list[str]:
    """Return Traefik's flags on the node with that address."""
    texts = [*service()["command"], *(optional_flags() if optional else ())]
    return [substituted(text, {"NODE_ADDRESS": address}) for text in texts]


def optional_flags() -> list[str]:
    """Return the flags that are commented out."""
    return _OPTIONAL.findall(COMPOSE_FILE.read_text())


def substituted(text: str, values: dict[str, str]) -> str:
    """Return `text` with its variables replaced, as `docker compose` does."""
    return _VARIABLE.sub(lambda found: values[found[1]], text)
