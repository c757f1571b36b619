"""What an operator is told to act on, what is only noted, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from constellation.cluster_view import ClusterView
from constellation.wellness.judgement import judge
from messages.admin import NodeStatus
from tests.admin.builders import (
    actor,
    cluster_in_trouble,
    degraded,
    facts,
    members,
    part,
    said,
    service,
    status,
    statuses,
)
from tests.traefik.builders import view

NOTHING: tuple[str, ...] = ()


def notes(cluster: ClusterView, answered: Sequence[NodeStatus]) -> tuple[str, ...]:
    return judge(facts(cluster, answered)).notes_on()


@pytest.mark.parametrize(
    ("cluster", "problems"),
    [
        pytest.param(view(members=members(beta="alive")), NOTHING, id="all alive"),
        pytest.param(view(members=members(beta="left")), NOTHING, id="one left"),
        pytest.param(
            view(members=members(beta="dead")),
            ("node beta is dead: it does not respond",),
            id="dead",
        ),
        pytest.param(
            view(members=members(beta="suspect")),
            ("node beta is suspected to be dead: it did not respond to the latest probes",),
            id="suspect",
        ),
    ],
)
def test_nodes(cluster: ClusterView, problems: tuple[str, ...]) -> None:
    assert judge(facts(cluster)).degraded("node") == problems
    assert degraded(cluster) == problems


@pytest.mark.parametrize(
    ("cluster", "problems"),
    [
        pytest.param(view(service("web", "alpha")), NOTHING, id="healthy"),
        pytest.param(view(service("web", "alpha", "stopped")), NOTHING, id="stopped by its user"),
        pytest.param(
            view(service("web", "alpha", "starting", source="static")),
            NOTHING,
            id="static, not checked often enough",
        ),
        pytest.param(
            view(
                service("web", "alpha", "starting", source="static"),
                service("web", "beta", "unhealthy", "refused"),
            ),
            ("service web is down: starting on alpha; unhealthy on beta (refused)",),
            id="static, not checked often enough, and unhealthy elsewhere",
        ),
        pytest.param(
            view(service("web", "alpha"), service("web", "beta", "unhealthy", "refused")),
            ("service web on beta is unhealthy: refused",),
            id="one of two",
        ),
        pytest.param(
            view(service("web", "alpha"), service("web", "beta", "unhealthy")),
            ("service web on beta is unhealthy: its health check gave no reason",),
            id="no reason",
        ),
        pytest.param(
            view(service("web", "alpha"), service("web", "beta", "starting")),
            NOTHING,
            id="second one starts",
        ),
        pytest.param(
            view(service("web", "alpha", "unhealthy", "refused")),
            ("service web is down: unhealthy on alpha (refused)",),
            id="the only one is unhealthy: said once",
        ),
        pytest.param(
            view(service("web", "alpha", "starting")),
            ("service web is down: starting on alpha",),
            id="the only one starts",
        ),
        pytest.param(
            view(service("web", "beta"), members=members(beta="dead")),
            ("service web is down: on beta (its node is dead)",),
            id="its node is dead",
        ),
        pytest.param(
            view(service("web", "beta"), members=members()),
            ("service web is down: on beta (its node is not known)",),
            id="its node is not known",
        ),
        pytest.param(
            view(service("web", "alpha"), nodes=(said("alpha", cordoned=True),)),
            ("service web is down: healthy on alpha (its node is cordoned)",),
            id="its node is cordoned",
        ),
        pytest.param(
            view(
                service("web", "alpha"),
                nodes=(said("alpha", cordoned=True, cordon_reason="new disk"),),
            ),
            (("service web is down: healthy on alpha (its node is cordoned: new disk)"),),
            id="its node is cordoned for a reason",
        ),
        pytest.param(
            view(service("web", "beta"), members=members(beta="left")), NOTHING, id="its node left"
        ),
        pytest.param(
            view(service("web", "alpha", draining=True)), NOTHING, id="being stopped by its user"
        ),
        pytest.param(
            view(
                service("web", "alpha", "unhealthy", "refused", draining=True),
                service("web", "beta"),
                members=members(beta="alive"),
            ),
            NOTHING,
            id="one of two is being stopped",
        ),
        pytest.param(
            view(
                service("web", "alpha", "unhealthy", "refused"),
                service("web", "beta"),
                members=members(beta="left"),
            ),
            ("service web is down: unhealthy on alpha (refused)",),
            id="left nodes are not named",
        ),
        pytest.param(
            view(
                service("web", "alpha"),
                service("web", "beta", "unhealthy", "x"),
                members=members(beta="dead"),
            ),
            NOTHING,
            id="what a dead node said last is no news",
        ),
        pytest.param(
            view(*(service("web", f"n{number}", "unhealthy", "x") for number in range(5))),
            (
                (
                    "service web is down: unhealthy on n0 (x); "
                    "unhealthy on n1 (x); unhealthy on n2 (x); and 2 more"
                ),
            ),
            id="many",
        ),
    ],
)
def test_services(cluster: ClusterView, problems: tuple[str, ...]) -> None:
    assert judge(facts(cluster)).degraded("service") == problems


@pytest.mark.parametrize(
    ("said_of_itself", "problems"),
    [
        (status("beta", actor("gossip", "running"), actor("http", "starting")), NOTHING),
        (status("beta", actor("gossip", "stopped")), NOTHING),
        (
            status("beta", actor("docker", "backing_off", last_exit="its process ended")),
            ("actor docker on beta is being restarted: its process ended",),
        ),
        (
            status(
                "beta",
                actor(
                    "docker", "backing_off", last_exit="killed", down_for_s=3.2, next_try_in_s=1.9
                ),
            ),
            ("actor docker on beta is being restarted: killed; down for 3 s, next try in 1 s",),
        ),
        (
            status(
                "beta",
                actor("docker", "given_up", last_exit="killed", down_for_s=95, next_try_in_s=20),
            ),
            (
                (
                    "actor docker on beta keeps failing and is restarted slowly: killed; "
                    "down for 1 min 35 s, next try in 20 s; see its log"
                ),
            ),
        ),
        (
            status("beta", actor("docker", "given_up")),
            ("actor docker on beta keeps failing and is restarted slowly; see its log",),
        ),
        (
            status("beta", parts=(part("docker", "lost", "refused", "start it"),)),
            ("docker on beta does not work: refused; start it",),
        ),
        (status("beta", parts=(part("docker", "lost"),)), ("docker on beta does not work",)),
        (status("beta", parts=(part("docker", "absent", "no socket"),)), NOTHING),
        (status("beta", parts=(part("docker", "present"),)), NOTHING),
    ],
    ids=lambda value: "-" if isinstance(value, NodeStatus) else " ".join(value) or "nothing",
)
def test_problems_inside_a_node(said_of_itself: NodeStatus, problems: tuple[str, ...]) -> None:
    assert degraded(view(members=members(beta="alive")), [said_of_itself], ()) == problems


@pytest.mark.parametrize(("state", "count"), [("alive", 1), ("suspect", 0), ("dead", 0)])
def test_silent_agent_is_reported_unless_its_node_is(state: str, count: int) -> None:
    cluster = view(members=members(beta=state))  # type: ignore[arg-type]

    silent = [one for one in degraded(cluster, (), ("beta",)) if "did not report its status" in one]

    assert len(silent) == count


def test_worst_problem_comes_first() -> None:
    first_words = [
        problem.partition(":")[0]
        for problem in degraded(cluster_in_trouble(), statuses(), ("delta", "beta"))
    ]

    assert first_words == [
        "node gamma is dead",
        "service db is down",
        "service api on beta is unhealthy",
        "node delta is suspected to be dead",
        "actor docker on alpha keeps failing and is restarted slowly",
        "docker on beta does not work",
        "actor http on alpha is being restarted",
        "node beta is alive, but its agent did not report its status in time",
    ]


@pytest.mark.case("O17")
def test_departed_nodes_are_notes_and_absent_parts_are_listed_once_apart() -> None:
    absent = part("docker", "absent", "no socket", "install it")
    answered = [status("alpha", parts=(absent,)), status("beta", parts=(absent,))]

    verdict = judge(facts(view(members=members(beta="alive", gamma="left")), answered))

    assert verdict.notes_on() == ("node gamma has left the cluster",)
    assert [one.text for one in verdict.absent] == ["docker on alpha, beta: no socket; install it"]


def test_cordoned_nodes_are_notes_with_the_effect_and_the_remedy() -> None:
    cluster = view(
        service("web", "beta"),
        service("web", "alpha"),
        members=members(beta="alive", gamma="dead", delta="left"),
        nodes=(
            said("alpha"),
            said("beta", cordoned=True, cordon_reason="new disk"),
            said("gamma", cordoned=True),
            said("delta", cordoned=True),
        ),
    )

    assert notes(cluster, ())[1:] == (
        (
            "node beta is cordoned: new disk; 1 service instance there gets no requests; "
            "`constellation uncordon beta` ends it"
        ),
        "node gamma is cordoned; `constellation uncordon gamma` ends it",
    )
    assert not [text for text in degraded(cluster, (), ()) if "cordon" in text]


def test_healthy_cluster_has_no_problems_and_no_notes() -> None:
    cluster = view(service("web", "alpha"), members=members(beta="alive"))
    answered = [status("alpha"), status("beta")]

    assert degraded(cluster, answered, ()) == ()
    assert notes(cluster, answered) == ()


def test_part_lost_by_several_nodes_for_one_reason_is_one_line() -> None:
    why, fix = "no quorum: 2 of 5 voters answer", "start the agents of gamma, delta, epsilon"
    no_quorum, alone = part("raft", "lost", why, fix), part("raft", "lost", "its disk is full")
    nodes = [status("alpha", parts=(no_quorum,)), status("beta", parts=(no_quorum,))]

    told = degraded(view(members=members()), [*nodes, status("zeta", parts=(alone,))], ())

    assert told == (
        f"raft on alpha, beta does not work: {why}; {fix}",
        "raft on zeta does not work: its disk is full",
    )
