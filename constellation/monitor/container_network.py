"""Where a container is reached: its networks and ports, or those that another one lends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from constellation.monitor.container_address import OwnAddress, own_address
from constellation.monitor.network_lender import LentNetwork, lent_network
from constellation.monitor.published_ports import (
    PublishPolicy,
    bound_to_this_host,
    endpoints,
    host_network_endpoints,
    own_ports,
)
from constellation.value import Value
from messages.monitor import REACH_NOTES_MAX, Endpoint, ReachNote

TEXT_CHARACTERS_MAX = 256


class ContainerNetwork(Value):
    """How one container is reached.

    Attributes:
        names: of its networks.
        endpoints: where other nodes reach its ports.
        container_host: its own address, which its host reaches; empty: none.
        notes: why ports are not reached as usual.
        lenders: ids of the containers whose network it uses.
        cut_off_why: why it has no network although it runs, and the remedy; empty: it has.
    """

    names: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    container_host: str
    notes: tuple[ReachNote, ...]
    lenders: tuple[str, ...] = ()
    cut_off_why: str = ""


def container_network(
    found: Mapping[str, Any], labels: Mapping[str, str], policy: PublishPolicy
) -> ContainerNetwork:
    """Return how the container of an inspection is reached.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is not as Docker documents it.
    """
    lent = lent_network(found)
    settings = found.get("NetworkSettings") or {}
    exposed = found["Config"].get("ExposedPorts") or {}
    networks = lent.networks if lent else settings.get("Networks") or {}
    ports = own_ports(lent.ports, exposed, labels) if lent else settings.get("Ports") or {}
    mode = (found.get("HostConfig") or {}).get("NetworkMode")
    if mode == "host" or (lent and lent.is_of_host):
        reached = host_network_endpoints(exposed, labels, policy)
    else:
        reached = endpoints(ports, policy)
    address = own_address(networks, labels)
    return ContainerNetwork(
        names=tuple(sorted(networks)),
        endpoints=reached,
        container_host="" if policy.unreached_why else address.host,
        notes=tuple(_notes(lent, address, ports, policy))[:REACH_NOTES_MAX],
        lenders=lent.lenders if lent else (),
        cut_off_why=f"{lent.problem}; {lent.remedy}" if lent and lent.problem else "",
    )


def _notes(
    lent: LentNetwork | None, address: OwnAddress, ports: Mapping[str, Any], policy: PublishPolicy
) -> Iterator[ReachNote]:
    for port, host_port in bound_to_this_host(ports, policy).items():
        yield _note(
            f"port {port} is published on {host_port} only, which other nodes do not reach",
            f"publish it without an address, or on {policy.publish_address}",
            container_port=port,
        )
    if lent and lent.problem:
        yield _note(lent.problem, lent.remedy)
    elif lent:
        why = f"it uses the network of {lent.name}, so {lent.name} must publish its ports"
        yield _note(why, f"publish the port on {lent.name}, and name it in a label")
    if address.host and policy.unreached_why:
        yield _note(policy.unreached_why, "publish the port on the host")
    elif address.is_unreached:
        why = (
            f"its address is in the {address.driver} network {address.network}, which its own host "
            "does not reach by default"
        )
        fix = "publish the port, or connect it to a bridge network too"
        yield _note(why, fix, is_doubtful=True)


def _note(why: str, fix: str, *, container_port: int = 0, is_doubtful: bool = False) -> ReachNote:
    return ReachNote(
        container_port=container_port,
        why=why[:TEXT_CHARACTERS_MAX],
        fix=fix[:TEXT_CHARACTERS_MAX],
        is_doubtful=is_doubtful,
    )
