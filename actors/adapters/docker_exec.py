"""Commands that Docker runs in containers, for probes of WARP gateways.  Blocking, as `docker`."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any, cast

import docker.errors
from docker.utils.socket import STDOUT, frames_iter

from actors.adapters.docker import DockerEngine
from constellation.errors import AdapterError
from constellation.warp.commands import Ran
from constellation.warp.gateways import Found, read_found

OUTPUT_BYTES_MAX = 8192
CODE_WAIT_S = 1.0  # Docker knows the exit code a moment after the end of the output
CODE_POLL_S = 0.02


class GatewayEngine(DockerEngine):
    """Docker as the prober needs it.  All methods raise `AdapterError` if it does not answer."""

    def named(self, name: str) -> Found | None:
        """Return the container with exactly this name; None: there is none."""
        try:
            raw = self._ask("inspect", lambda: self._client.inspect_container(name))
        except AdapterError as error:
            if isinstance(error.__cause__, docker.errors.NotFound):
                return None
            raise
        found = read_found(cast("dict[str, Any]", raw))
        return found if found.name == name else None  # Docker takes the begin of an id, too

    def labelled(self, label: str) -> list[str]:
        """Return the names of the containers with a label NAME=VALUE, running or not."""
        rows = self._ask(
            "list_containers",
            lambda: self._client.containers(all=True, filters={"label": [label]}),
        )
        names = (str(row["Names"][0]) for row in rows if row.get("Names"))
        return sorted(name.removeprefix("/") for name in names)

    def execute(self, container_id: str, command: Sequence[str], timeout_s: float) -> Ran:
        """Run a command in a container.

        After `timeout_s` its output is no longer read.  Docker cannot end it, so it should have a
        timeout of its own.
        """
        try:
            made = self._ask(
                "exec", lambda: self._client.exec_create(container_id, list(command), stdin=False)
            )
            return self._ask("exec", lambda: self._run(str(made["Id"]), timeout_s))
        except AdapterError as error:
            if isinstance(error.__cause__, docker.errors.APIError):
                return Ran(refused=_reason(error.__cause__, error.why))
            raise

    def _run(self, exec_id: str, timeout_s: float) -> Ran:
        stream = self._client.exec_start(exec_id, socket=True)
        cut = threading.Event()
        timer = threading.Timer(timeout_s, _cut_off, (stream, cut))
        timer.daemon = True
        timer.start()
        try:
            output, errors = _read(stream)
        finally:
            timer.cancel()
            _close(stream)
        code = None if cut.is_set() else self._exit_code(exec_id)
        return Ran(code, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))

    def _exit_code(self, exec_id: str) -> int | None:
        ends_s = monotonic() + CODE_WAIT_S
        while True:
            ran = self._client.exec_inspect(exec_id)
            if not ran.get("Running") and ran.get("ExitCode") is not None:
                return int(ran["ExitCode"])
            if monotonic() >= ends_s:
                return None
            sleep(CODE_POLL_S)


def _read(stream: Any) -> tuple[bytes, bytes]:
    """Return what was written to standard output and error, up to a limit, until the end."""
    output, errors = bytearray(), bytearray()
    with contextlib.suppress(OSError, ValueError):  # it was cut off
        frames = frames_iter(stream, tty=False)  # type: ignore[no-untyped-call]
        for which, data in frames:
            into = output if which == STDOUT else errors
            into += data[: OUTPUT_BYTES_MAX - len(into)]
    return bytes(output), bytes(errors)


def _cut_off(stream: Any, cut: threading.Event) -> None:
    """End the reading of a stream in another thread."""
    cut.set()
    with contextlib.suppress(OSError):  # it has just ended by itself
        getattr(stream, "_sock", stream).shutdown(socket.SHUT_RDWR)


def _close(stream: Any) -> None:
    """Close the connection, which was taken over: it must not be used for another request."""
    response = getattr(stream, "_response", None)  # it reads through the stream
    if response is not None:
        response.close()
    stream.close()


def _reason(error: docker.errors.APIError, why: str) -> str:
    """Return why a command was refused: in Docker's own words, or because of what is in between."""
    return why if error.status_code in {401, 403, 405} else str(error.explanation or why)
