"""Which key may sign the records of an author, and what happens to other records."""

from __future__ import annotations

from msgspec.structs import replace

from constellation.gossip.cluster_state import ClusterState
from constellation.gossip.policy import StatePolicy
from constellation.gossip.record_codec import SignedRecord, sign_record
from constellation.gossip.record_table import RecordId
from messages.gossip import StateRecord
from messages.monitor import Health, ServiceState
from tests.identities import identity_of

WEB = RecordId("service", "web")
ALPHA, BETA, GAMMA = (identity_of(name) for name in ("alpha", "beta", "gamma"))
BETA_REBUILT = identity_of("beta", key="made anew")
LIVING = frozenset({"alpha", "beta", "gamma"})


def state(name: str = "alpha", *, now_s: float = 0.0) -> ClusterState:
    return ClusterState(
        identity=identity_of(name),
        policy=StatePolicy(expiry_s=1000.0, grace_s=30.0),
        incarnation=1,
        now_s=now_s,
    )


def record(
    node: str = "beta",
    *,
    health: Health = "healthy",
    incarnation: int = 1,
    counter: int = 1,
    service: str = "web",
) -> StateRecord:
    value = ServiceState(service=service, health=health, source="static", instance="x")
    return StateRecord(
        kind="service",
        node=node,
        key=service,
        incarnation=incarnation,
        counter=counter,
        service_state=value,
    )


def health_in(state: ClusterState, node: str = "beta") -> str | None:
    stored = state.table.get(node, WEB)
    return stored.record.service_state.health if stored and stored.record.service_state else None


def merge(state: ClusterState, *records: SignedRecord, now_s: float = 1.0) -> tuple[str, ...]:
    return state.merge(records, now_s).refused


def test_record_signed_by_its_author_is_accepted_from_any_relay() -> None:
    alpha = state()
    alpha.authorship.identify("beta", BETA.public_key, 0.0)

    assert merge(alpha, sign_record(record(), BETA)) == ()
    assert health_in(alpha) == "healthy"


def test_record_that_another_node_signed_is_refused() -> None:
    alpha = state()
    alpha.authorship.identify("beta", BETA.public_key, 0.0)

    assert merge(alpha, sign_record(record(), GAMMA)) == ("author",)
    assert health_in(alpha) is None


def test_record_of_this_node_signed_by_another_is_refused() -> None:
    alpha = state()
    alpha.publish("service", "web", record().service_state, 0.0)  # type: ignore[arg-type]

    forged = record("alpha", health="unhealthy", incarnation=1 << 40)

    assert merge(alpha, sign_record(forged, GAMMA)) == ("author",)
    assert (health_in(alpha, "alpha"), alpha.incarnation) == ("healthy", 1)


def test_record_with_a_borrowed_key_and_signature_is_refused() -> None:
    alpha = state()
    genuine = sign_record(record(), BETA)
    forged = sign_record(record(health="unhealthy", counter=2), GAMMA)

    borrowed = replace(forged, author_key=BETA.public_key, signature=genuine.signature)

    assert merge(alpha, genuine, borrowed) == ("signature",)
    assert health_in(alpha) == "healthy"


def test_signature_covers_every_field() -> None:
    genuine = sign_record(record(), BETA)
    others = [
        record(health="unhealthy"),
        record(counter=2),
        record(incarnation=2),
        record("gamma"),
        record(service="api"),
    ]

    for other in others:
        payload = sign_record(other, BETA).payload
        assert not replace(genuine, payload=payload).is_genuine
    assert genuine.is_genuine


def test_first_key_of_an_author_counts_until_a_member_claims_another() -> None:
    alpha = state()
    assert merge(alpha, sign_record(record(), GAMMA)) == ()
    assert merge(alpha, sign_record(record(counter=2), BETA)) == ("author",)

    alpha.authorship.identify("beta", BETA.public_key, 2.0)

    assert merge(alpha, sign_record(record(health="unhealthy"), BETA)) == ()
    assert health_in(alpha) == "unhealthy"


def test_records_of_a_new_key_replace_those_of_the_old_key() -> None:
    alpha = state()
    old = record(incarnation=9, counter=500)
    alpha.authorship.identify("beta", BETA.public_key, 0.0)
    merge(alpha, sign_record(old, BETA), sign_record(record(service="gone"), BETA))

    alpha.authorship.identify("beta", BETA_REBUILT.public_key, 10.0)
    fresh = sign_record(record(health="unhealthy"), BETA_REBUILT)

    assert merge(alpha, fresh, now_s=11.0) == ()
    assert health_in(alpha) == "unhealthy"
    assert merge(alpha, sign_record(replace_counter(old, 501), BETA), now_s=12.0) == ("author",)
    assert alpha.expire(LIVING, 39.0).removed == ()
    assert alpha.expire(LIVING, 41.0).removed == (("beta", RecordId("service", "gone")),)
    assert health_in(alpha) == "unhealthy"


def replace_counter(one: StateRecord, counter: int) -> StateRecord:
    return one.model_copy(update={"counter": counter})


def test_records_of_one_version_signed_with_two_keys_have_two_digests() -> None:
    first, second = state(), state()
    merge(first, sign_record(record(), BETA))
    merge(second, sign_record(record(), BETA_REBUILT))

    assert first.table.digest("beta") != second.table.digest("beta")


def test_floor_of_an_expired_author_does_not_apply_to_another_key() -> None:
    alpha = state()
    merge(alpha, sign_record(record(incarnation=9), BETA))
    alpha.expire(frozenset({"alpha"}), 2.0)
    alpha.expire(frozenset({"alpha"}), 1100.0)
    assert health_in(alpha) is None

    assert merge(alpha, sign_record(record(incarnation=9), BETA), now_s=1101.0) == ()
    assert health_in(alpha) is None
    assert merge(alpha, sign_record(record(), BETA_REBUILT), now_s=1102.0) == ()
    assert health_in(alpha) == "healthy"


def test_known_record_is_neither_verified_nor_refused() -> None:
    alpha = state()
    merge(alpha, sign_record(record(counter=5), BETA))

    assert merge(alpha, sign_record(record(counter=4), GAMMA)) == ()


def test_genuine_record_with_an_invalid_value_is_refused_alone() -> None:
    alpha = state()
    broken = replace(sign_record(record(), BETA), fields={"health": "excellent"})

    assert merge(alpha, broken, sign_record(record("gamma"), GAMMA)) == ("record",)
    assert health_in(alpha, "gamma") == "healthy"


def test_key_of_an_author_without_records_is_forgotten() -> None:
    alpha = state()
    alpha.authorship.identify("beta", BETA.public_key, 0.0)
    alpha.expire(LIVING, 1.0)
    assert alpha.authorship.key_of("beta") == BETA.public_key

    alpha.expire(frozenset({"alpha"}), 2.0)

    assert alpha.authorship.key_of("beta") is None
    assert alpha.authorship.key_of("alpha") == ALPHA.public_key
