"""The meta of a claim: key and node state, within memberlist's 512 bytes."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.gossip.node_meta import pack_meta, public_key_in, state_in
from constellation.gossip.packets import META_BYTES_MAX
from messages.gossip import CORDON_REASON_CHARACTERS_MAX, NodeState
from tests.identities import identity_of

KEY = identity_of("beta").public_key
STATE = NodeState(
    address="10.0.0.2", gossip_port=7946, actor_port=7947, cordoned=True, capabilities=("docker",)
)
LARGE = STATE.model_copy(update={"capabilities": tuple(f"capability-{n}" for n in range(60))})


def test_key_and_state_survive_the_meta() -> None:
    meta = pack_meta(KEY, STATE)

    assert (public_key_in(meta), state_in(meta)) == (KEY, STATE)


def test_state_that_does_not_fit_is_left_out_of_the_meta() -> None:
    meta = pack_meta(KEY, LARGE)

    assert len(meta) <= META_BYTES_MAX
    assert (public_key_in(meta), state_in(meta)) == (KEY, None)


def test_texts_for_people_do_not_displace_the_state() -> None:
    said = STATE.model_copy(update={"cordon_reason": "\N{SNOWMAN}" * CORDON_REASON_CHARACTERS_MAX})

    assert state_in(pack_meta(KEY, said)) == STATE


def test_meta_of_other_programs_is_ignored() -> None:
    for meta in (b"", b"role", b"\xff\x81\xa4role\xa3web", pack_meta(KEY)[:20]):
        assert (public_key_in(meta), state_in(meta)) == (b"", None)


def named(count: int) -> dict[str, int]:
    return {f"n{number}": 0 for number in range(count)}


def meta_with(value: Any) -> bytes:
    """Return a meta whose state has a field that only later versions know."""
    fields = STATE.model_dump(exclude_defaults=True)
    packed: bytes = msgpack.packb({**fields, "later": value})
    return pack_meta(KEY) + packed


@pytest.mark.parametrize("value", ["text", [0] * 64, named(64)], ids=["text", "list", "map"])
def test_state_with_a_field_of_a_later_version_is_read(value: Any) -> None:
    assert state_in(meta_with(value)) == STATE


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([0] * 65, id="long list"),
        pytest.param(named(65), id="large map"),
        pytest.param({1: 0}, id="map without names"),
        pytest.param(msgpack.ExtType(5, b"x"), id="msgpack extension"),
        pytest.param(msgpack.Timestamp(1), id="msgpack timestamp"),
    ],
)
def test_state_with_a_value_beyond_the_limits_is_ignored(value: Any) -> None:
    assert state_in(meta_with(value)) is None


@given(st.binary(max_size=META_BYTES_MAX))
def test_any_meta_can_be_read(body: bytes) -> None:
    meta = pack_meta(KEY) + body

    assert public_key_in(meta) == KEY
    assert state_in(meta) is None or isinstance(state_in(meta), NodeState)
