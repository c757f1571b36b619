"""One exchange over TCP: a push/pull, a ping, a user message, or a refusal.

A plaintext stream has no length: a message ends where its msgpack ends.  `StreamReader` takes bytes
as they arrive and returns a message once it is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from constellation.errors import WireError
from constellation.gossip import fields, packets
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.packets import Ack, Alive, Ping
from constellation.value import Value

STREAM_BYTES_MAX = 24 << 20  # a state of the maximum size, and its framing
USER_STATE_BYTES_MAX = 20 << 20
NODES_MAX = 1 << 14
ERROR_BYTES_MAX = 4096
WIRE_STATES = ("alive", "suspect", "dead", "left")


class NodeEntry(Value):
    """One member in a push/pull: its claim, and the name of its state."""

    alive: Alive
    state: str


class PushPull(Value):
    """A whole member table and the state of the layer above (from memberlist, not SWIM)."""

    nodes: tuple[NodeEntry, ...]
    user_state: bytes = b""
    join: bool = False


class UserStream(Value):
    """A message of the layer above that is too large for a packet."""

    body: bytes


class Refusal(Value):
    """The reason why the other side refused."""

    text: str


StreamMessage = PushPull | UserStream | Refusal | Ping | Ack


def encode_stream(message: StreamMessage) -> bytes:
    """Return the plaintext stream of one message.

    Raises:
        ValueError: the message or a field is larger than peers accept; a bug of the caller.
    """
    match message:
        case PushPull(nodes, user_state, join):
            _check_size("user state", user_state)
            header = {"Nodes": len(nodes), "UserStateLen": len(user_state), "Join": join}
            body = b"".join(fields.pack_map(_entry_fields(entry)) for entry in nodes)
            plain = bytes([packets.PUSH_PULL]) + fields.pack_map(header) + body + user_state
            return packets.deflated(plain)
        case UserStream(body):
            _check_size("user message", body)
            return bytes([packets.USER]) + fields.pack_map({"UserMsgLen": len(body)}) + body
        case Refusal(text):
            return bytes([packets.ERROR]) + fields.pack_map({"Error": text[:ERROR_BYTES_MAX]})
        case _:
            return packets.encode(message)


def seal_stream(plain: bytes, envelope: GossipEnvelope, *, nonce: bytes) -> bytes:
    """Return `plain`, compressed and encrypted; the initiator sends `envelope.header` first."""
    keyring = envelope.keyring
    if not keyring.encrypts:
        return plain
    size = (len(plain) + keyring.overhead_bytes).to_bytes(4, "big")
    prefix = bytes([packets.ENCRYPT]) + size
    return prefix + keyring.seal(plain, associated=prefix + envelope.label, nonce=nonce)


def _check_size(what: str, body: bytes) -> None:
    if len(body) > USER_STATE_BYTES_MAX:
        raise ValueError(f"{what} of {len(body)} bytes; peers take {USER_STATE_BYTES_MAX}")


def _entry_fields(entry: NodeEntry) -> dict[str, Any]:
    alive = entry.alive
    return {
        "Name": alive.node,
        "Addr": alive.addr,
        "Port": alive.port,
        "Meta": packets.checked_meta(alive.meta),
        "Incarnation": alive.incarnation,
        "State": WIRE_STATES.index(entry.state),
        "Vsn": packets.checked_versions(alive.versions),
    }


@dataclass(slots=True)
class StreamReader:
    """Collects the bytes of one side of an exchange.

    `initiated`: this node opened the connection, so the other side sends no label.
    """

    envelope: GossipEnvelope
    initiated: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _labelled: bool = False

    def feed(self, data: bytes) -> StreamMessage | None:
        """Add `data`; return the message when it is complete.

        Raises:
            WireError: the data is not a valid message.  Close the connection.
        """
        self._buffer += data
        if len(self._buffer) > STREAM_BYTES_MAX:
            raise WireError(f"stream of over {STREAM_BYTES_MAX} bytes", reason="oversized")
        if not self._labelled and not self._take_label():
            return None
        plain = self._plaintext()
        if plain is None:
            return None
        message = _Parser(plain).message()
        if message is None and self.envelope.keyring.encrypts:
            # An encrypted frame is the whole message: further bytes cannot complete it.
            raise WireError("encrypted stream message is cut off", reason="truncated")
        return message

    def _take_label(self) -> bool:
        buffer, label = self._buffer, b""
        if not self.initiated and buffer[:1] == bytes([packets.HAS_LABEL]):
            if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
                return False
            label = bytes(buffer[2 : 2 + buffer[1]])
            del buffer[: 2 + len(label)]
        elif not buffer:
            return False
        if not self.initiated and label != self.envelope.label:
            raise WireError("stream with the label of another cluster", reason="label")
        self._labelled = True
        return True

    def _plaintext(self) -> bytes | None:
        buffer = self._buffer
        if not buffer:
            return None
        encrypted = buffer[0] == packets.ENCRYPT
        if encrypted != self.envelope.keyring.encrypts:
            raise WireError(
                f"stream is {'' if encrypted else 'not '}encrypted, unlike this cluster",
                reason="not_encrypted",
            )
        if not encrypted:
            return bytes(buffer)
        if len(buffer) < 5:
            return None
        size = int.from_bytes(buffer[1:5], "big")
        if size > STREAM_BYTES_MAX:
            raise WireError(f"encrypted stream of {size} bytes", reason="oversized")
        if len(buffer) < 5 + size:
            return None
        associated = bytes(buffer[:5]) + self.envelope.label
        return self.envelope.keyring.open(bytes(buffer[5 : 5 + size]), associated=associated)


class _Parser:
    """Reads one plaintext message; returns None until it is complete."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 1
        self._unpacker = msgpack.Unpacker(
            raw=True,
            strict_map_key=False,
            max_buffer_size=max(len(data), 1),
            max_ext_len=0,
            max_array_len=fields.ARRAY_ITEMS_MAX,
            max_map_len=fields.FIELDS_MAX,
        )
        self._unpacker.feed(data[1:])

    def message(self) -> StreamMessage | None:
        try:
            return self._message()
        except msgpack.OutOfData:
            return None
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
            raise WireError(f"stream is not msgpack: {error!s:.100}", reason="malformed") from error

    def _message(self) -> StreamMessage | None:
        if not self._data:
            raise WireError("empty stream message", reason="empty")
        kind = self._data[0]
        if kind == packets.COMPRESS:
            self._map()  # not complete yet
            inner = packets.inflate(self._data, bytes_max=STREAM_BYTES_MAX)
            if inner[:1] == bytes([packets.COMPRESS]):
                raise WireError("compressed twice", reason="nesting")
            message = _Parser(inner).message()
            if message is None:
                raise WireError("compressed stream message is cut off", reason="truncated")
            return message
        if kind == packets.PUSH_PULL:
            return self._push_pull()
        if kind == packets.USER:
            body = self._rest(fields.uint(self._map(), "UserMsgLen", USER_STATE_BYTES_MAX))
            return None if body is None else UserStream(body)
        if kind == packets.ERROR:
            error = fields.raw(self._map(), "Error", ERROR_BYTES_MAX)
            return Refusal(error.decode("utf-8", "replace"))
        if kind in (packets.PING, packets.ACK):
            self._map()
            return _one_packet(self._data)
        raise WireError(f"unknown stream message type {kind}", reason="unknown_type")

    def _push_pull(self) -> PushPull | None:
        header = self._map()
        count = fields.uint(header, "Nodes", NODES_MAX)
        size = fields.uint(header, "UserStateLen", USER_STATE_BYTES_MAX)
        join = fields.flag(header, "Join")
        entries = tuple(self._entry() for _ in range(count))
        user_state = self._rest(size)
        return None if user_state is None else PushPull(entries, user_state, join)

    def _entry(self) -> NodeEntry:
        entry = self._map()
        state = fields.uint(entry, "State", len(WIRE_STATES) - 1)
        return NodeEntry(packets.alive_from(entry, name="Name"), WIRE_STATES[state])

    def _map(self) -> dict[bytes, Any]:
        value = self._unpacker.unpack()
        if not isinstance(value, dict):
            raise WireError("a stream message is not a map", reason="malformed")
        return value

    def _rest(self, size: int) -> bytes | None:
        start = 1 + self._unpacker.tell()
        return self._data[start : start + size] if len(self._data) >= start + size else None


def _one_packet(data: bytes) -> Ping | Ack:
    found: Sequence[packets.Packet] = packets.decode(data)
    assert isinstance(found[0], Ping | Ack)
    return found[0]
