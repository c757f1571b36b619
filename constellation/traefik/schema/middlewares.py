"""Middlewares of HTTP, as labels may write them.

A file that one names (`usersFile`, `ca`) must be there for Traefik; that cannot be checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from constellation.traefik.schema import checks
from constellation.traefik.schema.kinds import (
    Anything,
    Duration,
    Field,
    Flag,
    Struct,
    Table,
    Text,
    Texts,
    Whole,
    fields,
)

_NOT_NEGATIVE = Whole(at_least=0)
_CONNECTIONS = Whole(at_least=0, at_most=10_000)  # Traefik reserves them: of 2**63 it panics
_HEADER_NAMES = Texts(checks.header_name)
_HEADERS = Table(Text(checks.header_value), checks.header_name)
_TEXT = Text(checks.not_empty)
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
        Field("period", Duration()),
        Field("burst", _NOT_NEGATIVE),
        Field("sourceCriterion", _SOURCE_CRITERION),
        Field(
            "redis",
            Struct(
                (
                    Field("endpoints", Texts(checks.not_empty)),
                    Field("tls", Struct(_TLS_FIELDS)),
                    *fields(Text(), "username", "password"),
                    *fields(_CONNECTIONS, "db", "poolSize", "minIdleConns", "maxActiveConns"),
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

_FORWARD_AUTH = Struct(
    (
        Field("address", Text(checks.http_url), required=True),
        Field("tls", _CLIENT_TLS),
        Field("trustForwardHeader", Flag()),
        Field("authResponseHeaders", _HEADER_NAMES),
        Field("authResponseHeadersRegex", _REGEXP),
        Field("authRequestHeaders", _HEADER_NAMES),
        Field("maxResponseBodySize", Whole(at_least=-1), since="3.7"),
        Field("addAuthCookiesToResponse", Texts(checks.not_empty)),
        Field("headerField", Text(checks.header_name), since="3.2"),
        Field("forwardBody", Flag(), since="3.3"),
        Field("maxBodySize", Whole(at_least=-1), since="3.3"),
        Field("preserveLocationHeader", Flag(), since="3.3"),
        Field("preserveRequestMethod", Flag(), since="3.4"),
        Field("authSigninURL", Text(), since="3.7"),
    )
)


def _compress_check(values: Mapping[str, Any]) -> str:
    default, encodings = values.get("defaultEncoding"), values.get("encodings", _ENCODINGS)
    if default and default not in encodings:
        return f"the default encoding {default} is not among the encodings"
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

_ERRORS = Struct(
    (
        Field("status", Texts(checks.status_range)),
        Field(
            "statusRewrites",
            Table(Whole(at_least=100, at_most=599), checks.status_range),
            since="3.4",
        ),
        Field("service", _TEXT, required=True),
        Field("query", Text()),
        Field("errorRequestHeaders", _HEADER_NAMES, since="3.7"),
    ),
    check=checks.some_of("status"),
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


def _retry_check(values: Mapping[str, Any]) -> str:
    if values.get("disableRetryOnNetworkError") and not values.get("status"):
        return "it retries neither on network errors nor on a status"
    return ""


_RETRY = Struct(
    (
        Field("attempts", Whole(at_least=1, at_most=2**31 - 1), required=True),
        Field("initialInterval", Duration()),
        Field("timeout", Duration(), since="3.7"),
        Field("maxRequestBodyBytes", Whole(at_least=-1), since="3.7"),
        Field("status", Texts(checks.status_range), since="3.7"),
        *fields(Flag(), "disableRetryOnNetworkError", "retryNonIdempotentMethod", since="3.7"),
    ),
    check=_retry_check,
)

_CIRCUIT_BREAKER = Struct(
    (
        Field("expression", Text(checks.breaker_expression), required=True),
        *fields(Duration(may_be_zero=False), "checkPeriod", "fallbackDuration", "recoveryDuration"),
        Field("responseCode", Whole(at_least=100, at_most=599)),
    )
)


def _auth(user: Texts) -> Struct:
    return Struct(
        (
            Field("users", user),
            *fields(Text(), "usersFile", "realm"),
            Field("removeHeader", Flag()),
            Field("headerField", Text(checks.header_name)),
        ),
        check=checks.some_of("users", "usersFile"),
    )


_NETWORKS = Field("sourceRange", Texts(checks.network, at_least=1), required=True)
_STRATEGY = Field("ipStrategy", _IP_STRATEGY, may_be_empty=True)
_REPLACE = (Field("regex", _REGEXP, required=True), Field("replacement", Text()))

MIDDLEWARE = Struct(
    (
        Field("addPrefix", Struct((Field("prefix", _TEXT, required=True),))),
        Field(
            "stripPrefix",
            Struct((Field("prefixes", Texts(checks.not_empty)), Field("forceSlash", Flag()))),
        ),
        Field("stripPrefixRegex", Struct((Field("regex", Texts(checks.regexp, at_least=1)),))),
        Field("replacePath", Struct((Field("path", _TEXT, required=True),))),
        Field("replacePathRegex", Struct(_REPLACE)),
        Field(
            "chain",
            Struct((Field("middlewares", Texts(checks.not_empty, at_least=1), required=True),)),
        ),
        Field("ipWhiteList", Struct((_NETWORKS, _STRATEGY))),
        Field(
            "ipAllowList",
            Struct(
                (
                    _NETWORKS,
                    _STRATEGY,
                    Field("rejectStatusCode", Whole(at_least=100, at_most=511)),
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
                    Field("scheme", _TEXT, required=True),
                    Field("port", Text(checks.port_text)),
                    Field("permanent", Flag()),
                )
            ),
        ),
        Field("basicAuth", _auth(Texts(checks.basic_user))),
        Field("digestAuth", _auth(Texts(checks.digest_user))),
        Field("forwardAuth", _FORWARD_AUTH),
        Field(
            "inFlightReq",
            Struct(
                (
                    Field("amount", Whole(at_least=1), required=True),
                    Field("sourceCriterion", _SOURCE_CRITERION),
                )
            ),
        ),
        Field(
            "buffering",
            Struct(
                (
                    *fields(
                        _NOT_NEGATIVE,
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
