"""The actors of a node: the one place where an actor is added.

An entry names the actor's class, says when it runs and what its end means, and where its
settings and its operator commands are.  The supervisor starts what is enabled here in this order,
the settings have a group for each entry that brings one, and `constellation` has its commands.

Classes and commands are dotted paths, "module:name": cores import no shell, a node imports only the
actors that it runs, and one line adds an actor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from constellation.settings.agent import Settings

# What happens to an actor when the node stops; the order of the stages is `supervision.watch`'s.
AtStop = Literal["ends_first", "yields", "leaves", "ends_last"]


LIGHT = "light"  # the host of actors with little to do


def always(_: Settings) -> bool:
    """Every node runs the actor."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpec:
    """One actor of the node."""

    name: str
    purpose: str  # what it does for the node, in a few words for people
    actor: str  # "module:class" of a ShellActor
    is_enabled: Callable[[Settings], bool] = always
    turned_on_by: str = ""  # the setting that makes a node run it, unless every node does
    # The process that it shares with others of the same word; empty: one of its own.  What must not
    # wait for a neighbour (gossip, Raft, leases, routes), and what forks processes, has its own.
    host: str = ""
    # The node is of little use without it: down for too long, it ends the agent, with exit code 1.
    is_essential: bool = False
    at_stop: AtStop = "ends_last"
    settings: str = ""  # "module:class" of the group `<name>`, if `Settings` does not have it
    commands: str = ""  # "module:name" of a tuple of operator commands


ACTORS: tuple[ActorSpec, ...] = (
    ActorSpec(
        name="gossip",
        purpose="knows the cluster and publishes this node's records",
        actor="actors.gossip:GossipActor",
        commands="constellation.cli.manual:KEYS",
        is_essential=True,
        at_stop="leaves",
    ),
    ActorSpec(
        name="raft",
        purpose="takes part in elections and in the replicated log",
        actor="actors.raft:RaftActor",
        commands="constellation.cli.manual:RAFT",
        is_essential=True,
        at_stop="yields",
    ),
    ActorSpec(
        name="leases",
        purpose="acquires, renews and releases leases",
        actor="actors.leases:LeasesActor",
        is_essential=True,
        at_stop="yields",
    ),
    ActorSpec(
        name="http",
        purpose="serves Traefik's provider, health and metrics",
        actor="actors.http.actor:HttpActor",
        commands="constellation.cli.manual:ROUTES",
        is_essential=True,
        at_stop="ends_first",
    ),
    ActorSpec(
        name="admin",
        purpose="answers the operator",
        actor="actors.admin.actor:AdminActor",
        host=LIGHT,
        is_essential=True,
    ),
    ActorSpec(
        name="services",
        purpose="concludes the health of each service",
        actor="actors.services:ServicesActor",
        host=LIGHT,
    ),
    ActorSpec(
        name="dns",
        purpose="keeps DNS records in step with the cluster",
        actor="actors.dns:DnsActor",
        commands="constellation.cli.manual:DNS",
        host=LIGHT,
        is_enabled=lambda settings: settings.dns.is_used,
        turned_on_by="dns.zones",
        at_stop="ends_first",
    ),
    ActorSpec(
        name="tailscale",
        purpose="discovers nodes in the tailnet",
        actor="actors.tailscale:TailscaleActor",
        host=LIGHT,
        is_enabled=lambda settings: settings.discovers_in_tailnet,
        turned_on_by="bind_address",
    ),
    ActorSpec(
        name="checks",
        purpose="checks static services",
        actor="actors.checks:ChecksActor",
        host=LIGHT,
        is_enabled=lambda settings: bool(settings.static_services),
        turned_on_by="static_services",
    ),
    ActorSpec(
        name="lease_hooks",
        purpose="runs programs when leases are acquired and lost",
        actor="actors.lease_hooks:LeaseHooksActor",
        host=LIGHT,
        is_enabled=lambda settings: bool(settings.leases.hooks),
        turned_on_by="leases.hooks",
    ),
    ActorSpec(
        name="warp",
        purpose="probes the WARP gateways of this host",
        actor="actors.warp:WarpActor",
        host=LIGHT,
        is_enabled=lambda settings: settings.warp.is_used,
        turned_on_by="warp.gateways",
    ),
    ActorSpec(
        name="docker",
        purpose="watches the containers of this host",
        actor="actors.docker:DockerActor",
        host=LIGHT,
        is_enabled=lambda settings: settings.docker.enabled,
        turned_on_by="docker.enabled",
    ),
)


def enabled_actors(settings: Settings) -> tuple[ActorSpec, ...]:
    """Return the actors that a node with these settings runs, in the order in which they start."""
    return tuple(spec for spec in ACTORS if spec.is_enabled(settings))


def turned_off(name: str, settings: Settings) -> ActorSpec | None:
    """Return the actor of that name if nodes with these settings do not run it."""
    return next((one for one in ACTORS if one.name == name and not one.is_enabled(settings)), None)


def runs_on_every_node(name: str) -> bool:
    """Return whether no setting turns the actor off."""
    return any(spec.name == name and spec.is_enabled is always for spec in ACTORS)


@cache
def settings_model() -> type[Settings]:
    """Return the model of all settings: those of the node, and the groups that actors bring."""
    # Not above: an operator's command looks up commands here, and has no use for all settings.
    from pydantic import create_model  # noqa: PLC0415

    from constellation.settings.agent import Settings  # noqa: PLC0415

    groups: dict[str, Any] = {
        spec.name: (group := load(spec.settings), group()) for spec in ACTORS if spec.settings
    }
    if not groups:
        return Settings
    return create_model(
        "Settings", __base__=Settings, __doc__=Settings.__doc__, __module__=__name__, **groups
    )


def load(path: str) -> Any:
    """Import what a dotted path "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
