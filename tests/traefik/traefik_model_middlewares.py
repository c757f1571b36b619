"""Middlewares of HTTP as Traefik decodes them (pkg/config/dynamic/middlewares.go)."""

# ruff: noqa: N815, RUF012 - the names are Traefik's, and pydantic copies defaults

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tests.traefik.traefik_model_base import AllowEmpty, Duration, Element, Int, Items, Raw, Since


class AddPrefix(Element):
    prefix: str = ""


class StripPrefix(Element):
    prefixes: Items = []
    forceSlash: bool = True


class StripPrefixRegex(Element):
    regex: Items = []


class ReplacePath(Element):
    path: str = ""


class ReplacePathRegex(Element):
    regex: str = ""
    replacement: str = ""


class Chain(Element):
    middlewares: Items = []


class IpStrategy(Element):
    depth: Int = 0
    excludedIPs: Items = []
    ipv6Subnet: Annotated[int, Field(gt=0, le=128), Since("3.2")] = 64


class IpWhiteList(Element):
    sourceRange: Annotated[Items, Field(min_length=1)]
    ipStrategy: Annotated[IpStrategy | None, AllowEmpty()] = None


class IpAllowList(IpWhiteList):
    rejectStatusCode: Annotated[int, Field(ge=0, lt=512)] = 403


class Headers(Element):
    customRequestHeaders: dict[str, str] | None = None
    customResponseHeaders: dict[str, str] | None = None
    accessControlAllowCredentials: bool = False
    accessControlAllowHeaders: Items = []
    accessControlAllowMethods: Items = []
    accessControlAllowOriginList: Items = []
    accessControlAllowOriginListRegex: Items = []
    accessControlExposeHeaders: Items = []
    accessControlMaxAge: Int = 0
    addVaryHeader: bool = False
    allowedHosts: Items = []
    hostsProxyHeaders: Items = []
    sslProxyHeaders: dict[str, str] | None = None
    stsSeconds: Int = 0
    stsIncludeSubdomains: bool = False
    stsPreload: bool = False
    forceSTSHeader: bool = False
    frameDeny: bool = False
    customFrameOptionsValue: str = ""
    contentTypeNosniff: bool = False
    browserXssFilter: bool = False
    customBrowserXSSValue: str = ""
    contentSecurityPolicy: str = ""
    contentSecurityPolicyReportOnly: Annotated[str, Since("3.1")] = ""
    publicKey: str = ""
    referrerPolicy: str = ""
    permissionsPolicy: str = ""
    isDevelopment: bool = False
    featurePolicy: str = ""
    sslRedirect: bool = False
    sslTemporaryRedirect: bool = False
    sslHost: str = ""
    sslForceHost: bool = False


class EncodedCharacters(Element):
    allowEncodedSlash: bool = False
    allowEncodedBackSlash: bool = False
    allowEncodedNullCharacter: bool = False
    allowEncodedSemicolon: bool = False
    allowEncodedPercent: bool = False
    allowEncodedQuestionMark: bool = False
    allowEncodedHash: bool = False


class Errors(Element):
    status: Items = []
    statusRewrites: Annotated[dict[str, Int] | None, Since("3.4")] = None
    service: str = ""
    query: str = ""
    errorRequestHeaders: Annotated[Items, Since("3.7")] = []


class SourceCriterion(Element):
    ipStrategy: IpStrategy | None = None
    requestHeaderName: str = ""
    requestHost: bool = False


class Tls(Element):
    """pkg/types/tls.go."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    insecureSkipVerify: bool = False


class ForwardAuthTls(Tls):
    caOptional: bool = False


class Redis(Element):
    endpoints: Items = []
    tls: Tls | None = None
    username: str = ""
    password: str = ""
    db: Int = 0
    poolSize: Int = 0
    minIdleConns: Int = 0
    maxActiveConns: Int = 0
    readTimeout: Duration = "3s"
    writeTimeout: Duration = "3s"
    dialTimeout: Duration = "5s"


class RateLimit(Element):
    average: Int = 0
    period: Duration = "1s"
    burst: Int = 1
    sourceCriterion: SourceCriterion | None = None
    redis: Annotated[Redis | None, Since("3.4")] = None


class RedirectRegex(Element):
    regex: str = ""
    replacement: str = ""
    permanent: bool = False


class RedirectScheme(Element):
    scheme: Annotated[str, Field(min_length=1)]
    port: str = ""
    permanent: bool = False


class DigestAuth(Element):
    users: Items = []
    usersFile: str = ""
    removeHeader: bool = False
    realm: str = ""
    headerField: str = ""


class ForwardAuth(Element):
    address: str = ""
    tls: ForwardAuthTls | None = None
    trustForwardHeader: bool = False
    authResponseHeaders: Items = []
    authResponseHeadersRegex: str = ""
    authRequestHeaders: Items = []
    maxResponseBodySize: Annotated[Int, Since("3.7")] = -1
    addAuthCookiesToResponse: Items = []
    headerField: Annotated[str, Since("3.2")] = ""
    forwardBody: Annotated[bool, Since("3.3")] = False
    maxBodySize: Annotated[Int, Since("3.3")] = -1
    preserveLocationHeader: Annotated[bool, Since("3.3")] = False
    preserveRequestMethod: Annotated[bool, Since("3.4")] = False
    authSigninURL: Annotated[str, Since("3.7")] = ""


class InFlightReq(Element):
    amount: Annotated[int, Field(gt=0)]
    sourceCriterion: SourceCriterion | None = None


class Buffering(Element):
    maxRequestBodyBytes: Annotated[int, Field(ge=0)] = 0
    memRequestBodyBytes: Annotated[int, Field(ge=0)] = 0
    maxResponseBodyBytes: Annotated[int, Field(ge=0)] = 0
    memResponseBodyBytes: Annotated[int, Field(ge=0)] = 0
    retryExpression: str = ""


class CircuitBreaker(Element):
    expression: Annotated[str, Field(min_length=1)]
    checkPeriod: Duration = "100ms"
    fallbackDuration: Duration = "10s"
    recoveryDuration: Duration = "10s"
    responseCode: Int = 503


class Compress(Element):
    excludedContentTypes: Items = []
    includedContentTypes: Items = []
    minResponseBodyBytes: Int = 1024
    encodings: Annotated[list[Literal["gzip", "br", "zstd"]], Since("3.2")] = []
    # Available from 3.0.4 on.
    defaultEncoding: Annotated[Literal["gzip", "br", "zstd"], Since("3.1")] = "gzip"


class Issuer(Element):
    country: bool = False
    province: bool = False
    locality: bool = False
    organization: bool = False
    commonName: bool = False
    serialNumber: bool = False
    domainComponent: bool = False


class Subject(Issuer):
    organizationalUnit: bool = False


class CertificateInfo(Element):
    notAfter: bool = False
    notBefore: bool = False
    sans: bool = False
    serialNumber: bool = False
    subject: Subject | None = None
    issuer: Issuer | None = None


class PassTlsClientCert(Element):
    pem: bool = False
    info: CertificateInfo | None = None


class Retry(Element):
    attempts: Annotated[int, Field(gt=0)]
    timeout: Annotated[Duration, Since("3.7")] = "0s"
    initialInterval: Duration = "0s"
    maxRequestBodyBytes: Annotated[Int, Since("3.7")] = -1
    status: Annotated[Items, Since("3.7")] = []
    disableRetryOnNetworkError: Annotated[bool, Since("3.7")] = False
    retryNonIdempotentMethod: Annotated[bool, Since("3.7")] = False


class ContentType(Element):
    autoDetect: bool = False


class GrpcWeb(Element):
    allowOrigins: Items = []


class Middleware(Element):
    addPrefix: AddPrefix | None = None
    stripPrefix: StripPrefix | None = None
    stripPrefixRegex: StripPrefixRegex | None = None
    replacePath: ReplacePath | None = None
    replacePathRegex: ReplacePathRegex | None = None
    chain: Chain | None = None
    ipWhiteList: IpWhiteList | None = None
    ipAllowList: IpAllowList | None = None
    headers: Headers | None = None
    encodedCharacters: Annotated[EncodedCharacters | None, Since("3.7")] = None
    errors: Errors | None = None
    rateLimit: RateLimit | None = None
    redirectRegex: RedirectRegex | None = None
    redirectScheme: RedirectScheme | None = None
    basicAuth: DigestAuth | None = None
    digestAuth: DigestAuth | None = None
    forwardAuth: ForwardAuth | None = None
    inFlightReq: InFlightReq | None = None
    buffering: Buffering | None = None
    circuitBreaker: CircuitBreaker | None = None
    compress: Annotated[Compress | None, AllowEmpty()] = None
    passTLSClientCert: PassTlsClientCert | None = None
    retry: Retry | None = None
    contentType: Annotated[ContentType | None, AllowEmpty()] = None
    grpcWeb: GrpcWeb | None = None
    plugin: dict[str, Raw] | None = None
