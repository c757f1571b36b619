"""What labels name outside this configuration: other providers of Traefik, plugins, addresses.

Only Traefik's static configuration knows its providers and plugins, so the settings repeat them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from constellation.near_names import did_you_mean
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.schema.addresses import bare_name
from constellation.traefik.schema.kinds import Fault

# x@docker means what labels define, so this provider has it.
OWN_PROVIDERS = ("docker", "swarm", "http")


class BareName(NamedTuple):
    """The host of an address that only its own node knows, and the option that has it."""

    option: str
    host: str


def own_name(reference: str) -> str:
    """Return `reference` without its provider if that provider reads labels, as this one does."""
    name, _, provider = reference.partition("@")
    return name if provider in OWN_PROVIDERS else reference


def foreign_names(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each name of another provider's element in an element, with its option."""
    yield from _named("", config, ("service", "middlewares"))
    yield from _named("tls", config.get("tls"), ("options",))
    yield from _named("loadBalancer", config.get("loadBalancer"), ("serversTransport",))
    yield from _named("chain", config.get("chain"), ("middlewares",))
    yield from _named("errors", config.get("errors"), ("service",))


def _named(path: str, config: Any, options: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for option in options if isinstance(config, Mapping) else ():
        value = config.get(option, ())
        for name in (value,) if isinstance(value, str) else value:
            if "@" in name and "@" in own_name(name):
                yield f"{path}.{option}".lstrip("."), name


def unknown_provider(name: str, settings: TraefikSettings) -> Fault | None:
    """Return a warning if Traefik is not known to have the provider of `name`."""
    provider = name.partition("@")[2]
    if provider in settings.providers:
        return None
    known = (*settings.providers, *OWN_PROVIDERS)
    otherwise = "add it there if Traefik has it; what other labels define is called NAME@docker"
    reason = f"the provider of {name[:64]!r} is not in the setting traefik.providers"
    remedy = did_you_mean(provider, known, otherwise)
    return Fault(f"{reason}: without it Traefik leaves the router out", remedy, is_sent=True)


def unknown_plugin(plugin: str, settings: TraefikSettings) -> Fault:
    """Return the fault of a middleware with a plugin that Traefik is not known to have."""
    otherwise = "add it there if Traefik has it, or correct the label"
    reason = f"the plugin {plugin[:64]!r} is not in the setting traefik.plugins"
    return Fault(reason, did_you_mean(plugin, settings.plugins, otherwise))


def bare_names(config: Mapping[str, Any]) -> Iterator[BareName]:
    """Yield the addresses in a middleware that only the own node can reach.

    The URL of a server that other nodes do not know is reached through its own node.
    """
    for option, address in _addresses(config):
        if host := bare_name(address):
            yield BareName(option, host)


def _addresses(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if address := config.get("forwardAuth", {}).get("address"):
        yield "forwardAuth.address", address
    for endpoint in config.get("rateLimit", {}).get("redis", {}).get("endpoints", ()):
        yield "rateLimit.redis.endpoints", endpoint
    yield from _urls("plugin", config.get("plugin"))


def _urls(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every URL in the options of a plugin."""
    if isinstance(value, str):
        if value.startswith(("http://", "https://")):
            yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _urls(f"{path}.[{index}]", item)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _urls(f"{path}.{name}", item)
