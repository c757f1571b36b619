"""Three nodes in network namespaces, each with an agent, a Docker Engine and a Traefik as shipped.

No node reaches the containers of another: their addresses are in networks of their own hosts.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigs import shipped_traefik
from rigs.agents import Agent, agents_on
from rigs.availability import binary
from rigs.docker_engine import IMAGE, PrivateDocker, private_docker
from rigs.netns import Host, network_hosts
from rigs.ports import answers, free_port
from rigs.processes import Process, wait_until

DOMAIN = "localhost"
SHOW = "/cgi-bin/show"
WEB_IMAGE = "constellation-test/web:latest"  # declares port 80

# /cgi-bin/show/x says who answers, for which path, and what was said of the client; /cgi-bin/slow
# answers in pieces, /cgi-bin/late after 12 s.
_PAGES = r"""
mkdir -p /www/cgi-bin; cd /www/cgi-bin; echo "$NODE" > /www/index.html
cat > show <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "node=$NODE"; echo "path=$PATH_INFO"; echo "proto=$HTTP_X_FORWARDED_PROTO"
echo "host=$HTTP_HOST"; echo "client=$HTTP_X_FORWARDED_FOR"
END
cat > slow <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo first; sleep 2; echo last
END
cat > late <<'END'
#!/bin/sh
sleep 12
printf 'Content-Type: text/plain\r\n\r\n'
echo late
END
chmod +x show slow late
exec httpd -f -p 80 -h /www
"""

# Upgrades every connection, and says then what it is told.
_ECHO = r"""
cat > /echo <<'END'
#!/bin/sh
while read -r line; do test "$line" = "$(printf '\r')" && break; done
printf 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
exec cat
END
chmod +x /echo
exec nc -ll -p 80 -e /echo
"""


@dataclass
class Node:
    """One host and everything on it."""

    host: Host
    agent: Agent
    engine: PrivateDocker
    traefik: Process
    access_log: Path

    def get(self, host: str, path: str = "/", **options: Any) -> tuple[int, bytes]:
        """Send a request to this node's Traefik from outside the cluster."""
        return ask(self.host.address, host, path, **options)

    def show(self, name: str, path: str = SHOW, **options: Any) -> dict[str, str]:
        """Get the page with the request that its container received; the status is 200."""
        status, body = self.get(name, path, **options)
        assert status == 200, f"{name} on {self.agent.name}: {status} {body!r}"
        return dict(line.split("=", 1) for line in body.decode().splitlines())

    def accesses(self) -> list[dict[str, Any]]:
        """Return the requests that its Traefik has received."""
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]

    def servers(self, service: str) -> list[str]:
        """Return its Traefik's servers for the service of `<service>.localhost`."""
        status, body = ask(self.host.address, "x", "/api/http/services", port=8082)
        assert status == 200
        found = {one["name"]: one for one in json.loads(body)}
        whole = found.get(f"{service}.{DOMAIN}@http", {})
        parts = [
            found[f"{one['name']}@http"] for one in whole.get("weighted", {}).get("services", ())
        ]
        balancers = [one["loadBalancer"] for one in (whole, *parts) if "loadBalancer" in one]
        return sorted(one["url"] for each in balancers for one in each.get("servers") or ())

    def headers(self, name: str, path: str) -> http.client.HTTPMessage:
        """Return the headers of an answer."""
        connection = http.client.HTTPConnection(self.host.address, timeout=15)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": name})
            return connection.getresponse().headers

    def run_echo(self, name: str) -> Any:
        """Start a container that upgrades every connection and echoes; it publishes no port."""
        return self.engine.run(
            name, "sh", "-c", _ECHO, image=WEB_IMAGE, labels={"traefik.enable": "true"}
        )

    def run_web(
        self, name: str, labels: Mapping[str, str] | None = None, *, published: bool = False
    ) -> Any:
        """Start a container that exposes port 80, and publishes it if wanted."""
        return self.engine.run(
            name,
            *("sh", "-c", _PAGES),
            image=WEB_IMAGE,
            environment={"NODE": self.agent.name},
            labels={"traefik.enable": "true", **(labels or {})},
            ports={"80/tcp": (self.host.address, free_port())} if published else {},
        )


@dataclass
class Rig:
    """All nodes, and the address of this process, which is not a member of the cluster."""

    observer: str
    nodes: list[Node] = field(default_factory=list)

    def wait_for(self, service: str, count: int) -> None:
        """Wait until every node's Traefik has this number of servers for a service."""
        for node in self.nodes:
            wait_until(
                lambda node=node: len(node.servers(service)) == count,  # type: ignore[misc]
                timeout_s=20,
                what=lambda node=node: f"{node.agent.name} has {node.servers(service)}",  # type: ignore[misc]
            )

    def entry_points(self, path: str) -> list[list[str]]:
        """Return the entry points at which each Traefik received requests for a path."""
        return [
            [one["entryPointName"] for one in node.accesses() if one["RequestPath"] == path]
            for node in self.nodes
        ]


def ask(
    address: str,
    name: str,
    path: str = "/",
    *,
    port: int = 80,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 15.0,
) -> tuple[int, bytes]:
    """Send one request from this process; return status and body."""
    kind = _HttpsOfAnybody if port == 443 else http.client.HTTPConnection
    connection = kind(address, port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": name, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()


class _HttpsOfAnybody(http.client.HTTPSConnection):
    """A context that accepts Traefik's self-signed certificate."""

    def __init__(self, address: str, port: int, timeout: float) -> None:
        context = ssl._create_unverified_context()
        super().__init__(address, port, timeout=timeout, context=context)


def ask_from(host: Host, url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Send one request from another host; return status, 0 for none, and body."""
    program = (
        "import json, sys, urllib.request as r, urllib.error as e\n"
        "url, headers = sys.argv[1], json.loads(sys.argv[2])\n"
        "try:\n answer = r.urlopen(r.Request(url, headers=headers), timeout=15)\n"
        "except e.HTTPError as error:\n answer = error\n"
        "except e.URLError as error:\n print(json.dumps([0, str(error)])), sys.exit()\n"
        "print(json.dumps([answer.status, answer.read().decode()]))"
    )
    said = host.run([sys.executable, "-c", program, url, json.dumps(headers)])
    status, body = json.loads(said)
    return status, body


@contextlib.contextmanager
def ingress_rig(
    directory: Path, count: int = 3, traefik_settings: Mapping[str, Any] | None = None
) -> Iterator[Rig]:
    """Run `count` nodes for the duration of the block."""
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(network_hosts(count))
        engines = [stack.enter_context(private_docker(host.namespace)) for host in hosts]
        for engine in engines:
            _make_web_image(engine)
        settings = [
            {
                "docker": {"enabled": True, "socket": str(engine.socket)},
                "traefik": {
                    "version": "3.7",
                    "http_entry_points": ["web", "websecure"],
                    "ingress_port": shipped_traefik.INGRESS_PORT,
                    **(traefik_settings or {}),
                },
            }
            for engine in engines
        ]
        agents = stack.enter_context(agents_on(hosts, directory, settings))
        rig = Rig(hosts.observer)
        for host, agent, engine in zip(hosts, agents, engines, strict=True):
            wait_until(
                lambda agent=agent: agent.get("/api/dynamic")[0] == 200,  # type: ignore[misc]
                timeout_s=20,
                what=f"{agent.name} to know the routes",
            )
            rig.nodes.append(_with_traefik(host, agent, engine, directory))
        for node in rig.nodes:
            node.traefik.wait_for(
                lambda node=node: answers(node.host.address, 8082),  # type: ignore[misc]
                timeout_s=20,
                what="Traefik",
            )
        yield rig


def _with_traefik(host: Host, agent: Agent, engine: PrivateDocker, directory: Path) -> Node:
    access_log = directory / f"access-{agent.name}.log"
    # As it is shipped, but for where the test looks into it.
    more = [
        f"--providers.http.endpoint={agent.endpoint}",
        f"--entrypoints.traefik.address={host.address}:8082",
        "--api.insecure=true",
        "--accesslog=true",
        "--accesslog.format=json",
        f"--accesslog.filepath={access_log}",
    ]
    traefik = host.start(
        [binary("traefik"), *shipped_traefik.flags(address=host.address), *more],
        log_file=directory / f"traefik-{agent.name}.log",
    )
    return Node(host, agent, engine, traefik, access_log)


def _make_web_image(engine: PrivateDocker) -> None:
    repository, _, tag = WEB_IMAGE.partition(":")
    with contextlib.closing(engine.client()) as client:
        container = client.containers.create(IMAGE, ["true"])
        container.commit(repository, tag, conf={"ExposedPorts": {"80/tcp": {}}})
        container.remove()
