"""The containers of all set-ups in a Docker Engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rigs.docker_engine import IMAGE, PrivateDocker
from rigs.ports import free_port
from rigs.processes import wait_until
from tests.traefik.compatibility.normal import Places
from tests.traefik.compatibility.setups import Container

CHECKS = {
    "healthy": {"test": ["CMD", "true"], "interval": 500_000_000, "retries": 1},
    "unhealthy": {"test": ["CMD", "false"], "interval": 500_000_000, "retries": 1},
    "starting": {"test": ["CMD", "true"], "interval": 3_600_000_000_000, "retries": 1},
}
AT_ONCE = 4
# Returns the request's line and headers, and the status that its path names, as in /status/503.
ANSWER = r"""
read -t 3 -r first  # a client that speaks TLS may send no line
seen=$first
cr=$(printf '\r')
while read -t 3 -r line && [ "$line" != "$cr" ]; do
  seen="$seen
$line"
  case $line in [Cc]ontent-[Ll]ength:*) size=${line#*: };; esac
done
[ "$size" ] && head -c "${size%$cr}" >/dev/null
path=${first#* }
case $path in */status/*) code=${path##*/status/}; code=${code%%[!0-9]*};; *) code=200;; esac
printf 'HTTP/1.1 %s OK\r\nX-Answered-By: %s\r\nContent-Type: text/plain\r\n' \
  "$code" "$NAME:$1"
printf 'Connection: close\r\n\r\n'
[ "${first%% *}" = HEAD ] || printf '%s\n' "$seen"
"""
LISTEN = """
for port in "$@"; do nc -ll -p "$port" -e sh -c "$ANSWER" answer "$port" & done
exec sleep 3600
"""


def run_all(engine: PrivateDocker, wanted: Sequence[Container], address: str) -> Places:
    """Start containers, their ports published at `address`; return where they are.

    Each is then as it shall be: stopped, or with the health that its check is to find.
    """
    with contextlib.closing(engine.client()) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        named = {name for container in wanted for name in container.networks}
        for network in sorted(named - {network.name for network in client.networks.list()}):
            client.networks.create(network, driver="bridge")

        def run(container: Container) -> dict[str, Any]:
            return _run(client.api, container, address)

        # Those whose network others share come first.
        found = {
            container.name: inspected
            for sharing in (False, True)
            for some in [[one for one in wanted if bool(one.shares) == sharing]]
            for container, inspected in zip(some, pool.map(run, some), strict=True)
        }
    return _places(found, wanted, address)


def remove_all(engine: PrivateDocker) -> None:
    """Remove all containers, several at once: that takes half the time."""
    with contextlib.closing(engine.client()) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        ids = [found["Id"] for found in client.api.containers(all=True)]
        list(pool.map(lambda one: client.api.remove_container(one, force=True, v=True), ids))
    engine.remove_all()


def _run(api: Any, container: Container, address: str) -> dict[str, Any]:
    container_id = _create(api, container, container.published_at or address)
    for network in container.networks[1:]:
        api.connect_container_to_network(container_id, network)
    if container.condition == "created":
        return dict(api.inspect_container(container_id))
    api.start(container_id)
    if container.condition == "stopped":
        api.kill(container_id)
        api.wait(container_id)
    if container.condition == "paused":
        api.pause(container_id)

    def is_checked() -> bool:
        health = api.inspect_container(container_id)["State"].get("Health", {})
        return bool(health.get("Status", "") == container.check)

    wait_until(is_checked, timeout_s=30, what=f"{container.name} to be {container.check}")
    return dict(api.inspect_container(container_id))


def _create(api: Any, container: Container, address: str) -> str:
    first = next(iter(container.networks), "host" if container.on_host_network else "bridge")
    if container.shares:
        first = f"container:{container.shares}"
    at: tuple[Any, ...] = (address,)
    if address == "0.0.0.0":  # Docker may choose a port that another address uses
        at = (address, free_port(address))
    bindings = dict.fromkeys(container.exposed, at) if container.is_published else {}
    made = api.create_container(
        IMAGE,
        ["sh", "-c", LISTEN, "listen", *map(str, container.ports)],
        name=container.name,
        environment={"NAME": container.name, "ANSWER": ANSWER},
        labels={
            **({"constellation.enable": "true"} if container.is_watched else {}),
            **container.labels,
        },
        ports=[tuple(port.split("/")) for port in container.exposed],
        healthcheck=CHECKS.get(container.check),
        host_config=api.create_host_config(port_bindings=bindings, init=True, network_mode=first),
    )
    return str(made["Id"])


def _places(found: dict[str, dict[str, Any]], wanted: Sequence[Container], address: str) -> Places:
    """Return where containers are; on two networks only the one that their labels name."""
    own, published = {}, {}
    for container in wanted:
        settings = found[container.name]["NetworkSettings"]
        named = container.labels.get("traefik.docker.network")
        for name, network in settings["Networks"].items():
            if network["IPAddress"] and (named not in settings["Networks"] or named == name):
                own[network["IPAddress"]] = container.name
        for port, bindings in settings["Ports"].items():
            number, protocol = port.split("/")
            for binding in bindings or ():
                place = f"{container.name}:{number}"
                host = binding["HostIp"].replace("0.0.0.0", address)
                published[f"{host}:{binding['HostPort']}", protocol] = place
        if container.on_host_network:
            own |= {"127.0.0.1": container.name, address: container.name}
    return Places(own, published)
