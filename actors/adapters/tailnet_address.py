"""What the start needs of the tailnet: this machine's address in it, and the seeds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from actors.adapters.listening import is_own_address
from actors.adapters.tailscale import ask_tailscale
from constellation.errors import AdapterError
from constellation.settings.addresses import TAILSCALE
from constellation.settings.agent import Settings
from constellation.settings.node import NodeSettings
from constellation.settings.tailscale import TailscaleSettings
from constellation.tailscale.condition import (
    TailscaleCondition,
    absent,
    condition_of,
    no_interface,
)
from constellation.tailscale.seeds import seed_hosts

S = TypeVar("S", bound=NodeSettings)

WHAT = f'bind_address = "{TAILSCALE}": no tailnet address'
FIX = "install or start Tailscale, or correct tailscale.socket, or set bind_address to an address"
WAIT_SPACING_S = 0.5


def with_tailnet_address(settings: S) -> S:
    """Return what a command needs with "tailscale" replaced by this machine's tailnet address.

    Raises:
        AdapterError: this machine has no tailnet address, or tailscaled does not answer.
    """
    if settings.bind_address != TAILSCALE:
        return settings
    address, condition = _look(settings.tailscale)
    if not address:
        raise AdapterError(WHAT, why=condition.why, fix=condition.fix)
    return settings.model_copy(update={"bind_address": address})


def with_tailnet_address_here(settings: Settings) -> Settings:
    """Return the same, if this machine can listen on its tailnet address now.

    Raises:
        AdapterError: this machine is not connected, or cannot listen on its address.
        ConfigError: two listeners have the same address and port now.
    """
    return wait_for_tailnet_address(settings, say=lambda _why, _fix: None, wait_s=0.0)


def wait_for_tailnet_address(
    settings: Settings, *, say: Callable[[str, str], None], wait_s: float | None = None
) -> Settings:
    """Wait until this machine can listen on its tailnet address, and return the same.

    Args:
        settings: as loaded.
        say: called with the reason and the fix while it cannot, once for each reason.
        wait_s: how long to wait; None: `tailscale.wait_s`.

    Raises:
        AdapterError: it cannot in that time, or never will.
        ConfigError: two listeners have the same address and port now.
    """
    if not settings.binds_to_tailnet:
        return settings
    said = None
    deadline_s = time.monotonic() + (settings.tailscale.wait_s if wait_s is None else wait_s)
    while True:
        address, condition = _look(settings.tailscale)
        if condition.state == "connected":
            # tailscaled reports the address some time before its interface has it.
            if is_own_address(address):
                return settings.bound_to(address)
            condition = no_interface(address)
        if condition.state == "userspace" or time.monotonic() >= deadline_s:
            raise AdapterError(WHAT, why=condition.why, fix=condition.fix)
        if condition != said:
            said = condition
            say(condition.why, condition.fix)
        time.sleep(WAIT_SPACING_S)


def find_seed_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the machines to join through, as tailscaled reports them now.

    Raises:
        AdapterError: tailscaled does not answer.
    """
    tailnet = ask_tailscale(settings.tailscale)
    return seed_hosts(tailnet, settings.tailscale.policy(), settings.bind_address)


def _look(settings: TailscaleSettings) -> tuple[str, TailscaleCondition]:
    """Return this machine's first address, IPv4 if it has one, and the state of Tailscale."""
    try:
        tailnet = ask_tailscale(settings)
    except AdapterError as error:
        return "", absent(error.why, FIX)
    address = next(iter(tailnet.this.addresses), "")
    if not address and tailnet.backend_state == "Running":
        return "", TailscaleCondition("starting", "this machine has no address yet", "wait")
    return address, condition_of(tailnet, address or "127.0.0.1")
