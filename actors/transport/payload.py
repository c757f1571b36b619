"""Encodes messages: one byte for the kind, then msgpack.  Nothing is ever unpickled.

Our own messages are encoded by `constellation.wire`.  Of Thespian's messages, only those listed in
`system_messages` exist for this transport.  From another node, only those that a convention needs
are accepted, and of our own those with `crosses_nodes`.  So no peer, even with the cluster key, can
make this node import a class, load source code, or create or end an actor.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import msgpack
from thespian.actors import ActorAddress
from thespian.system.addressManager import ActorLocalAddress, CannotPickleAddress

from actors.transport.system_messages import (
    BY_NAME,
    FROM_OTHER_NODES,
    FROM_THIS_NODE,
    check_attributes,
)
from constellation import wire
from constellation.errors import WireError
from constellation.transport.address import ActorRef
from constellation.transport.envelope import OURS
from messages.base import Message

_THESPIANS = b"\x02"

_EXT_ADDRESS = 1
_EXT_TIMEDELTA = 2
_EXT_MESSAGE = 3
_ITEMS_MAX = 4096


def encode(message: object) -> bytes:
    """Return the bytes of one of our messages or of Thespian's.

    Raises:
        WireError: the message is of neither kind, or too large.
        CannotPickleAddress: it contains an actor that is still being created; Thespian retries.
    """
    if isinstance(message, Message):
        return OURS + wire.encode(message)
    attributes = FROM_THIS_NODE.get(type(message))
    if attributes is None:
        raise WireError(
            f"{type(message).__name__} not sent: actors exchange subclasses of messages.base."
            "Message only",
            reason="unknown",
        )
    values = [getattr(message, name, None) for name in attributes]
    return _THESPIANS + _packed(type(message).__name__, values)


def _packed(name: str, values: list[object]) -> bytes:
    try:
        packed = cast("bytes", msgpack.packb([name, values], default=_pack_special))
    except (ValueError, OverflowError) as error:
        raise WireError(
            f"{name} not sent: it cannot be encoded as msgpack: {error}", reason="unencodable"
        ) from error
    if len(packed) > wire.MAX_FRAME_BYTES:
        raise WireError(
            f"{name} not sent: {len(packed)} bytes, the limit is {wire.MAX_FRAME_BYTES}",
            reason="oversized",
        )
    return packed


def decode(payload: bytes, *, source: ActorRef, from_this_node: bool) -> object:
    """Return the message in `payload`, which has been authenticated.

    Raises:
        WireError: the bytes are not a message, or one that `source` may not send.
    """
    kind, body = payload[:1], memoryview(payload)[1:]
    if kind == OURS:
        return wire.decode(body, source=str(source), crossing=not from_this_node)
    if kind != _THESPIANS:
        raise WireError(f"payload of unknown kind from {source} refused", reason="unknown")
    name, values = _unpacked(body, source, from_this_node=from_this_node)
    system_kind = BY_NAME.get(name)
    if system_kind is None or not (from_this_node or system_kind in FROM_OTHER_NODES):
        raise WireError(
            f"system message {name!r:.60} from {source} refused: not on the allow-list",
            reason="not_allowed",
        )
    attributes = FROM_THIS_NODE[system_kind]
    if len(values) != len(attributes):
        raise WireError(f"{name} from {source} refused: wrong attributes", reason="malformed")
    if not from_this_node:
        check_attributes(system_kind, values, source)
    # Without __init__, whose parameters have other names than the attributes.
    message: object = object.__new__(system_kind)
    message.__dict__.update(zip(attributes, values, strict=True))
    return message


def _unpacked(
    body: memoryview, source: ActorRef, *, from_this_node: bool
) -> tuple[str, list[object]]:
    def unpack_special(code: int, data: bytes) -> object:
        if code == _EXT_ADDRESS:
            return ActorAddress(ActorRef.parse(data.decode()))
        if code == _EXT_TIMEDELTA:
            return timedelta(seconds=float(data))
        if code == _EXT_MESSAGE and data[:1] == OURS:
            return wire.decode(
                memoryview(data)[1:], source=str(source), crossing=not from_this_node
            )
        if code == _EXT_MESSAGE:
            return None  # a nested message of Thespian would bypass the allow-list
        raise ValueError(f"extension type {code}")

    unpacked = wire.unpack(
        body,
        source=str(source),
        ext_hook=unpack_special,
        strict_map_key=False,
        max_array_len=_ITEMS_MAX,
        max_map_len=_ITEMS_MAX,
    )
    if isinstance(unpacked, list) and len(unpacked) == 2:
        name, values = unpacked
        if isinstance(name, str) and isinstance(values, list):
            return name, values
    raise WireError(f"payload from {source} refused: not [name, values]", reason="malformed")


def _pack_special(value: object) -> object:
    if isinstance(value, ActorAddress):
        return msgpack.ExtType(_EXT_ADDRESS, str(_exported(value).addressDetails).encode())
    if isinstance(value, timedelta):
        return msgpack.ExtType(_EXT_TIMEDELTA, repr(value.total_seconds()).encode())
    if isinstance(value, Message) or type(value) in FROM_THIS_NODE:
        return msgpack.ExtType(_EXT_MESSAGE, encode(value))
    if isinstance(value, (list, tuple, dict)):  # its text representation may overflow the stack
        raise WireError("not sent: nested too deeply", reason="unencodable")
    # An arbitrary value where Thespian allows any: encoded as text.
    return repr(value)


def _exported(address: ActorAddress) -> ActorAddress:
    details = address.addressDetails
    if not isinstance(details, ActorLocalAddress):
        return address
    usable = details.addressManager.exportAddr(address) if details.addressManager else None
    if usable is None:
        raise CannotPickleAddress(address)
    return usable
