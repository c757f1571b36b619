"""Records and digests as bytes: in user messages, and in the user state of a push/pull."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgpack
from pydantic import ValidationError

from constellation.errors import WireError
from constellation.gossip.identity import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Identity,
    is_signed_by,
)
from constellation.value import Value
from messages.gossip import RecordKind, StateRecord

RECORDS_PLAIN = 65  # first byte of a user message; those below 64 are Serf's
RECORDS_DEFLATED = 66
EXCHANGE = 67

RECORD_BYTES_MAX = 64 << 10
NAME_CHARACTERS_MAX = 128
MESSAGE_BYTES_MAX = 18 << 20
RECORDS_MAX = 1 << 16
AUTHORS_MAX = 1 << 12
VERSION_MAX = 1 << 48
DEFLATE_MIN_BYTES = 256
DIGEST_BYTES = 16

VALUE_FIELDS = {"node": "node_state", "service": "service_state", "warp": "warp_state"}


class SignedRecord(Value):
    """A record as it is sent.  Its value is not decoded before the signature is verified."""

    kind: RecordKind
    node: str
    key: str
    incarnation: int
    counter: int
    author_key: bytes  # the key that signed it, which may not be the author's
    signature: bytes
    payload: bytes
    fields: Any = None  # the value, not validated; None: a tombstone

    @property
    def version(self) -> tuple[int, int]:
        """The higher wins."""
        return self.incarnation, self.counter

    @property
    def encoded(self) -> bytes:
        """The record, for `pack_records`."""
        return cast("bytes", msgpack.packb([self.author_key, self.signature, self.payload]))

    @property
    def is_genuine(self) -> bool:
        """It is signed with `author_key`."""
        return is_signed_by(self.author_key, self.signature, self.payload)

    def opened(self) -> StateRecord:
        """Return the record, without fields that only later versions know.

        Raises:
            WireError: its value is invalid.
        """
        name = VALUE_FIELDS[self.kind]
        row = {
            "kind": self.kind,
            "node": self.node,
            "key": self.key,
            "incarnation": self.incarnation,
            "counter": self.counter,
        }
        try:
            record = StateRecord.model_validate({**row, name: self.fields}, extra="ignore")
        except ValidationError as error:
            summary = "; ".join(str(error).splitlines()[1:3])[:200]
            why = f"a {self.kind} record does not validate: {summary}"
            raise WireError(why, reason="record") from error
        if record.key != _key_of(record):
            why = f"a {self.kind} record under a key that is not its own"
            raise WireError(why, reason="record")
        return record


class Exchange(Value):
    """One side of a push/pull: a digest per author, and records that the other side is missing."""

    digests: Mapping[str, bytes]
    records: tuple[SignedRecord, ...] = ()


def value_of(record: StateRecord) -> Any:
    """Return the value of a record; None if it is a tombstone."""
    return getattr(record, VALUE_FIELDS[record.kind])


def sign_record(record: StateRecord, identity: Identity) -> SignedRecord:
    """Return `record`, signed by its author."""
    value = value_of(record)
    fields = value.model_dump(exclude_defaults=True) if value is not None else None
    row = (record.kind, record.node, record.key, record.incarnation, record.counter)
    payload = cast("bytes", msgpack.packb([*row, fields]))
    return SignedRecord(*row, identity.public_key, identity.sign(payload), payload, fields)


def pack_records(encoded: Iterable[bytes]) -> bytes:
    """Return the user message of some records, deflated if that is shorter."""
    rows = list(encoded)
    plain = cast("bytes", msgpack.Packer().pack_array_header(len(rows))) + b"".join(rows)
    if len(plain) >= DEFLATE_MIN_BYTES:
        deflated = zlib.compress(plain, 6)
        if len(deflated) < len(plain):
            return bytes([RECORDS_DEFLATED]) + deflated
    return bytes([RECORDS_PLAIN]) + plain


def pack_exchange(digests: Mapping[str, bytes], encoded: Iterable[bytes]) -> bytes:
    """Return the user state of a push/pull."""
    row = [dict(digests), pack_records(encoded)]
    return bytes([EXCHANGE]) + cast("bytes", msgpack.packb(row))


def inflated(message: bytes, *, bytes_max: int) -> bytes:
    """Return a user message of records, inflated.

    Raises:
        WireError: it is damaged, or inflates to more than `bytes_max` bytes.
    """
    if message[:1] != bytes([RECORDS_DEFLATED]):
        return message
    return bytes([RECORDS_PLAIN]) + _inflate(message[1:], bytes_max)


def unpack_records(message: bytes) -> tuple[SignedRecord, ...]:
    """Return the records of a user message, without kinds that only later versions know.

    Their values are not decoded.

    Raises:
        WireError: it is of another type, too large, or contains something that is no record.
    """
    kind = message[:1]
    if kind not in (bytes([RECORDS_PLAIN]), bytes([RECORDS_DEFLATED])):
        raise WireError(f"unknown user message {kind.hex() or 'empty'}", reason="unknown_user")
    rows = _unpack(inflated(message, bytes_max=MESSAGE_BYTES_MAX)[1:])
    if not isinstance(rows, tuple):
        raise WireError("records are not a list", reason="record")
    return tuple(record for row in rows if (record := _record(row)) is not None)


def unpack_exchange(user_state: bytes) -> Exchange | None:
    """Return one side of a push/pull; None if a member of another kind sent it, e.g. Serf.

    Raises:
        WireError: it is malformed.
    """
    if user_state[:1] != bytes([EXCHANGE]):
        return None
    row = _unpack(user_state[1:])
    if not isinstance(row, tuple) or len(row) != 2 or not isinstance(row[1], bytes):
        raise WireError("exchange is not digests and records", reason="record")
    if not isinstance(row[0], dict) or len(row[0]) > AUTHORS_MAX:
        raise WireError("digests are no map, or too many", reason="record")
    for author, digest in row[0].items():
        if not isinstance(author, str) or not isinstance(digest, bytes):
            raise WireError("a digest is not bytes by author", reason="record")
    return Exchange(row[0], unpack_records(row[1]))


def _inflate(body: bytes, bytes_max: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(body, max(1, bytes_max))  # 0 would mean no limit
    except zlib.error as error:
        raise WireError(f"records do not inflate: {error}", reason="record") from error
    if not inflater.eof:
        raise WireError("records inflate to too much, or are cut off", reason="inflated")
    return plain


def _unpack(body: bytes) -> Any:
    try:
        return msgpack.unpackb(
            body,
            use_list=False,
            strict_map_key=True,
            max_array_len=RECORDS_MAX,
            max_map_len=AUTHORS_MAX,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"records are not msgpack: {error!s:.100}", reason="record") from error


def _record(row: Any) -> SignedRecord | None:
    if not isinstance(row, tuple) or len(row) != 3:
        raise WireError("a record is not key, signature and payload", reason="record")
    author_key, signature, payload = row
    sizes = (author_key, PUBLIC_KEY_BYTES), (signature, SIGNATURE_BYTES)
    if not all(isinstance(one, bytes) and len(one) == size for one, size in sizes):
        raise WireError("a record has no key or no signature", reason="record")
    if not isinstance(payload, bytes) or len(payload) > RECORD_BYTES_MAX:
        raise WireError(f"a record is over {RECORD_BYTES_MAX} bytes, or none", reason="record")
    fields = _unpack(payload)
    if not isinstance(fields, tuple) or len(fields) != 6:
        raise WireError("a record has not six fields", reason="record")
    kind, node, key, incarnation, counter, value = fields
    if not isinstance(kind, str):
        raise WireError("a record's kind is no text", reason="record")
    if kind not in VALUE_FIELDS:
        return None
    if not all(isinstance(name, str) and len(name) <= NAME_CHARACTERS_MAX for name in (node, key)):
        raise WireError("a record's names are no texts, or too long", reason="record")
    if not node or not all(_is_version(number) for number in (incarnation, counter)):
        raise WireError("a record has no author, or no version in range", reason="record")
    return SignedRecord(
        cast("RecordKind", kind),
        node,
        key,
        incarnation,
        counter,
        author_key,
        signature,
        payload,
        value,
    )


def _is_version(number: Any) -> bool:
    return type(number) is int and 0 <= number <= VERSION_MAX


def _key_of(record: StateRecord) -> str:
    """Return the key that the record's value implies; a tombstone has the key it names."""
    if record.service_state is not None:
        return record.service_state.key
    if record.warp_state is not None:
        return record.warp_state.gateway
    return "" if record.kind == "node" else record.key
