"""Changes of the key ring on a full disk: an order is refused, the ring of a peer is used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.adapters.gossip_keys import GossipKeys
from actors.adapters.gossip_transport import GossipTransport
from actors.adapters.keyring_file import KeyringFile
from constellation.errors import AdapterError
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.keyring_change import key_ids
from constellation.gossip.keyring_seal import key_id, seal_keyring
from constellation.gossip.member import Address
from constellation.gossip.policy import GossipPolicy
from constellation.gossip.security import Keyring
from messages.keyring import KeyringCopy, KeyringOrder
from tests.identities import identity_of

CLUSTER_KEY = b"c" * 32
FIRST, SECOND = b"1" * 32, b"2" * 32
INSTALL = KeyringOrder(
    action="install",
    sealed_keys=seal_keyring(Keyring((SECOND,)), CLUSTER_KEY, nonce=b"n" * 12),
)
FULL = AdapterError("gossip_keyring cannot be written", why="the disk is full", fix="free space")

CHANGES: list[tuple[str, tuple[str, ...]]] = []  # what was reported in this test

Scenario = Callable[[GossipKeys, GossipTransport], Coroutine[Any, Any, None]]


class File(KeyringFile):
    """A key ring file that refuses while `full` is set."""

    full = False

    def save(self, keyring: Keyring) -> None:
        if self.full:
            raise FULL
        super().save(keyring)


@pytest.fixture
def file(tmp_path: Path) -> File:
    file = File(tmp_path, CLUSTER_KEY)
    file.save(Keyring((FIRST,)))
    return file


def run(file: File, scenario: Scenario) -> None:
    async def whole() -> None:
        core = GossipNode(
            identity=identity_of("alpha"),
            address=Address("127.0.0.1", 1),
            policy=GossipPolicy(),
            random=Random(1),
            incarnation=1,
            now_s=0.0,
        )
        transport = GossipTransport(
            core,
            GossipEnvelope(file.load()),
            tcp_timeout_s=1.0,
            observe=lambda effect: None,
            stepped=lambda: None,
        )
        keys = GossipKeys(transport, file, CLUSTER_KEY, lambda *change: CHANGES.append(change))
        await scenario(keys, transport)

    CHANGES.clear()
    asyncio.run(whole())


def test_saved_order_changes_the_ring_in_use_and_the_file(file: File) -> None:
    async def scenario(keys: GossipKeys, transport: GossipTransport) -> None:
        state = await keys.obey(INSTALL, 0.0)

        assert (state.problem, state.key_ids) == ("", (key_id(FIRST), key_id(SECOND)))
        assert transport.keyring == file.load() == Keyring((FIRST, SECOND))
        assert [("a key was installed", state.key_ids)] == CHANGES

    run(file, scenario)


def test_order_that_cannot_be_saved_is_refused_with_the_remedy(
    file: File,
) -> None:
    async def scenario(keys: GossipKeys, transport: GossipTransport) -> None:
        file.full = True

        state = await keys.obey(INSTALL, 0.0)

        assert state.problem == str(FULL)
        assert state.key_ids == key_ids(transport.keyring) == (key_id(FIRST),)
        file.full = False
        await keys.keep_saved(10.0)
        assert keys.saver.problem is None
        assert file.load() == Keyring((FIRST,))  # the ring in use, not the ordered one
        assert (await keys.obey(INSTALL, 20.0)).problem == ""

    run(file, scenario)


def test_ring_of_a_peer_is_used_on_a_full_disk_and_saved_once_there_is_space(file: File) -> None:
    async def scenario(keys: GossipKeys, transport: GossipTransport) -> None:
        file.full = True
        transport.drops["wrong_key"] += 1
        assert keys.must_ask(has_foreign=False)
        ring = Keyring((SECOND, FIRST), used=1)

        keys.adopt(KeyringCopy(sealed_keys=seal_keyring(ring, CLUSTER_KEY, nonce=b"m" * 12)))
        await keys.keep_saved(0.0)

        assert transport.keyring == ring
        assert keys.saver.problem is FULL
        assert file.load() == Keyring((FIRST,))
        file.full = False
        await keys.keep_saved(10.0)
        assert file.load() == ring

    run(file, scenario)


def test_unrequested_ring_is_not_adopted(file: File) -> None:
    async def scenario(keys: GossipKeys, transport: GossipTransport) -> None:
        sealed = seal_keyring(Keyring((SECOND,)), CLUSTER_KEY, nonce=b"m" * 12)
        assert not keys.must_ask(has_foreign=False)

        keys.adopt(KeyringCopy(sealed_keys=sealed))

        assert transport.keyring == Keyring((FIRST,))

    run(file, scenario)


@pytest.mark.case("O2")
def test_node_that_comes_back_with_an_old_key_takes_over_the_new_one_and_not_the_reverse(
    file: File,
) -> None:
    rotated = Keyring((FIRST,)).install(SECOND).use(SECOND).remove(FIRST)

    def copy_of(ring: Keyring) -> KeyringCopy:
        return KeyringCopy(sealed_keys=seal_keyring(ring, CLUSTER_KEY, nonce=b"m" * 12))

    async def rotated_while_alone(keys: GossipKeys, transport: GossipTransport) -> None:
        transport.keyring = rotated
        assert keys.must_ask(has_foreign=True)
        for _ in range(2):  # both others have the old ring
            keys.adopt(copy_of(Keyring((FIRST,))))
        assert transport.keyring == rotated
        assert CHANGES == []

    async def comes_back(keys: GossipKeys, transport: GossipTransport) -> None:
        assert keys.must_ask(has_foreign=True)
        keys.adopt(copy_of(Keyring((FIRST,))))  # of the other one that comes back
        keys.adopt(copy_of(rotated))
        assert transport.keyring.keys == (SECOND,)
        assert [what for what, _ in CHANGES] == ["the keys of another node were taken over"]

    run(file, rotated_while_alone)
    run(file, comes_back)
