"""LZW as memberlist's peers use it: least significant bit first, 8-bit literals, 12-bit codes.

Receive only.  A sender never has to compress, so this agent does not.
"""

from __future__ import annotations

from constellation.errors import WireError

CLEAR = 256
END = 257
FIRST_WIDTH = 9
LAST_WIDTH = 12


def decompress(data: bytes, *, bytes_max: int) -> bytes:
    """Return what `data` stands for.

    Raises:
        WireError: a code that cannot be, an end before the end code, or an output of more
            than `bytes_max` bytes.
    """
    table = _fresh_table()
    output = bytearray()
    bits = bit_count = 0
    width, high, previous = FIRST_WIDTH, END, b""
    for byte in data:
        bits |= byte << bit_count
        bit_count += 8
        if bit_count < width:
            continue
        code = bits & ((1 << width) - 1)
        bits >>= width
        bit_count -= width
        if code == END:
            return bytes(output)
        if code == CLEAR:
            table, width, high, previous = _fresh_table(), FIRST_WIDTH, END, b""
            continue
        entry = _entry(table, code, high, previous)
        output += entry
        if len(output) > bytes_max:
            raise WireError(f"LZW data unpacks to over {bytes_max} bytes", reason="inflated")
        if previous and high < 1 << LAST_WIDTH:
            table[high] = previous + entry[:1]
        previous = entry
        high += 1
        if high >= 1 << width:
            # At the last width a table is full: it stays as it is until a clear code.
            if width == LAST_WIDTH:
                previous, high = b"", high - 1
            else:
                width += 1
    raise WireError("LZW data ends before its end code", reason="lzw")


def _fresh_table() -> dict[int, bytes]:
    return {code: bytes([code]) for code in range(CLEAR)}


def _entry(table: dict[int, bytes], code: int, high: int, previous: bytes) -> bytes:
    entry = table.get(code)
    if entry is not None:
        return entry
    if code == high and previous:
        return previous + previous[:1]
    raise WireError(f"LZW code {code} stands for nothing yet", reason="lzw")
