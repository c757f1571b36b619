"""Where the Docker Engine listens, in the forms that Docker's own `DOCKER_HOST` has.

/var/run/docker.sock, unix:///var/run/docker.sock     a Unix socket
tcp://socket-proxy:2375, http://socket-proxy:2375     plain HTTP, e.g. a socket proxy
tcp://… with files of TLS, https://docker:2376        HTTP over TLS
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from constellation.value import Value

PLAIN_PORT, TLS_PORT = 2375, 2376  # as registered for Docker

_FORMS = "write a path, unix:///PATH, tcp://HOST:PORT or https://HOST:PORT"
_REFUSED = {
    "ssh": "SSH is not supported: the agent watches the containers of its own host, so name the "
    "socket there, or a socket proxy as tcp://HOST:PORT",
    "npipe": "named pipes exist on Windows only: name the Unix socket",
    "fd": "fd:// is a form for the daemon: name the socket that it listens on",
}


class DockerEndpoint(Value):
    """A Unix socket at `path`, or, without a path, a TCP listener."""

    path: str = ""
    host: str = ""
    port: int = 0
    is_tls: bool = False

    def __str__(self) -> str:
        """Return it as people write it."""
        if self.path:
            return self.path
        return f"{'https' if self.is_tls else 'tcp'}://{self._authority}"

    @property
    def url(self) -> str:
        """The base URL for a client of the Engine's API."""
        if self.path:
            return f"unix://{self.path}"
        return f"{'https' if self.is_tls else 'http'}://{self._authority}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def docker_endpoint(text: str, *, has_tls: bool = False) -> DockerEndpoint:
    """Return the endpoint in the setting `docker.socket`; `has_tls`: files of TLS are set.

    Raises:
        ValueError: the agent cannot use it; the text says why, and what to write.
    """
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _of_path(text)
    scheme = scheme.lower()
    if scheme in _REFUSED:
        raise ValueError(_REFUSED[scheme])
    if scheme == "unix":
        if not rest.startswith("/"):
            raise ValueError(f"its path is not absolute: write unix:///{rest.lstrip('/')}")
        return DockerEndpoint(path=rest)
    if scheme not in {"tcp", "http", "https"}:
        raise ValueError(f"{scheme[:32]}:// is unknown: {_FORMS}")
    return _of_url(text, is_tls=scheme == "https" or has_tls)


def _of_path(text: str) -> DockerEndpoint:
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and "/" not in text:
        raise ValueError(f"write tcp://{host or 'HOST'}:{port}")
    if not text:
        raise ValueError(f"it is empty: {_FORMS}")
    if text.startswith("~"):
        raise ValueError("~ is not expanded here; write the whole path")
    return DockerEndpoint(path=text)


def _of_url(text: str, *, is_tls: bool) -> DockerEndpoint:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"its host or port is not valid: {_FORMS}") from None
    if not parts.hostname or port == 0:
        raise ValueError(f"it names no host or no port: {_FORMS}")
    if parts.username is not None or _has_path(parts):
        raise ValueError("only a host and a port may follow ://: write tcp://HOST:PORT")
    return DockerEndpoint(
        host=parts.hostname, port=port or (TLS_PORT if is_tls else PLAIN_PORT), is_tls=is_tls
    )


def _has_path(parts: SplitResult) -> bool:
    return parts.path not in {"", "/"} or bool(parts.query or parts.fragment)
