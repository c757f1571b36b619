"""`constellation dns`: the records of the cluster, and what is changed of them."""

from __future__ import annotations

from constellation.cli.session import ask, show
from messages.dns import DnsDemand, DnsReport, DnsRequest

ANSWER_TIMEOUT_S = 15.0  # the node that writes may be another, and waits for its provider


def show_records(*, as_json: bool = False) -> None:
    """List the records, those of others at the same names, and the latest changes."""
    _ask("show", as_json=as_json)


def plan(*, as_json: bool = False) -> None:
    """Compare with the zones now, and show what would be changed."""
    _ask("plan", as_json=as_json)


def apply(*, force: bool = False, as_json: bool = False) -> None:
    """Compare with the zones now, and change what differs."""
    _ask("force" if force else "apply", as_json=as_json)


def _ask(demand: DnsDemand, *, as_json: bool) -> None:
    from constellation.admin import dns_tables  # noqa: PLC0415 - rich loads slowly

    report = ask(DnsRequest(demand=demand), DnsReport, timeout_s=ANSWER_TIMEOUT_S)
    text = dns_tables.plan_text if demand == "plan" else dns_tables.dns_text
    show(report, text, as_json=as_json)
