"""Records of a zone in the forms of DNS, and the owner marks beside them.

Plain DNS has no comments.  The comment of a record is in a TXT record of its own, at
`<hash>._constellation.<zone>`, where the hash is of the record's name, type and content.  So each
of several addresses of a name has its own mark, a CNAME and a wildcard have one like any record,
and no name becomes longer than DNS allows.  The texts of the mark, in this order:

    "A" "www.home.example" "ttl=60" "constellation:home.example:7 the rest of the comment"

The TTL is what was asked for: 1, which means automatic, is kept in a zone as `AUTOMATIC_TTL_S`.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import get_args

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from constellation.dns.names import canonical_name
from messages.dns_calls import TTL_AUTOMATIC, RecordType

AUTOMATIC_TTL_S = 300
MARK_TTL_S = 60
TTL_S_MAX = 2**31 - 1  # RFC 2181 §8
_MARKS = dns.name.from_text("_constellation", None)
_HASH_DIGITS = 32
_TEXT_BYTES_MAX = 255  # RFC 1035 §3.3: of one <character-string>
_TTL = "ttl="
_WITH_TARGET = ("CNAME", "NS", "PTR")


class RecordFormError(ValueError):
    """A name or a content that DNS does not allow."""


def name_in_dns(text: str) -> dns.name.Name:
    """Return a name without a final dot as an absolute name.

    Raises:
        RecordFormError: it is no name in DNS.
    """
    try:
        return dns.name.from_text(text, dns.name.root)
    except dns.exception.DNSException as error:
        raise RecordFormError(f"{text!r:.80} is no name in DNS: {error}") from None


def text_of_name(name: dns.name.Name) -> str:
    """Return a name in the form of `DnsRecord.name`."""
    return name.canonicalize().to_text(omit_final_dot=True)


def ttl_in_zone(ttl_s: int) -> int:
    """Return the TTL that a record has in the zone if `ttl_s` is asked for."""
    return AUTOMATIC_TTL_S if ttl_s == TTL_AUTOMATIC else ttl_s


def content_of(rdata: dns.rdata.Rdata) -> str:
    """Return the content in the form of `DnsRecord.content`; the texts of a TXT are joined."""
    kind = dns.rdatatype.to_text(rdata.rdtype)
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode(errors="backslashreplace")
    if kind in ("A", "AAAA"):
        return str(ipaddress.ip_address(rdata.to_text()))
    return rdata.to_text().removesuffix(".").lower() if kind in _WITH_TARGET else rdata.to_text()


def rdata_of(kind: str, content: str) -> dns.rdata.Rdata:
    """Return the content of a record of the type `kind` in the form of DNS.

    The content of a TXT is its text, also where that has quotes of its own.

    Raises:
        RecordFormError: the content is none of this type.
    """
    if kind == "TXT":
        return _txt(_pieces(content.encode()))
    try:
        return dns.rdata.from_text(
            dns.rdataclass.IN, kind, content, dns.name.root, relativize=False
        )
    except (dns.exception.DNSException, ValueError) as error:
        raise RecordFormError(
            f"{content!r:.80} is no content of a record {kind}: {error}"
        ) from None


@dataclass(frozen=True)
class Mark:
    """The owner mark of one record."""

    kind: str
    name: str
    ttl_s: int  # that was asked for; `TTL_AUTOMATIC`: none
    comment: str

    def rdata(self) -> dns.rdata.Rdata:
        """Return the mark as a TXT record."""
        head = (self.kind, self.name, f"{_TTL}{self.ttl_s}")
        return _txt([*(text.encode() for text in head), *_pieces(self.comment.encode())])

    @classmethod
    def read(cls, rdata: dns.rdata.Rdata) -> Mark | None:
        """Return the mark that a TXT record is; None: it is none."""
        texts = list(rdata.strings) if isinstance(rdata, TXT) else []
        if len(texts) < 4:
            return None
        kind, name, ttl, *comment = texts
        digits = ttl.removeprefix(_TTL.encode())
        is_ttl = len(digits) < len(ttl) and digits.isdigit() and len(digits) <= 10
        if not is_ttl or int(digits) > TTL_S_MAX:
            return None
        try:
            mark = cls(kind.decode(), name.decode(), int(digits), b"".join(comment).decode())
            is_name = canonical_name(mark.name) == mark.name
        except ValueError:  # no text, or no name
            return None
        return mark if is_name and mark.kind in get_args(RecordType) else None


def marks_of(zone: dns.name.Name) -> dns.name.Name:
    """Return the name below which a zone has its owner marks."""
    return _MARKS.concatenate(zone)


def place_of_mark(zone: dns.name.Name, name: str, kind: str, content: str) -> dns.name.Name:
    """Return the name at which the mark of a record is.

    Raises:
        RecordFormError: the name of the zone is too long for it.
    """
    label = hash_of_record(name, kind, content)
    try:
        return dns.name.from_text(label, marks_of(zone))
    except dns.exception.DNSException:
        raise RecordFormError(f"the name of the zone {zone} is too long for owner marks") from None


def hash_of_record(name: str, kind: str, content: str) -> str:
    """Return what distinguishes a record from all others of a zone."""
    whole = f"{name}|{kind}|{content}".encode()
    return hashlib.sha256(whole).hexdigest()[:_HASH_DIGITS]


def _pieces(text: bytes) -> list[bytes]:
    starts = range(0, max(len(text), 1), _TEXT_BYTES_MAX)
    return [text[at : at + _TEXT_BYTES_MAX] for at in starts]


def _txt(texts: list[bytes]) -> TXT:
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, texts)
