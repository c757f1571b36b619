"""Which body a node serves while it does not know the whole cluster yet."""

from __future__ import annotations

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.last_good import LastGood, LastGoodError
from constellation.traefik.provider import TraefikProvider
from constellation.traefik.settling import QUIET_S, Phase
from messages.gossip import ClusterChanged
from tests.traefik.builders import member, on, snapshot, state, view

SETTINGS = TraefikSettings(settle_s=5.0, alone_s=60.0)
BOTH = (on("alpha", state()), on("beta", state()))


def remembered() -> LastGood:
    made = ConfigurationBuilder(settings=SETTINGS, domain="localhost").build(view(*BOTH))
    return LastGood(made.content, made.routed, 0.0)


def provider(last_good: LastGood | None = None, *, others: bool = False) -> TraefikProvider:
    return TraefikProvider(
        settings=SETTINGS, domain="localhost", expects_others=others, last_good=last_good
    )


def step(made: TraefikProvider, change: ClusterChanged, now_s: float) -> Phase:
    made.cluster_changed(made.view.apply(change), is_snapshot=change.snapshot)
    made.step(now_s)
    return made.phase


def test_without_a_snapshot_and_a_saved_body_there_is_no_body() -> None:
    made = provider()

    assert not made.step(1000.0)
    assert (made.body, made.phase) == (None, Phase.WAITING)


@pytest.mark.scenario(24)
def test_without_a_snapshot_the_saved_body_is_served() -> None:
    made = provider(remembered())

    made.step(1000.0)

    assert made.body == bytes(remembered().body)


@pytest.mark.scenario(24)
def test_a_first_snapshot_with_only_this_node_removes_no_routes() -> None:
    made = provider(remembered())

    phase = step(made, snapshot(), 0.0)

    assert (phase, made.body) == (Phase.SETTLING, bytes(remembered().body))


def test_settling_ends_when_every_routed_instance_is_known_again() -> None:
    made = provider(remembered())
    step(made, snapshot(), 0.0)

    starting = snapshot(BOTH[0], on("beta", state(health="starting")), version=2)
    assert step(made, starting, 0.1) is Phase.SETTLING
    ill = snapshot(BOTH[0], on("beta", state(health="unhealthy")), version=3)
    assert step(made, ill, 0.2) is Phase.SETTLED

    assert made.body != bytes(remembered().body)


@pytest.mark.parametrize("starts", [1, 2])
def test_a_record_whose_node_is_not_yet_a_member_does_not_end_settling(starts: int) -> None:
    """Gossip may deliver a record before the member that wrote it."""
    made = provider(remembered())
    for _ in range(starts):  # a restart of gossip begins a new settling
        made.gossip_started()
        early = snapshot(*BOTH, members=(member("alpha", is_self=True),))

        assert step(made, early, 0.0) is Phase.SETTLING
        assert made.body == bytes(remembered().body)

        joined = ClusterChanged(
            version=2, snapshot=False, self_node="alpha", members=(member("beta"),)
        )
        assert step(made, joined, 0.1) is Phase.SETTLED
        assert made.body == bytes(remembered().body)


def test_a_node_that_is_alone_for_alone_s_routes_to_itself() -> None:
    made = provider(remembered())
    step(made, snapshot(BOTH[0]), 0.0)

    made.step(59.9)
    assert made.body == bytes(remembered().body)
    assert made.due_at_s() == 60.0
    made.step(60.0)

    assert made.phase is Phase.SETTLED
    assert made.body != bytes(remembered().body)


def test_settling_ends_settle_s_after_another_node_is_known() -> None:
    made = provider(remembered())
    step(made, snapshot(BOTH[0]), 0.0)
    heard = snapshot(BOTH[0], members=(member("alpha"), member("gamma")), version=2)

    assert step(made, heard, 10.0) is Phase.SETTLING
    assert made.due_at_s() == 15.0
    made.step(15.0)

    assert made.phase is Phase.SETTLED


def test_a_new_node_serves_as_soon_as_the_cluster_is_quiet() -> None:
    made = provider()

    assert step(made, snapshot(BOTH[0]), 0.0) is Phase.SETTLING
    assert step(made, snapshot(*BOTH, version=2), 0.3) is Phase.SETTLING
    assert made.due_at_s() == 0.3 + QUIET_S
    made.step(0.3 + QUIET_S)

    assert made.phase is Phase.SETTLED
    assert made.body is not None


def test_a_new_node_that_expects_others_waits_for_one() -> None:
    made = provider(others=True)
    step(made, snapshot(BOTH[0]), 0.0)

    made.step(20.0)
    assert (made.phase, made.body) == (Phase.SETTLING, None)
    step(made, snapshot(*BOTH, version=2), 21.0)
    made.step(21.0 + QUIET_S)

    assert made.phase is Phase.SETTLED


def test_a_node_that_learns_that_there_are_no_others_stops_waiting() -> None:
    made = provider(others=True)
    step(made, snapshot(BOTH[0]), 0.0)

    made.others_expected(False)
    made.step(QUIET_S)

    assert made.phase is Phase.SETTLED


def test_a_node_that_learns_of_others_waits_for_one() -> None:
    made = provider()
    step(made, snapshot(BOTH[0]), 0.0)

    made.others_expected(True)
    made.step(20.0)

    assert (made.phase, made.body) == (Phase.SETTLING, None)


def test_a_cluster_without_services_settles_after_settle_s() -> None:
    made = provider()
    step(made, snapshot(), 0.0)

    made.step(4.9)
    assert made.body is None
    made.step(5.0)

    assert made.body is not None


def test_a_settled_node_serves_changes_at_once() -> None:
    made = provider(remembered())
    step(made, snapshot(*BOTH), 0.0)
    before = made.body

    step(made, snapshot(BOTH[0], version=2), 0.1)

    assert made.phase is Phase.SETTLED
    assert made.body != before


def test_a_delta_from_before_a_restart_of_gossip_is_ignored() -> None:
    made = provider()
    step(made, snapshot(*BOTH), 0.0)
    made.step(5.0)
    before = made.body

    made.gossip_started()
    late = ClusterChanged(
        version=2, snapshot=False, self_node="alpha", departed_members=("alpha", "beta")
    )

    assert step(made, late, 1000.0) is Phase.WAITING
    assert made.body == before


def test_only_a_settled_body_is_saved() -> None:
    made = provider()
    step(made, snapshot(*BOTH), 0.0)
    assert made.last_good(7.0) is None
    made.step(5.0)

    kept = made.last_good(7.0)

    assert kept is not None
    assert LastGood.decode(kept.encode()) == kept
    assert {*kept.routed} == {("web", "alpha", "web"), ("web", "beta", "web")}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"body": {}}', id="fields missing"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 100_000, id="nested"),
        pytest.param(remembered().encode().replace(b"alpha", b"omega"), id="changed"),
        pytest.param(remembered().encode()[:-20], id="cut"),
    ],
)
def test_a_damaged_file_is_refused(content: bytes) -> None:
    with pytest.raises(LastGoodError, match=r"\w"):
        LastGood.decode(content)
