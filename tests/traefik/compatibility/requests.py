"""Real requests for the hosts of a set-up, and what they get, without what differs by nature."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rigs.traefik import Traefik
from tests.traefik.compatibility.normal import Places
from tests.traefik.compatibility.setups import Setup

AT_ONCE = 12
TIMEOUT_S = 10.0
ROUNDS = 3  # requests for each container of a set-up, to see all that answer
HOST = re.compile(r"(?i)\bhost\(\s*[`\"]([^`\"]+)[`\"]")
HOST_SNI = re.compile(r"HostSNI\(\s*`([^`]+)`")
PATH = re.compile(r"(?i)\bpath(?:prefix)?\(\s*[`\"](/[^`\"{]*)[`\"]")
HELLO = b"GET / HTTP/1.0\r\n\r\n"
ANSWERED_BY = re.compile(rb"X-Answered-By: (\S+)")
# What they are depends on the Traefik, the moment, or the address of a server.
RESPONSE_HEADERS_OMITTED = {
    *("date", "content-length", "connection", "x-answered-by", "x-retry-in", "retry-after"),
}
REQUEST_HEADERS_OMITTED = {
    *("x-forwarded-port", "x-forwarded-server", "x-real-ip"),
    "x-traefik-router",  # its Docker provider marks requests of default rules against loops
}
COOKIE = re.compile(r"^(_[0-9a-f]{5}(?==))?([^=]*)=[^;]*")


@dataclass(frozen=True, slots=True)
class Probe:
    """One request.  Of `stream` it is plain TCP, or TLS, to an entry point."""

    text: str
    method: str = "GET"
    host: str = ""
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    entry_point: str = "web"
    stream: str = ""
    is_tls: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request got."""

    status: int
    by: str = ""  # the container and its port; empty: Traefik itself
    headers: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()  # the request as the container saw it, or Traefik's text


@dataclass(frozen=True, slots=True)
class Answers:
    """All different answers to a request that was repeated."""

    found: Mapping[tuple[int, str], Answer] = field(default_factory=dict)

    def __str__(self) -> str:
        texts = [f"{status} by {by}" if by else str(status) for status, by in sorted(self.found)]
        return " or ".join(texts)

    def difference(self, other: Answers) -> str:
        """Return how the answers of the agent's side, `other`, differ; empty: they do not."""
        if str(self) != str(other):
            return f"{self} | {other}"
        for key, theirs in sorted(self.found.items()):
            ours = other.found[key]
            if theirs != ours:
                gone = sorted({*theirs.headers, *theirs.seen} - {*ours.headers, *ours.seen})
                new = sorted({*ours.headers, *ours.seen} - {*theirs.headers, *theirs.seen})
                return f"{self}: {'; '.join(gone)} | {'; '.join(new)}"
        return ""


def probes(setup: Setup, hosts: Sequence[str]) -> list[Probe]:
    """Return the requests of a set-up: for `hosts`, those in its rules, and those that it lists."""
    labels = [f"{name}={value}" for one in setup.containers for name, value in one.labels.items()]
    text = "\n".join(labels)
    named = [host for host in HOST.findall(text) if re.fullmatch(r"[\w.*-]+", host)]
    if not setup.is_asked:
        return []
    paths = ["/", *PATH.findall(text)]
    lines = [f"GET {host}{path}" for host in (*named, *hosts) for path in paths]
    lines += filter(None, map(str.strip, setup.probes.splitlines()))
    made = [probe(line) for line in dict.fromkeys(lines)]
    if ".tls" in text or "websecure" in text:
        made += [probe(line, entry_point="websecure") for line in dict.fromkeys(lines)]
    return [*made, *_streams(text)]


def probe(line: str, entry_point: str = "web") -> Probe:
    """Return the request of a line such as `GET host/path | Header: value`."""
    request, *headers = (part.strip() for part in line.split("|"))
    method, _, url = request.partition(" ")
    host, slash, path = url.partition("/")
    pairs = tuple(tuple(map(str.strip, header.split(":", 1))) for header in headers)
    text = line if entry_point == "web" else f"{line} at {entry_point}"
    return Probe(text, method, host, slash + path or "/", pairs, entry_point)  # type: ignore[arg-type]


def _streams(text: str) -> Iterator[Probe]:
    routers = dict.fromkeys(re.findall(r"(?i)traefik\.tcp\.routers\.([\w-]+)\.", text))
    for router in routers:
        options = dict(re.findall(rf"(?im)^traefik\.tcp\.routers\.{router}\.(\S+?)=(.*)$", text))
        is_tls = any(name.lower().startswith("tls") for name in options)
        for entry_point in re.split(r"\s*,\s*", options.get("entrypoints", "")):
            for name in HOST_SNI.findall(options.get("rule", "")):
                yield Probe(
                    f"TCP {name} at {entry_point}",
                    host=name.replace("*", ""),
                    entry_point=entry_point,
                    stream="passthrough" if "tls.passthrough" in options else "terminated",
                    is_tls=is_tls,
                )


def ask_all(
    side: Traefik,
    ports: Mapping[str, int],
    wanted: Mapping[str, tuple[int, list[Probe]]],
    places: Places,
) -> dict[str, dict[str, Answers]]:
    """Return the answers to the probes of all set-ups; each is repeated for each container.

    Set-ups are asked at the same time, and the probes of one in order.
    """

    def ask(name: str) -> dict[str, Answers]:
        count, own = wanted[name]
        times = 1 if count == 1 else ROUNDS * count
        return {one.text: _ask(side, ports, one, times, places) for one in own}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(ask, wanted), strict=True))


def _ask(
    side: Traefik, ports: Mapping[str, int], asked: Probe, times: int, places: Places
) -> Answers:
    port = side.web_port if asked.entry_point == "web" else ports[asked.entry_point]
    found: dict[tuple[int, str], Answer] = {}
    for _ in range(times):
        one = _stream(port, asked) if asked.stream else _http(port, asked, places)
        found.setdefault((one.status, one.by), one)
    return Answers(found)


def _http(port: int, asked: Probe, places: Places) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.connect()
        if asked.entry_point == "websecure":
            connection.sock = _tls().wrap_socket(connection.sock, server_hostname=asked.host)
        connection.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", asked.host)
        for name, value in asked.headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, seen=(type(error).__name__,))
    finally:
        connection.close()
    headers = sorted(
        f"{name.lower()}: {_response_value(name.lower(), value, port)}"
        for name, value in response.getheaders()
        if name.lower() not in RESPONSE_HEADERS_OMITTED
    )
    by = response.getheader("X-Answered-By", "")
    if response.getheader("Content-Encoding"):
        body = ""
    return Answer(response.status, by, tuple(headers), tuple(_seen(body, port, places)))


def _response_value(name: str, value: str, port: int) -> str:
    """Return a header's value without the made-up name of a cookie, its value, and our port."""
    if name == "set-cookie":
        return COOKIE.sub(lambda found: "made-up" if found[1] else found[2], value)
    return value.replace(f":{port}", ":PORT")


def _seen(body: str, port: int, places: Places) -> Iterator[str]:
    first, *lines = body.splitlines() or [""]
    yield first
    for line in sorted(lines):
        name, _, value = line.partition(": ")
        if name.lower() == "host":
            value = places.name(value, "tcp")
        if name.lower() not in REQUEST_HEADERS_OMITTED:
            yield f"{name.lower()}: {value}".replace(f":{port}", ":PORT")


def _stream(port: int, asked: Probe) -> Answer:
    """Return who answers at the end of a TCP connection; status 1: somebody does."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as plain:
            if asked.is_tls and asked.stream == "terminated":
                with _tls().wrap_socket(plain, server_hostname=asked.host) as stream:
                    stream.sendall(HELLO)
                    received = _all_of(stream)
            else:
                plain.sendall((_client_hello(asked.host) if asked.is_tls else b"") + HELLO)
                received = _all_of(plain)
    except OSError as error:
        return Answer(0, seen=(type(error).__name__,))
    by = ANSWERED_BY.search(received)
    return Answer(1, by[1].decode()) if by else Answer(0)


def _all_of(stream: socket.socket) -> bytes:
    received = b""
    while part := stream.recv(65536):
        received += part
    return received


def _client_hello(host: str) -> bytes:
    """Return the first bytes of a TLS connection."""
    outgoing = ssl.MemoryBIO()
    handshake = _tls().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake ended without an answer")


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
