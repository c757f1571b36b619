"""Messages of DNS: the operator's questions, and what nodes tell each other to answer them.

The fields of the report are also what `constellation dns --json` prints.
"""

from typing import Annotated, Literal

from pydantic import Field

from messages.base import Message
from messages.gossip import PUBLIC_ADDRESS_CHARACTERS_MAX, PUBLIC_ADDRESSES_MAX
from messages.operator import OperatorRequest

ROWS_MAX = 1000  # of one zone
CHANGES_SHOWN_MAX = 20

RowAction = Literal["create", "update", "delete", "keep", "foreign", "blocked"]
# "differs": it was compared, and what differs was not changed, as with 'plan' and in a dry run.
ZoneState = Literal[
    "in step", "differs", "comparing", "changing", "failing", "stopped", "not compared"
]
DnsDemand = Literal["show", "plan", "apply", "force"]


class PublicAddressesReported(Message):
    """Report this node's public addresses, for its record.  Sent to `admin`.  No answer."""

    addresses: tuple[Annotated[str, Field(max_length=PUBLIC_ADDRESS_CHARACTERS_MAX)], ...] = Field(
        max_length=PUBLIC_ADDRESSES_MAX, description="as in `NodeState`; none: not known"
    )


class DnsRequest(OperatorRequest):
    """Ask for the records of the cluster.  Answered by `DnsReport`, or by `RequestRefused`.

    'show' answers with what is known, 'plan' compares with the zones first, 'apply' changes what
    differs as well, and 'force' does so beyond `dns.deletes_max` and a higher token in the zone.
    """

    answered_by = "dns"

    demand: DnsDemand = "show"


class DnsRow(Message):
    """One record, as it is and as it should be.  Part of `DnsZoneReport`."""

    action: RowAction = Field(description="'keep': it is as it should be")
    name: str
    type: str
    before: str = Field(description="content that the zone has; empty: there is no such record")
    after: str = Field(description="content that it should have; empty: no such record")
    why: str = Field(default="", description="for people")


class DnsChangeRow(Message):
    """A change that the writer has made.  Part of `DnsReport`."""

    ago_s: float = Field(ge=0.0)
    zone: str
    action: RowAction
    name: str
    type: str
    before: str = Field(description="its content; empty: there was no such record")
    after: str = Field(description="its content; empty: it was deleted")
    why: str


class DnsZoneReport(Message):
    """One zone as its writer knows it.  Part of `DnsReport`."""

    zone: str
    state: ZoneState
    in_step_ago_s: float | None = Field(description="since it was seen as wanted; None: never")
    problem: str = Field(default="", description="why it is not in step; empty: it is")
    fix: str = ""
    rows: tuple[DnsRow, ...] = Field(max_length=ROWS_MAX, description="by name and type")
    rows_unlisted: int = Field(default=0, ge=0)


class DnsReport(Message):
    """Answer to `DnsRequest`."""

    crosses_nodes = True

    writer: str = Field(description="the node that writes; empty: none does")
    fencing_token: int | None = Field(default=None, description="under which it writes")
    leader: str = Field(default="", description="the node that holds lb-leader; empty: none")
    mode: str
    dry_run: bool = False
    zones: tuple[DnsZoneReport, ...] = ()
    changes: tuple[DnsChangeRow, ...] = Field(
        default=(), max_length=CHANGES_SHOWN_MAX, description="the latest first"
    )
    calls_left: int | None = Field(default=None, description="of the budget of five minutes")
    blocked_s: float = Field(default=0.0, ge=0.0, description="the provider wants no call so long")
    degraded: tuple[str, ...] = Field(default=(), description="what to act on, for people")
    notes: tuple[str, ...] = ()


class DnsAsked(Message):
    """Pass a demand of an operator to the node that writes.  Answered by `DnsTold`."""

    crosses_nodes = True

    number: int = Field(ge=0)
    demand: DnsDemand


class DnsTold(Message):
    """Answer to `DnsAsked`."""

    crosses_nodes = True

    number: int = Field(ge=0)
    report: DnsReport
