"""Why Docker did not answer, and what to do about it, from an error of its client."""

from __future__ import annotations

import re
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from constellation.errors import AdapterError
from constellation.monitor.docker_endpoint import DockerEndpoint

if TYPE_CHECKING:
    import requests

START = "start Docker, or set docker.socket, or docker.enabled=false"
PROXY_ALLOWS = (
    "let the socket proxy pass GET of /version, /events and /containers; also /info and /networks"
)
SLOW = "it took too long to answer"
WHY_CHARACTERS_MAX = 200
MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def docker_failure(endpoint: DockerEndpoint, what: str, error: BaseException) -> AdapterError:
    """Return the error of the request `what`, e.g. 'connect', in words."""
    why, fix = _cause(endpoint, error)
    if what == "connect":
        return AdapterError(f"cannot connect to Docker at {endpoint}", why=why, fix=fix)
    return AdapterError(f"Docker at {endpoint} did not answer ({what})", why=why, fix=fix)


def is_mount_point(path: str, mounts: str) -> bool:
    """Return whether something is mounted at `path`; `mounts` is in the format of mountinfo."""
    points = (line.split(" ")[4] for line in mounts.splitlines() if line.count(" ") > 4)
    return path in {_OCTAL.sub(lambda code: chr(int(code[1], 8)), point) for point in points}


def _cause(endpoint: DockerEndpoint, error: BaseException) -> tuple[str, str]:
    for cause in _chain(error):
        found = _known_cause(endpoint, cause)
        if found is not None:
            return found
    return _short(error), START


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes; the library wraps the error that says most."""
    seen: BaseException | None = error
    for _ in range(16):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _known_cause(endpoint: DockerEndpoint, error: BaseException) -> tuple[str, str] | None:
    if "requests" in sys.modules and (found := _of_client(error)) is not None:
        return found
    match error:
        case FileNotFoundError():
            return "the socket does not exist", START
        case ConnectionRefusedError():
            return _refused(endpoint)
        case PermissionError():
            fix = "let it, e.g. add the agent's user to the group docker"
            return "this user may not use the socket", fix
        case socket.gaierror():
            return f"the name {endpoint.host} is not known here", "correct docker.socket"
        case ssl.SSLError():
            return _of_tls(error)
        case TimeoutError():
            return SLOW, START
        case ValueError() if endpoint.path:
            return "this is not a valid path of a socket", "correct docker.socket"
        case _:
            return None


def _of_client(error: BaseException) -> tuple[str, str] | None:
    """Return the cause in an error of the client's library, which is not loaded before it."""
    import requests  # noqa: PLC0415

    match error:
        case requests.HTTPError():
            return _of_answer(error)
        case requests.Timeout():
            return SLOW, START
        case _:
            return None


def _of_answer(error: requests.HTTPError) -> tuple[str, str] | None:
    """Return the cause in an answer with a status of an error."""
    if error.response is None:
        return None
    code, text = error.response.status_code, error.response.text
    if code in {401, 403, 405}:
        path = error.response.request.path_url.partition("?")[0]
        return f"the request for {path} was refused with code {code}", PROXY_ALLOWS
    if code == 400 and "HTTPS server" in text:
        return "it expects TLS", "set docker.tls_ca_file, and the files of a client certificate"
    return None


def _refused(endpoint: DockerEndpoint) -> tuple[str, str]:
    if not endpoint.path:
        return "nobody listens there", START
    path = Path(endpoint.path)
    if path.is_dir():
        why = "this is a directory: Docker makes one if the file to mount does not exist"
        return why, "mount the directory that holds the socket"
    if not path.is_socket():
        return "this is not a socket", "correct docker.socket"
    if is_mount_point(str(path.resolve()), _mounts()):
        why = "nobody listens there; it is mounted as a file, which Docker replaces when it starts"
        return why, "mount the directory that holds the socket, or start Docker"
    why = "nobody listens there"
    return why, f"{START}; if it is mounted as a file, mount its directory"


def _mounts() -> str:
    try:
        return MOUNTS.read_text()
    except OSError:
        return ""  # then it is only possible that it is mounted


def _of_tls(error: ssl.SSLError) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not accepted: {error.verify_message}"
        return why, "set docker.tls_ca_file to the certificates that signed it, or use its name"
    if error.reason == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS", "write tcp://, and remove docker.tls_..._file"
    why = f"TLS failed: {_short(error)}"
    return why, "check docker.tls_cert_file and docker.tls_key_file"


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:WHY_CHARACTERS_MAX]
