"""msgpack on the wire: `[version, class name, fields]`."""

from __future__ import annotations

from typing import Any, cast

import msgpack
from pydantic import ValidationError

from constellation.errors import WireError
from messages import register_all
from messages.base import REGISTRY, Message

WIRE_VERSION = 1
# A snapshot of 10,000 services with a dozen labels each has less than 16 MiB.
MAX_FRAME_BYTES = 16 << 20
MAX_ITEMS = 1 << 20  # in all arrays and maps of a frame together; such a snapshot has 600,000
# A frame up to here announces so few items that no limit is needed.  Most frames are smaller.
SMALL_BYTES = 1024
_ERRORS_SHOWN_MAX = 16


def encode(message: Message) -> bytes:
    """Return the frame for one message.

    Raises:
        WireError: the frame, or a number in it, is larger than receivers accept.
    """
    name = type(message).__name__
    try:
        value = [WIRE_VERSION, name, message.__dict__]
        frame = cast("bytes", msgpack.packb(value, default=fields_of))
    except (ValueError, TypeError, OverflowError) as error:
        raise WireError(
            f"{name} not sent: it cannot be written as msgpack: {error}", reason="unencodable"
        ) from error
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(
            f"{name} not sent: {len(frame)} bytes, the limit is {MAX_FRAME_BYTES}; split it",
            reason="oversized",
        )
    return frame


def decode(
    frame: bytes | memoryview, *, source: str = "an unnamed sender", crossing: bool = False
) -> Message:
    """Return the message in `frame`; `source` names its sender in errors.

    `crossing` refuses messages for use inside a node, before their fields are validated.

    Raises:
        WireError: the frame is too large, not msgpack, of another wire version, of an unknown
            class, or its fields do not validate.  Drop the frame and count it.
    """
    value = unpack(frame, source=source, use_list=False, max_ext_len=0)
    return from_wire(value, source=source, crossing=crossing)


def unpack(frame: bytes | memoryview, *, source: str, **options: Any) -> Any:
    """Return the msgpack value in `frame`; the cost is proportional to its length.

    Raises:
        WireError: it is too large, has too many items, or is not msgpack.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(
            f"frame from {source} refused: {len(frame)} bytes, the limit is {MAX_FRAME_BYTES}",
            reason="oversized",
        )
    try:
        if len(frame) <= SMALL_BYTES:
            return msgpack.unpackb(frame, **options)
        _check_complete(frame)
        counted = _ItemCount()
        return msgpack.unpackb(
            frame, object_hook=counted.mapping, list_hook=counted.sequence, **options
        )
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise WireError(
            f"frame from {source} refused: {len(frame)} bytes are not msgpack: {error!r:.200}",
            reason="malformed",
        ) from error


def _check_complete(frame: bytes | memoryview) -> None:
    # msgpack allocates memory for as many items as a header announces: check first that all exist.
    unpacker = msgpack.Unpacker(max_buffer_size=max(1, len(frame)))
    unpacker.feed(frame)
    unpacker.skip()


class _ItemCount:
    """Counts unpacked items: an empty map is one byte on the wire and 72 in memory."""

    def __init__(self) -> None:
        self._left = MAX_ITEMS

    def mapping(self, value: dict[Any, Any]) -> dict[Any, Any]:
        self._take(len(value))
        return value

    def sequence(self, value: Any) -> Any:
        self._take(len(value))
        return value

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise ValueError(f"more than {MAX_ITEMS} items")


def fields_of(value: object) -> dict[str, Any]:
    """Return the fields of a message, by name: msgpack asks for what it does not know."""
    if isinstance(value, Message):
        return value.__dict__
    raise TypeError(f"{type(value).__name__} is no type of msgpack")


def from_wire(value: Any, *, source: str = "an unnamed sender", crossing: bool = False) -> Message:
    """Return the message in an unpacked frame.

    Raises:
        WireError: as `decode`.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise WireError(
            f"frame from {source} refused: not [version, class, fields]", reason="malformed"
        )
    version, name, fields = value
    if type(version) is not int or version != WIRE_VERSION:
        raise WireError(
            f"frame from {source} refused: it speaks wire version {_shown(version)}, "
            f"this agent speaks {WIRE_VERSION}; upgrade the older of the two",
            reason="wire_version",
        )
    kind = _kind_of(name) if isinstance(name, str) else None
    if kind is None:
        raise WireError(
            f"frame from {source} refused: unknown message class {_shown(name)}", reason="unknown"
        )
    if crossing and not kind.crosses_nodes:
        raise WireError(
            f"{name} from {source} refused: it is for use inside a node", reason="not_allowed"
        )
    try:
        # As `model_validate`, without what that prepares for its options.
        return cast("Message", kind.__pydantic_validator__.validate_python(fields))
    except ValidationError as error:
        raise WireError(
            f"frame from {source} refused: {name} does not validate: {_summary(error)}",
            reason="invalid",
        ) from error


def _kind_of(name: str) -> type[Message] | None:
    if name not in REGISTRY:  # in an agent all are: this imports nothing there
        register_all()
    return REGISTRY.get(name)


def _shown(value: object) -> str:
    # Only these have a short text: repr() of nested tuples may even exceed the stack.
    return f"{value!r:.80}" if isinstance(value, (int, str)) else f"of type {type(value).__name__}"


def _summary(error: ValidationError) -> str:
    count = error.error_count()
    if count > _ERRORS_SHOWN_MAX:
        return f"{count} errors"
    # The first line of pydantic's text names the class.
    return "; ".join(str(error).splitlines()[1:3])[:200]
