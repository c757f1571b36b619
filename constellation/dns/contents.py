"""Contents of records in the one form in which they are compared."""

from __future__ import annotations

import ipaddress
import re

from constellation.dns.names import canonical_name

ADDRESS_TYPES = frozenset({"A", "AAAA", "CNAME"})  # they say where a name points
TYPES = ADDRESS_TYPES | {"TXT"}  # the types of records that are written
_PIECE = rb'"(?:[^"\\]|\\.)*"'
_QUOTED = re.compile(rb"%s(?:\s+%s)*" % (_PIECE, _PIECE), re.DOTALL)
_PIECES = re.compile(_PIECE, re.DOTALL)
_ESCAPE = re.compile(rb"\\(25[0-5]|2[0-4]\d|[01]\d\d|.)", re.DOTALL)


def canonical_content(record_type: str, content: str) -> str:
    """Return the content of a record as it is compared; of TXT, the text without its quotes.

    Raises:
        ValueError: a record of this type cannot have it.
    """
    if record_type == "A":
        return str(ipaddress.IPv4Address(content.strip()))
    if record_type == "AAAA":
        return str(ipaddress.IPv6Address(content.strip()))
    if record_type == "CNAME":
        return canonical_name(content)
    return _text(content) if record_type == "TXT" else content


def listed_content(record_type: str, content: str) -> str:
    """Return the same of a record that a provider has, whatever it is; of TXT only once."""
    try:
        return canonical_content(record_type, content)
    except ValueError:  # made by another, and equal to nothing that is wanted
        return content


def listed_name(name: str) -> str:
    """Return the name of a record that a provider has, in canonical form if there is one."""
    try:
        return canonical_name(name)
    except ValueError:  # nor can it be a name that is wanted
        return name.lower().removesuffix(".")


def excludes(one: str, other: str, *, is_cname_alone: bool) -> bool:
    """Return whether records of two types cannot stand at one name, or two of one type.

    RFC 1034 §3.6.2 lets nothing stand beside a CNAME.  Cloudflare lets other types than addresses
    do so, and answers with the target's addresses itself.
    """
    if "CNAME" not in {one, other}:
        return False
    return is_cname_alone or {one, other} <= ADDRESS_TYPES


def _text(content: str) -> str:
    """Return a text; providers show it in quotes, a long one in pieces (RFC 1035 §5.1)."""
    given = content.strip().encode()
    if not _QUOTED.fullmatch(given):
        return content
    joined = b"".join(_ESCAPE.sub(_unescaped, one[1:-1]) for one in _PIECES.findall(given))
    return joined.decode(errors="backslashreplace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    escaped = found[1]
    return bytes([int(escaped)]) if len(escaped) == 3 else escaped
