"""The meta of a claim: key and node state, within memberlist's 512 bytes."""

from __future__ import annotations

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


@given(st.binary(max_size=META_BYTES_MAX))
def test_any_meta_can_be_read(body: bytes) -> None:
    meta = pack_meta(KEY) + body

    assert public_key_in(meta) == KEY
    assert state_in(meta) is None or isinstance(state_in(meta), NodeState)
