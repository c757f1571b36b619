"""Messages of the gossip keys: an operator's orders, and the answers of the nodes.

Keys are sent only sealed with the cluster key; people name a key by its id.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message

KeyringAction = Literal["list", "install", "use", "remove"]


class KeyringOrder(Message):
    """Order a change of the gossip keys.

    To `admin`: on all nodes; answered by `KeyringReport`.  To `gossip`: on its node; answered by
    `KeyringState`.
    """

    crosses_nodes = True

    action: KeyringAction
    key_id: str = Field(default="", max_length=64, description="of 'use' and 'remove'")
    sealed_keys: bytes = Field(default=b"", max_length=1024, description="of 'install'")


class KeyringState(Message):
    """Answer to `KeyringOrder` by one node: the keys it has now."""

    crosses_nodes = True

    node: str
    key_ids: tuple[str, ...] = Field(description="the first one encrypts, all decrypt")
    problem: str = Field(
        default="", max_length=512, description="why the order failed; empty: done"
    )


class KeyringReport(Message):
    """Answer to `KeyringOrder` to all nodes: the keys each living node has now, by name."""

    crosses_nodes = True

    nodes: tuple[KeyringState, ...]
    unanswered: tuple[str, ...] = Field(description="living nodes that did not answer")
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")


class KeyringFetch(Message):
    """Ask another node's gossip for its keys, because none of ours decrypts its packets.

    Answered by `KeyringCopy`.
    """

    crosses_nodes = True


class KeyringCopy(Message):
    """Answer to `KeyringFetch`."""

    crosses_nodes = True

    sealed_keys: bytes = Field(max_length=1024)
