"""Messages of an authenticated peer, buggy or hostile, are refused or harmless."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thespian.actors import ActorAddress, DeadEnvelope, PoisonMessage
from thespian.system.admin.convention import LocalConventionState
from thespian.system.messages.convention import ConventionRegister
from thespian.system.utilis import StatsManager

from actors.transport import payload
from constellation.errors import WireError
from constellation.transport.address import ActorRef
from tests.transport.payloads import (
    CAPABILITIES,
    COMMAND,
    CROSSING,
    FROM_OTHER_NODES,
    HERE,
    INSIDE,
    PEER,
    PEER_ACTOR,
    address,
    ext_address,
    ext_ours,
    ext_thespians,
    ext_timedelta,
    from_peer,
    kind_name,
    refusal,
    state,
    thespians,
)

REGISTER = ("ConventionRegister", [ext_address(PEER), CAPABILITIES, True, False])


def with_attribute(name: str, values: list[Any], at: int, value: object) -> bytes:
    return thespians(name, [*values[:at], value, *values[at + 1 :]])


# What a wrapper could carry in.


@pytest.mark.parametrize("wrapper", ["DeadEnvelope", "PoisonMessage"])
def test_wrapper_does_not_admit_a_node_internal_message(wrapper: str) -> None:
    assert refusal(thespians(wrapper, [ext_ours(INSIDE), None])) == "not_allowed"
    assert from_peer(thespians(wrapper, [ext_ours(CROSSING), None])) is not None


@pytest.mark.parametrize("wrapper", [DeadEnvelope, PoisonMessage])
def test_wrapper_drops_a_nested_system_message(wrapper: type) -> None:
    inner = ext_thespians("ActorExitRequest", [True])

    decoded = from_peer(thespians(wrapper.__name__, [inner, None]))

    assert next(iter(state(decoded).values())) is None


def test_message_in_a_capability_is_refused() -> None:
    body = with_attribute(*REGISTER, at=1, value={"x": ext_ours(CROSSING)})

    assert refusal(body) == "not_allowed"


# Who a membership message speaks for.


@pytest.mark.parametrize("name", ["ConventionRegister", "ConventionDeRegister"])
@pytest.mark.parametrize(
    ("claimed", "source"),
    [
        pytest.param(HERE, PEER, id="this node: it would talk to itself"),
        pytest.param(ActorRef("10.0.0.3", 7947, "system"), PEER, id="a third node"),
        pytest.param(ActorRef("10.0.0.2", 80, "system"), PEER, id="another port"),
        pytest.param(PEER_ACTOR, PEER, id="an actor instead of the admin"),
        pytest.param(PEER, PEER_ACTOR, id="said by an actor"),
        pytest.param(COMMAND, COMMAND, id="an operator's command"),
        pytest.param(
            ActorRef("client-00ff", 0, "system"),
            ActorRef("client-00ff", 0, "system"),
            id="a command that calls itself an admin",
        ),
    ],
)
def test_only_an_admin_registers_its_own_node(
    name: str, claimed: ActorRef, source: ActorRef
) -> None:
    values = [ext_address(claimed), {}, True, False] if name == REGISTER[0] else [None, None]
    values[0] = ext_address(claimed)

    assert refusal(thespians(name, values), source) == "not_allowed"


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(0, None, id="no address"),
        pytest.param(0, str(PEER), id="address as text"),
        pytest.param(0, ["10.0.0.2", 7947, "system"], id="address in parts"),
        pytest.param(1, None, id="no capabilities"),
        pytest.param(1, [["a", 1]], id="capabilities in pairs"),
        pytest.param(1, "AllowRemoteActorSources", id="capabilities as text"),
        pytest.param(1, {1: 1}, id="capability with a number for a name"),
        pytest.param(1, {b"a": 1}, id="capability with bytes for a name"),
        pytest.param(1, {"a": {}}, id="map in a capability"),
        pytest.param(1, {"a": [[]]}, id="array in the array of a capability"),
        pytest.param(1, {"a": b"x"}, id="bytes in a capability"),
        pytest.param(1, {"a": ext_address(HERE)}, id="address in a capability"),
        pytest.param(1, {"a": ext_timedelta(b"1")}, id="duration in a capability"),
        pytest.param(1, {str(i): 1 for i in range(65)}, id="65 capabilities"),
        pytest.param(1, {"a": "x" * 1025}, id="long text in a capability"),
        pytest.param(1, {"a": ["x"] * 1025}, id="long list in a capability"),
        pytest.param(1, {"x" * 1025: 1}, id="long name of a capability"),
        pytest.param(2, "yes", id="first time as text"),
        pytest.param(2, [], id="first time as an array"),
        pytest.param(3, True, id="registering in advance: called on for ever"),
        pytest.param(3, "x", id="something that counts as true"),
    ],
)
def test_registration_with_unusual_attributes_is_refused(at: int, value: object) -> None:
    from_peer(thespians(*REGISTER))

    assert refusal(with_attribute(*REGISTER, at=at, value=value)) == "not_allowed"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ConventionDeRegister", [ext_address(PEER), True]),
        ("QueryAck", [["x"], "v", False]),
        ("QueryAck", ["x", {}, False]),
        ("QueryAck", ["x", "v", 1]),
        ("DeadEnvelope", [[[]], None]),
        ("DeadEnvelope", [ext_ours(CROSSING), "10.0.0.2:7947/system"]),
        ("DeadEnvelope", [{"a": 1}, None]),
        ("PoisonMessage", [ext_address(HERE), None]),
        ("PoisonMessage", [None, ["a"]]),
        ("PoisonMessage", [None, b"details"]),
    ],
)
def test_other_attributes_of_a_wrong_type_are_refused(name: str, values: list[Any]) -> None:
    assert refusal(thespians(name, values)) == "not_allowed"


# What is taken from an authenticated peer, however it was made, breaks nothing further on.

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.text(max_size=3),
        st.binary(max_size=3),
        st.just(ext_address(PEER)),
        st.just(ext_address(HERE)),
        st.just(ext_ours(CROSSING)),
        st.just(ext_ours(INSIDE)),
        st.just(ext_thespians("ActorExitRequest", [True])),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from([kind_name(message) for message in FROM_OTHER_NODES])


def use_as_thespian_does(message: object) -> None:
    str(message)
    copy.deepcopy(message)
    payload.encode(message)
    if isinstance(message, ConventionRegister):
        convention = LocalConventionState(
            address(HERE), dict(CAPABILITIES), StatsManager(), lambda _: None
        )
        convention.add_notification_handler(ActorAddress(HERE))
        for effect in convention.got_convention_register(message):
            str(effect)
        convention.check_convention()


@given(NAMES, st.lists(VALUES, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_message_of_a_peer_is_refused_or_harmless(name: str, values: list[Any]) -> None:
    try:
        message = from_peer(thespians(name, values))
    except WireError:
        return
    use_as_thespian_does(message)


@given(st.sampled_from(FROM_OTHER_NODES), st.data())
@settings(max_examples=200, deadline=None)
def test_message_with_any_bytes_changed_is_refused_or_harmless(
    message: object, data: st.DataObject
) -> None:
    body = bytearray(payload.encode(message))
    for _ in range(2):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = from_peer(bytes(body))
    except WireError:
        return
    use_as_thespian_does(decoded)
