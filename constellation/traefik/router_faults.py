"""What is wrong with a whole router, also against what Traefik's static configuration defines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from constellation.near_names import did_you_mean
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import Protocol
from constellation.traefik.rule import http_rule_faults, tcp_rule_faults
from constellation.traefik.schema.kinds import Fault, is_available

OptionFault = tuple[str, Fault]  # the option, and what is wrong with it

WILDCARDS_SINCE = "3.7"
_WILDCARD = re.compile(r"(?i:\b(Host(?:SNI)?))\(\s*[`\"]\*(\.[^`\"]+)[`\"]")

_LISTED = "add it there if Traefik has it, or correct the label"


def router_faults(
    protocol: Protocol,
    config: Mapping[str, Any],
    settings: TraefikSettings,
    *,
    is_part: bool = False,
) -> list[OptionFault]:
    """Return everything that is wrong with a router.

    `is_part`: some of its options cannot be read, so what seems to be missing may be there.
    """
    if is_part:
        config = {"tls": {}, **config}
    checked = _rule(protocol, config) if config.get("rule") or not is_part else []
    faults = [("rule", fault) for fault in (*checked, *_wildcards(config, settings))]
    faults += _entry_points(config, settings)
    faults += _cert_resolver(config, settings)
    if not is_part:
        faults += _takes_all(protocol, config, settings)
    return faults


def _rule(protocol: Protocol, config: Mapping[str, Any]) -> list[Fault]:
    rule, syntax = config.get("rule", ""), config.get("ruleSyntax", "v3")
    if protocol == "http" and rule:
        return http_rule_faults(rule, is_v2=syntax == "v2")
    if protocol == "tcp":
        return tcp_rule_faults(rule, is_v2=syntax == "v2", has_tls="tls" in config)
    return []


def _wildcards(config: Mapping[str, Any], settings: TraefikSettings) -> Iterator[Fault]:
    if is_available(WILDCARDS_SINCE, settings.version):
        return
    for matcher, host in _WILDCARD.findall(config.get("rule", "")):
        reason = (
            f"{matcher} matches no host with a * before Traefik {WILDCARDS_SINCE}, and "
            f"traefik.version is {settings.version}"
        )
        pattern = f"^[^.]+{re.escape(host)[:64]}$"
        remedy = f"write {matcher}Regexp(`{pattern}`), or set traefik.version to {WILDCARDS_SINCE}"
        yield Fault(reason, remedy, is_sent=True)


def _wanted(config: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys(config.get("entryPoints", ())) if name]


def _entry_points(config: Mapping[str, Any], settings: TraefikSettings) -> Iterator[OptionFault]:
    wanted = _wanted(config)
    known = settings.all_entry_points
    unknown = [name for name in wanted if name not in known]
    for name in unknown:
        reason = f"the entry point {name[:64]!r} is not in the setting traefik.entry_points"
        # Traefik serves a router on those of its entry points that exist.
        is_sent = len(unknown) < len(wanted)
        yield "entryPoints", Fault(reason, did_you_mean(name, known, _LISTED), is_sent)


def _takes_all(
    protocol: Protocol, config: Mapping[str, Any], settings: TraefikSettings
) -> Iterator[OptionFault]:
    """Yield the fault of a router that would take what is meant for others."""
    wanted = _wanted(config)
    if protocol == "udp" and not wanted:
        reason = "it names no entry point, so it would take all UDP traffic"
        yield "", Fault(reason, "add the option entrypoints to the router")
    if protocol != "tcp" or "tls" in config:
        return
    if not wanted:
        reason = "it names no entry point and has no TLS, so it would take all HTTP traffic"
        yield "rule", Fault(reason, "add the option entrypoints to the router")
    elif of_http := sorted({*wanted} & {*settings.http_entry_points}):
        reason = f"it has no TLS, so it would take all HTTP traffic on {of_http[0][:64]!r}"
        remedy = "name an entry point that HTTP routers do not use, or add TLS"
        yield "entryPoints", Fault(reason, remedy)


def _cert_resolver(config: Mapping[str, Any], settings: TraefikSettings) -> Iterator[OptionFault]:
    resolver = config.get("tls", {}).get("certResolver", "")
    if not resolver or resolver in settings.cert_resolvers:
        return
    reason = (
        f"the resolver {resolver[:64]!r} is not in the setting traefik.cert_resolvers: without it "
        "Traefik serves its own certificate"
    )
    remedy = did_you_mean(resolver, settings.cert_resolvers, _LISTED)
    yield "tls.certResolver", Fault(reason, remedy, is_sent=True)
