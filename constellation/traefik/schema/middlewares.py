"""Middlewares of HTTP, as labels may write them.

A file that one names (`usersFile`, `ca`) must be there for Traefik; that cannot be checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from constellation.traefik.schema import checks
from constellation.traefik.schema.addresses import http_address
from constellation.traefik.schema.kinds import (
    Anything,
    Duration,
    Fault,
    Field,
    Flag,
    Struct,
    StructCheck,
    Table,
    Text,
    Texts,
    Whole,
    fields,
)

_NOT_NEGATIVE = Whole(useful=(0, 2**63 - 1))
_SIZE = Whole(at_least=0)
_BODY_LIMIT = Whole(useful=(-1, 2**63 - 1), otherwise="there is no limit")
_CONNECTIONS = Whole(
    at_least=0, at_most=10_000
)  # Traefik reserves them: of 2**63, or -1, it panics
_STATUS = Whole(useful=(100, 599), otherwise="no response can have that status")
_HEADER_NAMES = Texts(checks.header_name)
_HEADERS = Table(Text(checks.header_value), checks.header_name)
_DEFAULT_DURATION = Duration("positive")
_REGEXP = Text(checks.regexp)

_IP_STRATEGY = Struct(
    (
        Field("depth", _NOT_NEGATIVE),
        Field("excludedIPs", Texts(checks.network)),
        Field("ipv6Subnet", Whole(at_least=1, at_most=128), since="3.2"),
    )
)

_SOURCE_CRITERION = Struct(
    (
        Field("ipStrategy", _IP_STRATEGY),
        Field("requestHeaderName", Text(checks.header_name)),
        Field("requestHost", Flag()),
    ),
    check=checks.at_most_one_of("ipStrategy", "requestHeaderName", "requestHost"),
)

_TLS_FIELDS = (*fields(Text(), "ca", "cert", "key"), Field("insecureSkipVerify", Flag()))
_CLIENT_TLS = Struct((*_TLS_FIELDS, Field("caOptional", Flag())))

_RATE_LIMIT = Struct(
    (
        Field("average", _NOT_NEGATIVE),
        Field("period", Duration(otherwise="")),
        Field("burst", _NOT_NEGATIVE),
        Field("sourceCriterion", _SOURCE_CRITERION),
        Field(
            "redis",
            Struct(
                (
                    Field("endpoints", Texts(checks.not_empty)),
                    Field("tls", Struct(_TLS_FIELDS)),
                    *fields(Text(), "username", "password"),
                    Field("db", Whole()),
                    *fields(_CONNECTIONS, "poolSize", "minIdleConns", "maxActiveConns"),
                    *fields(Duration(), "readTimeout", "writeTimeout", "dialTimeout"),
                )
            ),
            since="3.4",
        ),
    )
)

_HEADERS_MIDDLEWARE = Struct(
    (
        *fields(_HEADERS, "customRequestHeaders", "customResponseHeaders", "sslProxyHeaders"),
        *fields(
            Flag(),
            "accessControlAllowCredentials",
            "addVaryHeader",
            "stsIncludeSubdomains",
            "stsPreload",
            "forceSTSHeader",
            "frameDeny",
            "contentTypeNosniff",
            "browserXssFilter",
            "isDevelopment",
            "sslRedirect",
            "sslTemporaryRedirect",
            "sslForceHost",
        ),
        *fields(
            Texts(checks.not_empty),
            "accessControlAllowHeaders",
            "accessControlAllowMethods",
            "accessControlAllowOriginList",
            "accessControlExposeHeaders",
            "allowedHosts",
            "hostsProxyHeaders",
        ),
        Field("accessControlAllowOriginListRegex", Texts(checks.regexp)),
        Field("accessControlMaxAge", _NOT_NEGATIVE),
        Field("stsSeconds", _NOT_NEGATIVE),
        *fields(
            Text(checks.header_value),
            "customFrameOptionsValue",
            "customBrowserXSSValue",
            "contentSecurityPolicy",
            "publicKey",
            "referrerPolicy",
            "permissionsPolicy",
            "featurePolicy",
            "sslHost",
        ),
        Field("contentSecurityPolicyReportOnly", Text(checks.header_value), since="3.1"),
    ),
    check=checks.says_something,
)


def _forward_auth_check(values: Mapping[str, Any]) -> Fault | None:
    if values.get("address"):
        return None
    return checks.warning("it has no address, so every request fails", "add address")


_FORWARD_AUTH = Struct(
    (
        Field("address", Text(http_address)),
        Field("tls", _CLIENT_TLS),
        Field("trustForwardHeader", Flag()),
        Field("authResponseHeaders", _HEADER_NAMES),
        Field("authResponseHeadersRegex", _REGEXP),
        Field("authRequestHeaders", _HEADER_NAMES),
        Field("maxResponseBodySize", _BODY_LIMIT, since="3.7"),
        Field("addAuthCookiesToResponse", Texts(checks.not_empty)),
        Field("headerField", Text(checks.header_name), since="3.2"),
        Field("forwardBody", Flag(), since="3.3"),
        Field("maxBodySize", _BODY_LIMIT, since="3.3"),
        Field("preserveLocationHeader", Flag(), since="3.3"),
        Field("preserveRequestMethod", Flag(), since="3.4"),
        Field("authSigninURL", Text(), since="3.7"),
    ),
    check=_forward_auth_check,
)


def _compress_check(values: Mapping[str, Any]) -> Fault | None:
    default, encodings = values.get("defaultEncoding"), values.get("encodings") or _ENCODINGS
    if default and default not in encodings:
        reason = f"the default encoding {default} is not among the encodings"
        return Fault(reason, "add it to the encodings")
    return checks.at_most_one_of("excludedContentTypes", "includedContentTypes")(values)


_ENCODINGS = ("gzip", "br", "zstd")

_COMPRESS = Struct(
    (
        *fields(Texts(checks.media_type), "excludedContentTypes", "includedContentTypes"),
        Field("minResponseBodyBytes", _NOT_NEGATIVE),
        Field("encodings", Texts(checks.one_of(*_ENCODINGS)), since="3.2"),
        Field("defaultEncoding", Text(checks.one_of(*_ENCODINGS)), since="3.1"),
    ),
    check=_compress_check,
)


def _errors_check(values: Mapping[str, Any]) -> Fault | None:
    if values.get("status"):
        return None
    return checks.warning("it has no status, so it never replaces a response", "add status")


_ERRORS = Struct(
    (
        Field("status", Texts(checks.status_range)),
        Field(
            "statusRewrites",
            Table(_STATUS, checks.status_range),
            since="3.4",
        ),
        Field("service", Text(), required=True),
        Field("query", Text()),
        Field("errorRequestHeaders", _HEADER_NAMES, since="3.7"),
    ),
    check=_errors_check,
)

_NAME_PARTS = ("country", "province", "locality", "organization", "commonName", "serialNumber")

_PASS_TLS_CLIENT_CERT = Struct(
    (
        Field("pem", Flag()),
        Field(
            "info",
            Struct(
                (
                    *fields(Flag(), "notAfter", "notBefore", "sans", "serialNumber"),
                    Field(
                        "subject",
                        Struct(
                            fields(Flag(), *_NAME_PARTS, "domainComponent", "organizationalUnit")
                        ),
                    ),
                    Field("issuer", Struct(fields(Flag(), *_NAME_PARTS, "domainComponent"))),
                )
            ),
        ),
    )
)


def _retry_check(values: Mapping[str, Any]) -> Fault | None:
    if values.get("disableRetryOnNetworkError") and not values.get("status"):
        reason = "it retries neither on network errors nor on a status"
        return Fault(reason, "add status")
    return None


_RETRY = Struct(
    (
        Field("attempts", Whole(at_least=1), required=True),
        Field("initialInterval", Duration(otherwise="it retries at once")),
        Field("timeout", Duration(otherwise="there is no timeout"), since="3.7"),
        Field("maxRequestBodyBytes", _BODY_LIMIT, since="3.7"),
        Field("status", Texts(checks.status_range), since="3.7"),
        *fields(Flag(), "disableRetryOnNetworkError", "retryNonIdempotentMethod", since="3.7"),
    ),
    check=_retry_check,
)

_CIRCUIT_BREAKER = Struct(
    (
        Field("expression", Text(checks.breaker_expression), required=True),
        *fields(_DEFAULT_DURATION, "checkPeriod", "fallbackDuration", "recoveryDuration"),
        Field("responseCode", _STATUS),
    )
)


def _auth(user: Texts, check: StructCheck) -> Struct:
    return Struct(
        (
            Field("users", user),
            *fields(Text(), "usersFile", "realm"),
            Field("removeHeader", Flag()),
            Field("headerField", Text(checks.header_name)),
        ),
        check=check,
    )


def _digest_check(values: Mapping[str, Any]) -> Fault | None:
    if values.get("users") or values.get("usersFile"):
        return None
    return checks.warning("it has no users, so nobody can log in", "add users")


def _in_flight_check(values: Mapping[str, Any]) -> Fault | None:
    if "amount" in values:
        return None
    return checks.warning("it has no amount, so every request is answered 429", "add amount")


_AMOUNT = Whole(useful=(1, 2**63 - 1), otherwise="every request is answered 429")
_redirect_scheme = checks.best_one_of("no browser follows it", "https", "http", "wss", "ws")

_NETWORKS = Field("sourceRange", Texts(checks.network, at_least=1), required=True)
_STRATEGY = Field("ipStrategy", _IP_STRATEGY, may_be_empty=True)
_REPLACE = (Field("regex", _REGEXP), Field("replacement", Text(checks.replacement)))

MIDDLEWARE = Struct(
    (
        Field("addPrefix", Struct((Field("prefix", Text(), required=True),))),
        Field(
            "stripPrefix",
            Struct((Field("prefixes", Texts(checks.not_empty)), Field("forceSlash", Flag()))),
        ),
        Field("stripPrefixRegex", Struct((Field("regex", Texts(checks.regexp)),))),
        Field("replacePath", Struct((Field("path", Text()),))),
        Field("replacePathRegex", Struct(_REPLACE)),
        Field(
            "chain",
            Struct((Field("middlewares", Texts(checks.named)),)),
        ),
        Field("ipWhiteList", Struct((_NETWORKS, _STRATEGY))),
        Field(
            "ipAllowList",
            Struct(
                (
                    _NETWORKS,
                    _STRATEGY,
                    Field("rejectStatusCode", Whole(check=checks.known_status)),
                )
            ),
        ),
        Field("headers", _HEADERS_MIDDLEWARE),
        Field("errors", _ERRORS),
        Field("rateLimit", _RATE_LIMIT),
        Field("redirectRegex", Struct((*_REPLACE, Field("permanent", Flag())))),
        Field(
            "redirectScheme",
            Struct(
                (
                    Field("scheme", Text(_redirect_scheme), required=True),
                    Field("port", Text(checks.redirect_port)),
                    Field("permanent", Flag()),
                )
            ),
        ),
        Field("basicAuth", _auth(Texts(checks.basic_user), checks.some_of("users", "usersFile"))),
        Field("digestAuth", _auth(Texts(checks.digest_user), _digest_check)),
        Field("forwardAuth", _FORWARD_AUTH),
        Field(
            "inFlightReq",
            Struct(
                (
                    Field("amount", _AMOUNT),
                    Field("sourceCriterion", _SOURCE_CRITERION),
                ),
                check=_in_flight_check,
            ),
        ),
        Field(
            "buffering",
            Struct(
                (
                    *fields(
                        _SIZE,
                        "maxRequestBodyBytes",
                        "maxResponseBodyBytes",
                        "memRequestBodyBytes",
                        "memResponseBodyBytes",
                    ),
                    Field("retryExpression", Text(checks.buffering_expression)),
                )
            ),
        ),
        Field("circuitBreaker", _CIRCUIT_BREAKER),
        Field("compress", _COMPRESS, may_be_empty=True),
        Field("passTLSClientCert", _PASS_TLS_CLIENT_CERT),
        Field("retry", _RETRY),
        Field("contentType", Struct((Field("autoDetect", Flag()),)), may_be_empty=True),
        Field("grpcWeb", Struct((Field("allowOrigins", Texts(checks.not_empty)),))),
        Field(
            "encodedCharacters",
            Struct(
                fields(
                    Flag(),
                    "allowEncodedSlash",
                    "allowEncodedBackSlash",
                    "allowEncodedNullCharacter",
                    "allowEncodedSemicolon",
                    "allowEncodedPercent",
                    "allowEncodedQuestionMark",
                    "allowEncodedHash",
                )
            ),
            since="3.7",
        ),
        Field("plugin", Anything()),
    ),
    check=checks.one_type,
)
