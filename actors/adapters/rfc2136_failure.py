"""What follows from a name server's refusal, or from its silence, and what to do about it."""

from __future__ import annotations

from typing import Literal

import dns.exception
import dns.rcode
import dns.tsig

from messages.dns_calls import DnsCallFailed, DnsFailure

Doing = Literal["find", "list", "change"]
WHY_CHARACTERS_MAX = 512
_WORDS: dict[Doing, str] = {
    "find": "a query for the zone",
    "list": "a transfer of the zone",
    "change": "an update of the zone",
}
_ALLOW: dict[Doing, str] = {
    "find": "let it answer queries of this host (allow-query)",
    "list": "let the key of dns.rfc2136 transfer the zone (in BIND: allow-transfer { key NAME; })",
    "change": "let the key of dns.rfc2136 update the zone (in BIND: allow-update { key NAME; })",
}
# RFC 2136 §2.4: a prerequisite does not hold.
_CONFLICTS = (dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN, dns.rcode.NXRRSET, dns.rcode.YXRRSET)
_AUTHORITATIVE = "name the primary name server of the zone in dns.rfc2136.server; check dns.zones"
_FIXES = {
    dns.rcode.NOTAUTH: _AUTHORITATIVE,
    dns.rcode.NOTZONE: "check dns.zones: the name server has another zone for one of the names",
    dns.rcode.NOTIMP: "use a name server that takes dynamic updates and transfers",
    dns.rcode.FORMERR: "use a name server that takes dynamic updates and transfers",
}
_KEY = "make key_name, key_algorithm and key_secret in dns.rfc2136 the same as on the name server"
_PEER_ERRORS: dict[type[Exception], tuple[str, str]] = {
    dns.tsig.PeerBadKey: ("BADKEY", f"it has no such key: {_KEY}"),
    dns.tsig.PeerBadSignature: ("BADSIG", f"its key differs: {_KEY}"),
    dns.tsig.PeerBadTime: ("BADTIME", "set the clocks of this host and of the name server"),
    dns.tsig.PeerBadTruncation: ("BADTRUNC", "let it take signatures of full length"),
}


class RefusedError(Exception):
    """A call that is not made, or whose answer is not used."""

    def __init__(self, answer: DnsCallFailed) -> None:
        super().__init__(answer.why)
        self.answer = answer


class NotSentError(Exception):
    """There is no connection, so nothing was sent."""


def failed(failure: DnsFailure, why: str, fix: str = "", code: str = "") -> DnsCallFailed:
    """Return the answer to a call that failed; texts that are too long are cut."""
    why, fix = why[:WHY_CHARACTERS_MAX], fix[:WHY_CHARACTERS_MAX]
    return DnsCallFailed(failure=failure, why=why, fix=fix, code=code)


def refused(failure: DnsFailure, why: str, fix: str = "", code: str = "") -> RefusedError:
    """Return the error that ends a call with this answer."""
    return RefusedError(failed(failure, why, fix, code))


def failure_of_code(code: dns.rcode.Rcode, doing: Doing, zone: str) -> DnsCallFailed:
    """Return what follows from an answer with an error code."""
    name = dns.rcode.to_text(code)
    why = f"the name server answers {name} to {_WORDS[doing]} {zone}"
    if doing == "change" and code in _CONFLICTS:
        return failed("conflict", f"{why}: it is not as it was listed", code=name)
    if code == dns.rcode.SERVFAIL:
        return failed("transient", why, code=name)
    fix = _ALLOW[doing] if code == dns.rcode.REFUSED else _FIXES.get(code, _AUTHORITATIVE)
    return failed("permanent", why, fix, name)


def failure_of_error(error: Exception, doing: Doing, server: str) -> DnsCallFailed:
    """Return what follows from the error with which a call to `server` ended."""
    what = f"{_WORDS[doing]} at {server}"
    if isinstance(error, NotSentError):
        return failed("transient", f"no connection to {server}: {error}", code="connection")
    if known := _PEER_ERRORS.get(type(error)):
        return failed(
            "permanent", f"{server} refuses the signature: {known[0]}", known[1], known[0]
        )
    if isinstance(error, dns.exception.TooBig):
        fix = "shorten the texts of dns.records"
        return failed("permanent", f"{what} is over the 65,535 bytes of a message", fix, "TooBig")
    is_late = isinstance(error, (dns.exception.Timeout, TimeoutError))
    why = "no answer in time" if is_late else f"{type(error).__name__}: {error}"
    code = "timeout" if is_late else "connection" if _is_cut(error) else "answer"
    return failed("uncertain" if doing == "change" else "transient", f"{what}: {why}", code=code)


def _is_cut(error: Exception) -> bool:
    return isinstance(error, (OSError, EOFError))
