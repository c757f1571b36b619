"""Credentials come from one place, and what is wrong with them is told before the start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from actors.adapters.dns_credentials import provider_start
from actors.start_checks import file_problems
from constellation.errors import ConfigError
from constellation.settings.agent import Settings
from constellation.settings.source import load_settings
from messages.dns_calls import CloudflareAccess, DnsProviderStart, Rfc2136Access

TOKEN = "t0ken-0123456789"
KEY = "key-0123456789"
EMAIL = "owner@home.example"
URL = "https://api.cloudflare.com/client/v4"
ZONES = 'dns.zones=[{"name": "home.example"}]'
TSIG = "c2VjcmV0LXNlY3JldA=="


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with secrets in files of this user alone, and one that all may read."""
    for name, text in {
        "token": f"{TOKEN}\n",
        "key": KEY,
        "tsig": TSIG,
        "empty": "",
        "two": f"{TOKEN}\n{TOKEN}\n",
        "open": TOKEN,
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644 if name == "open" else 0o600)
    return tmp_path


def settings_of(
    files: Path, settings: Mapping[str, str], environ: Mapping[str, str] | None = None
) -> Settings:
    own = {"node_name": "alpha", "data_dir": str(files / "data"), "domain": "home.example"}
    given = own | {
        f"dns.{name}": value.replace("FILES", str(files)) for name, value in settings.items()
    }
    assignments = [ZONES, *(f"{name}={value}" for name, value in given.items())]
    return load_settings(config_file=None, assignments=assignments, environ=environ or {})


def by_token(token: str = TOKEN) -> CloudflareAccess:
    return CloudflareAccess(base_url=URL, api_token=token)


def by_key(email: str = EMAIL) -> CloudflareAccess:
    return CloudflareAccess(base_url=URL, api_key=KEY, api_email=email)


@pytest.mark.parametrize(
    ("settings", "environ", "access"),
    [
        ({"cloudflare.api_token": TOKEN}, {}, by_token()),
        ({"cloudflare.api_token_file": "FILES/token"}, {}, by_token()),
        ({}, {"CLOUDFLARE_API_TOKEN": TOKEN}, by_token()),
        ({"cloudflare.api_token": TOKEN}, {"CLOUDFLARE_API_TOKEN": "another"}, by_token()),
        ({"cloudflare.api_token_file": "FILES/token"}, {"CLOUDFLARE_API_TOKEN": "x"}, by_token()),
        ({}, {"CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_EMAIL": EMAIL}, by_token()),
        (
            {"cloudflare.api_token": TOKEN},
            {"CLOUDFLARE_API_KEY": KEY, "CLOUDFLARE_EMAIL": EMAIL},
            by_token(),
        ),
        ({"cloudflare.api_key_file": "FILES/key", "cloudflare.api_email": EMAIL}, {}, by_key()),
        ({"cloudflare.api_key": KEY}, {"CLOUDFLARE_EMAIL": EMAIL}, by_key()),
        (
            {"cloudflare.api_key": KEY, "cloudflare.api_email": EMAIL},
            {"CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_EMAIL": "another"},
            by_key(),
        ),
        ({}, {"CLOUDFLARE_API_KEY": KEY, "CLOUDFLARE_EMAIL": EMAIL}, by_key()),
        (
            {
                "provider": "rfc2136",
                "rfc2136.server": "192.0.2.53",
                "rfc2136.key_name": "constellation.",
                "rfc2136.key_secret_file": "FILES/tsig",
            },
            {"CLOUDFLARE_API_TOKEN": TOKEN},
            Rfc2136Access(
                server="192.0.2.53",
                port=53,
                key_name="constellation.",
                key_algorithm="hmac-sha256",
                key_secret=TSIG,
            ),
        ),
    ],
)
def test_environment_is_asked_only_where_no_setting_answers(
    files: Path,
    settings: dict[str, str],
    environ: dict[str, str],
    access: CloudflareAccess | Rfc2136Access,
) -> None:
    start = provider_start(settings_of(files, settings, environ))

    assert start == DnsProviderStart(node_name="alpha", access=access)


RFC2136 = {"provider": "rfc2136", "rfc2136.server": "192.0.2.53", "rfc2136.key_name": "k"}


@pytest.mark.parametrize(
    ("settings", "environ", "words"),
    [
        ({}, {}, ["dns.cloudflare: no credentials", "dns.writer to false"]),
        ({}, {"CLOUDFLARE_EMAIL": EMAIL}, ["no credentials"]),
        ({}, {"CLOUDFLARE_API_KEY": KEY}, ["no credentials"]),
        ({"cloudflare.api_key": KEY}, {}, ["dns.cloudflare.api_key needs", "api_email"]),
        (
            {"cloudflare.api_token": TOKEN, "cloudflare.api_token_file": "FILES/token"},
            {},
            ["dns.cloudflare.api_token and dns.cloudflare.api_token_file are both set"],
        ),
        (
            {"cloudflare.api_token": TOKEN, "cloudflare.api_key": KEY},
            {},
            ["dns.cloudflare.api_token and dns.cloudflare.api_key are both set"],
        ),
        ({"cloudflare.api_token_file": "FILES/none"}, {}, ["api_token_file", "No such file"]),
        ({"cloudflare.api_token_file": "FILES/open"}, {}, ["every user of this host", "chmod"]),
        ({"cloudflare.api_token_file": "FILES/empty"}, {}, ["api_token_file: it is empty"]),
        ({"cloudflare.api_token_file": "FILES/two"}, {}, ["not one line of visible ASCII"]),
        ({"cloudflare.api_token": "tökén"}, {}, ["api_token: it is not one line"]),
        (
            {"cloudflare.api_token": TOKEN, "cloudflare.base_url": "http://api.example/v4"},
            {},
            ["dns.cloudflare.base_url must begin with https"],
        ),
        ({"provider": "rfc2136"}, {}, ["dns.rfc2136.server is not set"]),
        (RFC2136, {}, ["dns.rfc2136.key_secret_file is not set"]),
        ({**RFC2136, "rfc2136.key_secret": "a-b!"}, {}, ["dns.rfc2136.key_secret is not base64"]),
    ],
)
def test_wrong_credentials_are_refused_before_the_start(
    files: Path, settings: dict[str, str], environ: dict[str, str], words: list[str]
) -> None:
    given = settings_of(files, settings, environ)
    problems = [str(one) for one in file_problems(given) if isinstance(one, ConfigError)]

    assert len(problems) == 1
    for word in words:
        assert word in problems[0]
    assert TOKEN not in problems[0]
    with pytest.raises(ConfigError):
        provider_start(given)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/v4", "http://localhost/v4", "http://[::1]/"]
)
def test_api_on_this_host_needs_no_encryption(files: Path, url: str) -> None:
    given = settings_of(files, {"cloudflare.api_token": TOKEN, "cloudflare.base_url": url})

    assert provider_start(given).access == CloudflareAccess(base_url=url, api_token=TOKEN)


def test_node_that_never_writes_needs_no_credentials(files: Path) -> None:
    readers: list[Any] = [
        settings_of(files, {"writer": "false"}),
        settings_of(files, {"zones": "[]"}),
    ]

    for given in readers:
        assert [one for one in file_problems(given) if isinstance(one, ConfigError)] == []


def test_settings_do_not_show_what_the_environment_gave(files: Path) -> None:
    given = settings_of(files, {}, {"CLOUDFLARE_API_TOKEN": TOKEN})

    assert TOKEN not in f"{given!r} {given} {given.model_dump_json()}"
