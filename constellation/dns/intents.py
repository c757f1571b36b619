"""What is wanted at each name of a zone: these records, or no change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from messages.dns_calls import NAMES_MAX, RecordType

# Why a name is left as it is:
#   address_unknown  it is not known to what it should point
#   nobody           it is known that there is nothing to which it may point
KeepReason = Literal["address_unknown", "nobody"]


@dataclass(frozen=True, slots=True)
class WantedRecord:
    """A record that should be; its content is canonical, that of TXT without quotes."""

    type: RecordType
    content: str
    ttl_s: int  # of a new record
    proxied: bool | None = None  # None: an existing record keeps what it has
    is_ttl_set: bool = False  # by the operator: existing records get it too
    is_failover: bool = False  # it follows the cluster, so that a long TTL delays a failover

    @property
    def key(self) -> tuple[str, str]:
        """Type and content: a name has no two records that share both."""
        return self.type, self.content


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave what is at the name."""

    reason: KeepReason
    why: str


@dataclass(frozen=True, slots=True)
class Point:
    """Have exactly these records of ours at the name; without any, remove ours."""

    records: tuple[WantedRecord, ...]
    why: str
    is_complete: bool = True  # otherwise others may be right too: none is removed or redirected


Intent = Keep | Point


def _no_intents() -> Mapping[str, Intent]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted in one zone, by canonical name, in order.  Other names are left alone."""

    zone: str
    intents: Mapping[str, Intent] = field(default_factory=_no_intents)

    @property
    def listed_names(self) -> tuple[str, ...]:
        """The names to list in each round: all wildcards, and the shortest of the other names.

        More would cost a request each.  They are needed before something is created there.
        """
        wildcards = [name for name in self.intents if name.startswith("*.")]
        exact = sorted(self.intents.keys() - set(wildcards), key=lambda name: (len(name), name))
        return (*exact[:1], *wildcards)[:NAMES_MAX]

    def news_since(self, earlier: Desired) -> tuple[Intent, ...]:
        """Return the intents that `earlier` does not have.  Names that are missing now are none."""
        return tuple(
            intent for name, intent in self.intents.items() if earlier.intents.get(name) != intent
        )

    def removing(self, why_of: Mapping[str, str]) -> Desired:
        """Return the same, and that our records at further names are removed, with the reason."""
        further = {name: Point((), why) for name, why in why_of.items()}
        return replace(self, intents=in_order({**further, **self.intents}))


def in_order(intents: Mapping[str, Intent]) -> Mapping[str, Intent]:
    """Return the intents ordered by name."""
    return MappingProxyType(dict(sorted(intents.items())))
