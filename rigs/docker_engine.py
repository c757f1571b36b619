"""A private Docker Engine: own directories, own bridge in 100.64.0.0/10, no firewall rules.

It publishes ports with its userland proxy, so this machine's iptables and IP forwarding stay
unchanged.  In a network namespace it is the engine of that host.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import Any

import docker
import docker.errors

from rigs.availability import ComponentUnavailableError, binary
from rigs.processes import Process
from rigs.subnets import POOL_SPACE, free_subnet

IMAGE = "constellation-test/busybox:latest"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0


class PrivateDocker:
    """A daemon to `start` and `stop`; its containers stop with it (no live-restore)."""

    def __init__(self, directory: Path, bridge: str, namespace: str = "") -> None:
        self.directory = directory
        self.bridge = bridge
        self.namespace = namespace
        self.subnet = free_subnet()
        self.pool = free_subnet(POOL_SPACE, 18)  # user-defined networks get a /24 of it each
        self.socket = directory / "docker.sock"
        self._process: Process | None = None

    @property
    def process_id(self) -> int:
        """The daemon's process id."""
        assert self._process is not None, "the daemon is stopped"
        return self._process.pid

    def start(self) -> None:
        """Start the daemon and return once it answers."""
        (self.directory / "docker.pid").unlink(missing_ok=True)  # A killed daemon leaves it.
        self._process = Process(self._command(), log_file=self.directory / "dockerd.log")
        self._process.wait_for(
            self._answers, timeout_s=START_TIMEOUT_S, what=f"{self.socket} to answer"
        )

    def stop(self) -> None:
        """Stop the daemon and its containers.  Safe to repeat."""
        if self._process is not None:
            self._process.stop(timeout_s=STOP_TIMEOUT_S)
            self._process = None

    def client(self) -> docker.DockerClient:
        """Return a client; the caller closes it."""
        return docker.DockerClient(base_url=f"unix://{self.socket}", timeout=60)

    def run(self, name: str, *command: str, **options: Any) -> Any:
        """Start a container of the busybox image, labelled so that the agent watches it."""
        labels = {"constellation.enable": "true", **options.pop("labels", {})}
        with contextlib.closing(self.client()) as client:
            return client.containers.run(
                options.pop("image", IMAGE),
                list(command) or ["sleep", "3600"],
                name=name,
                labels=labels,
                detach=True,
                init=options.pop("init", True),
                **options,
            )

    def remove_all(self) -> None:
        """Remove every container, then every user-defined network and volume."""
        with contextlib.closing(self.client()) as client:
            for container in client.api.containers(all=True):
                with contextlib.suppress(docker.errors.NotFound):
                    client.api.remove_container(container["Id"], force=True, v=True)
            for network in client.api.networks():
                if network["Name"] not in {"bridge", "host", "none"}:
                    client.api.remove_network(network["Id"])
            client.volumes.prune()

    def import_busybox(self) -> None:
        """Create the test image from this machine's static busybox; there is no registry."""
        archive = BytesIO()
        program = Path(binary("busybox"))
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _add_file(tar, "bin/busybox", program.read_bytes(), mode=0o755)
            _add_file(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", mode=0o644)
            _add_file(tar, "etc/hosts", b"", mode=0o644)
            for name in _applets(program):
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        repository, _, tag = IMAGE.partition(":")
        with contextlib.closing(self.client()) as client:
            client.api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)

    def _command(self) -> list[str]:
        # Not with `ip netns exec`, which mounts a /sys without control groups.
        inside = [binary("nsenter"), f"--net=/run/netns/{self.namespace}"]
        return [
            *(inside if self.namespace else ()),
            binary("dockerd"),
            *("--data-root", str(self.directory / "data")),
            *("--exec-root", str(self.directory / "exec")),
            *("--pidfile", str(self.directory / "docker.pid")),
            *("--host", f"unix://{self.socket}"),
            *("--bridge", self.bridge),
            *("--default-address-pool", f"base={self.pool},size=24"),
            *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
        ]

    def _answers(self) -> bool:
        # Not with a Docker client, which leaves its sockets open if it cannot connect.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5.0)
            try:
                probe.connect(str(self.socket))
                probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
                return b" 200 " in probe.recv(64)
            except OSError:
                return False


@contextlib.contextmanager
def private_docker(namespace: str = "") -> Iterator[PrivateDocker]:
    """Run a Docker Engine with the image `IMAGE` until the block ends, and remove all traces.

    Args:
        namespace: the network namespace of the engine and its containers; "": this process's.

    Raises:
        ComponentUnavailableError: the daemon is installed but does not start here.
    """
    directory = Path(tempfile.mkdtemp(prefix="constellation-docker-"))
    engine = PrivateDocker(directory, f"cst{token_hex(4)}", namespace)
    where = ("-n", namespace) if namespace else ()
    try:
        _ip(*where, "link", "add", engine.bridge, "type", "bridge")
        _ip(*where, "addr", "add", f"{engine.subnet[1]}/24", "dev", engine.bridge)
        _ip(*where, "link", "set", engine.bridge, "up")
        try:
            engine.start()
        except AssertionError as error:
            raise ComponentUnavailableError(f"dockerd does not start: {error}") from error
        engine.import_busybox()
        yield engine
        engine.remove_all()
    finally:
        engine.stop()
        _clean_up(engine)


def _clean_up(engine: PrivateDocker) -> None:
    """Remove what a killed daemon leaves: mounts, the bridge, the directory."""
    for mount in reversed(mounts_below(engine.directory)):
        subprocess.run(["umount", "--lazy", mount], check=True, timeout=30)
    if (Path("/sys/class/net") / engine.bridge).exists():  # A namespace deletes its own.
        _ip("link", "delete", engine.bridge)
    shutil.rmtree(engine.directory)


def mounts_below(directory: Path) -> list[str]:
    """Return the mount points below `directory`, outer ones first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1] for line in lines]
    return sorted(point for point in points if point.startswith(f"{directory}{os.sep}"))


def _ip(*arguments: str) -> None:
    subprocess.run([binary("ip"), *arguments], check=True, timeout=10)


def _applets(program: Path) -> list[str]:
    done = subprocess.run(
        [program, "--list"], capture_output=True, text=True, check=True, timeout=10
    )
    return [name for name in done.stdout.split() if name != "busybox"]


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, BytesIO(content))
