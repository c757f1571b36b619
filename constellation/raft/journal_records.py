"""The format of the Raft journal: a header, then records, each written whole and synced.

Header   magic, format version, salt of this file, length when it was put in place; CRC32.
Record   mark, length of the body, CRC32 of the body, CRC32 of these three; body.

The CRC of a body continues that of the previous record, and the CRC of a record's header covers the
salt and the offset.  So a record that is missing, or belongs elsewhere, is detected, and a wrong
length is never trusted.

A record is written only after the previous one was synced.  So a crash can tear only the last
record, and only a torn record is cut:

- the file ends before the record does, or holds only zeros from some byte on;
- a sector of the record was never written, so it is all zeros.  Every 256th byte of the body and
  its last byte are 0xff, and a record begins with its mark, so a written sector is never all
  zeros, not even after one flipped bit.

Any other error is damage to synced data.  It is refused, because other nodes may rely on that
data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from constellation.value import Value

MAGIC = b"\x93raftlog"
FORMAT_VERSION = 1
SALT_BYTES = 8
SECTOR_BYTES = 512  # what a disk writes whole, at least
BODY_BYTES_MAX = 64 << 20

_MARK = 0xA5
_STUFFING = b"\xff"
_STUFFED_EACH = 255
_FILE_FIELDS = struct.Struct(">8sI8sQ")
_FIELDS = struct.Struct(">BII")
_PLACE = struct.Struct(">8sQ")
_CRC = struct.Struct(">I")
FILE_HEADER_BYTES = _FILE_FIELDS.size + _CRC.size
RECORD_HEADER_BYTES = _FIELDS.size + _CRC.size


class JournalError(Exception):
    """A journal must not be used; `offset` is that of the first doubtful byte."""

    def __init__(self, offset: int, why: str, *, is_newer: bool = False) -> None:
        super().__init__(f"at byte {offset}: {why}")
        self.offset = offset
        self.why = why
        self.is_newer = is_newer  # written by a later version, not damaged


class JournalLimitError(ValueError):
    """A record would be larger than a reader accepts.  Nothing was written."""


class JournalEnd(Value):
    """Where the next record goes, and the checksum that it continues."""

    salt: bytes
    offset: int
    crc: int  # of all bodies before

    @classmethod
    def of_empty(cls, salt: bytes) -> JournalEnd:
        """Return the end of a file without records."""
        assert len(salt) == SALT_BYTES
        return cls(salt, FILE_HEADER_BYTES, zlib.crc32(salt))


def encode_file_header(salt: bytes, sealed_bytes: int) -> bytes:
    """Return the header of a file; its first `sealed_bytes` are synced before it gets its name."""
    fields = _FILE_FIELDS.pack(MAGIC, FORMAT_VERSION, salt, sealed_bytes)
    return fields + _CRC.pack(zlib.crc32(fields))


def encode_record(payload: bytes, end: JournalEnd) -> tuple[bytes, JournalEnd]:
    """Return the record to write at `end`, and the end after it.

    Raises:
        JournalLimitError: it is over `BODY_BYTES_MAX`.
    """
    body = _stuffed(payload)
    if len(body) > BODY_BYTES_MAX:
        raise JournalLimitError(
            f"a record of {len(body)} bytes is over the limit of {BODY_BYTES_MAX}"
        )
    crc = zlib.crc32(body, end.crc)
    fields = _FIELDS.pack(_MARK, len(body), crc)
    record = fields + _CRC.pack(_header_crc(fields, end.salt, end.offset)) + body
    return record, JournalEnd(end.salt, end.offset + len(record), crc)


class _Bad(Value):
    why: str
    is_torn: bool  # a crash before the sync can explain it


class RecordReader:
    """Reads the records of one file; after iteration `end` and `torn_bytes` are known."""

    def __init__(self, data: bytes) -> None:
        """Take the whole file.

        Raises:
            JournalError: its header is damaged, or of a version that this one cannot read.
        """
        salt, self._sealed_bytes = _file_header(data)
        # A record ends in 0xff, so only unwritten space is stripped.
        self._length = max(len(data.rstrip(b"\0")), FILE_HEADER_BYTES)
        self._data = data
        self.end = JournalEnd.of_empty(salt)
        if self._length < self._sealed_bytes:
            raise JournalError(
                self._length, f"the file ends before byte {self._sealed_bytes}, which was synced"
            )

    @property
    def torn_bytes(self) -> int:
        """The size of an unsynced record after the last one; trailing zeros do not count."""
        return self._length - self.end.offset

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the offset and the payload of each record, up to the end or a torn one.

        Raises:
            JournalError: synced data is damaged.
        """
        while (offset := self.end.offset) < self._length:
            record = self._read(offset)
            if isinstance(record, _Bad):
                if not record.is_torn or offset < self._sealed_bytes:
                    raise JournalError(offset, record.why)
                return
            payload, self.end = record
            yield offset, payload

    def _read(self, offset: int) -> tuple[bytes, JournalEnd] | _Bad:
        body_at = offset + RECORD_HEADER_BYTES
        if self._length < body_at:
            return _Bad("the header of a record is incomplete", is_torn=True)
        if not self._has_header(offset):
            # A record that is followed by another one was synced before.
            is_torn = self._has_gap(offset) and not self._has_header_after(offset)
            return _Bad("the header of a record is damaged", is_torn=is_torn)
        _, length, crc = _FIELDS.unpack_from(self._data, offset)
        after = body_at + length
        if self._length < after:
            return _Bad(f"a record of {length} bytes is incomplete", is_torn=True)
        body = self._data[body_at:after]
        if zlib.crc32(body, self.end.crc) != crc:
            is_torn = self._length == after and self._has_gap(offset)
            return _Bad(f"a record of {length} bytes is damaged", is_torn=is_torn)
        return _unstuffed(body), JournalEnd(self.end.salt, after, crc)

    def _has_header(self, offset: int) -> bool:
        fields = self._data[offset : offset + _FIELDS.size]
        crc = self._data[offset + _FIELDS.size : offset + RECORD_HEADER_BYTES]
        return crc == _CRC.pack(_header_crc(fields, self.end.salt, offset)) and fields[0] == _MARK

    def _has_header_after(self, offset: int) -> bool:
        mark = bytes([_MARK])
        at = self._data.find(mark, offset + 1, self._length)
        while at >= 0:
            if at + RECORD_HEADER_BYTES <= self._length and self._has_header(at):
                return True
            at = self._data.find(mark, at + 1, self._length)
        return False

    def _has_gap(self, offset: int) -> bool:
        """Return whether a sector from `offset` on, or the part of it after, was never written."""
        start = offset
        while start < self._length:
            end = min(start - start % SECTOR_BYTES + SECTOR_BYTES, self._length)
            if not any(self._data[start:end]):
                return True
            start = end
        return False


def _file_header(data: bytes) -> tuple[bytes, int]:
    if not data.startswith(MAGIC) or len(data) < FILE_HEADER_BYTES:
        raise JournalError(0, "this is not a Raft journal, or its first bytes are damaged")
    _, version, salt, sealed_bytes = _FILE_FIELDS.unpack_from(data)
    fields = data[: _FILE_FIELDS.size]
    # Checked first: a flipped bit in the version must not look like a later version.
    if data[_FILE_FIELDS.size : FILE_HEADER_BYTES] != _CRC.pack(zlib.crc32(fields)):
        raise JournalError(0, "the header of the file is damaged")
    if version != FORMAT_VERSION:
        why = f"its format is version {version}, this agent reads version {FORMAT_VERSION}"
        raise JournalError(0, why, is_newer=True)
    return salt, sealed_bytes


def _header_crc(fields: bytes, salt: bytes, offset: int) -> int:
    return zlib.crc32(fields, zlib.crc32(_PLACE.pack(salt, offset)))


def _stuffed(payload: bytes) -> bytes:
    starts = range(0, len(payload), _STUFFED_EACH)
    return b"".join(payload[at : at + _STUFFED_EACH] + _STUFFING for at in starts)


def _unstuffed(body: bytes) -> bytes:
    each = _STUFFED_EACH + len(_STUFFING)
    return b"".join(body[at : min(at + each, len(body)) - 1] for at in range(0, len(body), each))
