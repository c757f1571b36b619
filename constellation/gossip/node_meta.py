"""The meta of a member's claim: the node's public key, and its state if that fits.

memberlist allows 512 bytes.  A node's state always travels as a record; the claim carries a copy of
it if the copy fits, and otherwise the key alone.  Texts for people are left out of the copy to keep
it small.
"""

from __future__ import annotations

from typing import cast

import msgpack
from pydantic import ValidationError

from constellation.gossip.identity import PUBLIC_KEY_BYTES
from constellation.gossip.packets import META_BYTES_MAX
from messages.gossip import NodeState

_MARK = b"\xc1\x01"  # starts neither msgpack nor Serf's tags; then the format's version
_KEY_END = len(_MARK) + PUBLIC_KEY_BYTES


def pack_meta(public_key: bytes, state: NodeState | None = None) -> bytes:
    """Return the meta of a claim, at most 512 bytes: without the state if that is too large."""
    minimal = _MARK + public_key
    if state is None:
        return minimal
    fields = state.model_dump(exclude_defaults=True, exclude={"cordon_reason"})
    whole = minimal + cast("bytes", msgpack.packb(fields))
    return whole if len(whole) <= META_BYTES_MAX else minimal


def public_key_in(meta: bytes) -> bytes:
    """Return the public key of a member; empty if it is not a Constellation node."""
    whole = len(meta) >= _KEY_END and meta.startswith(_MARK)
    return meta[len(_MARK) : _KEY_END] if whole else b""


def state_in(meta: bytes) -> NodeState | None:
    """Return the state in a claim; None if there is none, or it cannot be read.

    It is only a hint until the node's record arrives: claims are not signed.
    """
    if not public_key_in(meta) or len(meta) <= _KEY_END:
        return None
    try:
        fields = msgpack.unpackb(
            meta[_KEY_END:], use_list=False, max_array_len=64, max_map_len=64, max_ext_len=0
        )
        return NodeState.model_validate(fields, extra="ignore")
    except (ValueError, TypeError, RecursionError, ValidationError, msgpack.UnpackException):
        return None
