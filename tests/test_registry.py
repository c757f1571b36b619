"""The registry of actors: what one entry brings to a node."""

from __future__ import annotations

import pytest
from pydantic import Field

from actors.shell import ShellActor
from constellation import registry
from constellation.cli.command import Command
from constellation.registry import ACTORS, ActorSpec, enabled_actors, load, settings_model
from constellation.settings.agent import Settings
from constellation.settings.docker import DockerSettings
from constellation.settings.monitor import StaticService
from constellation.settings.source import load_settings
from constellation.settings.types import Group


class GreetingSettings(Group):
    """The group of an actor that a later version brings."""

    times: int = Field(1, ge=1, description="how often it greets")


def names(settings: Settings) -> list[str]:
    return [spec.name for spec in enabled_actors(settings)]


def test_every_path_names_a_shell_or_commands() -> None:
    for spec in ACTORS:
        assert issubclass(load(spec.actor), ShellActor), spec.name
        if spec.commands:
            assert [one for one in load(spec.commands) if isinstance(one, Command)], spec.name


def test_names_are_unique_and_settings_of_the_node_are_not_shadowed() -> None:
    found = [spec.name for spec in ACTORS]
    assert len(found) == len(set(found))
    assert not {s.name for s in ACTORS if s.settings} & set(Settings.model_fields)


def test_sources_run_only_where_there_is_something_to_watch() -> None:
    bare = Settings(node_name="alpha", data_dir="/x", docker=DockerSettings(enabled=False))
    service = StaticService(name="web", address="127.0.0.1:80")
    full = Settings(node_name="alpha", data_dir="/x", static_services=(service,))

    assert not {"tailscale", "checks", "docker"} & set(names(bare))
    assert set(names(full)) == {*names(bare), "checks", "docker"}


def test_group_of_an_entry_is_read_like_any_other_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    greeter = ActorSpec(
        name="greeter", purpose="greets", actor="x:Y", settings=f"{__name__}:GreetingSettings"
    )
    monkeypatch.setattr(registry, "ACTORS", (*ACTORS, greeter))
    settings_model.cache_clear()
    try:
        settings = load_settings(
            config_file=None,
            assignments=["greeter.times=3", "node_name=alpha", "data_dir=/nowhere"],
            environ={},
        )
    finally:
        settings_model.cache_clear()

    assert settings.section(GreetingSettings).times == 3
    assert settings.section(DockerSettings) is settings.docker


def test_asking_for_a_group_that_no_entry_brings_is_refused() -> None:
    with pytest.raises(LookupError, match="GreetingSettings"):
        Settings(node_name="alpha", data_dir="/nowhere").section(GreetingSettings)
