"""A message as bytes.  One byte of kind, then msgpack; nothing is ever unpickled.

Messages of ours are encoded as everywhere (`constellation.wire`).  Of Thespian's own messages
only those in the tables below exist for this transport, with only the attributes named there;
from another node only those that a convention needs are taken, each attribute of the type that
Thespian makes it, and of ours those that say `crosses_nodes`.  So no peer, not even one with the
cluster key, can make this node import a class, load source, create or end an actor.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import msgpack
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystemConventionUpdate,
    ChildActorExited,
    DeadEnvelope,
    PoisonMessage,
)
from thespian.system.addressManager import ActorLocalAddress, CannotPickleAddress
from thespian.system.messages.admin import (
    CapabilityUpdate,
    HandleDeadLetters,
    NewCapabilities,
    PendingActor,
    PendingActorResponse,
    QueryAck,
    QueryExists,
    SystemShutdown,
    SystemShutdownCompleted,
)
from thespian.system.messages.convention import (
    ConventionDeRegister,
    ConventionRegister,
    NotifyOnSystemRegistration,
)
from thespian.system.messages.multiproc import EndpointConnected

from constellation import wire
from constellation.errors import WireError
from constellation.transport.address import ADMIN_ID, ActorRef
from messages.base import Message

_OURS = b"\x01"
_THESPIANS = b"\x02"

_CAPABILITIES_MAX = 64
_CAPABILITY_LENGTH_MAX = 1024  # of a text, and of a list of them

Check = Callable[[object, ActorRef], bool]


def _is_flag(value: object, _: ActorRef) -> bool:
    return value is None or isinstance(value, bool)


def _is_text(value: object, _: ActorRef) -> bool:
    return value is None or isinstance(value, str)


def _is_address(value: object, _: ActorRef) -> bool:
    return value is None or isinstance(value, ActorAddress)


def _is_message(value: object, _: ActorRef) -> bool:
    return value is None or isinstance(value, (str, Message))


def _is_sender(value: object, source: ActorRef) -> bool:
    # Thespian answers whatever address it is given as that of another node's admin.
    is_admin = source.actor_id == ADMIN_ID and source.port != 0
    return is_admin and isinstance(value, ActorAddress) and value.addressDetails == source


def _is_unset(value: object, _: ActorRef) -> bool:
    return not value  # Thespian would call on a node that registers in advance for ever


def _is_capabilities(value: object, _: ActorRef) -> bool:
    # Thespian keeps them, makes text of them and passes them on: none may be deep.
    return (
        isinstance(value, dict)
        and len(value) <= _CAPABILITIES_MAX
        and all(isinstance(key, str) and _is_small(key) for key in value)
        and all(_is_flat(item if isinstance(item, list) else [item]) for item in value.values())
    )


def _is_flat(values: list[object]) -> bool:
    return len(values) <= _CAPABILITY_LENGTH_MAX and all(map(_is_small, values))


def _is_small(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _CAPABILITY_LENGTH_MAX
    return value is None or isinstance(value, (int, float))


# Attributes as Thespian 4 stores them in its instances, and what each may be.
_FROM_OTHER_NODES: dict[type, dict[str, Check]] = {
    ConventionRegister: {
        "adminAddress": _is_sender,
        "capabilities": _is_capabilities,
        "firstTime": _is_flag,
        "preRegister": _is_unset,
    },
    ConventionDeRegister: {"adminAddress": _is_sender, "preRegistered": _is_unset},
    QueryExists: {},
    QueryAck: {"systemName": _is_text, "systemVersion": _is_text, "inShutdown": _is_flag},
    DeadEnvelope: {"deadMessage": _is_message, "deadAddress": _is_address},
    PoisonMessage: {"_poison": _is_message, "_details": _is_text},
}
_FROM_THIS_NODE: dict[type, tuple[str, ...]] = {
    **{kind: tuple(checks) for kind, checks in _FROM_OTHER_NODES.items()},
    ActorExitRequest: ("_recursive",),
    ActorSystemConventionUpdate: ("_remoteAdminAddress", "_capabilities", "_added"),
    ChildActorExited: ("_childAddr",),
    CapabilityUpdate: ("capabilityName", "capabilityValue"),
    EndpointConnected: ("childInstance",),
    HandleDeadLetters: ("handlerAddr", "enableHandler"),
    NewCapabilities: ("newCapabilities", "adminAddress"),
    NotifyOnSystemRegistration: ("handlerAddr", "enableNotification"),
    PendingActor: (
        "actorClassName",
        "forActor",
        "instanceNum",
        "targetActorReq",
        "globalName",
        "sourceHash",
        "alreadyTried",
    ),
    PendingActorResponse: (
        "forActor",
        "instanceNum",
        "errorCode",
        "actualAddress",
        "globalName",
        "errorStr",
    ),
    SystemShutdown: (),
    SystemShutdownCompleted: (),
}
_BY_NAME = {kind.__name__: kind for kind in _FROM_THIS_NODE}

_EXT_ADDRESS = 1
_EXT_TIMEDELTA = 2
_EXT_MESSAGE = 3
_ITEMS_MAX = 4096


def encode(message: object) -> bytes:
    """Return the bytes of a message of ours or of Thespian.

    Raises:
        WireError: the message is of neither kind, or too large.
        CannotPickleAddress: it names an actor that is still being created; Thespian tries again.
    """
    if isinstance(message, Message):
        return _OURS + wire.encode(message)
    attributes = _FROM_THIS_NODE.get(type(message))
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
            f"{name} not sent: it cannot be written as msgpack: {error}", reason="unencodable"
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
        WireError: the bytes are no message, or one that `source` may not send.
    """
    kind, body = payload[:1], memoryview(payload)[1:]
    if kind == _OURS:
        return wire.decode(body, source=str(source), crossing=not from_this_node)
    if kind != _THESPIANS:
        raise WireError(f"payload of unknown kind from {source} refused", reason="unknown")
    name, values = _unpacked(body, source, from_this_node=from_this_node)
    system_kind = _BY_NAME.get(name)
    if system_kind is None or not (from_this_node or system_kind in _FROM_OTHER_NODES):
        raise WireError(
            f"system message {name!r:.60} from {source} refused: not on the allow-list",
            reason="not_allowed",
        )
    attributes = _FROM_THIS_NODE[system_kind]
    if len(values) != len(attributes):
        raise WireError(f"{name} from {source} refused: wrong attributes", reason="malformed")
    if not from_this_node:
        _check_attributes(system_kind, values, source)
    # Not through __init__, whose parameters have other names than its attributes.
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
        if code == _EXT_MESSAGE and data[:1] == _OURS:
            return wire.decode(
                memoryview(data)[1:], source=str(source), crossing=not from_this_node
            )
        if code == _EXT_MESSAGE:
            return None  # Thespian's in Thespian's would get past the allow-list
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


def _check_attributes(kind: type, values: list[object], source: ActorRef) -> None:
    """Return if every attribute is what Thespian makes it: it uses them without looking.

    Raises:
        WireError: one is not, or the message speaks for another node than its sender's.
    """
    for (name, is_valid), value in zip(_FROM_OTHER_NODES[kind].items(), values, strict=True):
        if not is_valid(value, source):
            raise WireError(
                f"{kind.__name__} from {source} refused: {name} is not the sender's own, or not "
                "as Thespian makes it",
                reason="not_allowed",
            )


def _pack_special(value: object) -> object:
    if isinstance(value, ActorAddress):
        return msgpack.ExtType(_EXT_ADDRESS, str(_exported(value).addressDetails).encode())
    if isinstance(value, timedelta):
        return msgpack.ExtType(_EXT_TIMEDELTA, repr(value.total_seconds()).encode())
    if isinstance(value, Message) or type(value) in _FROM_THIS_NODE:
        return msgpack.ExtType(_EXT_MESSAGE, encode(value))
    if isinstance(value, (list, tuple, dict)):  # the text of it may exceed the stack
        raise WireError("not sent: nested too deeply", reason="unencodable")
    # Something that another program put where Thespian allows anything: told as text.
    return repr(value)


def _exported(address: ActorAddress) -> ActorAddress:
    details = address.addressDetails
    if not isinstance(details, ActorLocalAddress):
        return address
    usable = details.addressManager.exportAddr(address) if details.addressManager else None
    if usable is None:
        raise CannotPickleAddress(address)
    return usable
