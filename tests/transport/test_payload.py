"""Payloads: what is allowed from which source, and that nothing in one is executed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from thespian.actors import PoisonMessage
from thespian.system.addressManager import ActorAddressManager, CannotPickleAddress
from thespian.system.messages.admin import CapabilityUpdate
from thespian.system.messages.convention import ConventionInvite, ConventionRegister
from thespian.system.messages.logcontrol import SetLogging

from actors.transport import payload, system_messages
from constellation import wire
from constellation.errors import WireError
from tests.transport.payloads import (
    CROSSING,
    FROM_OTHER_NODES,
    HERE,
    ONLY_FROM_THIS_NODE,
    PEER_ACTOR,
    address,
    ext_address,
    ext_timedelta,
    from_here,
    from_peer,
    kind_name,
    pickle_that_touches,
    refusal,
    state,
    thespians,
)
from tests.wire.strategies import any_message


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_samples_cover_every_kind_in_the_tables() -> None:
    assert {type(one) for one in FROM_OTHER_NODES} == system_messages.FROM_OTHER_NODES.keys()
    samples = {type(one) for one in (*FROM_OTHER_NODES, *ONLY_FROM_THIS_NODE)}
    assert samples == system_messages.FROM_THIS_NODE.keys()


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
def test_own_messages_cross_nodes_only_if_they_declare_it(message: object) -> None:
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


def test_pickle_within_a_message_stays_bytes(tmp_path: Path) -> None:
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
def test_object_that_is_not_a_message_is_not_sent(message: object) -> None:
    with pytest.raises(WireError, match="not sent"):
        payload.encode(message)


def test_subclass_of_an_allowed_class_is_not_sent() -> None:
    kind = type("MoreThanRegister", (ConventionRegister,), {})

    with pytest.raises(WireError, match="MoreThanRegister not sent"):
        payload.encode(kind(address(PEER_ACTOR), {}))


def test_unknown_value_in_a_message_is_sent_as_text() -> None:
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
def test_message_that_no_receiver_would_accept_is_not_sent(message: object, reason: str) -> None:
    with pytest.raises(WireError, match="not sent") as caught:
        payload.encode(message)

    assert caught.value.reason == reason


def test_message_with_an_actor_still_being_created_is_sent_later() -> None:
    manager = ActorAddressManager(address(HERE), address(HERE))
    local = manager.createLocalAddress()
    with pytest.raises(CannotPickleAddress):
        payload.encode(PoisonMessage(local))

    manager.associateUseableAddress(address(HERE), 0, address(PEER_ACTOR))

    decoded = from_here(payload.encode(PoisonMessage(local)))
    assert isinstance(decoded, PoisonMessage)
    assert decoded.poisonMessage.addressDetails == PEER_ACTOR


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
def test_junk_is_refused_from_any_source(body: bytes) -> None:
    refusal(body)
    with pytest.raises(WireError):
        from_here(body)


def test_duration_survives() -> None:
    decoded = from_here(payload.encode(CapabilityUpdate("x", timedelta(seconds=1.5))))

    assert isinstance(decoded, CapabilityUpdate)
    assert decoded.capabilityValue == timedelta(seconds=1.5)
