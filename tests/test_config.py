"""Every setting is documented, and the reference and the examples match the model."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from constellation.registry import settings_model
from constellation.settings.monitor import StaticService
from constellation.settings.types import Group
from scripts.settings_reference import FILES, ROOT, Setting, all_settings

SETTINGS = [*all_settings(), *all_settings(StaticService, "static_services")]
REQUIRED = {"node_name": "alpha", "data_dir": "/var/lib/constellation"}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_every_setting_has_a_description(setting: Setting) -> None:
    assert len(setting.description) >= 5, f"{setting.path}: describe it where it is declared"


@pytest.mark.parametrize(
    "group",
    [model for model in Group.__subclasses__() if model.__module__.startswith("constellation.")],
    ids=lambda group: group.__name__,
)
def test_every_group_has_a_description(group: type[Group]) -> None:
    assert group.__doc__


@pytest.mark.parametrize("name", FILES)
def test_reference_and_examples_match_the_model(name: str) -> None:
    written = (ROOT / name).read_text()

    assert written == FILES[name](), f"{name} is out of date: run `make settings`"


def test_uncommented_toml_example_holds_the_defaults() -> None:
    text = Path(ROOT / "deploy/agent.toml.example").read_text()
    uncommented = re.sub(r"^#(?=\w+ = )", "", text, flags=re.MULTILINE)

    values = tomllib.loads(uncommented)
    values.pop("static_services")  # an example of one, where the default is none
    values["leases"].pop("hooks")
    for name in ("zones", "domains", "records", "proxied"):
        values["dns"].pop(name)
    for group, names in (
        ("cloudflare", ("api_token", "api_token_file", "api_key", "api_key_file")),
        ("rfc2136", ("key_secret", "key_secret_file")),
    ):
        for name in names:
            values["dns"][group].pop(name)
    for path in ("cluster_key", "cluster_key_file", "runtime_dir"):
        values.pop(path)  # examples too: unset by default
    values["http"].pop("bind_address")
    for name in ("publish_address", "tls_ca_file", "tls_cert_file", "tls_key_file"):
        values["docker"].pop(name)

    assert settings_model()(**values) == settings_model()(**REQUIRED)


def test_toml_example_shows_a_valid_static_service() -> None:
    text = Path(ROOT / "deploy/agent.toml.example").read_text()
    line = re.findall(r"^#(static_services = .*)$", text, flags=re.MULTILINE)[0]

    settings = settings_model()(**REQUIRED, **tomllib.loads(line))

    assert settings.static_services[0].check == "http"


def test_environment_names_are_unique() -> None:
    names = [setting.environment_name for setting in all_settings()]

    assert len(set(names)) == len(names)
    assert "CONSTELLATION_GOSSIP__PROBE_INTERVAL_S" in names


def test_examples_contain_no_secret() -> None:
    for name in FILES:
        assert not re.search(r"^#\w*(?i:cluster_key)\s*=\s*\"?\w", (ROOT / name).read_text(), re.M)
