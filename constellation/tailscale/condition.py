"""The state of Tailscale on this host, with the reason and the fix."""

from __future__ import annotations

import ipaddress
from typing import Literal, get_args

from constellation.tailscale.tailnet import Tailnet
from constellation.value import Value

# The ranges from which Tailscale and, by default, Headscale assign addresses.
NETWORKS = tuple(map(ipaddress.ip_network, ("100.64.0.0/10", "fd7a:115c:a1e0::/48")))

State = Literal[
    "connected",
    "absent",  # tailscaled does not answer
    "starting",
    "stopped",
    "logged_out",
    "key_expired",
    "unapproved",  # an administrator of the tailnet must approve this machine
    "address_changed",  # bind_address is no longer an address of this machine
    "userspace",  # tailscaled gives this machine no interface to listen on
    "other_network",  # Tailscale is connected, but bind_address is not of the tailnet
]
STATES: tuple[State, ...] = get_args(State)


class TailscaleCondition(Value):
    """A state; `why` and `fix` are empty when connected."""

    state: State
    why: str = ""
    fix: str = ""


def absent(why: str, fix: str) -> TailscaleCondition:
    """Return the condition when tailscaled does not answer."""
    return TailscaleCondition("absent", why, fix)


def condition_of(
    tailnet: Tailnet, bind_address: str, *, was_own: bool = False
) -> TailscaleCondition:
    """Return the condition of Tailscale for an agent bound to `bind_address`.

    Args:
        tailnet: the answer of tailscaled.
        bind_address: the address on which this agent listens.
        was_own: `bind_address` was an address of this machine before.
    """
    if tailnet.backend_state == "Running":
        return _of_running(tailnet, bind_address, was_own=was_own)
    # tailscaled reports NeedsLogin both for an expired key and before the first login.
    if tailnet.backend_state == "NeedsLogin" and tailnet.this.key_expired:
        return TailscaleCondition(
            "key_expired",
            "this machine's key has expired, so other machines do not accept its traffic",
            "run `tailscale up --force-reauth`, or disable key expiry for it in the admin console",
        )
    return _NOT_RUNNING.get(tailnet.backend_state) or TailscaleCondition(
        "starting",
        f"tailscaled reports state {tailnet.backend_state or '(none)'}, unknown to this version",
        "wait, or check `tailscale status`",
    )


def _of_running(tailnet: Tailnet, bind_address: str, *, was_own: bool) -> TailscaleCondition:
    own = tailnet.this.addresses
    if bind_address in own:
        return TailscaleCondition("connected") if tailnet.has_interface else _USERSPACE
    now = ", ".join(own) or "none"
    if was_own or is_of_tailnet(bind_address):
        return TailscaleCondition(
            "address_changed",
            f"bind_address {bind_address} is not an address of this machine in the tailnet; its "
            f"addresses are {now}",
            'set bind_address to one of them, or to "tailscale", and restart the agent',
        )
    return TailscaleCondition(
        "other_network",
        f"it is connected, but bind_address {bind_address} is in another network, so it does not "
        "serve discovery",
        'set bind_address = "tailscale", or tailscale.enabled = false',
    )


def is_of_tailnet(address: str) -> bool:
    """Return whether `address` is in a range of Tailscale."""
    return any(ipaddress.ip_address(address) in network for network in NETWORKS)


def no_interface(address: str) -> TailscaleCondition:
    """Return the condition while no interface of this machine has its tailnet address yet."""
    return TailscaleCondition(
        "starting",
        f"tailscaled reports {address}, but no interface of this machine has that address yet",
        "wait; if it lasts, check that the interface exists: `ip address`",
    )


_USERSPACE = TailscaleCondition(
    "userspace",
    "tailscaled runs with userspace networking, so no interface of this machine has its tailnet "
    "address, and no program can listen on it",
    "start tailscaled with a TUN device, without --tun=userspace-networking (in a container: "
    "TS_USERSPACE=false and /dev/net/tun), or use another private network",
)
_NOT_RUNNING = {
    "NoState": TailscaleCondition("starting", "tailscaled is starting", "wait"),
    "Starting": TailscaleCondition("starting", "tailscaled is connecting to the tailnet", "wait"),
    "Stopped": TailscaleCondition("stopped", "it is stopped", "run `tailscale up`"),
    "NeedsLogin": TailscaleCondition(
        "logged_out", "this machine is not logged in", "run `tailscale up`"
    ),
    "NeedsMachineAuth": TailscaleCondition(
        "unapproved",
        "an administrator of the tailnet has not approved this machine",
        "approve it in the admin console",
    ),
    "InUseOtherUser": TailscaleCondition(
        "logged_out",
        "another user of this host is logged in",
        "run `tailscale up` as the user that the agent runs as, or as root",
    ),
}
