"""Messages as bytes: every message survives, and anything else is refused cheaply."""

from __future__ import annotations

import contextlib
import tracemalloc

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from constellation import wire
from constellation.errors import WireError
from messages.admin import NodeStatus
from messages.base import REGISTRY, Message
from messages.gossip import ClusterChanged, NodeServiceState, RecordName
from messages.lifecycle import ActorPing, ActorStatus, DirectoryEntry, SupervisorStarted
from messages.listings import NodesRequest
from messages.metrics import MetricSample
from messages.monitor import Endpoint, Label, ServiceState
from tests.wire.strategies import INTEGER_MAX, INTEGER_MIN, KINDS, any_message, messages_of

PING = ActorPing(seq_no=7)
FRAME = wire.encode(PING)
NESTED = NodeStatus(
    node="n1",
    agent_version="1",
    uptime_s=1.5,
    actors=(ActorStatus(name="a", state="running", process_id=1, restart_count=0),),
)
DEEP = 1000  # deeper than repr() can go, less than msgpack refuses


def packed(*parts: object) -> bytes:
    return bytes(msgpack.packb(parts))


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


def refusal(frame: bytes, *, crossing: bool = False) -> WireError:
    with pytest.raises(WireError) as caught:
        wire.decode(frame, source="10.0.0.9:7947/a-1", crossing=crossing)
    return caught.value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_message_survives_the_wire(kind: type[Message]) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(messages_of(kind))
    def survives(message: Message) -> None:
        assert wire.decode(wire.encode(message)) == message

    survives()


@pytest.mark.parametrize("number", [0, INTEGER_MAX])
def test_numbers_survive_up_to_the_largest(number: int) -> None:
    message = ActorPing(seq_no=number)

    assert wire.decode(wire.encode(message)) == message


def test_infinity_and_all_of_unicode_survive() -> None:
    message = MetricSample(name="\x00\U0010ffff\u202e\u0000é", value=float("inf"))

    assert wire.decode(wire.encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(ActorPing(seq_no=INTEGER_MAX + 1), id="integer of 65 bits"),
        pytest.param(
            ActorPing.model_construct(seq_no=INTEGER_MIN - 1), id="negative integer of 65 bits"
        ),
        pytest.param(RecordName(kind="node", node="\ud800", key=""), id="half a character"),
    ],
)
def test_value_that_msgpack_cannot_encode_is_refused_by_the_sender(message: Message) -> None:
    with pytest.raises(WireError, match="not sent") as caught:
        wire.encode(message)

    assert caught.value.reason == "unencodable"


def test_message_over_the_limit_is_refused_by_the_sender() -> None:
    message = DirectoryEntry(name="x" * wire.MAX_FRAME_BYTES, address="")

    with pytest.raises(WireError, match=r"DirectoryEntry not sent.*split it") as caught:
        wire.encode(message)

    assert caught.value.reason == "oversized"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        pytest.param(b"", "malformed", id="nothing"),
        pytest.param(b"\xc1", "malformed", id="byte that means nothing"),
        pytest.param(FRAME + b"\x00", "malformed", id="something after the end"),
        pytest.param(b"\x80\x04\x95\x0f.", "malformed", id="a pickle"),
        pytest.param(packed(), "malformed", id="empty array"),
        pytest.param(packed(1, "ActorPing"), "malformed", id="no fields"),
        pytest.param(packed(1, "ActorPing", {}, 4), "malformed", id="one thing too many"),
        pytest.param(b"\x07", "malformed", id="no array"),
        pytest.param(b"\xd4\x05\x00", "malformed", id="extension type"),
        pytest.param(b"\x93\x01\xa1x\x81\x90\x01", "malformed", id="array as a key"),
        pytest.param(packed(2, "ActorPing", {"seq_no": 1}), "wire_version", id="later version"),
        pytest.param(packed(True, "ActorPing", {"seq_no": 1}), "wire_version", id="true"),
        pytest.param(packed("1", "ActorPing", {"seq_no": 1}), "wire_version", id="version as text"),
        pytest.param(b"\x93" + nested(DEEP) + b"\xa1x\x80", "wire_version", id="deep version"),
        pytest.param(packed(1, "Nobody", {}), "unknown", id="unknown class"),
        pytest.param(packed(1, "Message", {}), "unknown", id="the root of all messages"),
        pytest.param(packed(1, 5, {}), "unknown", id="class is a number"),
        pytest.param(packed(1, ["ActorPing"], {}), "unknown", id="class in an array"),
        pytest.param(packed(1, {"ActorPing": 1}, {}), "unknown", id="class cannot be hashed"),
        pytest.param(b"\x93\x01" + nested(DEEP) + b"\x80", "unknown", id="deep class"),
        pytest.param(packed(1, "ActorPing", {}), "invalid", id="missing field"),
        pytest.param(packed(1, "ActorPing", None), "invalid", id="nothing for fields"),
        pytest.param(packed(1, "ActorPing", [7]), "invalid", id="fields without names"),
        pytest.param(packed(1, "ActorPing", {"seq_no": 1, "x": 1}), "invalid", id="extra field"),
        pytest.param(packed(1, "ActorPing", {"seq_no": "1"}), "invalid", id="text for a number"),
        pytest.param(packed(1, "ActorPing", {"seq_no": True}), "invalid", id="truth for a number"),
        pytest.param(packed(1, "ActorPing", {"seq_no": -1}), "invalid", id="out of range"),
        pytest.param(
            packed(1, "NodeStatus") + b"\x81\xa4node" + nested(DEEP), "malformed", id="trailing"
        ),
        pytest.param(
            b"\x93\x01\xa9ActorPing\x81\xa6seq_no" + nested(DEEP), "invalid", id="deep field"
        ),
        pytest.param(nested(100_000), "malformed", id="deeper than msgpack goes"),
    ],
)
def test_invalid_frame_is_refused_with_the_reason_and_the_sender(frame: bytes, reason: str) -> None:
    error = refusal(frame)

    assert error.reason == reason
    assert "10.0.0.9:7947/a-1" in str(error)
    assert len(str(error)) < 500


@given(any_message(), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_message_cut_short_anywhere_is_refused(message: Message, data: st.DataObject) -> None:
    frame = wire.encode(message)
    length = data.draw(st.integers(0, len(frame) - 1))

    assert refusal(frame[:length]).reason == "malformed"


@given(st.binary(max_size=200))
def test_random_bytes_are_a_message_or_are_refused(frame: bytes) -> None:
    with contextlib.suppress(WireError):
        assert isinstance(wire.decode(frame), Message)


@given(any_message(), st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_changed_bytes_are_a_message_or_are_refused(message: Message, data: st.DataObject) -> None:
    frame = bytearray(wire.encode(message))
    for _ in range(3):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(WireError):
        assert isinstance(wire.decode(bytes(frame)), Message)


def test_frame_over_the_limit_is_refused_unread() -> None:
    assert refusal(bytes(wire.MAX_FRAME_BYTES + 1)).reason == "oversized"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\xdd\x00\x10\x00\x00", id="arrays of a million"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="arrays of four thousand million"),
        pytest.param(b"\xdf\x00\x10\x00\x00\xa1x", id="maps of a million"),
        pytest.param(b"\xdb\xff\xff\xff\xff", id="text of 4 GiB"),
    ],
)
def test_announced_items_that_do_not_exist_take_no_memory(header: bytes) -> None:
    frame = header * 500
    tracemalloc.start()
    try:
        error = refusal(frame)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert error.reason == "malformed"
    assert peak_bytes < 200_000


def test_items_are_limited_over_all_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ITEMS", 100)
    monkeypatch.setattr(wire, "SMALL_BYTES", 0)

    error = refusal(packed(*[[{}] * 30] * 4))

    assert "more than 100 items" in str(error)


def test_many_validation_errors_are_counted_and_not_listed() -> None:
    frame = packed(1, "SupervisorStarted", {"actors": [0] * 1000})

    assert "1000 errors" in str(refusal(frame))


def test_message_for_use_inside_a_node_is_refused_before_its_fields_are_validated() -> None:
    inside, outside = packed(1, "ActorPing", {"seq_no": []}), wire.encode(NodesRequest())

    assert refusal(inside, crossing=True).reason == "not_allowed"
    assert wire.decode(outside, crossing=True) == NodesRequest()


def test_refusal_names_the_field_and_does_not_repeat_the_input() -> None:
    frame = packed(1, "DirectoryEntry", {"name": b"s" * 10_000, "address": "x"})

    text = str(refusal(frame))

    assert "DirectoryEntry" in text
    assert "name" in text
    assert len(text) < 400


def test_snapshot_of_ten_thousand_services_fits_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    label = Label(name="traefik.http.routers.router-1.rule", value="Host(`shop.example.com`)")
    service = ServiceState(
        service="shop-frontend",
        health="healthy",
        source="docker",
        instance="c" * 64,
        labels=(label,) * 12,
        endpoints=(Endpoint(protocol="tcp", host="100.64.0.1", port=8080, container_port=80),),
    )
    services = tuple(NodeServiceState(node=f"n{i}", state=service) for i in range(100))
    message = ClusterChanged(version=1, snapshot=True, self_node="n1", services=services)
    monkeypatch.setattr(wire, "MAX_ITEMS", wire.MAX_ITEMS // 100)

    frame = wire.encode(message)

    assert 100 * len(frame) < wire.MAX_FRAME_BYTES
    assert wire.decode(frame) == message


def test_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PING.seq_no = 8  # type: ignore[misc]


def test_message_within_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NESTED.actors[0].state = "stopped"  # type: ignore[misc]


def test_equal_messages_are_one_in_a_set() -> None:
    assert len({PING, ActorPing(seq_no=7), NESTED, NESTED.model_copy()}) == 2


def test_second_message_class_of_a_name_is_refused() -> None:
    before = dict(REGISTRY)

    with pytest.raises(TypeError, match=r"'ActorPing'.*already defined in messages\.lifecycle"):
        type("ActorPing", (Message,), {"__module__": __name__})

    assert before == REGISTRY
    assert wire.decode(FRAME) == PING


def test_default_values_are_sent_so_that_nodes_with_other_defaults_agree() -> None:
    message = ClusterChanged(version=1, snapshot=True, self_node="n1")

    fields = msgpack.unpackb(wire.encode(message))[2]

    assert set(fields) == set(ClusterChanged.model_fields)


def test_tuple_of_text_survives_as_a_tuple() -> None:
    message = SupervisorStarted(actors=("gossip", "http"))

    decoded = wire.decode(wire.encode(message))

    assert isinstance(decoded, SupervisorStarted)
    assert decoded.actors == ("gossip", "http")
