"""Maps in the old msgpack spec; each field is checked when it is read."""

from __future__ import annotations

from typing import Any, cast

import msgpack

from constellation.errors import WireError

NAME_BYTES_MAX = 255
ARRAY_ITEMS_MAX = 1 << 10  # some peers write bytes as a list of numbers
FIELDS_MAX = 64
U32_MAX = (1 << 32) - 1


def unpack_map(data: bytes) -> dict[bytes, Any]:
    """Return the msgpack map at the start of `data`; the rest is ignored, as memberlist does.

    Raises:
        WireError: `data` begins with something else.
    """
    try:
        unpacker = msgpack.Unpacker(
            raw=True,
            strict_map_key=False,
            max_buffer_size=max(len(data), 1),
            max_ext_len=0,
            max_array_len=ARRAY_ITEMS_MAX,
            max_map_len=FIELDS_MAX,
        )
        unpacker.feed(data)
        value = unpacker.unpack()
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"not msgpack: {error!s:.100}", reason="malformed") from error
    if not isinstance(value, dict):
        raise WireError("a message is not a map", reason="malformed")
    return value


def uint(fields: dict[bytes, Any], name: str, highest: int = U32_MAX) -> int:
    """Return the integer called `name`, 0 if it is missing."""
    value = fields.get(name.encode(), 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
        raise WireError(f"{name} is {_what(value)}, not 0 to {highest}", reason="field")
    return value


def raw(fields: dict[bytes, Any], name: str, bytes_max: int) -> bytes:
    """Return the bytes called `name`, empty if they are missing or nil."""
    value = fields.get(name.encode())
    if value is None:
        return b""
    if isinstance(value, list) and all(type(item) is int and 0 <= item < 256 for item in value):
        value = bytes(value)
    if not isinstance(value, bytes) or len(value) > bytes_max:
        raise WireError(f"{name} is not raw, or over {bytes_max} bytes", reason="field")
    return value


def text(fields: dict[bytes, Any], name: str) -> str:
    """Return the name called `name`, empty if missing."""
    return raw(fields, name, NAME_BYTES_MAX).decode("utf-8", "surrogateescape")


def flag(fields: dict[bytes, Any], name: str) -> bool:
    """Return the boolean called `name`, False if it is missing."""
    value = fields.get(name.encode(), False)
    if not isinstance(value, bool):
        raise WireError(f"{name} is {_what(value)}, not true or false", reason="field")
    return value


def ip_bytes(fields: dict[bytes, Any], name: str) -> bytes:
    """Return the IP address called `name`: 4 or 16 bytes, or empty if missing."""
    value = raw(fields, name, 16)
    if len(value) not in (0, 4, 16):
        raise WireError(f"{name} has {len(value)} bytes, an address has 4 or 16", reason="field")
    return value


def required_name(fields: dict[bytes, Any], field: str) -> str:
    """Return a node's name, which may not be empty."""
    name = text(fields, field)
    if not name:
        raise WireError(f"{field} is empty", reason="field")
    return name


def _what(value: Any) -> str:
    """Return `value` as an error shows it; repr() fails on deeply nested values."""
    return str(value) if type(value) is int else f"a {type(value).__name__}"


def pack_map(fields: dict[str, Any]) -> bytes:
    """Return `fields` in the old msgpack spec: strings and bytes are both raw."""
    return cast(
        "bytes", msgpack.packb(fields, use_bin_type=False, unicode_errors="surrogateescape")
    )
