"""Thespian's own messages, as far as they exist for this transport, and what each may hold.

From another node only those that a convention needs are taken, each attribute of the type that
Thespian makes it: it uses them without looking.
"""

from __future__ import annotations

from collections.abc import Callable

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

from constellation.errors import WireError
from constellation.transport.address import ADMIN_ID, ActorRef
from messages.base import Message

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
FROM_OTHER_NODES: dict[type, dict[str, Check]] = {
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
FROM_THIS_NODE: dict[type, tuple[str, ...]] = {
    **{kind: tuple(checks) for kind, checks in FROM_OTHER_NODES.items()},
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
BY_NAME = {kind.__name__: kind for kind in FROM_THIS_NODE}


def check_attributes(kind: type, values: list[object], source: ActorRef) -> None:
    """Return if every attribute is what Thespian makes it: it uses them without looking.

    Raises:
        WireError: one is not, or the message speaks for another node than its sender's.
    """
    for (name, is_valid), value in zip(FROM_OTHER_NODES[kind].items(), values, strict=True):
        if not is_valid(value, source):
            raise WireError(
                f"{kind.__name__} from {source} refused: {name} is not the sender's own, or not "
                "as Thespian makes it",
                reason="not_allowed",
            )
