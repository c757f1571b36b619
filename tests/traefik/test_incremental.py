"""An incremental build gives the same configuration as a build from scratch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.traefik.composition import Composition
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.elements import (
    Contribution,
    ElementKey,
    Middleware,
    Owner,
    Router,
    Whose,
)
from constellation.traefik.explanation import explain
from constellation.traefik.merging import by_owner, sites_of, winner_of
from messages.gossip import ClusterChanged
from messages.monitor import Label, ServiceState
from tests.traefik.builders import on, snapshot, state
from tests.traefik.changing_cluster import LABELS, SERVICES, SETTINGS, ChangingCluster

STEPS = 40
GUARDS = tuple(
    f"traefik.http.{label}"
    for label in (
        "routers.r.middlewares",
        "routers.r.rule",
        "routers.r.service",
        "services.s.loadbalancer.server.port",
        "services.s.middlewares",
        "middlewares.m.addprefix.prefix",
        "middlewares.n.stripprefix.prefixes",
    )
)
SUBJECTS = (*SERVICES, "r", "q", "t", "r.example.net", "web.example.org")


def test_random_changes_give_the_same_configuration_as_a_build_from_scratch(sim_seed: int) -> None:
    random = Random(sim_seed)
    settings = random.choice(SETTINGS)
    cluster = ChangingCluster(random)
    view = ClusterView().apply(cluster.snapshot())
    builder = ConfigurationBuilder(settings=settings, domain="example.org")
    bodies: dict[str, bytes] = {}
    for _ in range(STEPS):
        changes = [change for _ in range(random.choice((1, 1, 1, 3))) for change in cluster.step()]
        for change in changes:
            view = view.apply(change)
            if random.random() < 0.8:  # otherwise one build covers several changes
                builder.build(view)

        made = builder.build(view)

        anew = ConfigurationBuilder(settings=settings, domain="example.org")
        expected = anew.build(view)
        assert made == expected, changes
        assert made.body == expected.body, changes  # a body is compared by its tag
        assert bodies.setdefault(made.content.tag, made.body) == made.body, "one tag for two bodies"
        for subject in SUBJECTS:
            one, other = (
                explain(subject, built.composition, view, made.rejected, lambda _: 0.0)
                for built in (builder, anew)
            )
            assert one == other, (subject, changes)


# Three containers on three nodes, whose labels refer to one another.
LINKED: dict[str, dict[str, str]] = {
    "web": {
        "traefik.http.services.s.loadbalancer.server.port": "80",
        "traefik.http.middlewares.m.addprefix.prefix": "/x",
        "traefik.http.middlewares.n.stripprefix.prefixes": "/z",
        "traefik.tcp.services.s.loadbalancer.server.port": "81",
    },
    "api": {
        "traefik.http.routers.r.rule": "Host(`r.example.net`)",
        "traefik.http.routers.r.service": "s",
        "traefik.http.routers.q.rule": "Host(`q.example.net`)",
        "traefik.http.routers.q.service": "cache",
        "traefik.http.routers.q.middlewares": "m",
        "traefik.tcp.routers.t.rule": "HostSNI(`*`)",
        "traefik.tcp.routers.t.entrypoints": "tcp",
        "traefik.tcp.routers.t.service": "s",
    },
    "cache": {"traefik.http.middlewares.m.addprefix.prefix": "/x"},
}
NODE_OF = {"web": "alpha", "api": "beta", "cache": "gamma"}


def linked(service: str, labels: dict[str, str]) -> ServiceState:
    return state(service).model_copy(
        update={"labels": tuple(Label(name=name, value=value) for name, value in labels.items())}
    )


def relabelled(version: int, service: str, labels: dict[str, str]) -> ClusterChanged:
    """Return the delta for one container that was created again with other labels."""
    services = (on(NODE_OF[service], linked(service, labels)),)
    return ClusterChanged(version=version, snapshot=False, self_node="alpha", services=services)


def all_linked() -> ClusterView:
    found = (on(NODE_OF[name], linked(name, labels)) for name, labels in LINKED.items())
    return ClusterView().apply(snapshot(*found))


@pytest.mark.parametrize("service", LINKED)
@pytest.mark.parametrize("label", LABELS)
def test_one_changed_label_gives_the_same_configuration_as_a_build_from_scratch(
    service: str, label: str
) -> None:
    settings = SETTINGS[0]
    builder = ConfigurationBuilder(settings=settings, domain="example.org")
    view, labels = all_linked(), LINKED[service]
    builder.build(view)
    without = {name: value for name, value in labels.items() if name != label}
    steps = [step for value in LABELS[label] for step in (without, {**labels, label: value})]
    for version, step in enumerate([*steps, without, labels], view.version + 1):
        view = view.apply(relabelled(version, service, step))

        made = builder.build(view)

        anew = ConfigurationBuilder(settings=settings, domain="example.org").build(view)
        assert made == anew, step


def test_a_middleware_added_to_a_service_later_guards_routers_of_other_containers() -> None:
    builder = ConfigurationBuilder(settings=SETTINGS[0], domain="example.org")
    view = all_linked()
    guards: list[list[str]] = []
    plain = LINKED["web"]
    with_guard = {**plain, "traefik.http.services.s.middlewares": "n"}
    for version, labels in enumerate((plain, with_guard, plain, with_guard), view.version + 1):
        view = view.apply(relabelled(version, "web", labels))
        found: dict[str, Any] = json.loads(builder.build(view).body)
        guards.append(found["http"]["routers"]["r"]["middlewares"])

    retry = "constellation.retry"
    assert guards == [[retry], ["n", retry], [retry], ["n", retry]]


def test_a_middleware_in_a_router_is_the_one_that_its_owner_defines(sim_seed: int) -> None:
    """The owner is that of the router, or of its service for the middlewares of the service."""
    random = Random(sim_seed)
    cluster = ChangingCluster(random, likely=GUARDS)
    view = ClusterView().apply(cluster.snapshot())
    builder = ConfigurationBuilder(settings=SETTINGS[0], domain="example.org")
    for _ in range(STEPS):
        for change in cluster.step():
            view = view.apply(change)
        body = json.loads(builder.build(view).body)
        for owner, name, used in middlewares_in_use(builder.composition, body):
            definition = definition_of(builder.composition, owner, name)
            if definition is not None:
                assert definition in used, (owner, name)


def middlewares_in_use(
    composition: Composition, body: dict[str, Any]
) -> Iterator[tuple[Owner, str, list[Any]]]:
    """Yield owner and name of each middleware that a router needs, and all that it has."""
    for body_name, config in body["http"].get("routers", {}).items():
        key = composition.document.key_of("http", "routers", body_name)
        assert key is not None
        left_out = {item.service for item in composition.rejections.get(key.written, ())}
        used = [body["http"]["middlewares"].get(name) for name in config.get("middlewares", [])]
        for group in by_owner(composition.contributions.to(key.written)).values():
            winner = winner_of(key, group)
            owner = winner.author.owner
            if key.origin.owner in {None, owner} and owner.service not in left_out:
                for owner, name in needed_by(composition, winner, group):
                    yield owner, name, used


def needed_by(
    composition: Composition, router: Contribution, group: list[Contribution]
) -> Iterator[tuple[Owner, str]]:
    """Yield owner and name of the middlewares of a router and of its service."""
    assert isinstance(router.element, Router)
    yield from ((router.author.owner, name) for name in router.element.middlewares)
    whose = Whose(router.author.owner, sites_of(group))
    service = composition.find_service("http", router.element.service, whose)
    if service in composition.services:
        face = composition.services[service].face
        yield from ((face.whose.owner, name) for name in face.middlewares)


def definition_of(composition: Composition, owner: Owner, name: str) -> Any:
    """Return the definition in the labels of `owner`; None: none, or one that names others."""
    key = ElementKey("http", "middlewares", name)
    own = by_owner(composition.contributions.to(key)).get(owner)
    if own is None:
        return None
    definition = winner_of(key, own).element
    assert isinstance(definition, Middleware)
    return None if {"chain", "errors"} & definition.config.keys() else definition.config
