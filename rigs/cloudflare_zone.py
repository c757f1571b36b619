"""One zone of the double of Cloudflare: its records, what is refused, and transactions.

Codes and texts are those that the API sends.  Two are not documented, and guessed: that of too many
operations in a batch, and which of 81057 and 81058 an update meets that would make two records
identical.
"""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

Record = dict[str, Any]

OPERATIONS_MAX = 200  # of a batch, on the free plan
RECORDS_MAX = 1000  # on the free plan
COMMENT_CHARACTERS_MAX = 100  # on the free plan
CONTENT_CHARACTERS_MAX = 4096
TTL_S_RANGE = range(60, 86_401)
PROXIABLE = frozenset({"A", "AAAA", "CNAME"})
TYPES = PROXIABLE | {"CAA", "MX", "NS", "SRV", "TXT"}
FIELDS = frozenset(
    {"name", "type", "content", "ttl", "proxied", "comment", "tags", "settings", "priority", "data"}
)
LABEL = re.compile(r"\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
NOT_ADDRESSES = {
    "A": (9005, "Content for A record must be a valid IPv4 address."),
    "AAAA": (9006, "Content for AAAA record must be a valid IPv6 address."),
}


class RefusedError(Exception):
    """The API refuses a request."""

    def __init__(self, code: int, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


class Zone:
    """The records of a zone.  A refused change leaves it as it was."""

    def __init__(self, name: str, *, records_max: int = RECORDS_MAX) -> None:
        self.id = token_hex(16)
        self.name = name
        self.records_max = records_max
        self.records: dict[str, Record] = {}

    def batch(self, operations: Mapping[str, Sequence[Any]]) -> dict[str, list[Record]]:
        """Execute deletes, patches, puts and posts, in this order; all or none."""
        count = sum(
            len(operations.get(kind) or ()) for kind in ("deletes", "patches", "puts", "posts")
        )
        if count > OPERATIONS_MAX:
            raise RefusedError(1004, f"DNS Validation Error: more than {OPERATIONS_MAX} operations")
        before = copy.deepcopy(self.records)
        done: dict[str, list[Record]] = {}
        steps: tuple[tuple[str, Callable[[Any], Record]], ...] = (
            ("deletes", lambda one: self.delete(_id_in(one))),
            ("patches", lambda one: self.patch(_id_in(one), _without_id(one))),
            ("puts", lambda one: self.put(_id_in(one), _without_id(one))),
            ("posts", self.create),
        )
        try:
            for kind, execute in steps:
                if operations.get(kind):
                    done[kind] = [copy.deepcopy(execute(one)) for one in operations[kind]]
        except RefusedError:
            self.records = before
            raise
        return done

    def create(self, fields: Mapping[str, Any]) -> Record:
        """Create a record."""
        if len(self.records) >= self.records_max:
            raise RefusedError(81045, "Record quota exceeded.")
        now = _now()
        made = self._checked(fields)
        made = {"id": token_hex(16), **made, "created_on": now, "modified_on": now}
        self._check_beside(made, identical=(81058, "An identical record already exists."))
        self.records[made["id"]] = made
        return made

    def patch(self, record_id: str, fields: Mapping[str, Any]) -> Record:
        """Change the given fields of a record."""
        record = self.get(record_id)
        return self._change(
            record, {name: record[name] for name in FIELDS & {*record}} | {**fields}
        )

    def put(self, record_id: str, fields: Mapping[str, Any]) -> Record:
        """Replace all fields of a record."""
        return self._change(self.get(record_id), fields)

    def delete(self, record_id: str) -> Record:
        """Delete a record and return it."""
        self.get(record_id)
        return self.records.pop(record_id)

    def get(self, record_id: str) -> Record:
        """Return the record itself."""
        if record_id not in self.records:
            raise RefusedError(81044, "Record does not exist.", status=404)
        return self.records[record_id]

    def _change(self, record: Record, fields: Mapping[str, Any]) -> Record:
        kept = {"id": record["id"], "created_on": record["created_on"]}
        made = {**kept, **self._checked(fields), "modified_on": _now()}
        self._check_beside(made, identical=(81057, "Record already exists."))
        self.records[record["id"]] = made
        return made

    def _checked(self, fields: Mapping[str, Any]) -> Record:
        if unknown := sorted({*fields} - FIELDS):
            raise RefusedError(1004, f"DNS Validation Error: unknown field {unknown[0]}")
        kind = fields.get("type")
        if kind not in TYPES:
            raise RefusedError(9004, "Invalid DNS record type.")
        proxied = bool(fields.get("proxied"))
        if proxied and kind not in PROXIABLE:
            raise RefusedError(9041, "Invalid proxied mode. Record cannot be proxied")
        made = {
            "name": self._checked_name(fields.get("name")),
            "type": kind,
            "content": _checked_content(kind, fields.get("content")),
            "proxiable": kind in PROXIABLE,
            "proxied": proxied,
            "ttl": _checked_ttl(fields.get("ttl", 1), proxied=proxied),
            "settings": dict(fields.get("settings") or {}),
            "meta": {},
            "comment": _checked_comment(fields.get("comment")),
            "tags": list(fields.get("tags") or ()),
        }
        return made | {name: fields[name] for name in ("priority", "data") if name in fields}

    def _checked_name(self, name: object) -> str:
        """Return a complete name: a name outside the zone is taken for one relative to it."""
        if not isinstance(name, str) or not name:
            raise RefusedError(9000, "DNS name is invalid.")
        name = name.lower().removesuffix(".")
        if name == "@":
            return self.name
        if name != self.name and not name.endswith(f".{self.name}"):
            name = f"{name}.{self.name}"
        if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
            raise RefusedError(9000, "DNS name is invalid.")
        return name

    def _check_beside(self, made: Record, *, identical: tuple[int, str]) -> None:
        others = [
            one
            for one in self.records.values()
            if one["name"] == made["name"] and one["id"] != made["id"]
        ]
        key = (made["type"], made["content"])
        if any((one["type"], one["content"]) == key for one in others):
            raise RefusedError(*identical)
        if made["type"] == "CNAME" and any(one["type"] in PROXIABLE for one in others):
            raise RefusedError(81053, "An A, AAAA, or CNAME record with that host already exists.")
        if made["type"] in PROXIABLE and any(one["type"] == "CNAME" for one in others):
            raise RefusedError(81054, "A CNAME record with that host already exists.")


def _id_in(operation: Any) -> str:
    record_id = operation.get("id") if isinstance(operation, dict) else None
    if not isinstance(record_id, str):
        raise RefusedError(1004, "DNS Validation Error: an operation has no id")
    return record_id


def _without_id(operation: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in operation.items() if name != "id"}


def _checked_content(kind: str, content: object) -> str:
    if not isinstance(content, str) or not 0 < len(content) <= CONTENT_CHARACTERS_MAX:
        raise RefusedError(
            *NOT_ADDRESSES.get(kind, (9007, f"Content for {kind} record is invalid."))
        )
    if kind in NOT_ADDRESSES:
        try:
            address = ipaddress.ip_address(content)
        except ValueError:
            address = None
        if address is None or address.version != (4 if kind == "A" else 6):
            raise RefusedError(*NOT_ADDRESSES[kind])
        return str(address)
    if kind == "CNAME":
        content = content.lower().removesuffix(".")
        if not all(LABEL.fullmatch(label) for label in content.split(".")):
            raise RefusedError(9007, "Content for CNAME record is invalid.")
    if kind == "TXT" and not content.startswith('"'):
        content = f'"{content}"'
    return content


def _checked_ttl(ttl: object, *, proxied: bool) -> int:
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or ttl != int(ttl):
        raise RefusedError(9020, "Invalid TTL. Must be an integer.")
    if ttl != 1 and int(ttl) not in TTL_S_RANGE:
        text = "Invalid TTL. Must be between 60 and 86,400 seconds, or 1 for Automatic."
        raise RefusedError(9021, text)
    return 1 if proxied else int(ttl)


def _checked_comment(comment: object) -> str | None:
    if comment is None or comment == "":
        return None
    if not isinstance(comment, str) or not comment.isprintable():
        raise RefusedError(9312, "DNS record comment contains invalid characters.")
    if len(comment) > COMMENT_CHARACTERS_MAX:
        text = (
            f"DNS record comment exceeds the maximum length of {COMMENT_CHARACTERS_MAX} characters."
        )
        raise RefusedError(9313, text)
    return comment


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
