"""Settings of the WARP gateways of this host."""

import ipaddress
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from constellation.settings.types import Group

if TYPE_CHECKING:
    from constellation.warp.probe import ProbePolicy


class WarpSettings(Group):
    """Probing the WARP gateways of this host.  Without `gateways` none is probed."""

    gateways: tuple[str, ...] = Field(
        (),
        max_length=8,
        description="the containers that are gateways: exact names, such as 'warp-nat-gateway', or "
        "labels NAME=VALUE; none: WARP is not probed",
    )
    interval_s: float = Field(
        30.0, ge=5, description="interval between probes, beside those at once, in seconds"
    )
    timeout_s: int = Field(4, ge=1, le=10, description="timeout of one question, in seconds")
    trace_urls: tuple[str, ...] = Field(
        ("https://www.cloudflare.com/cdn-cgi/trace", "https://1.1.1.1/cdn-cgi/trace"),
        min_length=1,
        max_length=4,
        description="trace pages of Cloudflare; the first one that answers decides",
    )
    address_urls: tuple[str, ...] = Field(
        ("https://api64.ipify.org", "https://icanhazip.com"),
        max_length=4,
        description="URLs that answer with the address from which they are asked, for when no "
        "trace page answers",
    )
    ranges: tuple[str, ...] = Field(
        ("104.28.0.0/16", "2a09:bac0::/29"),
        max_length=64,
        description="networks from which WARP comes, beside those that Cloudflare publishes; "
        "another address is noted, and no fault",
    )

    @property
    def is_used(self) -> bool:
        """Whether there is a gateway to probe."""
        return bool(self.gateways)

    def policy(self) -> "ProbePolicy":
        """Return the numbers of the core."""
        # Not above: an operator's command loads no core that it does not use.
        from constellation.warp.probe import ProbePolicy  # noqa: PLC0415

        return ProbePolicy(self.trace_urls, self.address_urls, self.timeout_s, self.ranges)

    @field_validator("gateways")
    @classmethod
    def check_gateways(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is neither a name nor a label."""
        for one in value:
            if not one or one[0] in "=/" or not one.isprintable() or len(one) > 128:
                raise ValueError(
                    f"{one!r:.80} is neither the name of a container nor a label: write e.g. "
                    "warp-nat-gateway, or constellation.warp=true"
                )
        return value

    @field_validator("trace_urls", "address_urls")
    @classmethod
    def check_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no URL, which a command could take for an option."""
        for one in value:
            if not one.startswith(("http://", "https://")) or not one.isprintable() or " " in one:
                raise ValueError(f"{one!r:.80} is no URL: write e.g. https://1.1.1.1/cdn-cgi/trace")
        return value

    @field_validator("ranges")
    @classmethod
    def check_ranges(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no network."""
        try:
            return tuple(str(ipaddress.ip_network(one)) for one in value)
        except ValueError as error:
            raise ValueError(f"{error}: write e.g. 203.0.113.0/24") from None
