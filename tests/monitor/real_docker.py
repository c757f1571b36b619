"""The real Engine behind the interface of `FakeDocker`."""

from __future__ import annotations

from typing import Any

from actors.adapters.docker import DockerEngine, Engine, EventStream
from constellation.settings.docker import DockerSettings
from rigs.docker_engine import PrivateDocker

# Ends 3 s after it was asked to; `sleep` by itself would not end at all as the first process.
LINGER = ("sh", "-c", "trap 'sleep 3; exit 0' TERM; trap : HUP; while :; do sleep 0.05; done")


class MutableStream:
    def __init__(self, stream: EventStream) -> None:
        self.muted = False
        self._stream = stream

    def __iter__(self) -> Any:
        return (event for event in self._stream if not self.muted)

    def close(self) -> None:
        self._stream.close()


class RealDocker:
    """What a user does with a private daemon."""

    def __init__(self, daemon: PrivateDocker) -> None:
        self.daemon = daemon
        self.connections = 0
        self.streams: list[MutableStream] = []
        self._client = daemon.client()

    def connect(self) -> Engine:
        self.connections += 1
        engine = DockerEngine(DockerSettings(socket=str(self.daemon.socket), request_timeout_s=5))
        opened = engine.open_events

        def open_events() -> MutableStream:
            self.streams.append(MutableStream(opened()))
            return self.streams[-1]

        engine.open_events = open_events  # type: ignore[method-assign]
        return engine

    def run(
        self,
        name: str,
        *,
        labels: dict[str, str] | None = None,
        ports: dict[int, int] | None = None,
        checked: bool = False,
        lingers: bool = False,
    ) -> str:
        options: dict[str, Any] = {"labels": labels or {}, "init": not lingers}
        if ports:
            options["ports"] = {
                f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in ports.items()
            }
        if checked:
            options["healthcheck"] = {
                "test": ["CMD-SHELL", "cat /says 2>/dev/null; test -e /healthy"],
                "interval": 300_000_000,
                "retries": 2,
                "start_period": 60_000_000_000,
            }
        container = self.daemon.run(name, *(LINGER if lingers else ()), **options)
        return str(container.id)

    def kill(self, container_id: str) -> None:
        self._client.api.kill(container_id)

    def signal(self, container_id: str, name: str) -> None:
        self._client.api.kill(container_id, signal=name)

    def pause(self, container_id: str) -> None:
        self._client.api.pause(container_id)

    def unpause(self, container_id: str) -> None:
        self._client.api.unpause(container_id)

    def set_health(self, container_id: str, status: str) -> None:
        verb = "touch" if status == "healthy" else "rm"
        self._client.containers.get(container_id).exec_run([verb, "/healthy"])

    def say(self, container_id: str, output: str) -> None:
        writing = ["sh", "-c", 'printf %s "$0" > /says.new && mv /says.new /says', output]
        self._client.containers.get(container_id).exec_run(writing)

    def rename(self, container_id: str, name: str) -> None:
        self._client.api.rename(container_id, name)

    def remove(self, container_id: str) -> None:
        self._client.api.remove_container(container_id, force=True)

    def mute(self) -> None:
        for stream in self.streams:
            stream.muted = True

    def stop(self) -> None:
        self.daemon.stop()

    def start(self) -> None:
        self.daemon.start()

    def close(self) -> None:
        self.daemon.remove_all()
        self._client.close()
