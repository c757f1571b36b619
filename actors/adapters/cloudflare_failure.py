"""What Cloudflare's errors mean: whether to wait, to list again, or to tell a person what to do.

Errors have a number in their body (https://developers.cloudflare.com/api/).  The HTTP status alone
says little: a record that exists already and a comment that is too long are both 400.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from messages.dns_calls import (
    DnsBudgetSeen,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsFailure,
    DnsZoneFind,
)

WHY_CHARACTERS_MAX = 400
ERRORS_SHOWN_MAX = 3
CODES_MAX = 16
# Over the limit everything is refused for five minutes.  Cloudflare says how long; if not, that.
BLOCK_S = 300.0

# The records are not those that were listed: another writer or a person was faster.
CONFLICTS = frozenset({81044, 81053, 81054, 81055, 81056, 81057, 81058})
BAD_CREDENTIALS = frozenset({1000, 6003, 6103, 6111, 9103, 9106, 9107, 9109})
NO_RIGHTS = frozenset({10000, 10001})
NO_ZONE = frozenset({1001, 1049, 7000, 7003})
RECORD_LIMIT = frozenset({81045})
COMMENT_TOO_LONG = frozenset({9313})
TOO_MANY_REQUESTS = frozenset({971})

_FIXES = {
    BAD_CREDENTIALS: "create an API token with Zone.Zone.Read and Zone.DNS.Edit of the zone, and "
    "set it as dns.cloudflare.api_token, or write it to dns.cloudflare.api_token_file",
    NO_RIGHTS: "give the API token Zone.Zone.Read and Zone.DNS.Edit, and include the zone in its "
    "zone resources",
    NO_ZONE: "correct the zone's name and id in dns.zones; `id` is on the zone's overview page at "
    "Cloudflare, and may be left out",
    RECORD_LIMIT: "delete records that nobody needs from the zone, or choose a plan with more",
    COMMENT_TOO_LONG: "set a shorter dns.owner",
}
_FIX_OF_OTHERS = "correct the settings under dns that this record comes from"


def refusal(
    call: DnsCall,
    status: int,
    body: object,
    headers: Mapping[str, str],
) -> DnsCallFailed:
    """Return what follows from an answer that is no success.

    Args:
        call: what was asked.
        status: the HTTP status; also 200, if the body says that it failed.
        body: the decoded body; anything else than a mapping did not come from the API itself.
        headers: of the answer; names in lower case.
    """
    errors = [*_errors_in(body)]
    codes = [code for code, _ in errors]
    why = f"Cloudflare {_does_not(call)}: {_said(errors) or _status_said(status, body)}"
    failure = _kind(call, status, codes)
    retry_after_s = _retry_after_s(headers)
    if failure == "limited" and retry_after_s is None:
        retry_after_s = BLOCK_S
    return DnsCallFailed(
        failure=failure,
        why=why[:WHY_CHARACTERS_MAX],
        fix=_fix(status, codes) if failure == "permanent" else "",
        code=str(codes[0] if codes else status),
        retry_after_s=retry_after_s,
        budget=budget_in(headers),
    )


def _kind(call: DnsCall, status: int, codes: Sequence[int]) -> DnsFailure:
    if status == 429 or TOO_MANY_REQUESTS & {*codes}:
        return "limited"
    if status >= 500 or status == 408:
        # A gateway that answers for the API does not know whether a change was made.
        return unanswered(call)
    if CONFLICTS & {*codes} or status == 409:
        return "conflict"
    if codes or 300 <= status < 400:
        return "permanent"
    # Not the API's own words.  A status of success, yet no success: anything may have been done.
    return unanswered(call) if status < 300 else "transient"


def unanswered(call: DnsCall) -> DnsFailure:
    """Return the kind of failure of a call that was sent, and whose outcome is not known."""
    return "uncertain" if isinstance(call, DnsChange) else "transient"


def budget_in(headers: Mapping[str, str]) -> DnsBudgetSeen | None:
    """Return what the header `Ratelimit` says, such as `"default";r=50;t=30`; None: nothing.

    Of several limits it is the one that is used up first.
    """
    found = []
    for item in headers.get("ratelimit", "")[:1024].split(","):
        remaining = re.search(r";\s*r=(\d{1,9})\b", item)
        reset_s = re.search(r";\s*t=(\d{1,9})\b", item)
        if remaining and reset_s:
            found.append((int(remaining[1]), float(reset_s[1])))
    if not found:
        return None
    least, reset_after_s = min(found)
    return DnsBudgetSeen(remaining=least, reset_s=reset_after_s)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _errors_in(body: object) -> Iterator[tuple[int, str]]:
    """Yield number and text of each error, and of those that it is made of."""
    given = body.get("errors") if isinstance(body, dict) else None
    waiting = [*given] if isinstance(given, list) else []
    for _ in range(CODES_MAX):
        if not waiting:
            return
        error = waiting.pop(0)
        if isinstance(error, dict) and isinstance(error.get("code"), int):
            yield error["code"], _on_one_line(str(error.get("message", "")))
            chain = error.get("error_chain")
            waiting[:0] = chain if isinstance(chain, list) else []


def _said(errors: Sequence[tuple[int, str]]) -> str:
    return "; ".join(f"{text} ({code})" for code, text in errors[:ERRORS_SHOWN_MAX])


def _status_said(status: int, body: object) -> str:
    if status == 200:
        return "it says that it failed, and not why"
    return f"HTTP status {status}" if isinstance(body, dict) else f"HTTP status {status}, no JSON"


def _does_not(call: DnsCall) -> str:
    match call:
        case DnsZoneFind():
            return f"does not find the zone {call.name}"
        case DnsChange():
            return f"does not change records of {call.zone.name}"
        case _:
            return f"does not list records of {call.zone.name}"


def _fix(status: int, codes: Sequence[int]) -> str:
    if 300 <= status < 400:
        return "correct dns.cloudflare.base_url: redirects are not followed"
    return next((fix for known, fix in _FIXES.items() if known & {*codes}), _FIX_OF_OTHERS)


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:200]
