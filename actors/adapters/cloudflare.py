"""Keeps zones at Cloudflare, by its official SDK.

One call is one HTTP request.  The SDK's retries are off: it would send a batch again after a
time-out, and wait only for a `Retry-After` of up to a minute.  Lists are not iterated: the SDK asks
for one page more than there are.  Redirects are not followed: they would be further requests.

Nothing in the environment has an effect.  The SDK would take its address, its headers and another
account from there (CLOUDFLARE_BASE_URL, CLOUDFLARE_CUSTOM_HEADERS, CLOUDFLARE_EMAIL), and httpx its
proxy and certificates (HTTPS_PROXY, SSL_CERT_FILE): whoever sets these for another program would
send the token elsewhere.  So there is no proxy: a node that reaches the Internet only through one
must not hold `dns-writer` (`dns.writer = false`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

import httpx
from cloudflare import (
    APIConnectionError,
    APIStatusError,
    AsyncCloudflare,
    CloudflareError,
    DefaultAsyncHttpxClient,
    omit,
)

from actors.adapters.cloudflare_failure import budget_in, refusal, unanswered
from constellation.dns.contents import listed_content
from constellation.dns.names import is_below
from messages.dns_calls import (
    CloudflareAccess,
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsChanged,
    DnsCreate,
    DnsFailure,
    DnsRecord,
    DnsRecordsList,
    DnsRecordsListed,
    DnsUpdate,
    DnsZone,
    DnsZoneFind,
    DnsZoneFound,
)

TIMEOUT_S = 10.0  # of a whole request
PER_PAGE = 1000
# Whatever of httpx says that no byte of the request was sent.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
TEXT_CHARACTERS_MAX = 255  # of one string in a TXT record, RFC 1035 §3.3


class CloudflareProvider:
    """The zones of one account.  Close it."""

    def __init__(self, access: CloudflareAccess) -> None:
        self._secrets = tuple(filter(None, (access.api_token, access.api_key)))
        self._http = DefaultAsyncHttpxClient(
            timeout=httpx.Timeout(TIMEOUT_S), follow_redirects=False, trust_env=False
        )
        with _without_environment():
            self._client = AsyncCloudflare(
                api_token=access.api_token or None,
                api_key=access.api_key or None,
                api_email=access.api_email or None,
                base_url=access.base_url,
                http_client=self._http,
                timeout=TIMEOUT_S,
                max_retries=0,
            )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def call(self, call: DnsCall) -> DnsAnswer:
        """Send one request, or none, and return what it was answered; failures are answers."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._request(call)
        except APIStatusError as error:
            answer = refusal(call, error.status_code, error.body, _headers(error.response))
        except APIConnectionError as error:
            answer = _not_reached(call, error.__cause__)
        except TimeoutError as error:
            answer = _not_reached(call, error)
        except (CloudflareError, ValueError, TypeError, AttributeError) as error:
            # The SDK does not check answers: what has another form is found out where it is used.
            why = f"Cloudflare's answer has an unexpected form: {type(error).__name__}"
            answer = DnsCallFailed(failure=unanswered(call), why=why)
        return self._without_secrets(answer)

    async def _request(self, call: DnsCall) -> DnsAnswer:
        match call:
            case DnsZoneFind():
                return await self._find(call)
            case DnsRecordsList():
                return await self._list(call)
            case DnsChange():
                return await self._change(call)

    async def _find(self, call: DnsZoneFind) -> DnsAnswer:
        raw = await self._client.zones.with_raw_response.list(name=call.name)
        if (failed := _failed(call, raw.http_response)) is not None:
            return failed
        page = await raw.parse()
        budget = budget_in(_headers(raw.http_response))
        found = next((zone for zone in page.result if zone.name.lower() == call.name), None)
        if found is None:
            return DnsCallFailed(
                failure="permanent",
                why=f"Cloudflare has no zone {call.name} that these credentials may read",
                fix="add the zone at Cloudflare, correct dns.zones, or include the zone in the "
                "zone resources of the API token, with Zone.Zone.Read",
                code="no zone",
                budget=budget,
            )
        return DnsZoneFound(zone=DnsZone(id=found.id, name=call.name), budget=budget)

    async def _list(self, call: DnsRecordsList) -> DnsAnswer:
        names = [name for name in call.names if not name.startswith("*")]
        query, page_no = _position(call.cursor)
        raw = await self._client.dns.records.with_raw_response.list(
            zone_id=call.zone.id,
            match="any",
            page=page_no,
            per_page=PER_PAGE,
            **_filters(call, names, query),
        )
        if (failed := _failed(call, raw.http_response)) is not None:
            return failed
        page = await raw.parse()
        records = tuple(_record(one) for one in page.result)
        info = raw.http_response.json().get("result_info") or {}
        if page_no < info.get("total_pages", page_no):
            cursor = f"{query}:{page_no + 1}"
        else:
            cursor = f"{query + 1}:1" if query + 1 < len(names) else ""
        return DnsRecordsListed(
            records=records, cursor=cursor, budget=budget_in(_headers(raw.http_response))
        )

    async def _change(self, call: DnsChange) -> DnsAnswer:
        outside = [one.name for one in call.creates if not is_below(one.name, call.zone.name)]
        if outside:  # Cloudflare would create <name>.<zone>
            return DnsCallFailed(
                failure="permanent",
                why=f"{outside[0]} is not in the zone {call.zone.name}",
                fix="add its zone to dns.zones, or remove the record",
                code="not in zone",
            )
        if not (call.deletes or call.updates or call.creates):
            return DnsChanged()
        deletes: Any = [{"id": one.before.id} for one in call.deletes]
        patches: Any = [_patch(one) for one in call.updates]
        posts: Any = [_post(one) for one in call.creates]
        raw = await self._client.dns.records.with_raw_response.batch(
            zone_id=call.zone.id,
            deletes=deletes or omit,
            patches=patches or omit,
            posts=posts or omit,
        )
        if (failed := _failed(call, raw.http_response)) is not None:
            return failed
        done = await raw.parse()
        if done is None:  # a success without a result
            return DnsCallFailed(
                failure="uncertain", why="Cloudflare does not say which records it has changed"
            )
        return DnsChanged(
            records=tuple(_record(one) for one in (*(done.patches or ()), *(done.posts or ()))),
            budget=budget_in(_headers(raw.http_response)),
        )

    def _without_secrets(self, answer: DnsAnswer) -> DnsAnswer:
        """Return the answer with no secret in its text, whatever the other side has said."""
        if not isinstance(answer, DnsCallFailed):
            return answer
        why = answer.why
        for secret in self._secrets:
            why = why.replace(secret, "...")
        return answer.model_copy(update={"why": why})


@contextlib.contextmanager
def _without_environment() -> Iterator[None]:
    """Hide what the SDK reads from the environment while it is set up."""
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("CLOUDFLARE")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _failed(call: DnsCall, response: httpx.Response) -> DnsCallFailed | None:
    """Return why a request with a good HTTP status has failed; None: it has not.

    The SDK does not look at `success`.
    """
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("success") is True:
        return None
    return refusal(call, response.status_code, body, _headers(response))


def _not_reached(call: DnsCall, cause: BaseException | None) -> DnsCallFailed:
    is_late = isinstance(cause, (TimeoutError, httpx.TimeoutException))
    failure: DnsFailure = "transient" if isinstance(cause, NOT_SENT) else unanswered(call)
    if is_late:
        why = f"Cloudflare did not answer within {TIMEOUT_S:g} s"
    elif isinstance(cause, httpx.LocalProtocolError):  # its text may have the header
        why = "the request to Cloudflare is not HTTP: is the token one line?"
    else:
        said = " ".join(str(cause).split()) if cause is not None else ""
        why = f"the connection to Cloudflare failed: {said or type(cause).__name__}"[:400]
    code = "timeout" if is_late else "connection"
    return DnsCallFailed(failure=failure, why=why, code=code)


def _position(cursor: str) -> tuple[int, int]:
    """Return the number of the query and of its page."""
    if not cursor:
        return 0, 1
    query, page_no = cursor.split(":")
    return int(query), int(page_no)


def _filters(call: DnsRecordsList, names: list[str], query: int) -> dict[str, Any]:
    """Return the filters of a query: the first asks for all at once but the further exact names."""
    name: dict[str, str] = {"exact": names[query]} if names else {}
    if query:
        return {"name": name}
    if len(names) < len(call.names):
        name["startswith"] = "*."
    filters: dict[str, Any] = {"comment": {"startswith": call.mark}}
    return filters | ({"name": name} if name else {})


def _record(given: Any) -> DnsRecord:
    content = given.content or ""
    return DnsRecord(
        id=given.id,
        name=_plain_name(given.name),
        type=given.type,
        content=listed_content(given.type, content),
        ttl_s=int(given.ttl),
        proxied=given.proxied,
        comment=given.comment or "",
        tags=tuple(given.tags or ()),
    )


def _plain_name(name: str) -> str:
    return name.lower().removesuffix(".")


def _content_written(kind: str, content: str) -> str:
    if kind != "TXT":
        return content
    parts = [
        content[at : at + TEXT_CHARACTERS_MAX]
        for at in range(0, max(1, len(content)), TEXT_CHARACTERS_MAX)
    ]
    return " ".join('"' + re.sub(r'(["\\])', r"\\\1", part) + '"' for part in parts)


def _post(create: DnsCreate) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": create.name,
        "type": create.type,
        "content": _content_written(create.type, create.content),
        "ttl": create.ttl_s,
        "comment": create.comment,
    }
    return made if create.proxied is None else made | {"proxied": create.proxied}


def _patch(update: DnsUpdate) -> dict[str, Any]:
    before = update.before
    ttl_s = before.ttl_s if update.ttl_s is None else update.ttl_s
    # The API requires name, type and TTL, also if they stay.
    made: dict[str, Any] = {"id": before.id, "name": before.name, "type": before.type, "ttl": ttl_s}
    if update.content is not None:
        made["content"] = _content_written(before.type, update.content)
    if update.proxied is not None:
        made["proxied"] = update.proxied
    if update.comment is not None:
        made["comment"] = update.comment
    return made
