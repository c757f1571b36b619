"""What listens where on this host, according to the settings of one agent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from constellation.settings.addresses import same_ip
from constellation.value import Value


class Listener(Value):
    """One address and port, and the settings that choose them."""

    setting: str  # of the port
    address: str
    port: int
    protocols: tuple[Literal["tcp", "udp"], ...] = ("tcp",)
    address_setting: str = "bind_address"
    is_own: bool = True  # False: Traefik listens there, not the agent


def check_listeners(listeners: Sequence[Listener]) -> None:
    """Refuse two listeners with the same address and port.

    Raises:
        ValueError: it names both settings.
    """
    for one, other in combinations(listeners, 2):
        if one.port == other.port and same_ip(one.address, other.address):
            raise ValueError(
                f"{one.setting} and {other.setting} are both {one.port} on {one.address}: "
                "give each a port of its own"
            )
