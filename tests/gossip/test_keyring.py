"""The ring of gossip keys: orders, seals, and its file."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.adapters.keyring_file import FILE_NAME, KeyringFile
from constellation.errors import ConfigError, WireError
from constellation.gossip.keyring_change import changed, key_ids
from constellation.gossip.keyring_seal import (
    SEALED_BYTES_MAX,
    key_id,
    open_keyring,
    seal_keyring,
)
from constellation.gossip.security import (
    KEYS_MAX,
    REMOVED_MAX,
    Keyring,
    derive_gossip_key,
    key_digest,
)
from messages.keyring import KeyringOrder

CLUSTER_KEY, OTHER_CLUSTER_KEY = b"c" * 32, b"o" * 32
FIRST, SECOND = b"1" * 32, b"2" * 32
NONCE = b"n" * 12


def sealed(*keys: bytes) -> bytes:
    return seal_keyring(Keyring(keys), CLUSTER_KEY, nonce=NONCE)


def obey(keyring: Keyring, order: KeyringOrder) -> Keyring:
    return changed(keyring, order, CLUSTER_KEY)


def test_key_is_installed_used_and_the_old_one_removed() -> None:
    ring = Keyring((FIRST,))

    installed = obey(ring, KeyringOrder(action="install", sealed_keys=sealed(SECOND)))
    used = obey(installed, KeyringOrder(action="use", key_id=key_id(SECOND)))
    removed = obey(used, KeyringOrder(action="remove", key_id=key_id(FIRST)[:4]))

    assert [ring.keys for ring in (installed, used, removed)] == [
        (FIRST, SECOND),
        (SECOND, FIRST),
        (SECOND,),
    ]


@pytest.mark.parametrize(
    "order",
    [
        KeyringOrder(action="list"),
        KeyringOrder(action="install", sealed_keys=sealed(FIRST)),
        KeyringOrder(action="use", key_id=key_id(FIRST)),
        KeyringOrder(action="remove", key_id=key_id(b"3" * 32)),
    ],
    ids=lambda order: order.action,
)
def test_repeated_order_changes_nothing(order: KeyringOrder) -> None:
    ring = Keyring((FIRST, SECOND))

    assert obey(ring, order) == ring


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (KeyringOrder(action="use", key_id=key_id(b"3" * 32)), "install it on all nodes first"),
        (KeyringOrder(action="use", key_id="abc"), "4 characters"),
        (KeyringOrder(action="remove", key_id=key_id(FIRST)), "in use"),
    ],
)
def test_impossible_order_is_refused_with_the_remedy(order: KeyringOrder, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        obey(Keyring((FIRST, SECOND)), order)


def test_too_many_keys_are_refused() -> None:
    ring = Keyring(tuple(bytes([number]) * 32 for number in range(KEYS_MAX)))

    with pytest.raises(ConfigError, match="at most 8"):
        obey(ring, KeyringOrder(action="install", sealed_keys=sealed(b"x" * 32)))


def test_key_id_reveals_nothing_and_is_the_same_everywhere() -> None:
    assert key_ids(Keyring((FIRST, SECOND))) == (key_id(FIRST), key_id(SECOND))
    assert key_id(FIRST) != key_id(SECOND)
    assert FIRST.hex()[:12] not in key_id(FIRST)


def test_seal_opens_with_the_same_cluster_key_only() -> None:
    assert open_keyring(sealed(FIRST, SECOND), CLUSTER_KEY) == Keyring((FIRST, SECOND))
    with pytest.raises(WireError, match="do not open"):
        open_keyring(sealed(FIRST), OTHER_CLUSTER_KEY)
    assert FIRST not in sealed(FIRST)


@given(st.binary(max_size=100))
def test_anything_else_does_not_open(body: bytes) -> None:
    with pytest.raises(WireError):
        open_keyring(body, CLUSTER_KEY)


def test_empty_ring_does_not_open_because_it_would_mean_plaintext() -> None:
    with pytest.raises(WireError, match="does not hold a list of keys"):
        open_keyring(sealed(), CLUSTER_KEY)


def test_ring_is_saved_for_this_user_only_and_loaded_again(tmp_path: Path) -> None:
    file = KeyringFile(tmp_path, CLUSTER_KEY)
    assert file.load() == Keyring((derive_gossip_key(CLUSTER_KEY),))

    file.save(Keyring((SECOND, FIRST)))

    kept = tmp_path / FILE_NAME
    assert KeyringFile(tmp_path, CLUSTER_KEY).load() == Keyring((SECOND, FIRST))
    assert kept.stat().st_mode & 0o777 == 0o600
    assert SECOND.hex() not in kept.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("damage", ["another cluster key", "text", "nothing", "open to all"])
def test_unusable_ring_is_replaced_by_the_derived_key(tmp_path: Path, damage: str) -> None:
    KeyringFile(tmp_path, CLUSTER_KEY).save(Keyring((SECOND,)))
    key = OTHER_CLUSTER_KEY if damage == "another cluster key" else CLUSTER_KEY
    kept = tmp_path / FILE_NAME
    if damage in ("text", "nothing"):
        kept.write_text("no key" if damage == "text" else "")
    if damage == "open to all":
        kept.chmod(0o644)

    assert KeyringFile(tmp_path, key).load() == Keyring((derive_gossip_key(key),))


# Merging.

KEYS = [bytes([number]) * 32 for number in range(4)]
STEPS = st.lists(
    st.tuples(st.sampled_from(["install", "use", "remove"]), st.sampled_from(KEYS)), max_size=8
)


def after(ring: Keyring, steps: list[tuple[str, bytes]]) -> Keyring:
    for action, key in steps:
        with contextlib.suppress(ConfigError):
            ring = getattr(ring, action)(key)
    return ring


@pytest.mark.case("O2")
@given(STEPS, STEPS)
def test_merged_rings_agree_whichever_is_merged_into_the_other(
    one: list[tuple[str, bytes]], other: list[tuple[str, bytes]]
) -> None:
    first, second = after(Keyring((KEYS[0],)), one), after(Keyring((KEYS[0],)), other)

    there, back = first.merged(second), second.merged(first)

    assert there.keys[0] == back.keys[0]
    assert set(there.keys) == set(back.keys)
    assert set(there.removed) == set(back.removed)
    assert there.merged(back) == there  # nothing is left to take over
    assert there.encrypts
    gone = {*first.removed, *second.removed}
    assert {key_digest(key) for key in there.keys}.isdisjoint(gone) or there.keys in (
        first.keys,
        second.keys,
    )
    assert open_keyring(seal_keyring(there, CLUSTER_KEY, nonce=NONCE), CLUSTER_KEY) == there


@pytest.mark.case("O2")
def test_removed_key_cannot_be_installed_again() -> None:
    ring = Keyring((FIRST, SECOND)).remove(SECOND)

    with pytest.raises(ConfigError, match="removed before"):
        ring.install(SECOND)


def test_ring_that_was_never_changed_is_sealed_as_earlier_versions_read_it() -> None:
    plain = Keyring((FIRST, SECOND))
    changed_ring = plain.use(SECOND)

    assert len(seal_keyring(plain, CLUSTER_KEY, nonce=NONCE)) < len(
        seal_keyring(changed_ring, CLUSTER_KEY, nonce=NONCE)
    )
    full = Keyring(tuple(bytes([n]) * 32 for n in range(KEYS_MAX)), (b"x" * 6,) * REMOVED_MAX, 99)
    assert len(seal_keyring(full, CLUSTER_KEY, nonce=NONCE)) <= SEALED_BYTES_MAX
