"""msgpack on the wire: `[version, class name, fields]`."""

from __future__ import annotations

from typing import Any, cast

import msgpack

from constellation.errors import WireError
from messages.base import REGISTRY, Message

WIRE_VERSION = 1
# A snapshot of 10,000 services with a dozen labels each is under 16 MiB; the rest is malice.
MAX_FRAME_BYTES = 16 << 20
MAX_ITEMS = 1 << 20


def encode(message: Message) -> bytes:
    """Return the frame for one message.

    Raises:
        WireError: the frame would be larger than any receiver accepts.
    """
    frame = cast("bytes", msgpack.packb(to_wire(message)))
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(
            f"{type(message).__name__} not sent: {len(frame)} bytes, the limit is "
            f"{MAX_FRAME_BYTES}; split it",
            reason="oversized",
        )
    return frame


def decode(frame: bytes | memoryview, *, source: str = "an unnamed sender") -> Message:
    """Return the message in `frame`; `source` names its sender in errors.

    Raises:
        WireError: the frame is too large, not msgpack, of another wire version, of an unknown
            class, or its fields do not validate.  Drop the frame and count it.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(
            f"frame from {source} refused: {len(frame)} bytes, the limit is {MAX_FRAME_BYTES}",
            reason="oversized",
        )
    try:
        value = msgpack.unpackb(
            frame,
            use_list=False,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise WireError(
            f"frame from {source} refused: {len(frame)} bytes are not msgpack: {error!r}",
            reason="malformed",
        ) from error
    return from_wire(value, source=source)


def to_wire(message: Message) -> list[Any]:
    """Return the msgpack-ready form of one message, for embedding in another frame."""
    return [WIRE_VERSION, type(message).__name__, message.model_dump()]


def from_wire(value: Any, *, source: str = "an unnamed sender") -> Message:
    """Return the message in an unpacked frame; the inverse of `to_wire`.

    Raises:
        WireError: as `decode`.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise WireError(
            f"frame from {source} refused: not [version, class, fields]", reason="malformed"
        )
    version, name, fields = value
    if version != WIRE_VERSION:
        raise WireError(
            f"frame from {source} refused: it speaks wire version {version!r}, "
            f"this agent speaks {WIRE_VERSION}; upgrade the older of the two",
            reason="wire_version",
        )
    if not isinstance(name, str) or name not in REGISTRY:
        raise WireError(
            f"frame from {source} refused: unknown message class {name!r:.80}", reason="unknown"
        )
    try:
        return REGISTRY[name].model_validate(fields)
    except ValueError as error:
        # pydantic's text repeats the input, which may be long: the first line names the class.
        summary = "; ".join(str(error).splitlines()[1:3])[:200]
        raise WireError(
            f"frame from {source} refused: {name} does not validate: {summary}", reason="invalid"
        ) from error
