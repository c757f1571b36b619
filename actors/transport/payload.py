"""A message as bytes.  One byte of kind, then msgpack; nothing is ever unpickled.

Messages of ours are encoded as everywhere (`constellation.wire`).  Of Thespian's own messages
only those in the tables below exist for this transport, with only the attributes named there;
from another node only those that a convention needs are taken, and of ours those that say
`crosses_nodes`.  So no peer, not even one with
the cluster key, can make this node import a class, load source, create or end an actor.
"""

from __future__ import annotations

from dataclasses import replace
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
    ConventionInvite,
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

# Attributes as Thespian 4 stores them in its instances.
_FROM_OTHER_NODES: dict[type, tuple[str, ...]] = {
    ConventionRegister: ("adminAddress", "capabilities", "firstTime", "preRegister"),
    ConventionDeRegister: ("adminAddress", "preRegistered"),
    ConventionInvite: (),
    QueryExists: (),
    QueryAck: ("systemName", "systemVersion", "inShutdown"),
    DeadEnvelope: ("deadMessage", "deadAddress"),
    PoisonMessage: ("_poison", "_details"),
}
_FROM_THIS_NODE: dict[type, tuple[str, ...]] = {
    **_FROM_OTHER_NODES,
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
    packed = msgpack.packb([type(message).__name__, values], default=_pack_special)
    return _THESPIANS + cast("bytes", packed)


def decode(payload: bytes, *, source: ActorRef, from_this_node: bool) -> object:
    """Return the message in `payload`, which has been authenticated.

    Raises:
        WireError: the bytes are no message, or one that `source` may not send.
    """
    kind, body = payload[:1], memoryview(payload)[1:]
    if kind == _OURS:
        return _decode_ours(body, source, from_this_node=from_this_node)
    if kind != _THESPIANS:
        raise WireError(f"payload of unknown kind from {source} refused", reason="unknown")
    return _decode_thespians(body, source, from_this_node=from_this_node)


def _decode_ours(body: memoryview, source: ActorRef, *, from_this_node: bool) -> Message:
    message = wire.decode(body, source=str(source))
    if not from_this_node and not message.crosses_nodes:
        raise WireError(
            f"{type(message).__name__} from {source} refused: it is for use inside a node",
            reason="not_allowed",
        )
    return message


def _decode_thespians(body: memoryview, source: ActorRef, *, from_this_node: bool) -> object:
    def unpack_special(code: int, data: bytes) -> object:
        if code == _EXT_ADDRESS:
            return ActorAddress(ActorRef.parse(data.decode()))
        if code == _EXT_TIMEDELTA:
            return timedelta(seconds=float(data))
        if code == _EXT_MESSAGE and data[:1] == _OURS:
            return _decode_ours(memoryview(data)[1:], source, from_this_node=from_this_node)
        if code == _EXT_MESSAGE:
            return None  # Thespian's in Thespian's would get past the allow-list
        raise ValueError(f"extension type {code}")

    try:
        name, values = msgpack.unpackb(
            body,
            ext_hook=unpack_special,
            strict_map_key=False,
            max_array_len=_ITEMS_MAX,
            max_map_len=_ITEMS_MAX,
        )
        kind = _BY_NAME.get(name)
    except (
        ValueError,
        TypeError,
        OverflowError,
        msgpack.UnpackException,
        RecursionError,
    ) as error:
        raise WireError(f"payload from {source} refused: {error!r}", reason="malformed") from error
    allowed = _FROM_THIS_NODE if from_this_node else _FROM_OTHER_NODES
    if kind is None or kind not in allowed:
        raise WireError(
            f"system message {name!r:.60} from {source} refused: not on the allow-list",
            reason="not_allowed",
        )
    attributes = allowed[kind]
    if not isinstance(values, list) or len(values) != len(attributes):
        raise WireError(f"{name} from {source} refused: wrong attributes", reason="malformed")
    if not from_this_node and not _speaks_for_itself(kind, values, source):
        raise WireError(
            f"{name} from {source} refused: not about the sender's own node, or not as Thespian "
            "makes it",
            reason="not_allowed",
        )
    # Not through __init__, whose parameters have other names than its attributes.
    message: object = object.__new__(kind)
    message.__dict__.update(zip(attributes, values, strict=True))
    return message


def _speaks_for_itself(kind: type, values: list[object], source: ActorRef) -> bool:
    """Return whether a message about membership is of the right form and about its sender.

    Thespian trusts both: it would answer whatever address it is given, and look things up in
    whatever it is given as capabilities.
    """
    if kind not in {ConventionRegister, ConventionDeRegister}:
        return True
    address = values[0]
    is_own = isinstance(address, ActorAddress) and (
        address.addressDetails == replace(source, actor_id=ADMIN_ID)
    )
    return is_own and (
        kind is ConventionDeRegister
        or (isinstance(values[1], dict) and all(isinstance(key, str) for key in values[1]))
    )


def _pack_special(value: object) -> object:
    if isinstance(value, ActorAddress):
        return msgpack.ExtType(_EXT_ADDRESS, str(_exported(value).addressDetails).encode())
    if isinstance(value, timedelta):
        return msgpack.ExtType(_EXT_TIMEDELTA, repr(value.total_seconds()).encode())
    if isinstance(value, Message) or type(value) in _FROM_THIS_NODE:
        return msgpack.ExtType(_EXT_MESSAGE, encode(value))
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
