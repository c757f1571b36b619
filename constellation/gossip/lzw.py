"""LZW as memberlist's peers use it: least significant bit first, 8-bit literals, 12-bit codes."""

from __future__ import annotations

from constellation.errors import WireError

CLEAR = 256
END = 257
FIRST_WIDTH = 9
LAST_WIDTH = 12
TABLE_FULL = (1 << LAST_WIDTH) - 1
BYTE_BITS, BYTE_MAX = 8, 255
LITERALS = tuple(bytes([code]) for code in range(CLEAR))


def compress(data: bytes) -> bytes:
    """Return `data` compressed, byte for byte as Go's writer does."""
    output = bytearray()
    table: dict[int, int] = {}  # by prefix code and next byte
    bits, bit_count = CLEAR, FIRST_WIDTH
    width, high, prefix = FIRST_WIDTH, END, -1
    for byte in data:
        key = prefix << 8 | byte
        if prefix < 0 or key in table:
            prefix = table.get(key, byte)
            continue
        bits |= prefix << bit_count
        bit_count += width
        prefix = byte
        high += 1
        table[key] = high
        if high == 1 << width:
            width += 1
        if high == TABLE_FULL:
            bits |= CLEAR << bit_count
            bit_count += width
            table.clear()
            width, high = FIRST_WIDTH, END
        while bit_count >= BYTE_BITS:
            output.append(bits & BYTE_MAX)
            bits >>= BYTE_BITS
            bit_count -= BYTE_BITS
    return bytes(output) + _last(bits, bit_count, prefix, width, high)


def decompress(data: bytes, *, bytes_max: int) -> bytes:
    """Return `data` decompressed.

    Raises:
        WireError: an invalid code, a missing end code, or an output of more than `bytes_max`
            bytes.
    """
    table: dict[int, bytes] = {}  # the strings of the codes above END; a clear code costs nothing
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
            table.clear()
            width, high, previous = FIRST_WIDTH, END, b""
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
            # The table is full at the last width, and stays unchanged until a clear code.
            if width == LAST_WIDTH:
                previous, high = b"", high - 1
            else:
                width += 1
    raise WireError("LZW data ends before its end code", reason="lzw")


def _last(bits: int, bit_count: int, prefix: int, width: int, high: int) -> bytes:
    """Return the remaining bits and the end code."""
    if prefix >= 0:
        bits |= prefix << bit_count
        bit_count += width
        if high + 1 == TABLE_FULL:
            bits |= CLEAR << bit_count
            bit_count += width
            width = FIRST_WIDTH
        elif high + 1 == 1 << width:
            width += 1
    bits |= END << bit_count
    bit_count += width
    return bits.to_bytes(-(-bit_count // BYTE_BITS), "little")


def _entry(table: dict[int, bytes], code: int, high: int, previous: bytes) -> bytes:
    entry = LITERALS[code] if code < CLEAR else table.get(code)
    if entry is not None:
        return entry
    if code == high and previous:
        return previous + previous[:1]
    raise WireError(f"LZW code {code} stands for nothing yet", reason="lzw")
