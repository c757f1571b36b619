"""A private Docker Engine for these tests: own directories, own bridge, no firewall rules."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

IMAGE = "constellation-test/busybox:latest"


class PrivateDocker:
    """`start` and `stop` the daemon; containers end with it (no live-restore)."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory
        self.socket = directory / "docker.sock"
        self.bridge = f"cmon{number}"
        self.subnet = f"100.{64 + number % 60}.{number // 60 % 250}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.directory / "dockerd.log").open("ab")
        self._process = subprocess.Popen(
            [
                "dockerd",
                *("--data-root", str(self.directory / "data")),
                *("--exec-root", str(self.directory / "exec")),
                *("--pidfile", str(self.directory / "docker.pid")),
                *("-H", f"unix://{self.socket}"),
                *("--bridge", self.bridge),
                "--iptables=false",
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        log.close()
        deadline_s = time.monotonic() + 30
        while not self._answers():
            tail = (self.directory / "dockerd.log").read_text()[-2000:]
            assert self._process.poll() is None, f"dockerd ended: {tail}"
            assert time.monotonic() < deadline_s, f"dockerd is not up within 30 s: {tail}"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=f"unix://{self.socket}", timeout=30)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
            client = docker.APIClient(base_url=f"unix://{self.socket}", version="auto", timeout=5)
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return False
        client.close()
        return True

    def run(self, name: str, *command: str, **options: Any) -> Any:
        """Start a container of the busybox image; it is watched unless `labels` say otherwise."""
        labels = {"constellation.enable": "true", **options.pop("labels", {})}
        client = self.client()
        try:
            return client.containers.run(
                IMAGE,
                list(command) or ["sleep", "3600"],
                name=name,
                labels=labels,
                detach=True,
                init=True,
                **options,
            )
        finally:
            client.close()

    def remove_all(self) -> None:
        client = self.client()
        try:
            for container in client.api.containers(all=True):
                client.api.remove_container(container["Id"], force=True)
        finally:
            client.close()

    def import_busybox(self) -> None:
        archive = BytesIO()
        busybox = Path(shutil.which("busybox") or "/bin/busybox").read_bytes()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo("bin/busybox")
            member.size, member.mode = len(busybox), 0o755
            tar.addfile(member, BytesIO(busybox))
            for name in ("sh", "sleep", "httpd", "test", "touch", "rm", "true", "false", "nc"):
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        client = self.client()
        try:
            repository, _, tag = IMAGE.partition(":")
            client.api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)
        finally:
            client.close()


@contextmanager
def private_docker() -> Iterator[PrivateDocker]:
    directory = Path(tempfile.mkdtemp(prefix="constellation-docker-"))
    engine = PrivateDocker(directory, os.getpid() % 15000)
    subprocess.run(["ip", "link", "add", engine.bridge, "type", "bridge"], check=True)
    try:
        gateway = f"{engine.subnet}.1/24"
        subprocess.run(["ip", "addr", "add", gateway, "dev", engine.bridge], check=True)
        subprocess.run(["ip", "link", "set", engine.bridge, "up"], check=True)
        engine.start()
        engine.import_busybox()
        yield engine
        engine.remove_all()
    finally:
        engine.stop()
        subprocess.run(["ip", "link", "del", engine.bridge], check=True)
        for mount in reversed(_mounts_below(directory)):
            subprocess.run(["umount", mount], check=True)
        shutil.rmtree(directory)


def _mounts_below(directory: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(f"{directory}/")]
