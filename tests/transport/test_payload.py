"""Payloads: what is allowed from where, and that nothing in one is ever run."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thespian.actors import ActorAddress, DeadEnvelope, PoisonMessage
from thespian.system.addressManager import ActorAddressManager, CannotPickleAddress
from thespian.system.admin.convention import LocalConventionState
from thespian.system.messages.admin import CapabilityUpdate
from thespian.system.messages.convention import ConventionInvite, ConventionRegister
from thespian.system.messages.logcontrol import SetLogging
from thespian.system.utilis import StatsManager

from actors.transport import payload
from constellation import wire
from constellation.errors import WireError
from constellation.transport.address import ActorRef
from tests.transport.payloads import (
    CAPABILITIES,
    COMMAND,
    CROSSING,
    FROM_OTHER_NODES,
    HERE,
    INSIDE,
    ONLY_FROM_THIS_NODE,
    PEER,
    PEER_ACTOR,
    address,
    ext_address,
    ext_ours,
    ext_thespians,
    ext_timedelta,
    pickle_that_touches,
    state,
    thespians,
)
from tests.wire.strategies import any_message

REGISTER = ("ConventionRegister", [ext_address(PEER), CAPABILITIES, True, False])


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


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def with_attribute(name: str, values: list[Any], at: int, value: object) -> bytes:
    return thespians(name, [*values[:at], value, *values[at + 1 :]])


def test_samples_below_are_of_every_kind_in_the_tables() -> None:
    assert {type(one) for one in FROM_OTHER_NODES} == payload._FROM_OTHER_NODES.keys()
    samples = {type(one) for one in (*FROM_OTHER_NODES, *ONLY_FROM_THIS_NODE)}
    assert samples == payload._FROM_THIS_NODE.keys()


@pytest.mark.parametrize("message", [*FROM_OTHER_NODES, *ONLY_FROM_THIS_NODE], ids=kind_name)
def test_every_kind_of_system_message_survives_within_a_node(message: object) -> None:
    decoded = from_here(payload.encode(message))

    assert type(decoded) is type(message)
    assert state(decoded) == state(message)


@pytest.mark.parametrize("message", FROM_OTHER_NODES, ids=kind_name)
def test_what_a_convention_needs_survives_between_nodes(message: object) -> None:
    decoded = from_peer(payload.encode(message))

    assert type(decoded) is type(message)
    assert state(decoded) == state(message)


@pytest.mark.parametrize("message", ONLY_FROM_THIS_NODE, ids=kind_name)
def test_other_system_messages_are_refused_from_other_nodes(message: object) -> None:
    assert refusal(payload.encode(message)) == "not_allowed"


@given(any_message())
@settings(max_examples=50, deadline=None)
def test_our_messages_pass_between_nodes_if_they_say_so(message: object) -> None:
    body = payload.encode(message)

    assert from_here(body) == message
    if type(message).crosses_nodes:  # type: ignore[attr-defined]
        assert from_peer(body) == message
    else:
        assert refusal(body) == "not_allowed"


@pytest.mark.parametrize("kind", [b"", b"\x01", b"\x02"], ids=["bare", "as ours", "as Thespian's"])
def test_pickle_is_refused_and_nothing_is_run(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "made"

    for decode in (from_peer, from_here):
        with pytest.raises(WireError):
            decode(kind + pickle_that_touches(path))

    assert not path.exists()


def test_pickle_within_a_message_stays_the_bytes_it_is(tmp_path: Path) -> None:
    path = tmp_path / "made"
    body = thespians("CapabilityUpdate", ["x", pickle_that_touches(path)])

    decoded = from_here(body)

    assert isinstance(decoded, CapabilityUpdate)
    assert decoded.capabilityValue == pickle_that_touches(path)
    assert not path.exists()


@pytest.mark.parametrize(
    "name", ["PendingActor", "SetLogging", "ValidateSource", "ActorExitRequest", "WakeupMessage"]
)
def test_system_message_off_the_list_is_refused_by_its_name(name: str) -> None:
    assert refusal(thespians(name, [])) == "not_allowed"


@pytest.mark.parametrize(
    "message", [object(), {"a": 1}, b"bytes", SetLogging(1, True, True), ConventionInvite()]
)
def test_what_is_no_message_is_not_sent(message: object) -> None:
    with pytest.raises(WireError, match="not sent"):
        payload.encode(message)


def test_subclass_of_an_allowed_class_is_not_sent_as_that() -> None:
    kind = type("MoreThanRegister", (ConventionRegister,), {})

    with pytest.raises(WireError, match="MoreThanRegister not sent"):
        payload.encode(kind(address(PEER), {}))


def test_message_with_something_strange_in_it_is_sent_with_the_text_of_that() -> None:
    decoded = from_here(payload.encode(PoisonMessage(slice(1, 2))))

    assert isinstance(decoded, PoisonMessage)
    assert decoded.poisonMessage == "slice(1, 2, None)"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(CapabilityUpdate("n", nested(5000)), "unencodable", id="too deep"),
        pytest.param(CapabilityUpdate("\ud800", 1), "unencodable", id="half a character"),
        pytest.param(
            PoisonMessage(CROSSING, "x" * wire.MAX_FRAME_BYTES), "oversized", id="too large"
        ),
    ],
)
def test_message_that_no_receiver_takes_is_not_sent(message: object, reason: str) -> None:
    with pytest.raises(WireError, match="not sent") as caught:
        payload.encode(message)

    assert caught.value.reason == reason


def test_message_that_names_an_actor_still_being_made_is_sent_later() -> None:
    manager = ActorAddressManager(address(HERE), address(HERE))
    local = manager.createLocalAddress()
    with pytest.raises(CannotPickleAddress):
        payload.encode(PoisonMessage(local))

    manager.associateUseableAddress(address(HERE), 0, address(PEER_ACTOR))

    decoded = from_here(payload.encode(PoisonMessage(local)))
    assert isinstance(decoded, PoisonMessage)
    assert decoded.poisonMessage.addressDetails == PEER_ACTOR


# What a wrapper could carry in.


@pytest.mark.parametrize("wrapper", ["DeadEnvelope", "PoisonMessage"])
def test_wrapper_does_not_carry_in_a_message_for_the_inside(wrapper: str) -> None:
    assert refusal(thespians(wrapper, [ext_ours(INSIDE), None])) == "not_allowed"
    assert from_peer(thespians(wrapper, [ext_ours(CROSSING), None])) is not None


@pytest.mark.parametrize("wrapper", [DeadEnvelope, PoisonMessage])
def test_wrapper_loses_a_system_message_in_it(wrapper: type) -> None:
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
def test_only_an_admin_speaks_for_its_node_and_for_no_other(
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
        pytest.param(2, "yes", id="first time as text"),
        pytest.param(2, [], id="first time as an array"),
        pytest.param(3, True, id="registering in advance: called on for ever"),
        pytest.param(3, "x", id="something that counts as true"),
    ],
)
def test_registration_is_refused_unless_it_is_as_thespian_makes_it(at: int, value: object) -> None:
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


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00", id="no kind"),
        pytest.param(b"\x02", id="a kind alone"),
        pytest.param(b"\x01", id="a kind of ours alone"),
        pytest.param(thespians("QueryExists", [])[:-1], id="cut short"),
        pytest.param(thespians("QueryExists", []) + b"\x00", id="something after the end"),
        pytest.param(thespians("QueryExists", {}), id="a map for attributes"),
        pytest.param(thespians("QueryExists", None), id="nothing for attributes"),
        pytest.param(thespians("QueryExists", ["x"]), id="an attribute too many"),
        pytest.param(thespians("QueryAck", ["x"]), id="attributes missing"),
        pytest.param(thespians(["QueryExists"], []), id="name in an array"),
        pytest.param(thespians({"QueryExists": 1}, []), id="name that cannot be hashed"),
        pytest.param(thespians(ext_address(HERE), []), id="name is an address"),
        pytest.param(thespians(None, []), id="no name"),
        pytest.param(b"\x02\x07", id="no array"),
        pytest.param(b"\x02\x93\x01\x01\x01", id="three parts"),
        pytest.param(thespians("QueryAck", [ext_address("../x"), "", False]), id="no address"),
        pytest.param(
            thespians("PoisonMessage", [msgpack.ExtType(1, b"\xff"), None]), id="address no text"
        ),
        pytest.param(thespians("PoisonMessage", [ext_timedelta(b"nan"), None]), id="no duration"),
        pytest.param(thespians("PoisonMessage", [ext_timedelta(b"inf"), None]), id="no end"),
        pytest.param(thespians("PoisonMessage", [ext_timedelta(b"9e99"), None]), id="too long"),
        pytest.param(thespians("PoisonMessage", [ext_timedelta(b"x"), None]), id="no number"),
        pytest.param(thespians("PoisonMessage", [msgpack.ExtType(9, b""), None]), id="unknown"),
        pytest.param(thespians("PoisonMessage", [msgpack.ExtType(3, b"\x01"), None]), id="empty"),
        pytest.param(b"\x02\x92\xa1x\x81\xc7\x0e\x01a:1/abcdefghij\x01", id="key is an address"),
        pytest.param(b"\x02\x92\xa1x\x81\x90\x01", id="key is an array"),
        pytest.param(b"\x02" + b"\x91" * 1000 + b"\xc0", id="deep"),
        pytest.param(b"\x02" + b"\x91" * 100_000 + b"\xc0", id="very deep"),
        pytest.param(b"\x02\x92\xa1x\xdd\xff\xff\xff\xff", id="items that never come"),
        pytest.param(thespians("CapabilityUpdate", ["x", [0] * 5000]), id="too many items"),
    ],
)
def test_junk_is_refused_from_everybody(body: bytes) -> None:
    refusal(body)
    with pytest.raises(WireError):
        from_here(body)


def test_duration_survives() -> None:
    decoded = from_here(payload.encode(CapabilityUpdate("x", timedelta(seconds=1.5))))

    assert isinstance(decoded, CapabilityUpdate)
    assert decoded.capabilityValue == timedelta(seconds=1.5)


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
def test_whatever_a_peer_makes_is_refused_or_harmless(name: str, values: list[Any]) -> None:
    try:
        message = from_peer(thespians(name, values))
    except WireError:
        return
    use_as_thespian_does(message)


@given(st.sampled_from(FROM_OTHER_NODES), st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_bytes_are_changed_it_is_refused_or_harmless(
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
