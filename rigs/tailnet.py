"""A private tailnet: Headscale in one network namespace, a tailscaled in each of the others.

    with tailnet(tmp_path, 3) as net:
        for machine in net.machines:
            machine.up(net.new_key(tags=("tag:constellation",)))
        net.machines[0].address  # 100.64.0.1

The namespaces have no route to the outside.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from rigs.availability import ComponentUnavailableError, binary
from rigs.netns import Host, Network, network_hosts
from rigs.processes import Process, wait_until

# Not of 100.64.0.0/10, in which tailscaled looks for no path to another machine.
UNDERLAY = IPv4Network("10.128.0.0/11")
TAGS = ("tag:constellation", "tag:other")
UP_TIMEOUT_S = 30.0
CONTROL_PORT = 8080


class Machine:
    """One machine of the tailnet."""

    def __init__(self, host: Host, directory: Path, control_url: str) -> None:
        self.host = host
        self.directory = directory
        self.socket = directory / "tailscaled.sock"
        self.process: Process | None = None
        self._control_url = control_url
        directory.mkdir()

    def start(self) -> None:
        """Start tailscaled, with the state that it had when it was stopped."""
        self.process = self.host.start(
            [
                *(binary("tailscaled"), "--statedir", self.directory / "state"),
                *("--socket", self.socket, "--port", "41641", "--no-logs-no-support"),
            ],
            log_file=self.directory / "tailscaled.log",
            name=f"tailscaled in {self.host.name}",
        )
        wait_until(
            lambda: self.status()["BackendState"] not in {"NoState", "Starting"},
            timeout_s=UP_TIMEOUT_S,
            what=f"{self.process.name} to answer",
        )

    def stop(self) -> None:
        """Stop tailscaled."""
        assert self.process is not None
        self.process.stop()

    def up(self, key: str = "", *flags: str, host_name: str = "") -> None:
        """Log in, with a key or as before, and connect."""
        name = host_name or self.host.name
        login = ["--login-server", self._control_url, "--hostname", name, "--accept-dns=false"]
        self._command("up", *login, *(["--auth-key", key] if key else []), *flags)
        wait_until(
            lambda: self.status()["BackendState"] == "Running",
            timeout_s=UP_TIMEOUT_S,
            what=f"{name} to be connected",
        )

    def down(self) -> None:
        """Disconnect but stay logged in."""
        self._command("down")

    def logout(self) -> None:
        """Log out: the machine loses its address."""
        self._command("logout")

    @property
    def address(self) -> str:
        """Its IPv4 address in the tailnet."""
        return str(self.status()["TailscaleIPs"][0])

    def status(self) -> dict[str, Any]:
        """Return the status of the LocalAPI; the state is 'NoState' while it does not answer."""
        connection = http.client.HTTPConnection("local-tailscaled.sock", timeout=5)
        with contextlib.closing(connection), socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
            except OSError:
                return {"BackendState": "NoState"}
            connection.sock = client
            connection.request("GET", "/localapi/v0/status")
            return dict(json.loads(connection.getresponse().read()))

    def _command(self, *words: str) -> None:
        command = [binary("tailscale"), "--socket", str(self.socket), *words]
        done = subprocess.run(
            self.host.command(command),
            capture_output=True,
            text=True,
            timeout=UP_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"tailscale {words[0]}: {done.stderr}"


class Tailnet:
    """The machines, and the control server to which they log in."""

    def __init__(self, hosts: Network, machines: Sequence[Machine], config: Path) -> None:
        self.hosts = hosts
        self.machines = tuple(machines)
        self._config = config
        self._user = str(self._control("users", "create", "lab")["id"])

    def new_key(self, *, tags: Sequence[str] = ()) -> str:
        """Create a key for machines to log in with."""
        own = ["--tags", ",".join(tags)] if tags else ["--user", self._user]
        return str(self._control("preauthkeys", "create", "--reusable", *own)["key"])

    def expire(self, machine: Machine) -> None:
        """Expire the machine's key."""
        node_id = str(machine.status()["Self"]["ID"])
        self._control("nodes", "expire", "--identifier", node_id)

    def _control(self, *words: str) -> Any:
        command = [binary("headscale"), "--config", self._config, *words, "--output", "json"]
        return json.loads(self.hosts[0].run(command))


@contextlib.contextmanager
def tailnet(directory: Path, count: int) -> Iterator[Tailnet]:
    """Create a tailnet of `count` machines that run but are not logged in.

    Raises:
        ComponentUnavailableError: its programs do not start on this machine.
    """
    with network_hosts(count + 1, UNDERLAY) as hosts:
        control, *others = hosts
        for host in others:
            host.run([binary("ip"), "route", "add", "default", "via", control.address])
        url = f"http://{control.address}:{CONTROL_PORT}"
        config = _write_config(directory, control.address, url)
        headscale = control.start(
            [binary("headscale"), "serve", "--config", config],
            log_file=directory / "headscale.log",
            name="headscale",
        )
        try:
            headscale.wait_for_line("listening and serving HTTP", timeout_s=20.0)
        except AssertionError as error:
            raise ComponentUnavailableError(f"headscale does not start: {error}") from error
        machines = [Machine(host, directory / host.name, url) for host in others]
        for machine in machines:
            machine.start()
        yield Tailnet(hosts, machines, config)


def _write_config(directory: Path, address: str, url: str) -> Path:
    """Write a configuration of Headscale with its own relay and nothing from outside."""
    policy = directory / "policy.json"
    policy.write_text(
        json.dumps(
            {
                "tagOwners": {tag: ["lab@"] for tag in TAGS},
                "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
            }
        )
    )
    config = directory / "headscale.yaml"
    config.write_text(
        json.dumps(
            {
                "server_url": url,
                "listen_addr": f"{address}:{CONTROL_PORT}",
                "metrics_listen_addr": "127.0.0.1:0",
                "grpc_listen_addr": "127.0.0.1:50443",
                "noise": {"private_key_path": str(directory / "noise.key")},
                "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48"},
                "derp": {
                    "server": {
                        "enabled": True,
                        "region_id": 999,
                        "region_code": "test",
                        "region_name": "test",
                        "stun_listen_addr": f"{address}:3478",
                        "private_key_path": str(directory / "derp.key"),
                        "automatically_add_embedded_derp_region": True,
                        "ipv4": address,
                    },
                    "urls": [],
                    "auto_update_enabled": False,
                },
                "disable_check_updates": True,
                "database": {"type": "sqlite", "sqlite": {"path": str(directory / "db.sqlite")}},
                "policy": {"mode": "file", "path": str(policy)},
                "dns": {
                    "magic_dns": False,
                    "override_local_dns": False,
                    "base_domain": "tailnet.test",
                },
                "unix_socket": str(directory / "headscale.sock"),
                "logtail": {"enabled": False},
            },
            indent=2,
        )
    )
    return config
