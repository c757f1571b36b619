"""Payloads that a peer may send, and one message of each kind that Thespian sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import pytest
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystemConventionUpdate,
    ChildActorExited,
    DeadEnvelope,
    PoisonMessage,
)
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

from actors.transport import payload
from constellation import wire
from constellation.errors import WireError
from constellation.transport.address import ADMIN_ID, ActorRef
from messages.admin import StatusRequest
from messages.base import Message
from messages.lifecycle import ActorPing

HERE = ActorRef("10.0.0.1", 7947, ADMIN_ID)
PEER = ActorRef("10.0.0.2", 7947, ADMIN_ID)
PEER_ACTOR = ActorRef("10.0.0.2", 7947, "a1-3")
COMMAND = ActorRef("client-00ff", 0, "ext-1-1")
CROSSING = StatusRequest()
INSIDE = ActorPing(seq_no=1)
CAPABILITIES = {
    "Constellation Node": "10.0.0.2:7947",
    "Convention Address.IPv4": ["10.0.0.1:7947", "10.0.0.2:7947"],
    "Python Version": [3, 11, 7, "final", 0],
    "Thespian Watch Supported": True,
    "load": 0.5,
    "nothing": None,
}


def address(ref: ActorRef) -> ActorAddress:
    return ActorAddress(ref)


FROM_OTHER_NODES: tuple[object, ...] = (
    ConventionRegister(address(PEER), CAPABILITIES, firstTime=True),
    ConventionDeRegister(address(PEER)),
    QueryExists(),
    QueryAck("misc Actor System", "unknown Version", False),
    DeadEnvelope(address(HERE), CROSSING),
    PoisonMessage(CROSSING, "a traceback"),
)
ONLY_FROM_THIS_NODE: tuple[object, ...] = (
    ActorExitRequest(recursive=False),
    ActorSystemConventionUpdate(address(PEER), CAPABILITIES, added=False),
    ChildActorExited(address(PEER_ACTOR)),
    CapabilityUpdate("load", 3),
    EndpointConnected(7),
    HandleDeadLetters(address(PEER_ACTOR), True),
    NewCapabilities(CAPABILITIES, address(HERE)),
    NotifyOnSystemRegistration(address(HERE), True),
    PendingActor("actors.http.actor.HttpActor", address(HERE), 3, None, "http", sourceHash=None),
    PendingActorResponse(address(HERE), 3, "http", errorCode=None, actualAddress=address(PEER)),
    SystemShutdown(),
    SystemShutdownCompleted(),
)


def ext_address(ref: ActorRef | str) -> msgpack.ExtType:
    return msgpack.ExtType(1, str(ref).encode())


def ext_timedelta(text: bytes) -> msgpack.ExtType:
    return msgpack.ExtType(2, text)


def ext_ours(message: Message) -> msgpack.ExtType:
    return msgpack.ExtType(3, b"\x01" + wire.encode(message))


def ext_thespians(name: str, values: list[Any]) -> msgpack.ExtType:
    return msgpack.ExtType(3, thespians(name, values))


def thespians(name: object, values: object) -> bytes:
    """Return the payload of a system message, without asking whether there is one such."""
    return b"\x02" + bytes(msgpack.packb([name, values]))


def pickle_that_touches(path: Path) -> bytes:
    """Return a pickle that makes a file when it is loaded, written by hand: nobody loads it."""
    return f"cposix\nsystem\n(S'touch {path}'\ntR.".encode()


def state(message: object) -> dict[str, object]:
    """Return the attributes of a message of Thespian's, whose classes compare only some."""
    return dict(vars(message))


def kind_name(message: object) -> str:
    return type(message).__name__


def from_peer(body: bytes, source: ActorRef = PEER) -> object:
    return payload.decode(body, source=source, from_this_node=False)


def from_here(body: bytes) -> object:
    return payload.decode(body, source=HERE, from_this_node=True)


def refusal(body: bytes, source: ActorRef = PEER) -> str:
    """Return why it is refused from another node."""
    with pytest.raises(WireError) as caught:
        from_peer(body, source)
    assert len(str(caught.value)) < 500
    return caught.value.reason
