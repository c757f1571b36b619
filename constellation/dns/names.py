"""DNS names in the one form in which they are compared: lower case, Punycode, no final dot."""

from __future__ import annotations

import re

import idna

NAME_CHARACTERS_MAX = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical_name(text: str) -> str:
    """Return a host name, perhaps with `*` as its first label, in the form of comparisons.

    Raises:
        ValueError: it is no name in DNS.
    """
    labels = text.strip().removesuffix(".").split(".")
    name = ".".join(_canonical_label(label, is_first=not at) for at, label in enumerate(labels))
    if len(name) > NAME_CHARACTERS_MAX:
        raise ValueError(f"{text!r:.80} is over {NAME_CHARACTERS_MAX} characters")
    return name


def is_below(name: str, domain: str) -> bool:
    """Return whether a canonical name is `domain` or below it."""
    return name == domain or name.endswith(f".{domain}")


def zone_of(name: str, zones: tuple[str, ...]) -> str | None:
    """Return which of some zones a canonical name is in: the longest one that it is below."""
    return max((zone for zone in zones if is_below(name, zone)), key=len, default=None)


def _canonical_label(label: str, *, is_first: bool) -> str:
    if label == "*" and is_first:
        return label
    if not label.isascii():
        try:
            label = idna.encode(label, uts46=True).decode()
        except idna.IDNAError as error:
            raise ValueError(f"{label!r:.80} is no label of a DNS name: {error}") from None
    label = label.lower()
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{label!r:.80} is no label of a DNS name: write e.g. www.home.example")
    return label
