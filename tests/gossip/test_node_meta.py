"""What a member's claim says of its node, within memberlist's 512 bytes."""

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


def test_key_and_state_come_back() -> None:
    meta = pack_meta(KEY, STATE)

    assert (public_key_in(meta), state_in(meta)) == (KEY, STATE)


def test_state_that_does_not_fit_is_left_out_and_the_key_stays() -> None:
    meta = pack_meta(KEY, LARGE)

    assert len(meta) <= META_BYTES_MAX
    assert (public_key_in(meta), state_in(meta)) == (KEY, None)


def test_words_for_people_do_not_push_the_state_out() -> None:
    said = STATE.model_copy(update={"cordon_reason": "\N{SNOWMAN}" * CORDON_REASON_CHARACTERS_MAX})

    assert state_in(pack_meta(KEY, said)) == STATE


def test_meta_of_other_members_is_nothing_of_ours() -> None:
    for meta in (b"", b"role", b"\xff\x81\xa4role\xa3web", pack_meta(KEY)[:20]):
        assert (public_key_in(meta), state_in(meta)) == (b"", None)


@given(st.binary(max_size=META_BYTES_MAX))
def test_any_meta_is_read_without_harm(body: bytes) -> None:
    meta = pack_meta(KEY) + body

    assert public_key_in(meta) == KEY
    assert state_in(meta) is None or isinstance(state_in(meta), NodeState)
