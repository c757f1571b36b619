"""From file, environment and command line to `Settings`: the one module that reads them.

Sources, the later ones win: the file, the environment, `--set`.  An unknown name or a wrong value
in any of them is one line that names the setting, where it stands, and how to mend it; a value is
never repeated where it could be a secret.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from constellation.config import Settings
from constellation.errors import ConfigError
from constellation.settings_complaint import complaint, on_one_line

PREFIX = "CONSTELLATION_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"


@dataclass(frozen=True, slots=True)
class _Known:
    """All names of the model, dotted: those that hold a value, and the groups."""

    fields: Mapping[str, FieldInfo]
    groups: frozenset[str]


def load_settings(
    *, config_file: str | None, assignments: Sequence[str], environ: Mapping[str, str]
) -> Settings:
    """Return the settings of this agent.

    Args:
        config_file: a TOML or YAML file; None: the one that CONSTELLATION_CONFIG names, or none.
        assignments: `name=value` as given to `--set`.
        environ: the environment.

    Raises:
        ConfigError: a source cannot be read, or a setting is unknown or wrong.
    """
    try:
        return _load(config_file, assignments, environ)
    except ConfigError as error:
        raise ConfigError(on_one_line(str(error))) from None


def _load(
    config_file: str | None, assignments: Sequence[str], environ: Mapping[str, str]
) -> Settings:
    known = _known(Settings)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}  # where each dotted name was set, for errors
    for name, value, origin in (
        *_of_file(config_file or environ.get(CONFIG_VARIABLE) or None, known),
        *_of_environment(environ, known),
        *_of_assignments(assignments, known),
    ):
        _put(values, name, value)
        origins[name] = origin
    values.setdefault("node_name", _host_name())
    values.setdefault("data_dir", _default_data_dir(environ))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(complaint(error.errors(), origins)) from None


# The names there are.


def _known(model: type[BaseModel], prefix: str = "") -> _Known:
    fields: dict[str, FieldInfo] = {}
    groups: set[str] = set()
    for name, field in model.model_fields.items():
        dotted = f"{prefix}{name}"
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            below = _known(inner, f"{dotted}.")
            fields |= below.fields
            groups |= {dotted, *below.groups}
        else:
            fields[dotted] = field
    return _Known(fields, frozenset(groups))


def _refuse_unknown(name: str, shown: str, known: _Known, spell: Any) -> None:
    """Raise unless `name` is a setting; `spell` writes a name as this source does."""
    if name in known.fields:
        return
    names = {spell(one): one for one in known.fields}
    close = difflib.get_close_matches(shown, names, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "docs/settings.md lists all settings"
    if name in known.groups:
        hint = f"it is a group: name one of its settings, e.g. {_first_below(name, names, known)}"
    raise ConfigError(f"{shown}: there is no such setting; {hint}")


def _first_below(group: str, names: Mapping[str, str], known: _Known) -> str:
    return next(shown for shown, name in names.items() if name.startswith(f"{group}."))


# The three sources.

_Setting = tuple[str, Any, str]  # dotted name, value, where it stands


def _of_file(file: str | None, known: _Known) -> Iterator[_Setting]:
    if file is None:
        return
    for name, value in _flatten(_read_file(Path(file)), known):
        try:
            _refuse_unknown(name, name, known, str)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from None
        yield name, value, f"in {file}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"settings file {path} cannot be read: {why}") from None
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix in {".yaml", ".yml"}:
            content = yaml.load(text, _UniqueKeys)  # noqa: S506 - a subclass of the safe loader
            return _table(content, path)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"settings file {path} is not TOML: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(
            f"settings file {path} is not YAML: {error.problem} (at line {line})"
        ) from None
    except yaml.YAMLError:
        raise ConfigError(f"settings file {path} is not YAML: a character is not allowed") from None
    raise ConfigError(f"settings file {path}: its name must end in .toml, .yaml or .yml")


def _table(content: Any, path: Path) -> dict[str, Any]:
    if content is None:
        return {}  # a file of comments
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(
            f"settings file {path} must hold names with values, e.g. node_name: alpha"
        )
    return content


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets the second of two equal keys win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - yaml's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value} is set twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _flatten(
    table: Mapping[str, Any], known: _Known, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if name in known.groups and isinstance(value, Mapping):
            yield from _flatten(value, known, f"{name}.")
        else:
            yield name, value


def _of_environment(environ: Mapping[str, str], known: _Known) -> Iterator[_Setting]:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        _refuse_unknown(name, variable, known, environment_name)
        yield name, _value(environ[variable], known.fields[name]), f"in {variable}"


def environment_name(name: str) -> str:
    """Return the environment variable of a dotted name."""
    return PREFIX + name.replace(".", "__").upper()


def _of_assignments(assignments: Sequence[str], known: _Known) -> Iterator[_Setting]:
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(
                f"--set {name!r:.80} sets nothing: write --set NAME=VALUE, e.g. gossip.port=7946"
            )
        _refuse_unknown(name, name, known, str)
        yield name, _value(value, known.fields[name]), "by --set"


def _value(text: str, field: FieldInfo) -> Any:
    """Return what a text stands for: lists and tables are written as JSON."""
    if get_origin(field.annotation) not in {tuple, dict}:
        return None if text == "" and type(None) in get_args(field.annotation) else text
    try:
        return json.loads(text)
    except ValueError:
        return text  # its validation says what was expected


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, name = dotted.split(".")
    for group in groups:
        values = values.setdefault(group, {})
    values[name] = value


# What is set when nobody sets it.


def _host_name() -> str:
    label = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().partition(".")[0].lower())
    return label.strip("-")[:63].rstrip("-") or "node"


def _default_data_dir(environ: Mapping[str, str]) -> str:
    if os.geteuid() == 0:
        return "/var/lib/constellation"
    state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(state) / "constellation")
