"""Networks that one container lends to another (`network_mode: service:vpn`).

The borrower has no network settings of its own: its addresses and published ports are those of the
lender, which may be a borrower itself.  It joins the lender's network when it starts.  So it has no
network any more once the lender has stopped, and gets none until both run and it was the last to
start; the engine starts no borrower again for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from constellation.value import Value

LENDERS_MAX = 4  # of one container: a lender may be a borrower itself
_PREFIX = "container:"
_KEY = "Lenders"  # added to an inspection; Docker has no such key
_ID_SHOWN = 12

Inspected = Mapping[str, Any]


class LentNetwork(Value):
    """The network of a borrower.

    Attributes:
        lenders: their ids, the nearest first; one that does not exist as the borrower names it.
        name: of the lender that the borrower names.
        owner: the inspection of the container that has the network; None: it does not exist.
        problem: why the borrower has no network; empty: it has.
        remedy: what to do about it.
    """

    lenders: tuple[str, ...]
    name: str
    owner: Inspected | None
    problem: str = ""
    remedy: str = ""

    @property
    def networks(self) -> Mapping[str, Any]:
        """Its networks; none while it has no network."""
        return {} if self.problem else _map(_settings(self.owner).get("Networks"))

    @property
    def ports(self) -> Mapping[str, Any]:
        """The ports that the owner publishes, or publishes again once it runs."""
        running = _settings(self.owner).get("Ports")
        if not self.owner or _is_running(self.owner):
            return _map(running)
        return _map(_map(self.owner.get("HostConfig")).get("PortBindings"))

    @property
    def is_of_host(self) -> bool:
        """Whether it is the network of the host."""
        return _mode(self.owner) == "host"


def lender_of(mode: str) -> str:
    """Return the container that the network mode names; empty: its network is its own."""
    return mode.removeprefix(_PREFIX) if mode.startswith(_PREFIX) else ""


def with_lenders(found: Inspected, inspect: Callable[[str], Inspected | None]) -> dict[str, Any]:
    """Return the inspection `found`, with those of the containers whose network it uses."""
    lenders: list[dict[str, Any]] = []
    reference = lender_of(_mode(found))
    while reference and len(lenders) < LENDERS_MAX:
        lender = inspect(reference)
        lenders.append({"reference": reference, "found": lender})
        reference = lender_of(_mode(lender))
    return {**found, _KEY: lenders} if lenders else dict(found)


def lent_network(found: Inspected) -> LentNetwork | None:
    """Return the network that the container of the inspection borrows; None: it has its own."""
    reference = lender_of(_mode(found))
    if not reference:
        return None
    chain = list(found.get(_KEY) or [{"reference": reference, "found": None}])
    ids = tuple(_id(one["found"]) or one["reference"] for one in chain)
    name = _name(chain[0]["found"]) or reference[:_ID_SHOWN]
    problem, remedy = _problem(found, chain)
    return LentNetwork(ids, name, chain[-1]["found"], problem, remedy)


def does_not_run(lender: str, borrower: str) -> tuple[str, str]:
    """Return why the borrower has no network while the lender is down, and the remedy."""
    why = f"it uses the network of {lender}, which does not run"
    return why, f"start {lender}, then restart {borrower}"


def _problem(borrower: Inspected, chain: list[dict[str, Any]]) -> tuple[str, str]:
    for one in chain:
        lender = one["found"]
        if lender is None:
            why = (
                f"it uses the network of the container {one['reference'][:_ID_SHOWN]}, which does "
                "not exist any more"
            )
            fix = f"recreate {_name(borrower)}, e.g. with docker compose up --force-recreate"
            return why, fix
        name = _name(lender)
        if not _is_running(lender):
            return does_not_run(name, _name(borrower))
        if _is_running(borrower) and _started_at(lender) > _started_at(borrower):
            why = f"it has no network since {name}, whose network it uses, was started again"
            return why, f"restart {_name(borrower)}"
        borrower = lender
    if lender_of(_mode(borrower)):
        return f"more than {LENDERS_MAX} containers lend it their network", "use that of the last"
    return "", ""


def _started_at(found: Inspected) -> str:
    """Return when it was started, as a text that sorts by time; empty: unknown."""
    text = str(_map(found.get("State")).get("StartedAt") or "")
    # Docker writes up to nine digits of a second, without trailing zeros.
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:<09}" if seconds else ""


def _is_running(found: Inspected) -> bool:
    state = _map(found.get("State"))
    return bool(state.get("Running")) and not state.get("Restarting")


def _name(found: Inspected | None) -> str:
    return str((found or {}).get("Name", "")).lstrip("/")


def _id(found: Inspected | None) -> str:
    return str((found or {}).get("Id", ""))


def _mode(found: Inspected | None) -> str:
    return str(_map((found or {}).get("HostConfig")).get("NetworkMode", ""))


def _settings(found: Inspected | None) -> Mapping[str, Any]:
    return _map((found or {}).get("NetworkSettings"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
