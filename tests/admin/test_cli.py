"""The operator's command: what it prints where, and the exit code that goes with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import pytest

from constellation.cli import main as cli
from constellation.cli.command import Command, below
from constellation.errors import AdapterError
from constellation.registry import ACTORS, ActorSpec, load
from messages.admin import StatusReport, StatusRequest
from messages.base import Message
from messages.gossip import GossipLeft
from messages.listings import (
    NodesReport,
    NodesRequest,
    ServicesReport,
    ServicesRequest,
)
from messages.operator import RequestRefused
from tests.admin.builders import (
    cluster_in_trouble,
    members,
    nodes_report,
    part,
    said,
    service,
    services_report,
    status,
    status_report,
    statuses,
)
from tests.admin.conftest import Agent, Ran
from tests.traefik.builders import view

Run = Callable[..., Ran]

WELL = view(
    service("web", "alpha"), members=members(beta="left"), nodes=(said("alpha"), said("beta"))
)
WELL_REPORTS = {
    "status": status_report(WELL, [status("alpha")], ()),
    "nodes": nodes_report(WELL, {}),
    "services": services_report(WELL),
}
BAD_REPORTS = {
    "status": status_report(cluster_in_trouble(), statuses(), ()),
    "nodes": nodes_report(cluster_in_trouble(), {}),
    "services": services_report(cluster_in_trouble()),
}
REQUESTS = {"status": StatusRequest(), "nodes": NodesRequest(), "services": ServicesRequest()}
KINDS: dict[str, type[Message]] = {
    "status": StatusReport,
    "nodes": NodesReport,
    "services": ServicesReport,
}


# Answered.


@pytest.mark.parametrize("command", REQUESTS)
@pytest.mark.parametrize(
    ("reports", "code"), [(WELL_REPORTS, 0), (BAD_REPORTS, 2)], ids=["well", "degraded"]
)
def test_exit_code_is_the_same_for_the_table_and_for_json(
    agent: Agent, run: Run, command: str, reports: dict[str, Message], code: int
) -> None:
    agent.answer = reports[command]

    table, document = run(command), run(command, "--json")

    assert (table.code, table.err, document.code, document.err) == (code, "", code, "")
    assert [request for _, _, request in agent.asked] == [REQUESTS[command]] * 2
    assert "alpha" in table.out
    assert KINDS[command].model_validate_json(document.out) == reports[command]


def test_output_to_a_pipe_has_no_colour_and_one_line_for_each_row(agent: Agent, run: Run) -> None:
    long = view(service("web", "alpha", "unhealthy", "because " * 60))
    agent.answer = services_report(long)

    ran = run("services")

    assert "\x1b" not in ran.out
    table, _, problems = ran.out.partition("\n\n")
    assert (len(table.splitlines()), len(problems.splitlines())) == (2, 1)


@pytest.mark.case("O17")
def test_optional_parts_that_a_host_lacks_are_listed_only_on_demand(agent: Agent, run: Run) -> None:
    absent = part("dns", "absent", "DNS records are not managed", "point them yourself")
    agent.answer = status_report(WELL, [status("alpha", parts=(absent,))], ())

    brief, verbose = run("status"), run("status", "--verbose")

    assert (brief.code, verbose.code) == (0, 0)
    assert "dns" not in brief.out
    assert "dns on alpha: DNS records are not managed; point them yourself" in verbose.out


# Not answered.


@pytest.mark.parametrize("command", REQUESTS)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_unanswered_request_is_one_line_and_exit_code_1(
    agent: Agent, run: Run, command: str, form: Sequence[str]
) -> None:
    agent.answer = AdapterError("no agent answers", why="connection refused", fix="start it")

    ran = run(command, *form)

    assert ran.code == 1
    assert "no agent answers: connection refused; start it" in ran.line


def test_refusal_is_printed_with_its_reason_and_remedy(agent: Agent, run: Run) -> None:
    agent.answer = RequestRefused(what="nothing to say", why="it is starting", fix="ask again")

    ran = run("status")

    assert ran.code == 1
    assert "nothing to say: it is starting; ask again" in ran.line


def test_unexpected_answer_is_explained_by_another_version(agent: Agent, run: Run) -> None:
    agent.answer = GossipLeft()

    ran = run("status")

    assert ran.code == 1
    assert "another version" in ran.line


def test_unreadable_file_is_one_line(agent: Agent, run: Run) -> None:
    agent.answer = PermissionError(13, "Permission denied", "/var/lib/constellation/cluster_key")

    ran = run("status")

    assert ran.code == 1
    assert "Permission denied (/var/lib/constellation/cluster_key)" in ran.line
    assert "root" in ran.line


def test_escape_sequences_in_errors_are_not_printed(agent: Agent, run: Run) -> None:
    agent.answer = RequestRefused(what="a\nb", why="\x1b[2J", fix="c")

    assert "a b: ?[2J; c" in run("status").line


# Commands.


@pytest.mark.parametrize(
    "spec", [spec for spec in ACTORS if spec.commands], ids=lambda spec: spec.name
)
def test_commands_named_in_the_registry_are_part_of_the_program(spec: ActorSpec) -> None:
    assert set(load(spec.commands)) <= set(cli.all_commands())


@pytest.mark.parametrize("command", cli.all_commands(), ids=lambda command: command.name)
def test_function_of_a_command_takes_what_the_manual_declares(command: Command) -> None:
    if not command.run:  # a group
        assert [*below(cli.all_commands(), command)]
        return
    taken = inspect.signature(load(command.run)).parameters
    arguments = {one.parameter for one in command.arguments}
    required = {name for name, one in taken.items() if one.default is one.empty}
    assert set(taken) == arguments | {one.parameter for one in command.options}
    assert required == arguments
