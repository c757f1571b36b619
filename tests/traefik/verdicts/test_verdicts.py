"""What is sent is what Traefik takes, value by value: the table is what a real Traefik said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import on, view
from tests.traefik.every_key import SETTINGS
from tests.traefik.verdicts import table
from tests.traefik.verdicts.asking import asker
from tests.traefik.verdicts.raw_body import ROUTER, labels_of
from tests.traefik.verdicts.values import Question, questions

TAKEN = ("works", "fails")
REPLAYED_EVERY = 24  # of the values; `make verdicts` asks about all of them


class Difference(NamedTuple):
    """Where the agent decides otherwise on purpose: options, values, and the reason."""

    about: str
    value: str
    why: str


DIFFERENCES = (
    Difference(".*", ".*@.*", "only Traefik knows what other providers define"),
    Difference(".*", ".*\u2551.*", "Traefik reads such a value as two"),
    Difference(".*server.port", ".*", "the agent must know the port to find the server"),
    Difference(
        ".*(tls|cookie|sticky|Strategy|proxyProtocol|healthCheck)", "yes", "off is not meant"
    ),
    Difference("(http|tcp|udp) routers service", "", "it means the container's own service"),
    Difference("http routers rule", "", "it means the default rule"),
    Difference("(tcp|udp) routers entryPoints", "|tcp,web", "it would take all traffic of others"),
    Difference("udp routers entryPoints", "tcp", "only Traefik knows the protocol of entry points"),
    Difference(".*server.scheme", "", "it means http"),
    Difference(".*rateLimit.redis.(minIdleConns|maxActiveConns)", "-1", "the pool size crashes so"),
)


class Decision(NamedTuple):
    is_sent: bool
    is_warned: bool
    reasons: tuple[str, ...]


def decide(question: Question) -> Decision:
    """Return what the agent makes of the same value in labels."""
    protocol, section = question.protocol, question.section
    labels = {f"traefik.{protocol}.{section}.x.{k}": v for k, v in labels_of(question).items()}
    written = {name.lower() for name in labels}
    router = f"traefik.{protocol}.routers.x."
    for option, value in ROUTER[protocol].items():
        text = value if isinstance(value, str) else ",".join(value)
        if f"{router}{option}".lower() not in written:
            labels[router + option] = text
    if section != "services":
        labels[f"traefik.{protocol}.services.x.loadbalancer.server.port"] = "80"
    state = ServiceState(
        service="x",
        health="healthy",
        source="docker",
        instance="c",
        labels=tuple(Label(name=name, value=value) for name, value in labels.items()),
        endpoints=tuple(
            Endpoint(protocol=of, host="127.0.0.1", port=1, container_port=80)
            for of in ("tcp", "udp")
        ),
    )
    settings = TraefikSettings(version=table.VERSION, default_routes="none", **SETTINGS)
    made = ConfigurationBuilder(settings=settings, domain="localhost").build(
        view(on("alpha", state))
    )
    body = json.loads(made.body).get(protocol, {})
    is_sent = "x" in body.get("routers", {}) and "x" in body.get(section, {})
    reasons = tuple(item.reason for item in made.rejected)
    return Decision(is_sent, made.warned_count > 0, reasons)


def is_different(question: Question) -> bool:
    return any(
        re.fullmatch(one.about, question.about) and re.fullmatch(one.value, question.value)
        for one in DIFFERENCES
    )


ASKED = [question for question in questions() if not is_different(question)]


def test_the_table_has_a_verdict_on_every_value() -> None:
    known = table.read()

    assert {(one.about, one.value) for one in questions()} == known.keys()


@pytest.mark.case("R12")
def test_an_element_is_left_out_only_if_traefik_leaves_it_out() -> None:
    known = table.read()
    wrong = [
        (one.about, one.value, verdict, decision)
        for one in ASKED
        for verdict in [known[one.about, one.value]]
        for decision in [decide(one)]
        if decision.is_sent != (verdict in TAKEN)
    ]

    assert wrong == []


@pytest.mark.case("R5", "R12")
def test_a_rule_is_warned_of_if_and_only_if_it_never_matches() -> None:
    known = table.read()
    rules = [one for one in ASKED if one.about == "http routers rule"]
    wrong = [
        (one.value, known[one.about, one.value], decision)
        for one in rules
        if known[one.about, one.value] in TAKEN
        for decision in [decide(one)]
        if decision.is_warned != (known[one.about, one.value] == "fails")
        and one.value not in ALSO_WARNED
    ]

    assert wrong == []


# A part of them never matches, although the request does.
ALSO_WARNED = ("Host(`x.localhost:80`) || Host(`x.localhost`)", "!Host(`x.localhost:80`)")


@pytest.mark.integration
@pytest.mark.needs("traefik")
@pytest.mark.timeout(300)
def test_a_real_traefik_decides_as_the_table_says(tmp_path: Path) -> None:
    known = table.read()
    with asker(tmp_path) as traefik:
        wrong = [
            (one.about, one.value, found)
            for one in list(questions())[::REPLAYED_EVERY]
            if (found := traefik.ask(one)) != known[one.about, one.value]
        ]

    assert wrong == []
