"""A real Traefik accepts any body, and every key that labels may have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import ClusterChanged
from rigs.ports import free_ports
from tests.traefik.builders import snapshot
from tests.traefik.conftest import Answering, Traefik, answering, wait_until
from tests.traefik.every_key import built, static_configuration
from tests.traefik.strategies import provider_settings, snapshots

pytestmark = [pytest.mark.integration, pytest.mark.needs("traefik"), pytest.mark.slow]

VERSION = "3.7"
BODIES = 200
SECTIONS = {
    f"{protocol}{section.capitalize() if protocol else section}": (protocol or "http", section)
    for protocol in ("", "tcp", "udp")
    for section in ("routers", "services", "middlewares")
}
# Messages about accepted configurations: a deprecated option, an option without a limit; and, in
# these tests, that servers and the issuer of certificates cannot be reached.
REMARKS = (
    "is deprecated",
    "is not configured",
    "more than one udp router",
    "Health check failed",
    "redis:",
    "ACME certificate",
    "No ACME certificate generation required",
    "Passive health check",
)


@pytest.fixture(scope="module")
def polled(
    run_traefik: Callable[..., Traefik], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Answering, Traefik]]:
    flags = static_configuration(tmp_path_factory.mktemp("static"), *free_ports(2))
    flags += [f"--entrypoints.{name}.address=127.0.0.1:0" for name in ("redis", "mongodb")]
    flags += ["--entrypoints.constellation.address=127.0.0.1:0"]
    with answering(nothing()) as source:
        yield source, run_traefik(f"http://127.0.0.1:{source.server_port}/", flags)


def nothing() -> bytes:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="localhost")
    return builder.build(ClusterView().apply(snapshot())).body


def random_bodies() -> list[bytes]:
    """Return different bodies with routers, the same ones in every run."""
    found: dict[bytes, None] = {}

    @settings(
        max_examples=4 * BODIES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(snapshots(services_min=4), provider_settings)
    def collect(told: ClusterChanged, given_settings: TraefikSettings) -> None:
        # Traefik would download a plugin and request a certificate.
        wanted = given_settings.model_copy(
            update={"version": VERSION, "plugins": (), "cert_resolvers": ()}
        )
        builder = ConfigurationBuilder(settings=wanted, domain="localhost")
        made = builder.build(ClusterView().apply(told))
        if made.router_count:
            found[made.body] = None

    collect()
    assert len(found) >= BODIES
    return list(found)[:BODIES]


def elements(traefik: Traefik) -> dict[tuple[str, str, str], Any]:
    """Return all that the provider gave, as Traefik has it now."""
    return {
        (*SECTIONS[kind], name.removesuffix("@http")): element
        for kind, found in traefik.raw().items()
        if kind in SECTIONS
        for name, element in (found or {}).items()
        if name.endswith("@http")
    }


def names_in(body: bytes) -> set[tuple[str, str, str]]:
    return {
        (protocol, section, name)
        for protocol, sections in json.loads(body).items()
        for section, configs in sections.items()
        for name in configs
    }


def accepted(traefik: Traefik, body: bytes) -> bool:
    """Traefik has exactly the elements of `body`, and the rules of its routers."""
    found = elements(traefik)
    rules = {
        (protocol, "routers", name): router["rule"]
        for protocol, sections in json.loads(body).items()
        for name, router in sections.get("routers", {}).items()
        if "rule" in router
    }
    return found.keys() == names_in(body) and all(
        found[key].get("rule") == rule for key, rule in rules.items()
    )


def disabled(traefik: Traefik) -> list[tuple[tuple[str, str, str], Any]]:
    # A TCP or UDP load balancer without servers is shown as "disabled", which is harmless.
    return [
        (key, element.get("error") or element.get("err"))
        for key, element in elements(traefik).items()
        if element["status"] != "enabled"
    ]


def complaints(traefik: Traefik) -> list[str]:
    return [line for line in traefik.complaints() if not any(says in line for says in REMARKS)]


@pytest.mark.timeout(300)
@pytest.mark.scenario(23)
def test_every_body_is_accepted_without_an_error(polled: tuple[Answering, Traefik]) -> None:
    source, traefik = polled
    label_routers_count, wrong = 0, []
    for body in random_bodies():
        source.body = body

        wait_until(partial(accepted, traefik, body), 10.0)
        label_routers_count += sum(
            section == "routers" and "." not in name for _, section, name in names_in(body)
        )
        wrong += disabled(traefik)
    assert (wrong, complaints(traefik)) == ([], [])
    assert label_routers_count > 3 * BODIES // 4


@pytest.mark.scenario(23)
def test_every_key_of_the_schema_is_accepted(polled: tuple[Answering, Traefik]) -> None:
    source, traefik = polled
    made = built(VERSION)
    source.body = made.body

    wait_until(partial(accepted, traefik, made.body), 20.0)

    assert made.rejected == ()
    assert (disabled(traefik), complaints(traefik)) == ([], [])
