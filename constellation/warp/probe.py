"""One probe of one gateway: commands that are run in its container, one at a time.

    probe = Probe("warp-nat-gateway", urls, own, client=0, now_s=now_s)
    while command := probe.next_command(now_s):
        probe.ran(...)
    probe.state

- The line `warp` of Cloudflare's trace page decides, asked for through the gateway.
- As a second, independent sign the page must not see the host's own address: that is a leak.
- If no trace page answers, services that answer with an address are asked.  Then the address alone
  decides: another one than the host's own.
- A page without the line is a page of somebody else, or has changed: the gateway is unhealthy.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from constellation.value import Value
from constellation.warp.commands import (
    CLIENTS,
    STATUS_OF_WARP,
    Ran,
    client_command,
    found_down,
    lacks_client,
    status_of_warp,
    why_no_answer,
)
from constellation.warp.page import THROUGH_WARP, Page, plain_address, read_page, shown
from constellation.warp.ranges import range_note
from messages.warp import WarpState, WarpStep

PROBE_S = 30.0  # after that no further page is asked for
REASON_CHARACTERS_MAX = 480
_TOLD_BY_WARP: frozenset[WarpStep] = frozenset({"egress", "page", "warp", "leak", "address"})


class ProbePolicy(Value):
    """What is asked, and how long."""

    trace_urls: tuple[str, ...]
    address_urls: tuple[str, ...]
    timeout_s: int
    ranges: tuple[str, ...] = ()


class Probe:
    """The steps of one probe.  `own` are the addresses from which the host itself comes.

    `client` is the position in `CLIENTS` of the program that worked before.
    """

    def __init__(
        self, gateway: str, policy: ProbePolicy, own: frozenset[str], *, client: int, now_s: float
    ) -> None:
        self._gateway = gateway
        self._policy = policy
        self._own = own
        self._ends_s = now_s + PROBE_S
        self._urls = [*policy.trace_urls, *policy.address_urls]
        self._untried = sorted(range(len(CLIENTS)), key=lambda one: one != client)
        self._failures: list[str] = []
        self._strange: list[str] = []  # pages without the line
        self._asks_warp = False
        self.state: WarpState | None = None  # the verdict, at the end

    @property
    def client(self) -> int:
        """The client that works, as far as is known."""
        return self._untried[0] if self._untried else 0

    def next_command(self, now_s: float) -> tuple[str, ...] | None:
        """Return the command to run now; None: there is a verdict."""
        if self._asks_warp:
            return STATUS_OF_WARP
        if self.state is not None:
            return None
        if now_s >= self._ends_s:
            self._failures.append("no time for more")
            self._urls.clear()
        if not self._urls or (self._strange and not self._is_trace):
            self._none_decides()
            return self.next_command(now_s)
        return client_command(self.client, self._urls[0], self._policy.timeout_s)

    def ran(self, ran: Ran) -> None:
        """Take the result of the last command."""
        if self._asks_warp:
            self._warp_told(status_of_warp(ran))
        elif lacks_client(ran):
            del self._untried[0]
            if not self._untried:
                self._ill("client", "it has neither curl nor wget that could ask for a page")
        elif found_down(ran):
            self._ill("container", f"its container does not run: {ran.refused}")
        elif ran.refused:
            self._ill("exec", f"Docker runs no command in it: {ran.refused}")
        else:
            self._answered(ran)

    @property
    def _is_trace(self) -> bool:
        return len(self._urls) > len(self._policy.address_urls)

    def _answered(self, ran: Ran) -> None:
        is_trace, url = self._is_trace, self._urls.pop(0)
        if ran.code != 0:
            self._failures.append(f"{_host(url)}: {why_no_answer(ran)}")
        elif is_trace:
            self._judge_page(url, read_page(ran.output))
        elif address := plain_address(ran.output):
            self._judge_address(url, address)
        else:
            self._failures.append(f"{_host(url)}: no address, but {shown(ran.output)!r}")

    def _judge_page(self, url: str, page: Page) -> None:
        seen = f"it comes from {page.address}" if page.address else "it does not say where from"
        if not page.warp:
            self._strange.append(f"the page of {_host(url)} has no line warp=: {page.shown!r}")
        elif page.warp not in THROUGH_WARP:
            whose = ", the host's own address" if page.address in self._own else ""
            self._ill("warp", f"{_host(url)} says warp={shown(page.warp, 20)}, {seen}{whose}")
        elif page.address in self._own:
            self._leaks(url, page.address)
        else:
            note = range_note(page.address, self._policy.ranges) if page.address else seen
            self._well(page.address, note)

    def _judge_address(self, url: str, address: str) -> None:
        version = ipaddress.ip_address(address).version
        known = [one for one in self._own if ipaddress.ip_address(one).version == version]
        if address in known:
            self._leaks(url, address)
        elif known:
            self._well(address, "no trace page answers: judged by its address alone")
        else:
            why = f"the host's own IPv{version} address is not known, so {address} may be it"
            self._ill("address", f"no trace page answers, and {why}")

    def _leaks(self, url: str, address: str) -> None:
        self._ill("leak", f"{_host(url)} sees {address}, the host's own address")

    def _none_decides(self) -> None:
        if self._strange:
            self._ill("page", "; ".join(self._strange))
        else:
            self._ill("egress", f"nothing answers through it ({'; '.join(self._failures)})")

    def _well(self, address: str, note: str) -> None:
        self.state = WarpState(
            gateway=self._gateway, health="healthy", egress_ip=address, note=note[:256]
        )

    def _ill(self, step: WarpStep, reason: str) -> None:
        self.state = unhealthy(self._gateway, step, reason)
        self._asks_warp = step in _TOLD_BY_WARP

    def _warp_told(self, status: str) -> None:
        """Add what WARP itself says: often that its registration failed."""
        self._asks_warp = False
        if status and self.state is not None:
            said = f"; warp-cli: {status}"
            reason = self.state.reason[: REASON_CHARACTERS_MAX - len(said)] + said
            self.state = self.state.model_copy(update={"reason": reason})


def unhealthy(gateway: str, step: WarpStep, reason: str) -> WarpState:
    """Return the state of a gateway that failed at `step`.

    It has no `egress_ip`, which may be the host's own address.
    """
    return WarpState(
        gateway=gateway, health="unhealthy", reason=shown(reason, REASON_CHARACTERS_MAX), step=step
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc
