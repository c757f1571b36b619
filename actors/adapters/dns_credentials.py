"""With what the provider of DNS is asked: from the settings, or from files that they name.

What the environment gives (CLOUDFLARE_API_TOKEN and others) is in the settings already.  Files are
read each time: a token that was replaced in its file is used from then on.
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from actors.adapters.secret_file import read_secret
from constellation.errors import ConfigError
from constellation.settings.addresses import is_ip
from constellation.settings.agent import Settings
from constellation.settings.dns import CloudflareSettings, Rfc2136Settings
from messages.dns_calls import CloudflareAccess, DnsProviderStart, Rfc2136Access

_IN_A_HEADER = re.compile(r"[!-~]+")  # visible ASCII, RFC 9110 §5.5


def check_dns_credentials(settings: Settings) -> None:
    """Check what a node that may write records needs.

    Raises:
        ConfigError: there are no credentials, or they cannot be used.
    """
    if settings.dns.is_used and settings.dns.writer:
        provider_start(settings)


def provider_start(settings: Settings) -> DnsProviderStart:
    """Return the first message to the process of the provider.

    Raises:
        ConfigError: as `check_dns_credentials`.
    """
    if settings.dns.provider == "cloudflare":
        return DnsProviderStart(
            node_name=settings.node_name, access=_cloudflare(settings.dns.cloudflare)
        )
    return DnsProviderStart(node_name=settings.node_name, access=_rfc2136(settings.dns.rfc2136))


def _cloudflare(settings: CloudflareSettings) -> CloudflareAccess:
    prefix = "dns.cloudflare"
    _check_url(settings.base_url, f"{prefix}.base_url")
    token = _secret(settings.api_token, settings.api_token_file, f"{prefix}.api_token")
    key = _secret(settings.api_key, settings.api_key_file, f"{prefix}.api_key")
    if token and key:
        raise ConfigError(
            f"{prefix}.api_token and {prefix}.api_key are both set; keep one, best "
            "the token, which may be limited to the zone"
        )
    if not token and not key:
        raise ConfigError(
            f"{prefix}: no credentials: set {prefix}.api_token_file (or api_token, or "
            "CLOUDFLARE_API_TOKEN in the environment) to an API token with Zone.Zone.Read and "
            "Zone.DNS.Edit, or dns.writer to false on this node"
        )
    if key and not settings.api_email:
        raise ConfigError(f"{prefix}.api_key needs {prefix}.api_email, the account's address")
    email = settings.api_email if key else ""
    if email and not _IN_A_HEADER.fullmatch(email):
        raise ConfigError(f"{prefix}.api_email is no e-mail address")
    return CloudflareAccess(
        base_url=settings.base_url, api_token=token, api_key=key, api_email=email
    )


def _rfc2136(settings: Rfc2136Settings) -> Rfc2136Access:
    prefix = "dns.rfc2136"
    for name, value in (("server", settings.server), ("key_name", settings.key_name)):
        if not value:
            raise ConfigError(f"{prefix}.{name} is not set; dns.provider is rfc2136")
    secret = _secret(settings.key_secret, settings.key_secret_file, f"{prefix}.key_secret")
    if not secret:
        raise ConfigError(f"{prefix}.key_secret_file is not set; dns.provider is rfc2136")
    try:
        base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(
            f"{prefix}.key_secret is not base64; copy the `secret` of the TSIG key"
        ) from None
    return Rfc2136Access(
        server=settings.server,
        port=settings.port,
        key_name=settings.key_name,
        key_algorithm=settings.key_algorithm,
        key_secret=secret,
    )


def _secret(value: SecretStr | None, file: str | None, setting: str) -> str:
    """Return a secret from its setting or from the file that another one names; empty: neither."""
    if value is not None and file is not None:
        raise ConfigError(f"{setting} and {setting}_file are both set; keep one")
    if value is not None:
        text, where = value.get_secret_value().strip(), setting
    elif file is not None:
        where = f"{setting}_file"
        content = read_secret(Path(file), what=f"the secret of {setting}", setting=where)
        text = content.decode("ascii", errors="replace")
    else:
        return ""
    if not _IN_A_HEADER.fullmatch(text):
        raise ConfigError(
            f"{where}: {'it is empty' if not text else 'it is not one line of visible ASCII'}; "
            "write the secret alone"
        )
    return text


def _check_url(url: str, setting: str) -> None:
    """Refuse to send a token unencrypted to another host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_here = host == "localhost" or (is_ip(host) and ip_address(host).is_loopback)
    if parts.scheme != "https" and not is_here:
        raise ConfigError(f"{setting} must begin with https: others could read the token")
