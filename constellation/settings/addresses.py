"""Check addresses in settings; a refusal shows the form that was probably meant.

Nothing is looked up: whether this machine has an address is found out when the agent starts.
"""

from __future__ import annotations

import ipaddress
import re

TAILSCALE = "tailscale"  # instead of an address: this machine's tailnet address
PORT_MAX = 65535
_HOST_CHARACTERS_MAX = 253  # of a DNS name
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]+")  # what the C library reads as part of an address
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT = re.compile(r"[0-9]{1,5}")  # `isdigit` is true of digits that `int` refuses


def checked_ip(value: str) -> str:
    """Return an IP address in its usual form.

    Raises:
        ValueError: it is none, or stands for every address of a host.
    """
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r:.80} is not an IP address, {_ip_hint(value)}") from None
    if address.is_unspecified:
        raise ValueError(
            f"{value} would listen on every interface, and is no address at which other nodes "
            "reach this one: use this node's tailnet address"
        )
    if address.is_multicast or value == "255.255.255.255":
        raise ValueError(f"{value} is the address of a group of hosts: use one of this node")
    return str(address)


def checked_bind_ip(value: str) -> str:
    """Return an IP address to listen on, or the word "tailscale".

    Raises:
        ValueError: as `checked_ip`; or it is an IPv6 address of one interface.
    """
    if value == TAILSCALE:
        return value
    if value.strip().lower() == TAILSCALE:
        raise ValueError(f'{value!r:.80} is not an IP address: write "{TAILSCALE}"')
    if "%" in value or _is_ipv6_of_one_interface(value):
        raise ValueError(
            f"{value} is of one interface of this host: use this node's tailnet address"
        )
    return checked_ip(value)


def _is_ipv6_of_one_interface(value: str) -> bool:
    if not is_ip(value):
        return False
    address = ipaddress.ip_address(value)
    return address.version == 6 and address.is_link_local


def _ip_hint(value: str) -> str:
    """Return what to write in place of `value`, if that can be told."""
    bare = _SCHEME.sub("", value.strip(), count=1)
    address, slash, prefix = bare.partition("/")
    if slash and prefix.isdigit() and is_ip(address):
        return f"it is a network: write {address}, without /{prefix}"
    for host in (address.strip("[]"), address.rpartition(":")[0].strip("[]")):
        if is_ip(host):
            return f"write {host} alone; ports have settings of their own"
    if value.strip().lower() == "localhost":
        return "write 127.0.0.1"
    if _is_host(bare):
        return "but a name: write the address that it stands for, e.g. 100.64.0.1"
    return "e.g. 100.64.0.1"


def checked_host_port(value: str) -> str:
    """Return 'host:port', where the host is an IPv4 address, an IPv6 address in [ ], or a DNS name.

    Raises:
        ValueError: it is not of this form.
    """
    host, _, port = value.rpartition(":")
    if is_host(host) and _PORT.fullmatch(port) and 0 < int(port) <= PORT_MAX:
        if _is_unspecified(host):
            raise ValueError(
                f"{value} stands for every address of a host, and is not host:port of one: write "
                "the address at which it is reached"
            )
        return value
    raise ValueError(f"{value!r:.80} is not host:port, {_host_port_hint(value)}")


def _host_port_hint(value: str) -> str:
    scheme = _SCHEME.match(value)
    bare = _SCHEME.sub("", value.strip(), count=1).rpartition("@")[2]
    bare = re.split(r"[/?#]", bare)[0]
    if is_ip(bare) and ":" in bare:
        return f"an IPv6 address must be in brackets, and a port must follow: [{bare}]:7946"
    host, colon, port = bare.rpartition(":")
    if not colon:
        return "e.g. 100.64.0.2:7946" if not is_host(bare) else f"add the port: {bare}:PORT"
    if not _PORT.fullmatch(port) or not 0 < int(port) <= PORT_MAX:
        return f"the port must be a number of 1 to {PORT_MAX}"
    if not is_host(host):
        return f"{host!r} is neither an IP address nor a host name"
    what = "a scheme" if scheme else "a path"
    return f"write it without {what}: {bare}"


def is_host(text: str) -> bool:
    """Return whether `text` is an IPv4 address, an IPv6 address in [ ], or a DNS name."""
    if text.startswith("[") and text.endswith("]"):
        return ":" in text and is_ip(text[1:-1])
    return is_ip(text) if _looks_like_ipv4(text) else _is_host(text)


def _is_host(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= _HOST_CHARACTERS_MAX and all(map(_LABEL.fullmatch, labels))


def _looks_like_ipv4(text: str) -> bool:
    """Return whether the last part is a number: no top-level domain is one."""
    return bool(_NUMBER.fullmatch(text.removesuffix(".").rpartition(".")[2]))


def is_ip(text: str) -> bool:
    """Return whether `text` is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_unspecified(host: str) -> bool:
    bare = host.strip("[]")
    return is_ip(bare) and ipaddress.ip_address(bare).is_unspecified


def same_ip(one: str, other: str) -> bool:
    """Return whether two addresses, or the word "tailscale" twice, are the same."""
    return _canonical(one) == _canonical(other)


def _canonical(address: str) -> str:
    if not is_ip(address):
        return address
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found)
