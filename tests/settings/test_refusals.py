"""Wrong settings: one line with the name, the source, the problem and the fix."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import ConfigError
from constellation.settings.complaint import joined
from constellation.settings.file import parse_settings_file
from constellation.settings.source import environment_name
from constellation.settings.types import Group
from scripts.settings_reference import all_settings
from tests.settings.loading import KEY, said_of

Write = Callable[[str, str | bytes], Path]


def check_said(said: str, words: Sequence[str]) -> None:
    assert len(said.splitlines()) == 1, said
    for word in words:
        assert word in said, said


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("gossip.prot=1", ["gossip.prot by --set: ", "did you mean gossip.port?"]),
        ("nodename=a", ["nodename by --set: ", "did you mean node_name?"]),
        ("DOMAIN=a", ["DOMAIN by --set: ", "did you mean domain?"]),
        ("quux=a", ["quux by --set: ", "docs/settings.md lists all"]),
        ("gossip=1", ["gossip by --set: it is a group", "e.g. gossip.port"]),
        ("gossip.port", ["--set gossip.port: write --set NAME=VALUE"]),
        ("", ["--set: write --set NAME=VALUE"]),
        ("gossip.port=high", ["gossip.port by --set: must be a whole number (it is 'high')"]),
        ("gossip.port=7.5", ["gossip.port by --set: must be a whole number"]),
        ("gossip.port=70000", ["gossip.port by --set: must be at most 65535"]),
        ("gossip.port=0", ["gossip.port by --set: must be 1 or more"]),
        ("supervisor.ping_interval_s=0", ["supervisor.ping_interval_s by --set: must be above 0"]),
        (
            "supervisor.ping_interval_s=inf",
            ["must be a finite number"],
        ),
        (
            "supervisor.ping_interval_s=nan",
            ["must be a finite number"],
        ),
        ("docker.enabled=maybe", ["docker.enabled by --set: must be true or false"]),
        ("log.level=trace", ["log.level by --set: must be 'debug', 'info'"]),
        ("bind_address=0.0.0.0", ["bind_address by --set: ", "every interface"]),
        ("bind_address=fe80::1%eth0", ["bind_address by --set: ", "one interface of this host"]),
        ("tailscale.tag=constellation", ["tailscale.tag by --set: must match "]),
        ("tailscale.hostname_prefix=a.b", ["tailscale.hostname_prefix by --set: must match "]),
        ("node_name=Alpha", ["node_name by --set: 'Alpha' is not a DNS label"]),
        ("domain=a b", ["domain by --set: 'a b' is not a domain name"]),
        ('warp.gateways=["=true"]', ["warp.gateways by --set: '=true' is neither the name of"]),
        ('warp.trace_urls=["-o/etc"]', ["warp.trace_urls by --set: '-o/etc' is no URL"]),
        ('warp.ranges=["10.0.0.1/8"]', ["warp.ranges by --set: ", "write e.g. 203.0.113.0/24"]),
        ("gossip.seeds=[1", ["gossip.seeds by --set: write it as JSON", "at character 3"]),
        ("gossip.seeds=a:1,b:2", ["gossip.seeds by --set: write it as JSON"]),
        ("gossip.seeds=" + "[" * 99_999, ["gossip.seeds by --set: write it as JSON"]),
        ("gossip.seeds=" + "9" * 9_999, ["gossip.seeds by --set: write it as JSON"]),
        ("gossip.seeds={}", ["gossip.seeds by --set: must be a list"]),
        ('gossip.seeds=["a:1", "b"]', ["gossip.seeds[1] by --set: 'b' is not host:port"]),
        ('gossip.seeds=["a:²"]', ["gossip.seeds[0] by --set: 'a:²' is not host:port"]),
        ("static_services=[3]", ["static_services[0] by --set: must be a table"]),
        ("static_services={}", ["must be a list of tables: in TOML, write [[static_services]]"]),
        (
            "supervisor.ping_interval_s=2s",
            ["must be a number of seconds, without a unit"],
        ),
        (
            'static_services=[{"name": "a", "address": "1:2", "path": "health"}]',
            ["static_services[0].path by --set: must start with /, e.g. '/health'"],
        ),
        (
            'static_services=[{"name": "a", "address": "1:2"}, {"name": "b"}]',
            ["static_services[1].address by --set: it is required here"],
        ),
        (
            'static_services=[{"name": "a", "address": "1:2", "chek": "tcp"}]',
            ["static_services[0].chek by --set: ", "did you mean check?"],
        ),
    ],
)
def test_wrong_assignment_is_reported_with_the_correct_form(
    assignment: str, words: Sequence[str]
) -> None:
    check_said(said_of(assignment), words)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("NODENAME", "a", ["CONSTELLATION_NODENAME in the env", "CONSTELLATION_NODE_NAME?"]),
        ("GOSSIP_PORT", "1", ["CONSTELLATION_GOSSIP_PORT in", "CONSTELLATION_GOSSIP__PORT?"]),
        ("gossip__port", "1", ["CONSTELLATION_gossip__port in", "CONSTELLATION_GOSSIP__PORT?"]),
        ("GOSSIP", "{}", ["CONSTELLATION_GOSSIP in", "group", "CONSTELLATION_GOSSIP__PORT"]),
        ("QUUX", "1", ["CONSTELLATION_QUUX in", "docs/settings.md lists all"]),
        ("GOSSIP__PORT", "x", ["gossip.port in CONSTELLATION_GOSSIP__PORT: must be a whole"]),
        ("GOSSIP__PORT", "", ["gossip.port in CONSTELLATION_GOSSIP__PORT: must be a whole"]),
    ],
)
def test_wrong_environment_variable_is_reported_under_its_own_name(
    variable: str, value: str, words: Sequence[str]
) -> None:
    check_said(said_of(environ={f"CONSTELLATION_{variable}": value}), words)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("agent.toml", "a = [", ["not TOML", "at end of"]),
        ("agent.toml", "domain = 'a'\ndomain = 'b'\n", ["not TOML", "line 2"]),
        ("agent.toml", "a = " + "[" * 9_999, ["not TOML: it is nested too deeply"]),
        ("agent.toml", "a = " + "9" * 9_999, ["not TOML: a number in it is too long"]),
        ("agent.toml", b"a = '\xff'", ["is not UTF-8 text"]),
        ("agent.yaml", "b: 1\na: [1", ["not YAML", "line 2"]),
        ("agent.yaml", "a: 1\na: 2", ["a is set twice (at line 2)"]),
        ("agent.yaml", "gossip: {port: 1, port: 2}", ["port is set twice (at line 1)"]),
        ("agent.yaml", "gossip: {port: 1}\ngossip.port: 2", ["gossip.port in ", "set twice"]),
        ("agent.yaml", "a: " + "[" * 999, ["not YAML: it is nested too deeply"]),
        ("agent.yaml", "b: 1\na: \0", ["a character is not allowed (at line 2)"]),
        ("agent.yaml", "\nnode_name: 2026-02-31", ["put it in quotes (at line 2)"]),
        ("agent.yaml", "a: !!bool x", ["put it in quotes (at line 1)"]),
        ("agent.yaml", "a: !!map x", ["not YAML", "line 1"]),
        ("agent.yaml", "a: !!python/object:os.system {}", ["not YAML", "line 1"]),
        ("agent.yaml", "- a", ["must map names"]),
        ("agent.yaml", "3: a", ["must map names"]),
        ("agent.yaml", "node_name: 007", ["node_name in ", "must be a text; put it in quotes"]),
        ("agent.ini", "a=1", [".toml, .yaml or .yml"]),
        ("agent.toml", "[gossip]\nprot = 1", ["gossip.prot in ", "did you mean gossip.port?"]),
        ("agent.toml", "[gosip]\nport = 1", ["gosip in ", "did you mean gossip?"]),
        ("agent.toml", "gossip = 3", ["gossip in ", "it is a group"]),
        ("agent.toml", "[domain]\na = 3", ["domain in ", "must be a text"]),
        ("agent.toml", "[gossip]\nport = 'x'", ["gossip.port in ", "must be a whole number"]),
        ("agent.toml", "[gossip]\nport = true", ["gossip.port in ", "must be a number"]),
    ],
)
def test_wrong_file_is_reported_with_its_line_or_setting(
    write: Write, name: str, content: str | bytes, words: Sequence[str]
) -> None:
    file = write(name, content)

    check_said(said_of(file=file), [str(file), *words])


@pytest.mark.parametrize(
    ("file", "environ", "words"),
    [
        ("/nowhere/a.toml", {}, ["/nowhere/a.toml cannot be read: No such file", "in --config"]),
        (None, {"CONSTELLATION_CONFIG": "/nowhere/a.toml"}, ["/nowhere/a.toml", "_CONFIG, or"]),
        ("/proc", {}, ["/proc cannot be read: Is a directory"]),
        ("/dev/zero", {}, ["/dev/zero has more than 1048576 characters", "in --config"]),
        ("a\0.toml", {}, ["cannot be read: its name contains a NUL"]),
    ],
)
def test_unreadable_file_is_reported_with_the_source_of_its_path(
    file: str | None, environ: Mapping[str, str], words: Sequence[str]
) -> None:
    check_said(said_of(file=file, environ=environ), words)


@pytest.mark.case("O11")
def test_pipe_in_the_place_of_a_file_is_refused_without_waiting_for_its_writer(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "agent.toml", 0o600)

    check_said(said_of(file=tmp_path / "agent.toml"), ["agent.toml is a pipe; save it as a file"])


@pytest.mark.parametrize(
    ("assignments", "environ", "words"),
    [
        (
            ["gossip.probe_timeout_s=3"],
            {"CONSTELLATION_GOSSIP__PROBE_INTERVAL_S": "2"},
            [
                "gossip: probe_timeout_s (3.0) must be below probe_interval_s (2.0)",
                "gossip.probe_timeout_s by --set",
                "gossip.probe_interval_s in CONSTELLATION_GOSSIP__PROBE_INTERVAL_S",
            ],
        ),
        (
            ["cluster_key_file=/key"],
            {"CONSTELLATION_CLUSTER_KEY": KEY},
            ["remove one of them", "cluster_key in CONSTELLATION_CLUSTER_KEY", "file by --set"],
        ),
        (
            ["bind_address=tailscale", "tailscale.enabled=false"],
            {"CONSTELLATION_CLUSTER_KEY": KEY},
            ["tailscale.enabled is false", "set it to true"],
        ),
        (["bind_address=tailscale"], {}, ["cluster_key is not set"]),
        (
            ["leases.ttl_s=0.4", "leases.renew_interval_s=0.1", "leases.margin_s=0.1"],
            {},
            ["leases: ttl_s (0.4) must be at least 0.5", "leases.ttl_s by --set"],
        ),
        (
            ["raft.bootstrap_expect=5", "raft.voters_max=3"],
            {},
            ["raft: bootstrap_expect (5) must be at most voters_max (3)", "voters_max by --set"],
        ),
        (["bind_address=10.0.0.1"], {}, ["cluster_key is not set", "(here: bind_address by --set"]),
    ],
)
def test_conflicting_settings_are_all_reported_with_their_sources(
    assignments: Sequence[str], environ: Mapping[str, str], words: Sequence[str]
) -> None:
    check_said(said_of(*assignments, environ=environ), words)


def test_problems_of_several_sources_are_reported_together(write: Write) -> None:
    file = write("agent.toml", "quux = 1\n")

    said = said_of("gossip.port=x", file=file, environ={"CONSTELLATION_PRIORITY": "y"})

    check_said(said, [f"quux in {file}", "gossip.port by --set", "priority in CONSTELLATION_"])


def test_problems_beyond_the_limit_of_a_line_are_counted() -> None:
    assert joined(["a", "b", "c"]) == "a; b; c"
    assert joined(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"


@pytest.mark.case("C7")
@pytest.mark.parametrize("value", ["1e300", "31622401", "1e-9"])
def test_time_that_no_timer_can_keep_is_refused(value: str) -> None:
    times = [
        one for one in all_settings() if one.name.endswith("_s") and "at most" not in one.allowed
    ]
    assert len(times) > 20

    for setting in times:
        said = said_of(f"{setting.path}={value}")
        if "static_services" not in setting.path:
            check_said(said, [f"{setting.path} by --set: must be "])


@pytest.mark.case("C7")
def test_too_long_a_text_is_refused_in_words() -> None:
    said = said_of(f"gossip.label={'x' * 65}")

    check_said(said, ["gossip.label by --set: must be shorter: at most 64 characters"])


def test_misspelt_key_is_not_also_reported_as_missing() -> None:
    said = said_of("bind_address=10.0.0.1", f"cluster_keey={KEY}")

    assert said == "cluster_keey by --set: unknown setting; did you mean cluster_key?"


@pytest.mark.parametrize("group", Group.__subclasses__(), ids=lambda group: group.__name__)
def test_numbers_refuse_booleans_in_every_group(group: type[Group]) -> None:
    numbers = [name for name, one in group.model_fields.items() if one.annotation in {int, float}]

    for name in numbers:
        with pytest.raises(ValueError, match=f"{name}\n.*must be a number"):
            group.model_validate({name: True})


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_assignment_loads_or_is_refused_in_one_line(name: str, value: str) -> None:
    assert len(said_of(f"{name}={value}").splitlines()) <= 1


@given(st.sampled_from([setting.path for setting in all_settings()]), st.text(max_size=30))
def test_any_value_of_a_setting_loads_or_is_refused_by_its_name(name: str, value: str) -> None:
    said = said_of(environ={environment_name(name): value})

    assert len(said.splitlines()) <= 1
    assert not said or name.partition(".")[0] in said


TOKENS = ["a", "1", ":", " ", "- ", "\n", "[", "]", "{", "}", ",", "!!", "!!int ", "&", "*", "'"]


@given(
    st.sampled_from(["a.toml", "a.yaml"]),
    st.text(max_size=40) | st.lists(st.sampled_from(TOKENS), max_size=20).map("".join),
)
def test_any_text_is_parsed_or_refused_with_the_name_of_its_file(name: str, text: str) -> None:
    try:
        assert isinstance(parse_settings_file(text, name), dict)
    except ConfigError as error:
        assert name in str(error)  # noqa: PT017 - either is right
