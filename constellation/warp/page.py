"""Cloudflare's trace page, and services that answer with the address from which they are asked.

The page `/cdn-cgi/trace` has lines `key=value`, of which some come and go; a value may contain `=`.
"""

from __future__ import annotations

import ipaddress

from constellation.value import Value

THROUGH_WARP = frozenset({"on", "plus"})
SHOWN_CHARACTERS_MAX = 80


class Page(Value):
    """What a page says: the value of the line `warp`, and an address; empty: it says none."""

    warp: str
    address: str
    shown: str  # its beginning, for people


def read_page(text: str) -> Page:
    """Return what a page says.

    A page that contradicts itself about WARP says nothing of it.
    """
    pairs = [line.partition("=") for line in text.splitlines()]
    values = {
        wanted: {value.strip() for name, _, value in pairs if name.strip() == wanted and value}
        for wanted in ("warp", "ip")
    }
    warp, address = ("".join(found) if len(found) == 1 else "" for found in values.values())
    return Page(warp.lower(), plain_address(address), shown(text))


def plain_address(text: str) -> str:
    """Return the address in its usual form; empty: the text is none."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def shown(text: str, most: int = SHOWN_CHARACTERS_MAX) -> str:
    """Return the beginning of a text that a program wrote, on one line."""
    line = " ".join(text.split())
    printable = "".join(one if one.isprintable() else "?" for one in line[: most + 1])
    return printable if len(printable) <= most else f"{printable[: most - 3]}..."
