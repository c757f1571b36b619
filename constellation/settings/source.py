"""Load `Settings` from the file, the environment and the command line.

Later sources take precedence: the file, the environment, `--set`.  All problems become one line
that names each setting, its source and the fix; a value that could be a secret is never repeated.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from constellation.errors import ConfigError
from constellation.registry import settings_model
from constellation.settings.complaint import complaint, joined, on_one_line
from constellation.settings.file import SUFFIXES, parse_settings_file
from constellation.settings.names import SettingNames, is_secret, names_of, shown_name, why_unknown
from constellation.settings.node import NodeSettings
from constellation.value import Value

if TYPE_CHECKING:
    from constellation.settings.agent import Settings

S = TypeVar("S", bound=NodeSettings)

PREFIX = "CONSTELLATION_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
# As Cloudflare's own tools name them.  The second and the third belong together.
CLOUDFLARE_VARIABLES = ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL")
FILE_CHARACTERS_MAX = 1 << 20
_OTHERS = 0o007
_OPEN_AT_ONCE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class _Assignment(Value):
    """The value that one source gives one setting."""

    name: str  # dotted
    value: Any  # a text, unless it is from a file
    origin: str  # in words that follow the name, e.g. "by --set"
    is_text: bool = True


def load_settings(
    *, config_file: str | None, assignments: Sequence[str], environ: Mapping[str, str]
) -> Settings:
    """Return the settings of this agent.

    Args:
        config_file: a TOML or YAML file; None: the one that CONSTELLATION_CONFIG names, if any.
        assignments: the `name=value` arguments of `--set`.
        environ: the environment.

    Raises:
        ConfigError: a source cannot be read, or a setting is unknown or wrong.
    """
    return _on_one_line(settings_model(), config_file, assignments, environ)


def load_node_settings(
    *, config_file: str | None, assignments: Sequence[str], environ: Mapping[str, str]
) -> NodeSettings:
    """Return what reaches the agent of this host, from the same sources.

    The other settings in the file and in the environment are not looked at.  `--set` may name any:
    it is written for this one command, and a misspelt name is refused.

    Raises:
        ConfigError: as `load_settings`.
    """
    known = names_of(NodeSettings).fields
    if all(one.partition("=")[0] in known for one in assignments):
        return _on_one_line(NodeSettings, config_file, assignments, environ)
    return load_settings(config_file=config_file, assignments=assignments, environ=environ)


def _on_one_line(
    model: type[S],
    config_file: str | None,
    assignments: Sequence[str],
    environ: Mapping[str, str],
) -> S:
    try:
        return _load(model, config_file, assignments, environ)
    except ConfigError as error:
        raise ConfigError(on_one_line(str(error))) from None


def _load(
    model: type[S],
    config_file: str | None,
    assignments: Sequence[str],
    environ: Mapping[str, str],
) -> S:
    names = names_of(model, is_part=model is NodeSettings)
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for assignment in (
        *_of_file(config_file, environ, names, problems),
        *_of_environment(environ, names, problems),
        *_of_assignments(assignments, names, problems),
    ):
        name, value = assignment.name, assignment.value
        origins[name] = assignment.origin
        try:
            value = _value(value, names.fields[name]) if assignment.is_text else value
        except ConfigError as error:
            problems.append(f"{name} {assignment.origin}: {error}")
            continue
        _put(values, name, value)
    _set_defaults(values, environ)
    if "dns" in model.model_fields:
        _set_cloudflare_access(values, environ)
    return _validated(model, values, origins, names, problems)


def _validated(
    model: type[S],
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    names: SettingNames,
    problems: Sequence[str],
) -> S:
    found = list(problems)
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        # Checks of several settings together may fail only because a name was refused.
        errors = [one for one in error.errors() if one["loc"] or not problems]
        found += [complaint(one, origins, names) for one in errors]
    else:
        if not found:
            return settings
    raise ConfigError(joined(found))


# The three sources.


def _of_file(
    config_file: str | None, environ: Mapping[str, str], names: SettingNames, problems: list[str]
) -> Iterator[_Assignment]:
    named_by = "--config" if config_file is not None else CONFIG_VARIABLE
    file = config_file if config_file is not None else environ.get(CONFIG_VARIABLE) or None
    if file is None:
        return
    text, mode = _text_of(file, named_by)
    table = parse_settings_file(text, file)
    seen: set[str] = set()
    for name, value in _flatten(table, names):
        origin = f"in {file}"
        if name not in names.fields:
            if names.is_part:
                continue
            why = why_unknown(name, names, is_table=isinstance(value, Mapping))
            problems.append(f"{shown_name(name, names)} {origin}: {why}")
        elif name in seen:
            problems.append(f"{name} {origin}: it is set twice; remove one of them")
        else:
            seen.add(name)
            if mode & _OTHERS and is_secret(names.fields[name]) and value is not None:
                problems.append(
                    f"{name} {origin}: that file is open to every user of this host: chmod 0640 "
                    f"{file}, and choose a new {name} if others may have read it"
                )
            yield _Assignment(name, value, origin, is_text=False)
    if mode & stat.S_IWOTH:
        problems.append(
            f"settings file {file} can be changed by every user of this host: chmod o-rw {file}"
        )


def _text_of(file: str, named_by: str) -> tuple[str, int]:
    """Return the text of a settings file, and its mode."""
    try:
        # A pipe is opened without waiting for its writer; some editors write a byte order mark.
        with os.fdopen(os.open(file, _OPEN_AT_ONCE), encoding="utf-8-sig") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(FILE_CHARACTERS_MAX + 1)
    except UnicodeDecodeError:
        raise ConfigError(f"settings file {file} is not UTF-8 text; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name contains a NUL"
        raise ConfigError(
            f"settings file {file} cannot be read: {why}; correct the path in {named_by}, or let "
            "this user read it"
        ) from None
    if stat.S_ISFIFO(mode):
        raise ConfigError(f"settings file {file} is a pipe; save it as a file")
    if len(text) > FILE_CHARACTERS_MAX:
        raise ConfigError(
            f"settings file {file} has more than {FILE_CHARACTERS_MAX} characters; correct the "
            f"path in {named_by}"
        )
    if not file.endswith(SUFFIXES):
        raise ConfigError(f"settings file {file}: its name must end in .toml, .yaml or .yml")
    return text, mode


def _flatten(
    table: Mapping[str, Any], names: SettingNames, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if name in names.groups and isinstance(value, Mapping):
            yield from _flatten(value, names, f"{name}.")
        elif (
            name not in names.groups or value is not None
        ):  # in YAML: a group whose settings are all commented out
            yield name, value


def _of_environment(
    environ: Mapping[str, str], names: SettingNames, problems: list[str]
) -> Iterator[_Assignment]:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        # Another spelling of the name would set one setting in two places.
        if name in names.fields and variable == environment_name(name):
            yield _Assignment(name, environ[variable], f"in {variable}")
        elif not names.is_part:
            why = why_unknown(name, names, spell=environment_name)
            problems.append(f"{variable} in the environment: {why}")


def environment_name(name: str) -> str:
    """Return the environment variable of a dotted name."""
    return PREFIX + name.replace(".", "__").upper()


def _of_assignments(
    assignments: Sequence[str], names: SettingNames, problems: list[str]
) -> Iterator[_Assignment]:
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            # Show only the name: what follows could be a secret.
            shown = re.split(r"[^a-z_.]", name)[0]
            given = f" {shown}" if shown in names.fields or shown in names.groups else ""
            problems.append(f"--set{given}: write --set NAME=VALUE, e.g. --set gossip.port=7946")
        elif name in names.fields:
            yield _Assignment(name, value, "by --set")
        else:
            why = why_unknown(name, names)
            problems.append(f"{shown_name(name, names)} by --set: {why}")


def _value(text: str, field: FieldInfo) -> Any:
    """Return the value of a text: lists and tables are written as JSON.

    Raises:
        ConfigError: it is not JSON.  The text, which may be long, is not repeated.
    """
    if get_origin(field.annotation) not in {tuple, dict}:
        return None if text == "" and type(None) in get_args(field.annotation) else text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        why = f"{error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError):
        why = "a number in it is too long, or it is nested too deeply"
    raise ConfigError(f'write it as JSON, e.g. ["a", "b"] ({why})')


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, name = dotted.split(".")
    for group in groups:
        values = values.setdefault(group, {})
    values[name] = value


# Defaults that depend on the host.


def _set_defaults(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    defaults: Mapping[str, Callable[[], str]] = {
        "node_name": _host_name,
        "data_dir": lambda: _default_data_dir(environ),
    }
    for name, default in defaults.items():
        if name not in values:
            values[name] = default()


def _set_cloudflare_access(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Take Cloudflare's credentials from its own variables, where no setting gives any."""
    dns = values.get("dns", {})
    access = dns.get("cloudflare", {}) if isinstance(dns, dict) else None
    if not isinstance(access, dict):
        return  # refused later
    token, key, email = (environ.get(name, "") for name in CLOUDFLARE_VARIABLES)
    given = {name for name, value in access.items() if value not in (None, "")}
    has_key = bool(given & {"api_key", "api_key_file"})
    if given & {"api_token", "api_token_file"}:
        return
    if token and not has_key:
        _put(values, "dns.cloudflare.api_token", token)
    elif has_key or (key and email):
        if not has_key:
            _put(values, "dns.cloudflare.api_key", key)
        if email and "api_email" not in given:
            _put(values, "dns.cloudflare.api_email", email)


def _host_name() -> str:
    label = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().partition(".")[0].lower())
    return label.strip("-")[:63].rstrip("-") or "node"


def _default_data_dir(environ: Mapping[str, str]) -> str:
    if os.geteuid() == 0:
        return "/var/lib/constellation"
    state = environ.get("XDG_STATE_HOME", "")
    if Path(state).is_absolute():  # the XDG Base Directory Specification ignores relative paths
        return str(Path(state) / "constellation")
    try:
        home = environ.get("HOME") or Path.home()
    except RuntimeError:
        raise ConfigError("data_dir: this user has no home directory; set data_dir") from None
    return str(Path(home) / ".local" / "state" / "constellation")
