"""Calls to the provider of DNS, and what they answer.

The `dns` actor sends them to a process of its own, which loads the provider's SDK and lives only
while this node holds the lease `dns-writer`.  Each call is at most one request to the provider, so
that what counts calls counts requests.

A provider finds zones, lists the records that may be ours, and changes records.  It decides
nothing.

The first message to that process has the credentials.  It never leaves the node, and no actor sends
it to another one.
"""

from typing import Annotated, Literal

from pydantic import Field

from messages.base import Message

RecordType = Literal["A", "AAAA", "CNAME", "TXT"]
TTL_AUTOMATIC = 1  # the provider chooses; what Cloudflare answers for every proxied record
NAME_CHARACTERS_MAX = 253
CONTENT_CHARACTERS_MAX = 4096
COMMENT_CHARACTERS_MAX = 100  # on Cloudflare's free plan
CHANGES_MAX = 200  # of one request, on Cloudflare's free plan
RFC2136_CHANGES_MAX = 50  # of one update, which has at most 64 KiB
NAMES_MAX = 4096
DnsName = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]


class CloudflareAccess(Message):
    """How Cloudflare is reached: with a token, or with a key and its e-mail.  Part of the start."""

    base_url: str
    api_token: str = Field(default="", repr=False)
    api_key: str = Field(default="", repr=False)
    api_email: str = ""


class Rfc2136Access(Message):
    """How a name server that takes dynamic updates is reached.  Part of the start."""

    server: str
    port: int
    key_name: str
    key_algorithm: str
    key_secret: str = Field(repr=False, description="in base64")


class DnsProviderStart(Message):
    """First message to the provider's process.  Answered by `DnsProviderReady` or `DnsCallFailed`.

    It has secrets in plain text, which its text and its `repr` do not show.
    """

    node_name: str
    access: CloudflareAccess | Rfc2136Access


class DnsProviderReady(Message):
    """The provider's process has loaded what it needs, and takes calls."""


class DnsBudgetSeen(Message):
    """What the provider says of its own limit.  Part of the answers."""

    remaining: int = Field(ge=0, description="requests that are left")
    reset_s: float = Field(ge=0, description="seconds until the limit is whole again")


class DnsRecord(Message):
    """One record as the provider has it, whoever made it."""

    id: str = Field(max_length=512, description="the provider's")
    name: DnsName = Field(description="complete, in lower case, in Punycode, without a final dot")
    type: str = Field(max_length=16, description="any, not only those of `RecordType`")
    content: str = Field(
        description="an address in its usual form, a name without a final dot, a text without the "
        "quotes in which a provider shows it"
    )
    ttl_s: int = Field(ge=0, description="1: automatic")
    proxied: bool | None = Field(default=None, description="None: the provider has no proxies")
    comment: str = Field(default="", description="where the owner mark is")
    tags: tuple[str, ...] = ()


class DnsZone(Message):
    """A zone that the provider has.  Part of the calls."""

    id: str = Field(max_length=128, description="the provider's")
    name: DnsName


class DnsZoneFind(Message):
    """Find a zone by its name.  Answered by `DnsZoneFound` or `DnsCallFailed`."""

    name: DnsName


class DnsZoneFound(Message):
    """Answer to `DnsZoneFind`."""

    zone: DnsZone
    budget: DnsBudgetSeen | None = None


class DnsRecordsList(Message):
    """List the records that may concern us: those at `names`, and those that bear our mark.

    Answered by `DnsRecordsListed`, one page at a time, or by `DnsCallFailed`.
    """

    zone: DnsZone
    names: tuple[DnsName, ...] = Field(max_length=NAMES_MAX)
    mark: str = Field(description="with which the comment of our records begins")
    cursor: str = Field(default="", description="of the page before; empty: the first page")


class DnsRecordsListed(Message):
    """Answer to `DnsRecordsList`: one page.  It may have other records too."""

    records: tuple[DnsRecord, ...]
    cursor: str = Field(default="", description="of the next page; empty: this is the last")
    budget: DnsBudgetSeen | None = None


class DnsCreate(Message):
    """One record to create.  Part of `DnsChange`."""

    name: DnsName
    type: RecordType
    content: str = Field(max_length=CONTENT_CHARACTERS_MAX)
    ttl_s: int = Field(ge=1)
    proxied: bool | None = Field(default=None, description="None: the provider's default")
    comment: str = Field(max_length=COMMENT_CHARACTERS_MAX)


class DnsUpdate(Message):
    """What to change of one record; None: nothing.  Part of `DnsChange`."""

    before: DnsRecord = Field(description="as it was listed")
    content: str | None = Field(default=None, max_length=CONTENT_CHARACTERS_MAX)
    ttl_s: int | None = Field(default=None, ge=1)
    proxied: bool | None = None
    comment: str | None = Field(default=None, max_length=COMMENT_CHARACTERS_MAX)


class DnsDelete(Message):
    """One record to delete.  Part of `DnsChange`."""

    before: DnsRecord = Field(description="as it was listed")


class DnsChange(Message):
    """Change records of one zone, all or none.  Answered by `DnsChanged` or `DnsCallFailed`.

    Deletes come before creates: a record may take the place of one of another type.
    """

    zone: DnsZone
    deletes: tuple[DnsDelete, ...] = ()
    updates: tuple[DnsUpdate, ...] = ()
    creates: tuple[DnsCreate, ...] = ()


class DnsChanged(Message):
    """Answer to `DnsChange`: the records that were created or updated, as the provider has them."""

    records: tuple[DnsRecord, ...] = ()
    budget: DnsBudgetSeen | None = None


# What follows from a failure:
#   limited    the provider refused because of too many requests: wait for `retry_after_s`
#   transient  nothing was done, and later it may work: an error 5xx, no connection
#   uncertain  it may have been done or not: list before anything else is sent
#   conflict   the records are not what was listed: list again, and compare
#   permanent  it fails until a setting or the state at the provider changes
DnsFailure = Literal["limited", "transient", "uncertain", "conflict", "permanent"]


class DnsCallFailed(Message):
    """Answer to a call that failed.  The texts name no secret."""

    failure: DnsFailure
    why: str = Field(max_length=512, description="for people")
    fix: str = Field(default="", max_length=512, description="for people; of permanent failures")
    code: str = Field(default="", max_length=64, description="for metrics, such as '81058', '502'")
    retry_after_s: float | None = Field(default=None, ge=0)
    budget: DnsBudgetSeen | None = None


# What the process of the provider is asked and answers.
DnsCall = DnsZoneFind | DnsRecordsList | DnsChange
DnsAnswer = DnsZoneFound | DnsRecordsListed | DnsChanged | DnsCallFailed
