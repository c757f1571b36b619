"""Text that is safe on a terminal, and numbers and lists as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messages.monitor import Endpoint

NAMES_SHOWN_MAX = 12


def plain(text: str) -> str:
    """Return `text` on one line, without characters that control a terminal.

    Reasons and names come from containers and from other nodes.
    """
    return "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))


def duration(seconds: float) -> str:
    """Return a time span in its two largest units, e.g. '3 h 12 min'."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def counted(count: int, noun: str) -> str:
    """Return how many there are, e.g. '1 service' and '2 services'."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size(count_bytes: int) -> str:
    """Return a number of bytes in the unit that makes it short, e.g. '1.5 MiB'."""
    if count_bytes < 1024:
        return f"{count_bytes} B"
    value, units = float(count_bytes), ["KiB", "MiB", "GiB", "TiB"]
    for unit in units:
        value /= 1024
        if value < 1023.95 or unit == units[-1]:
            break
    return f"{value:.1f} {unit}"


def instance_of(service: str, instance: str) -> str:
    """Return the service, with the name of the instance if that is another one."""
    return service if instance in {"", service} else f"{service} ({instance})"


def reached_at(endpoints: tuple[Endpoint, ...], shown_max: int) -> str:
    """Return the published addresses of a service, the first `shown_max` in full; '-' if none."""
    published = [_address(one) for one in endpoints if one.host and one.port]
    more = f" +{len(published) - shown_max}" if len(published) > shown_max else ""
    return (", ".join(published[:shown_max]) + more) or "-"


def _address(endpoint: Endpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}" + ("/udp" if endpoint.protocol == "udp" else "")


def listed(names: Iterable[str], shown_max: int = NAMES_SHOWN_MAX) -> str:
    """Return names in alphabetical order, the first `shown_max` in full, e.g. 'a, b and 3 more'."""
    ordered = sorted(names)
    more = f" and {len(ordered) - shown_max} more" if len(ordered) > shown_max else ""
    return ", ".join(ordered[:shown_max]) + more
