"""What the plan of a zone is made of: changes with their reasons, and what is left as it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.dns.contents import TYPES, listed_content
from constellation.dns.intents import WantedRecord
from constellation.dns.mark import OwnerMark
from messages.dns_calls import DnsCreate, DnsDelete, DnsRecord, DnsUpdate


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """What a plan may do."""

    adopt: frozenset[str] = frozenset()  # names whose records of others become ours
    deletes_max: int = 5  # a round; those of a change of type do not count
    is_forced: bool = False  # by an operator: any number of deletes, and over a higher token
    is_cname_alone: bool = False  # nothing stands beside a CNAME, see `contents.excludes`


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one record, and the reason."""

    name: str
    type: str
    call: DnsCreate | DnsUpdate | DnsDelete
    why: str
    is_swap: bool = False  # one of those that change the type of a name: all in one request


@dataclass(frozen=True, slots=True)
class Kept:
    """A record of ours that stays as it is, but for its token, and the reason."""

    record: DnsRecord
    why: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """A record of another at a name that is wanted, and what to do."""

    name: str
    record: DnsRecord
    why: str
    fix: str
    is_wanted: bool  # it has a content that is wanted, so that none of ours is needed


@dataclass(frozen=True, slots=True)
class Blocked:
    """A name at which something wanted cannot be, and what to do."""

    name: str
    missing: tuple[WantedRecord, ...]
    why: str
    fix: str


@dataclass(slots=True)
class NamePlan:
    """What is planned for one name."""

    steps: list[Step] = field(default_factory=list)
    keeps: list[Kept] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Marking:
    """How records become and stay ours: by our mark, with this writer's token."""

    mark: OwnerMark
    token: int

    def comment(self, before: str = "") -> str:
        """Return the comment with the token; the rest of `before` goes only if it must."""
        marked = self.mark.comment(self.token, before)
        return marked if self.mark.is_ours(marked) else self.mark.comment(self.token)

    def new_comment(self, before: DnsRecord) -> str | None:
        """Return the comment that a record should get; None: it has this token."""
        if is_ours(before, self.mark) and self.mark.token(before.comment) == self.token:
            return None
        return self.comment(before.comment)


def is_ours(record: DnsRecord, mark: OwnerMark) -> bool:
    """Return whether a record may be changed: it bears the mark, and is of a type we write."""
    return record.type in TYPES and mark.is_ours(record.comment)


def key_of(record: DnsRecord) -> tuple[str, str]:
    """Return type and canonical content; a text has none of its quotes any more."""
    if record.type == "TXT":
        return record.type, record.content
    return record.type, listed_content(record.type, record.content)
