"""Records as bytes: round trips, and refusals of everything else."""

from __future__ import annotations

import zlib
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import force_setattr, replace

from constellation.errors import WireError
from constellation.gossip import record_codec
from constellation.gossip.record_codec import sign_record, unpack_exchange, unpack_records
from messages.gossip import NodeState, StateRecord
from messages.monitor import ServiceState
from messages.warp import WarpState
from tests.identities import identity_of

ENDPOINT = {"protocol": "tcp", "host": "10.0.0.2", "port": 80, "container_port": 80}
BETA = identity_of("beta")
SERVICE = StateRecord(
    kind="service",
    node="beta",
    key="web",
    incarnation=3,
    counter=7,
    service_state=ServiceState(service="web", health="healthy", source="static", instance="x"),
)
NODE = StateRecord(
    kind="node",
    node="beta",
    key="",
    incarnation=3,
    counter=8,
    node_state=NodeState(address="10.0.0.2", gossip_port=7946, actor_port=7947),
)
WARP = StateRecord(
    kind="warp",
    node="beta",
    key="eu",
    incarnation=3,
    counter=9,
    warp_state=WarpState(gateway="eu", health="healthy"),
)
TOMBSTONE = StateRecord(kind="warp", node="beta", key="eu", incarnation=3, counter=9)
NODE_TOMBSTONE = StateRecord(kind="node", node="beta", key="", incarnation=3, counter=9)


REPLICA = StateRecord(
    kind="service",
    node="beta",
    key="proj-web-2",
    incarnation=3,
    counter=8,
    service_state=ServiceState(
        service="web-proj", name="proj-web-2", health="healthy", source="docker", instance="x"
    ),
)


def message_of(*rows: Any) -> bytes:
    packed: bytes = msgpack.packb(list(rows))
    return bytes([record_codec.RECORDS_PLAIN]) + packed


def row_of(payload: Any, *, key: Any = BETA.public_key, signature: Any = b"s" * 64) -> list[Any]:
    return [key, signature, msgpack.packb(payload)]


@pytest.mark.parametrize(
    "record", [SERVICE, REPLICA, NODE, TOMBSTONE], ids=lambda record: f"{record.kind} {record.key}"
)
def test_record_survives_encoding_with_its_signature(record: StateRecord) -> None:
    message = record_codec.pack_records([sign_record(record, BETA).encoded])

    (found,) = unpack_records(message)

    assert found.is_genuine
    assert found.author_key == BETA.public_key
    assert found.opened() == record


def test_many_records_are_deflated_and_inflated_unchanged() -> None:
    signed = [
        sign_record(SERVICE.model_copy(update={"counter": counter}), BETA) for counter in range(500)
    ]

    message = record_codec.pack_records(one.encoded for one in signed)

    assert message[0] == record_codec.RECORDS_DEFLATED
    assert len(message) < sum(len(one.encoded) for one in signed) / 2
    assert unpack_records(message) == tuple(signed)


def test_push_pull_of_more_than_a_megabyte_arrives_unchanged() -> None:
    signed = [
        sign_record(SERVICE.model_copy(update={"counter": counter}), BETA)
        for counter in range(18_000)
    ]
    digests = {"beta": b"d" * 16, "gamma": b"e" * 16}

    user_state = record_codec.pack_exchange(digests, (one.encoded for one in signed))
    found = unpack_exchange(user_state)

    assert found is not None
    assert len(user_state) > 1 << 20
    assert (found.digests, found.records) == (digests, tuple(signed))


@pytest.mark.parametrize(
    "user_state", [b"", b"\x02\x81\xa5LTime\x01", b"anything"], ids=["empty", "serf", "text"]
)
def test_user_state_of_other_programs_is_ignored(user_state: bytes) -> None:
    assert unpack_exchange(user_state) is None


@pytest.mark.parametrize(
    "record",
    [SERVICE, NODE, WARP, NODE_TOMBSTONE],
    ids=["service", "node", "warp", "tombstone of a node"],
)
def test_record_under_a_key_that_is_not_its_own_is_refused(record: StateRecord) -> None:
    assert sign_record(record, BETA).opened() == record
    misplaced = sign_record(record.model_copy(update={"key": "other"}), BETA)

    with pytest.raises(WireError, match="under a key that is not its own") as caught:
        misplaced.opened()

    assert caught.value.reason == "record"


def test_field_of_a_later_version_is_ignored() -> None:
    signed = sign_record(SERVICE, BETA)
    later = {**signed.fields, "colour": "blue", "endpoints": ({**ENDPOINT, "colour": "red"},)}
    found = replace(signed, fields=later).opened().service_state

    assert found is not None
    assert (found.service, found.endpoints[0].port) == ("web", 80)


def test_record_of_a_kind_of_a_later_version_is_ignored() -> None:
    later = row_of(["lease", "beta", "", 1, 1, {"holder": "beta"}])
    known = [BETA.public_key, *msgpack.unpackb(sign_record(SERVICE, BETA).encoded)[1:]]

    assert [one.key for one in unpack_records(message_of(later, known))] == ["web"]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row_of(["service", "beta", "web", 1, 1]), id="five fields"),
        pytest.param(row_of(["service", "", "web", 1, 1, None]), id="no author"),
        pytest.param(row_of(["service", "b" * 129, "web", 1, 1, None]), id="long name"),
        pytest.param(row_of(["service", "beta", "web", -1, 1, None]), id="negative"),
        pytest.param(row_of(["service", "beta", "web", True, 1, None]), id="no number"),
        pytest.param(row_of(["service", "beta", "web", 1, 1 << 49, None]), id="far version"),
        pytest.param(row_of([7, "beta", "web", 1, 1, None]), id="kind no text"),
        pytest.param(row_of([], key=b"short"), id="short key"),
        pytest.param(row_of([], signature=b"short"), id="short signature"),
        pytest.param(row_of([], signature=None), id="no signature"),
        pytest.param([BETA.public_key, b"s" * 64, b"\xc1"], id="no msgpack"),
        pytest.param([BETA.public_key, b"s" * 64, b"x" * (65 << 10)], id="oversized"),
        pytest.param(["text"], id="one field"),
        pytest.param(5, id="a number"),
    ],
)
def test_invalid_record_is_refused(row: Any) -> None:
    with pytest.raises(WireError) as caught:
        unpack_records(message_of(row))

    assert caught.value.reason == "record"


def test_deflate_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = zlib.compress(b"\0" * (record_codec.MESSAGE_BYTES_MAX + 1))

    with pytest.raises(WireError) as caught:
        unpack_records(bytes([record_codec.RECORDS_DEFLATED]) + bomb)

    assert caught.value.reason == "inflated"


@given(st.binary(max_size=200), st.sampled_from([65, 66]))
def test_any_bytes_are_records_or_refused(body: bytes, first: int) -> None:
    try:
        found = unpack_records(bytes([first]) + body)
    except WireError:
        return
    assert isinstance(found, tuple)


@given(st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=9), max_size=5))
def test_any_value_opens_or_is_refused(fields: dict[str, Any]) -> None:
    payload = msgpack.packb(["service", "beta", "web", 1, 1, None])
    (signed,) = unpack_records(message_of([BETA.public_key, BETA.sign(payload), payload]))
    force_setattr(signed, "fields", fields)

    with pytest.raises(WireError, match="does not validate"):
        signed.opened()
