"""Settings of DNS: which records follow the cluster, and where they are kept."""

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from constellation.dns.mark import OwnerMark
from constellation.dns.names import canonical_name
from constellation.settings.addresses import is_ip
from constellation.settings.types import Domain, FilePath, Group, Port
from messages.dns_calls import (
    CHANGES_MAX,
    CONTENT_CHARACTERS_MAX,
    RFC2136_CHANGES_MAX,
    TTL_AUTOMATIC,
    RecordType,
)

if TYPE_CHECKING:
    from constellation.dns.zone_writer import WriterPolicy

TTL_S_MIN, TTL_S_MAX = 60, 86_400
FAILOVER_TTL_S = 60
CLOUDFLARE_URL = "https://api.cloudflare.com/client/v4"
ADDRESSES_MAX = 8


def _check_dns_name(value: str) -> str:
    return canonical_name(value)


def _check_public(value: str) -> str:
    return str(ipaddress.ip_address(value)) if is_ip(value) else canonical_name(value)


def _check_ttl(value: int) -> int:
    if value != TTL_AUTOMATIC and not TTL_S_MIN <= value <= TTL_S_MAX:
        raise ValueError(f"must be {TTL_S_MIN} to {TTL_S_MAX}, or {TTL_AUTOMATIC}")
    return value


TtlSeconds = Annotated[int, AfterValidator(_check_ttl)]
DnsNameSetting = Annotated[str, AfterValidator(_check_dns_name)]
PublicAddress = Annotated[str, AfterValidator(_check_public)]


class ZoneSetting(Group):
    """One zone that the cluster may write to."""

    name: Domain = Field(description="name of the zone, such as 'home.example'")
    id: str = Field("", max_length=64, description="the provider's id; empty: found by the name")


class RecordSetting(Group):
    """A record beside those of the cluster."""

    name: DnsNameSetting = Field(description="complete name, such as 'www.home.example'")
    type: RecordType = Field(description="A, AAAA, CNAME or TXT")
    content: str = Field(
        min_length=1,
        max_length=CONTENT_CHARACTERS_MAX,
        description="an address, a name or a text; 'leader' as A or AAAA: the addresses of the "
        "domain itself",
    )
    ttl_s: TtlSeconds | None = Field(None, description="unset: `dns.ttl_s`")
    proxied: bool | None = Field(None, description="unset: `dns.proxied`")


class CloudflareSettings(Group):
    """Access to Cloudflare."""

    api_token: SecretStr | None = Field(
        None,
        description="API token with Zone.DNS.Edit and Zone.Zone.Read of the zones; unset: "
        "the environment variable CLOUDFLARE_API_TOKEN",
    )
    api_token_file: FilePath | None = Field(None, description="file that contains api_token")
    api_key: SecretStr | None = Field(
        None, description="Global API Key, in place of a token; unset: CLOUDFLARE_API_KEY"
    )
    api_key_file: FilePath | None = Field(None, description="file that contains api_key")
    api_email: str = Field(
        "", max_length=254, description="e-mail address of `api_key`; unset: CLOUDFLARE_EMAIL"
    )
    base_url: str = Field(
        CLOUDFLARE_URL, pattern=r"^https?://[^\s/]+(/\S*)?$", description="URL of the API"
    )


class Rfc2136Settings(Group):
    """Access to a name server with dynamic updates (RFC 2136), such as BIND."""

    server: str = Field("", max_length=253, description="address of the primary name server")
    port: Port = Field(53, description="its TCP port")
    key_name: str = Field("", max_length=253, description="name of the TSIG key")
    key_algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = Field(
        "hmac-sha256", description="algorithm of the TSIG key"
    )
    key_secret: SecretStr | None = Field(None, description="the TSIG key, in base64")
    key_secret_file: FilePath | None = Field(None, description="file that contains key_secret")


class DnsSettings(Group):
    """DNS records that follow the cluster.  Without `zones` there are none."""

    provider: Literal["cloudflare", "rfc2136"] = Field(
        "cloudflare",
        description="who keeps the zones: Cloudflare, or a name server that takes dynamic updates",
    )
    zones: tuple[ZoneSetting, ...] = Field(
        (), max_length=16, description="zones with records of the cluster; none: DNS is not used"
    )
    domains: tuple[Domain, ...] = Field(
        (),
        max_length=32,
        description="domains whose records follow the cluster; none: the setting `domain`",
    )
    mode: Literal["leader", "all"] = Field(
        "leader",
        description="where <domain> and *.<domain> point: 'leader', to the node that holds the "
        "lease lb-leader; 'all', to all nodes whose ingress works",
    )
    ttl_s: TtlSeconds = Field(
        FAILOVER_TTL_S, description="TTL of new records, in seconds; 1: the provider's choice"
    )
    proxied: bool | None = Field(
        None,
        description="whether Cloudflare's proxy stands before the records; unset: new records "
        "have none, and existing ones stay as they are",
    )
    records: tuple[RecordSetting, ...] = Field(
        (), max_length=256, description="further records to keep"
    )
    adopt: tuple[DnsNameSetting, ...] = Field(
        (),
        max_length=256,
        description="names whose existing records of others the cluster takes over",
    )
    owner: str = Field(
        "",
        max_length=64,
        pattern=r"^[A-Za-z0-9._:-]*$",
        description="mark of our records, with which their comments begin; unset: "
        "constellation:<domain>",
    )
    managed: str = Field(
        "",
        max_length=256,
        description="regular expression of the comments of records that may be changed, which "
        "must match what `owner` writes; unset: exactly that",
    )
    writer: bool = Field(
        True, description="whether this node may hold the lease dns-writer, and write records"
    )
    dry_run: bool = Field(False, description="plan and report changes, and make none")
    interval_s: float = Field(
        60.0, ge=10, description="interval between comparisons with the zone, in seconds"
    )
    departed_grace_s: float = Field(
        3600.0,
        ge=0,
        description="time after which the records of a node that left or died are deleted, in "
        "seconds",
    )
    deletes_max: int = Field(
        5, ge=0, le=1000, description="most records that are deleted at once without an order"
    )
    addresses: tuple[PublicAddress, ...] = Field(
        (),
        max_length=ADDRESSES_MAX,
        description="public addresses of this node, IPv4 and IPv6, or one host name, such as that "
        "of a tunnel; none: found through `address_sources`",
    )
    address_sources: tuple[str, ...] = Field(
        (
            "https://cloudflare.com/cdn-cgi/trace",
            "https://api64.ipify.org",
            "https://icanhazip.com",
        ),
        max_length=16,
        description="URLs that answer with the address from which they are asked",
    )
    address_sources_agreeing: int = Field(
        2, ge=1, le=16, description="how many sources must give the same address"
    )
    address_interval_s: float = Field(
        300.0, ge=10, description="interval between questions for the address, in seconds"
    )
    addresses_refused: tuple[str, ...] = Field(
        (),
        max_length=64,
        description="networks whose addresses are never this node's, such as those of a VPN",
    )
    cloudflare: CloudflareSettings = CloudflareSettings()
    rfc2136: Rfc2136Settings = Rfc2136Settings()

    @property
    def is_used(self) -> bool:
        """Whether any record follows the cluster."""
        return bool(self.zones)

    def mark(self, domain: str) -> OwnerMark:
        """Return the mark of our records; `domain` is the node's."""
        return OwnerMark(self.owner or f"constellation:{domain}"[:64], self.managed)

    def policy(self) -> "WriterPolicy":
        """Return the numbers of the core."""
        # Not above: an operator's command loads no core that it does not use.
        from constellation.dns.desired import is_cname_alone  # noqa: PLC0415
        from constellation.dns.plan_parts import PlanPolicy  # noqa: PLC0415
        from constellation.dns.zone_writer import WriterPolicy  # noqa: PLC0415

        return WriterPolicy(
            plan=PlanPolicy(
                adopt=frozenset(self.adopt),
                deletes_max=self.deletes_max,
                is_cname_alone=is_cname_alone(self),
            ),
            interval_s=self.interval_s,
            departed_grace_s=self.departed_grace_s,
            operations_max=CHANGES_MAX if self.provider == "cloudflare" else RFC2136_CHANGES_MAX,
            is_dry_run=self.dry_run,
        )

    @field_validator("managed")
    @classmethod
    def check_expression(cls, value: str) -> str:
        """Refuse what is no regular expression."""
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        return value

    @field_validator("addresses_refused")
    @classmethod
    def check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no network."""
        try:
            return tuple(str(ipaddress.ip_network(one)) for one in value)
        except ValueError as error:
            raise ValueError(f"{error}: write e.g. 203.0.113.0/24") from None
