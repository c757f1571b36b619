"""Records over several lives and absences of their author: what expires, and what is refuted.

Most tests are sequences that happen a second time.
"""

from __future__ import annotations

from random import Random

from constellation.gossip.cluster_state import ClusterState
from constellation.gossip.incarnation import LIFE_STEP
from constellation.gossip.policy import StatePolicy
from constellation.gossip.record_codec import SignedRecord, sign_record, value_of
from constellation.gossip.record_table import RecordId, RecordTable
from messages.gossip import StateRecord
from messages.monitor import Health, ServiceState
from tests.identities import identity_of

EXPIRY_S, GRACE_S = 1000.0, 30.0
ALPHA, BETA = identity_of("alpha"), identity_of("beta")
WEB, API = RecordId("service", "web"), RecordId("service", "api")
BOTH, ALONE = frozenset({"alpha", "beta"}), frozenset({"alpha"})


def alpha(*, incarnation: int = 1, now_s: float = 0.0) -> ClusterState:
    policy = StatePolicy(expiry_s=EXPIRY_S, grace_s=GRACE_S)
    return ClusterState(identity=ALPHA, policy=policy, incarnation=incarnation, now_s=now_s)


def service(name: str = "web", health: Health = "healthy") -> ServiceState:
    return ServiceState(service=name, health=health, source="static", instance="x")


def signed_by(
    node: str, name: str, version: tuple[int, int], health: Health | None = "healthy"
) -> SignedRecord:
    """Return a record signed by `node`; without a health it is a tombstone."""
    value = service(name, health) if health else None
    record = StateRecord(
        kind="service",
        node=node,
        key=name,
        incarnation=version[0],
        counter=version[1],
        service_state=value,
    )
    return sign_record(record, identity_of(node))


def health_of(state: ClusterState, node: str, record_id: RecordId = WEB) -> str | None:
    stored = state.table.get(node, record_id)
    value = value_of(stored.record) if stored else None
    return str(value.health) if value else None


def own_versions(state: ClusterState) -> dict[str, tuple[int, int]]:
    return {key: stored.version for (_, key), stored in state.table.of("alpha").items()}


def pass_time(state: ClusterState, living: frozenset[str], begin_s: float, end_s: float) -> None:
    """Check for expiry every second, as the node does."""
    for now_s in range(int(begin_s), int(end_s) + 1):
        state.expire(living, float(now_s))


# Absences.


def test_records_expire_when_their_author_is_gone_for_the_whole_expiry() -> None:
    state = alpha()
    state.merge([signed_by("beta", "web", (1, 1))], 0.0)

    pass_time(state, ALONE, 0, EXPIRY_S)
    assert health_of(state, "beta") == "healthy"
    pass_time(state, ALONE, EXPIRY_S + 1, EXPIRY_S + 1)
    assert health_of(state, "beta") is None


def test_expiry_counts_from_the_latest_absence() -> None:
    state = alpha()
    state.merge([signed_by("beta", "web", (1, 1))], 0.0)
    pass_time(state, ALONE, 0, EXPIRY_S - 10)

    state.on_living("beta")
    pass_time(state, BOTH, EXPIRY_S - 9, EXPIRY_S + 50)
    second_s = EXPIRY_S + 51
    pass_time(state, ALONE, second_s, second_s + EXPIRY_S)

    assert health_of(state, "beta") == "healthy"
    pass_time(state, ALONE, second_s + EXPIRY_S + 1, second_s + EXPIRY_S + 1)
    assert health_of(state, "beta") is None


def test_return_between_two_expiry_checks_restarts_the_expiry() -> None:
    state = alpha()
    state.merge([signed_by("beta", "web", (1, 1))], 0.0)
    pass_time(state, ALONE, 0, EXPIRY_S)

    state.on_living("beta")  # and absent again before the next check
    pass_time(state, ALONE, EXPIRY_S + 1, 2 * EXPIRY_S)

    assert health_of(state, "beta") == "healthy"


def test_expired_records_do_not_return_from_a_peer_that_drops_them_later() -> None:
    state = alpha()
    record = signed_by("beta", "web", (1, 1))
    state.merge([record], 0.0)
    pass_time(state, ALONE, 0, EXPIRY_S + 1)

    state.merge([record], EXPIRY_S + 2)

    assert health_of(state, "beta") is None


def test_records_of_an_author_that_returns_after_the_expiry_are_accepted_unchanged() -> None:
    """As after a partition that outlasts the expiry: the author has not changed its records."""
    state = alpha()
    record = signed_by("beta", "web", (1, 1))
    state.merge([record], 0.0)
    pass_time(state, ALONE, 0, EXPIRY_S + 1)

    state.on_living("beta")
    state.merge([record], EXPIRY_S + 2)

    assert health_of(state, "beta") == "healthy"
    pass_time(state, BOTH, EXPIRY_S + 3, EXPIRY_S + 60)
    assert health_of(state, "beta") == "healthy"


def test_second_expiry_is_as_final_as_the_first() -> None:
    state = alpha()
    old, new = signed_by("beta", "web", (1, 1)), signed_by("beta", "web", (2, 1), "unhealthy")
    state.merge([old], 0.0)
    pass_time(state, ALONE, 0, EXPIRY_S + 1)
    state.on_living("beta")
    state.merge([new], EXPIRY_S + 2)
    pass_time(state, BOTH, EXPIRY_S + 2, EXPIRY_S + 9)

    pass_time(state, ALONE, EXPIRY_S + 10, 2 * EXPIRY_S + 12)
    state.merge([old, new], 2 * EXPIRY_S + 13)

    assert health_of(state, "beta") is None


# Tombstones.


def test_service_that_is_withdrawn_twice_stays_withdrawn() -> None:
    state = alpha()
    for counter, health in enumerate(("healthy", None, "healthy", None), 1):
        state.merge([signed_by("beta", "web", (1, counter), health)], float(counter))  # type: ignore[arg-type]
    for counter in (1, 2, 3):
        state.merge([signed_by("beta", "web", (1, counter))], 10.0)

    assert health_of(state, "beta") is None
    assert state.table.count == 1


def test_service_published_withdrawn_and_published_again_gets_a_new_version_each_time() -> None:
    state = alpha()
    outcomes = [
        state.publish("service", "web", service(), 1.0),
        state.withdraw("service", "web", 2.0),
        state.publish("service", "web", service(), 3.0),
        state.withdraw("service", "web", 4.0),
    ]

    assert [outcome.news[0].version for outcome in outcomes] == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert [bool(outcome.removed) for outcome in outcomes] == [False, True, False, True]


# Records of this node that this life has not published.


def test_record_that_this_life_has_not_published_is_refuted() -> None:
    """A restored backup or a cloned machine starts at a point that its original has passed.

    It begins with an incarnation and counters that the original has used too.
    """
    table = [  # what peers hold of `web`, and whether it is refuted; this life published (5, 2)
        ((4, 9), "unhealthy", False),  # an older life's: ours is newer
        ((5, 1), "unhealthy", False),  # ours is newer
        ((5, 2), "healthy", False),  # the record of this life
        ((5, 2), "unhealthy", True),  # of the original, with the same version
        ((5, 3), "healthy", True),
        ((5, 9), "unhealthy", True),
        ((5, 9), None, True),  # a tombstone
        ((6, 1), "healthy", True),
        ((99, 1), None, True),
    ]
    wrong: list[object] = []
    for version, health, is_refuted in table:
        state = alpha(incarnation=5)
        state.publish("service", "api", service("api"), 1.0)
        state.publish("service", "web", service(), 1.0)

        outcome = state.merge([signed_by("alpha", "web", version, health)], 2.0)  # type: ignore[arg-type]

        expected = version[0] + LIFE_STEP if is_refuted else 5
        versions = {"api": (expected, 3), "web": (expected, 4)} if is_refuted else None
        now = (state.incarnation, health_of(state, "alpha"), bool(outcome.removed))
        if now != (expected, "healthy", False):
            wrong.append((version, health, now))
        if versions is not None and own_versions(state) != versions:
            wrong.append((version, health, own_versions(state)))
        # The refutation is sent to peers.
        if is_refuted and {one.version[0] for one in outcome.news[-2:]} != {expected}:
            wrong.append((version, health, [one.version for one in outcome.news]))

    assert wrong == []


def test_record_that_only_an_earlier_life_published_is_withdrawn_after_the_grace() -> None:
    state = alpha(incarnation=5)
    state.publish("service", "web", service(), 1.0)

    state.merge([signed_by("alpha", "api", (5, 40))], 2.0)
    assert state.incarnation == 5 + LIFE_STEP
    assert health_of(state, "alpha", API) == "healthy"  # its monitor may not have reported yet
    state.expire(ALONE, GRACE_S + 1)

    assert health_of(state, "alpha", API) is None
    assert own_versions(state)["api"][0] == 5 + LIFE_STEP
    assert health_of(state, "alpha") == "healthy"


def test_second_false_record_is_refuted_like_the_first() -> None:
    state = alpha(incarnation=5)
    state.publish("service", "web", service(), 1.0)
    for _ in range(3):
        seen = state.incarnation
        state.merge([signed_by("alpha", "web", (seen, 1 << 20), "unhealthy")], 2.0)

        assert state.incarnation == seen + LIFE_STEP
        assert health_of(state, "alpha") == "healthy"


def test_withdrawn_service_that_returns_from_a_peer_is_withdrawn_again() -> None:
    state = alpha(incarnation=5)
    state.publish("service", "web", service(), 1.0)
    state.withdraw("service", "web", 2.0)

    for counter in (7, 8):  # of the original, twice
        state.merge([signed_by("alpha", "web", (state.incarnation, counter))], 40.0)
        state.expire(ALONE, 41.0)
        assert health_of(state, "alpha") is None


# Digests.


def test_incremental_digests_equal_those_of_a_table_built_from_scratch() -> None:
    for seed in range(20):
        random, state = Random(seed), alpha()
        for step in range(60):
            author, name = random.choice(["beta", "gamma"]), random.choice(["web", "api", "db"])
            health = random.choice(["healthy", "unhealthy", None])
            if random.random() < 0.8:
                state.merge([signed_by(author, name, (1, step), health)], float(step))  # type: ignore[arg-type]
            elif state.table.get(author, RecordId("service", name)):
                state.table.drop(author, RecordId("service", name))
            state.table.digests()

            scratch = RecordTable()
            for stored in reversed(list(state.table)):
                record = stored.record
                scratch.put(sign_record(record, identity_of(record.node)), record, 0.0)
            assert state.table.digests() == scratch.digests(), f"seed {seed}, step {step}"


def test_records_of_one_version_with_two_contents_have_two_digests() -> None:
    """As from an original and its clone: equal digests would hide the difference forever."""
    digests = []
    for health in ("healthy", "unhealthy"):
        state = alpha()
        state.merge([signed_by("beta", "web", (5, 2), health)], 1.0)
        digests.append(state.table.digest("beta"))

    assert digests[0] != digests[1]
