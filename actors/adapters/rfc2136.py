"""A name server that takes dynamic updates (RFC 2136), such as BIND.

Every call is one request over TCP, signed with TSIG (RFC 8945): a query for the SOA, a transfer
of the zone, or one update, which the server does as a whole or not at all.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.tsig
import dns.xfr
import dns.zone

from actors.adapters.rfc2136_failure import (
    Doing,
    NotSentError,
    RefusedError,
    failed,
    failure_of_code,
    failure_of_error,
    refused,
)
from actors.adapters.rfc2136_records import RecordFormError, name_in_dns
from actors.adapters.rfc2136_update import prepare
from actors.adapters.rfc2136_view import ZoneView, view_of
from messages.dns_calls import (
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsChanged,
    DnsRecordsList,
    DnsRecordsListed,
    DnsZone,
    DnsZoneFind,
    DnsZoneFound,
    Rfc2136Access,
)

# With which an exchange can end.
_ERRORS = (dns.exception.DNSException, NotSentError, OSError, EOFError)
TIMEOUT_S = 10.0
TRANSFER_TIMEOUT_S = 30.0  # as long as something comes every `TIMEOUT_S`
RECORDS_MAX = 20_000  # of a zone: every listing reads them all
ADDRESSES_MAX = 4  # of a server's name that are tried
T = TypeVar("T")


class Rfc2136Provider:
    """The zones of one name server.  It remembers what it listed, for prerequisites."""

    def __init__(self, access: Rfc2136Access) -> None:
        self._access = access
        self._views: dict[str, ZoneView] = {}

    async def call(self, call: DnsCall) -> DnsAnswer:
        """Make one request to the name server, and return what came of it."""
        try:
            match call:
                case DnsZoneFind():
                    return await self._find(call)
                case DnsRecordsList():
                    return await self._list(call)
                case DnsChange():
                    return await self._change(call)
        except RefusedError as error:
            return error.answer
        except RecordFormError as error:
            fix = "correct dns.records or dns.zones"
            return failed("permanent", str(error), fix, code="form")

    async def _find(self, call: DnsZoneFind) -> DnsAnswer:
        name = name_in_dns(call.name)
        query = dns.message.make_query(name, dns.rdatatype.SOA, flags=0)
        answer = await self._exchange(query, "find")
        found = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, dns.rdatatype.SOA)
        if found and answer.flags & dns.flags.AA:
            return DnsZoneFound(zone=DnsZone(id=call.name, name=call.name))
        code = answer.rcode()
        if code in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):  # It has another zone, or a copy.
            code = dns.rcode.NOTAUTH
        return failure_of_code(code, "find", call.name)

    async def _list(self, call: DnsRecordsList) -> DnsAnswer:
        zone = _BoundedZone(name_in_dns(call.zone.name), relativize=False)
        key = self._key()
        try:
            await self._at_an_address(lambda address: self._transfer(zone, address, key))
        except dns.xfr.TransferError as error:
            return failure_of_code(error.rcode, "list", call.zone.name)
        except _ERRORS as error:
            return self._failure(error, "list")
        view = self._views[call.zone.name] = view_of(zone, call.names, call.mark)
        return DnsRecordsListed(records=view.records())

    async def _transfer(self, zone: dns.zone.Zone, address: str, key: dns.tsig.Key) -> None:
        query, _ = dns.xfr.make_query(zone, serial=None, keyring=key, keyalgorithm=key.algorithm)
        port = self._access.port
        await dns.asyncquery.inbound_xfr(
            address, zone, query, port, timeout=TIMEOUT_S, lifetime=TRANSFER_TIMEOUT_S
        )

    async def _change(self, call: DnsChange) -> DnsAnswer:
        name = call.zone.name
        view = self._views.get(name) or ZoneView(name_in_dns(name))
        prepared = prepare(call, view)
        answer = await self._exchange(prepared.message, "change")
        if answer.rcode() != dns.rcode.NOERROR:
            return failure_of_code(answer.rcode(), "change", name)
        self._views[name] = prepared.after
        return DnsChanged(records=prepared.records)

    async def _exchange(self, message: dns.message.Message, doing: Doing) -> dns.message.Message:
        key = self._key()
        message.use_tsig(key, algorithm=key.algorithm)
        try:
            async with await self._at_an_address(self._connect) as connection:
                # It refuses answers without a signature.
                return await dns.asyncquery.tcp(message, "", TIMEOUT_S, sock=connection)
        except _ERRORS as error:
            raise RefusedError(self._failure(error, doing)) from None

    async def _connect(self, address: str) -> Any:  # dnspython does not export the type
        family, target = dns.inet.af_for_address(address), (address, self._access.port)
        backend: Any = dns.asyncbackend.get_default_backend()
        try:
            return await backend.make_socket(
                family, socket.SOCK_STREAM, destination=target, timeout=TIMEOUT_S
            )
        except (dns.exception.Timeout, OSError) as error:
            raise NotSentError(f"{address}: {error}") from None

    async def _at_an_address(self, attempt: Callable[[str], Awaitable[T]]) -> T:
        """Return what `attempt` returns for the first address of the server that it reaches."""
        addresses = await self._addresses()
        for address in addresses[:-1]:
            try:
                return await attempt(address)
            except (NotSentError, OSError):
                continue
        return await attempt(addresses[-1])

    async def _addresses(self) -> list[str]:
        server = self._access.server
        if dns.inet.is_address(server):
            return [server]
        loop = asyncio.get_running_loop()
        asked = loop.getaddrinfo(server, None, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.wait_for(asked, TIMEOUT_S)
        except (TimeoutError, OSError) as error:
            raise NotSentError(f"its address is not found: {error}") from None
        return list(dict.fromkeys(str(one[4][0]) for one in found))[:ADDRESSES_MAX]

    def _failure(self, error: Exception, doing: Doing) -> DnsCallFailed:
        return failure_of_error(error, doing, f"{self._access.server}:{self._access.port}")

    def _key(self) -> dns.tsig.Key:
        """Return the key with which requests are signed.  Its `repr` has the secret."""
        settings = self._access
        if not settings.server or not settings.key_name or not self._access.key_secret:
            raise refused(
                "permanent",
                "it is not known which name server takes updates, or with which key",
                "set dns.rfc2136.server, key_name, and key_secret or key_secret_file",
                code="settings",
            )
        try:
            secret = base64.b64decode(self._access.key_secret.strip(), validate=True)
        except (binascii.Error, ValueError):
            fix = "take it from the name server's configuration: in BIND, key NAME { secret ...; }"
            raise refused(
                "permanent", "dns.rfc2136.key_secret is no base64", fix, code="settings"
            ) from None
        return dns.tsig.Key(name_in_dns(settings.key_name), secret, settings.key_algorithm)


class _BoundedZone(dns.zone.Zone):
    """A zone of limited size."""

    def writer(self, replacement: bool = False) -> dns.zone.Transaction:  # noqa: FBT001, FBT002  # dnspython's signature
        """Return a transaction that ends when there are too many records."""
        transaction = super().writer(replacement)
        count = 0

        def check(*_: object) -> None:
            nonlocal count
            count += 1
            if count > RECORDS_MAX:
                raise refused(
                    "permanent",
                    f"the zone has over {RECORDS_MAX:,} records",
                    "give the cluster a zone of its own, such as home.example in place of example",
                    code="size",
                )

        transaction.check_put_rdataset(check)
        return transaction
