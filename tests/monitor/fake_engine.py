"""An in-memory double of the Docker Engine; `test_engine.py` compares it with the real one."""

from __future__ import annotations

import copy
import signal
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

from constellation.errors import AdapterError
from constellation.monitor.network_lender import with_lenders

IMAGE = "constellation-test/busybox:latest"
CHECKED_AT = "2026-01-02T01:00:01.123456789+01:00"


class FakeStream:
    def __init__(self) -> None:
        self.muted = False
        self._queue: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def put(self, event: dict[str, Any] | None) -> None:
        if event is None or not self.muted:
            self._queue.put(event)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (event := self._queue.get()) is not None:
            yield event

    def close(self) -> None:
        self._queue.put(None)


class FakeDocker:
    """One host's daemon.  `connect` gives engines; the rest is what its user does."""

    def __init__(self) -> None:
        self.up = True
        self.connections = 0
        self.streams: list[FakeStream] = []
        self.inspected: list[str] = []  # container ids, as they were asked for
        self.info: dict[str, Any] = {}
        self.hanging: dict[str, threading.Event] = {}  # container id: until then no inspection
        self._containers: dict[str, dict[str, Any]] = {}
        self._healthy_before_pause: dict[str, bool] = {}
        self._count = 0
        self._starts = 0

    def connect(self) -> FakeEngine:
        self.connections += 1
        engine = FakeEngine(self)
        engine.check()
        return engine

    # What a user does.

    def run(
        self,
        name: str,
        *,
        labels: dict[str, str] | None = None,
        ports: dict[int, int] | None = None,
        checked: bool = False,
        lingers: bool = False,
        network_of: str = "",
    ) -> str:
        """Start a container; `ports` maps its TCP ports to those of 127.0.0.1.

        `network_of` is a container whose network it uses.  A label with an empty value is removed.

        One that `lingers` does not end at once when asked to stop; here none does.
        """
        self._count += 1
        container_id = f"{self._count:06x}".ljust(64, "0")
        bindings = {
            f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(outside)}]
            for inside, outside in (ports or {}).items()
        }
        self._containers[container_id] = {
            "Id": container_id,
            "Name": f"/{name}",
            "Created": f"2026-01-01T00:00:{self._count % 60:02}.123456789Z",
            "State": {
                "Status": "created",
                "Running": False,
                "Paused": False,
                "ExitCode": 0,
            },
            "Config": {
                "Image": IMAGE,
                "Labels": {
                    label: value
                    for label, value in {"constellation.enable": "true", **(labels or {})}.items()
                    if value
                },
                "ExposedPorts": {port: {} for port in bindings},
            },
            "HostConfig": {
                "NetworkMode": f"container:{network_of}" if network_of else "default",
                "PortBindings": bindings,
            },
            "NetworkSettings": {"Ports": {}, "Networks": {}},
        }
        self._tell(container_id, "create")
        self._begin(container_id)
        if checked:
            self._set(container_id, Health={"Status": "starting", "Log": []})
        self._tell(container_id, "start")
        return container_id

    def kill(self, container_id: str) -> None:
        self._tell(container_id, "kill", signal="9")

        self._set(container_id, Status="exited", Running=False, Paused=False, ExitCode=137)
        settings = self._containers[container_id]["NetworkSettings"]
        settings["Ports"] = {}
        settings["Networks"] = {name: {"IPAddress": ""} for name in settings["Networks"]}
        self._tell(container_id, "die", exitCode="137")

    def signal(self, container_id: str, name: str) -> None:
        """Send a signal that does not end it at once."""
        self._tell(container_id, "kill", signal=str(signal.Signals[name].value))

    def start_again(self, container_id: str) -> None:
        self._begin(container_id)
        self._tell(container_id, "start")

    def pause(self, container_id: str) -> None:
        self._set(container_id, Status="paused", Paused=True)
        health = self._containers[container_id]["State"].get("Health")
        if health:  # the real one does so too, until the first check after
            self._healthy_before_pause[container_id] = health["Status"] == "healthy"
            health["Status"] = "unhealthy"
        self._tell(container_id, "pause")

    def unpause(self, container_id: str) -> None:
        self._set(container_id, Status="running", Paused=False)
        self._tell(container_id, "unpause")
        if self._healthy_before_pause.pop(container_id, False):
            self.set_health(container_id, "healthy")

    def set_health(self, container_id: str, status: str) -> None:
        exit_code = 0 if status == "healthy" else 1
        self._set(container_id, Health={"Status": status, "Log": [{"ExitCode": exit_code}]})
        self._tell(container_id, f"health_status: {status}")

    def say(self, container_id: str, output: str) -> None:
        """Let its health check print `output`, and end as it did before."""
        health = self._containers[container_id]["State"]["Health"]
        exit_code = 1 if health["Status"] == "unhealthy" else 0
        # The real one tells of the end of the check just before it writes the log.
        self._tell(container_id, "exec_die", exitCode=str(exit_code))
        log = {"Start": CHECKED_AT, "ExitCode": exit_code, "Output": output}
        self._set(container_id, Health={**health, "Log": [log]})

    def rename(self, container_id: str, name: str) -> None:
        self._containers[container_id]["Name"] = f"/{name}"
        self._tell(container_id, "rename")

    def remove(self, container_id: str) -> None:
        if self._containers[container_id]["State"]["Running"]:
            self.kill(container_id)
        found = self._containers.pop(container_id)
        self._send(found, "destroy", {})

    def mute(self) -> None:
        """From now on the open streams tell nothing, and do not end either."""
        for stream in self.streams:
            stream.muted = True

    def stop(self) -> None:
        self.up = False
        for stream in self.streams:
            stream.put(None)
        self.streams.clear()

    def start(self) -> None:
        self.up = True

    # Inside.

    def _begin(self, container_id: str) -> None:
        """Start its process, with another address than before, as the real one may."""
        self._starts += 1
        found = self._containers[container_id]
        started_at = f"2026-01-01T12:{self._starts // 60:02}:{self._starts % 60:02}.5Z"
        self._set(
            container_id,
            Status="running",
            Running=True,
            Paused=False,
            ExitCode=0,
            StartedAt=started_at,
        )
        if found["HostConfig"]["NetworkMode"] == "default":
            bridge = {"IPAddress": f"172.17.0.{self._starts % 250 + 2}", "Driver": "bridge"}
            found["NetworkSettings"] = {
                "Ports": found["HostConfig"]["PortBindings"],
                "Networks": {"bridge": bridge},
            }

    def inspection(self, container_id: str) -> dict[str, Any] | None:
        """Return what an engine says of it, with the containers whose network it uses."""
        found = self.found(container_id)
        return with_lenders(found, self.found) if found else None

    def found(self, reference: str) -> dict[str, Any] | None:
        """Return a container by its id, a short id, or its name."""
        for container_id, found in self._containers.items():
            if container_id.startswith(reference) or found["Name"] == f"/{reference}":
                return copy.deepcopy(found)
        return None

    def rows(self) -> list[dict[str, Any]]:
        return [_row(found) for found in list(self._containers.values())]

    def _set(self, container_id: str, **state: Any) -> None:
        self._containers[container_id]["State"].update(state)

    def _tell(self, container_id: str, action: str, **attributes: str) -> None:
        self._send(self._containers[container_id], action, attributes)

    def _send(self, found: dict[str, Any], action: str, attributes: dict[str, str]) -> None:
        known = {"name": found["Name"].lstrip("/"), "image": IMAGE, **found["Config"]["Labels"]}
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": found["Id"], "Attributes": {**known, **attributes}},
        }
        for stream in list(self.streams):
            stream.put(event)


class FakeEngine:
    def __init__(self, host: FakeDocker) -> None:
        self._host = host

    def check(self) -> None:
        if not self._host.up:
            raise AdapterError("Docker did not answer", why="it is down", fix="start it")

    def open_events(self) -> FakeStream:
        self.check()
        stream = FakeStream()
        self._host.streams.append(stream)
        return stream

    def info(self) -> dict[str, Any]:
        self.check()
        return self._host.info

    def list_containers(self) -> list[dict[str, Any]]:
        self.check()
        return self._host.rows()

    def inspect(self, container_id: str) -> dict[str, Any] | None:
        self.check()
        self._host.inspected.append(container_id)
        hanging = self._host.hanging.get(container_id)
        if hanging is not None and not hanging.wait(30):
            raise AdapterError("Docker did not answer", why="it hangs", fix="start it again")
        return self._host.inspection(container_id)

    def close(self) -> None:
        """Nothing is held."""


def _row(found: dict[str, Any]) -> dict[str, Any]:
    state = found["State"]
    health = state.get("Health", {}).get("Status", "")
    status = f"{state['Status']} 3 seconds"
    if health and state["Running"]:
        status += " (health: starting)" if health == "starting" else f" ({health})"
    ports = [
        {
            "IP": "127.0.0.1",
            "PrivatePort": int(port.partition("/")[0]),
            "PublicPort": int(bindings[0]["HostPort"]),
            "Type": "tcp",
        }
        for port, bindings in found["NetworkSettings"]["Ports"].items()
    ]
    return {
        "Id": found["Id"],
        "Image": IMAGE,
        "Created": 1795980706,
        "Names": [found["Name"]],
        "Labels": dict(found["Config"]["Labels"]),
        "State": state["Status"],
        "Status": status,
        "Ports": ports,
        "HostConfig": {"NetworkMode": found["HostConfig"]["NetworkMode"]},
        "NetworkSettings": {"Networks": copy.deepcopy(found["NetworkSettings"]["Networks"])},
    }
