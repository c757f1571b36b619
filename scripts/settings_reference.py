"""Write the settings' reference and examples from the one model, `constellation.settings.agent`.

    python -m scripts.settings_reference

makes docs/settings.md, deploy/agent.toml.example and deploy/agent.env.example; a test compares.
In both examples every setting stands commented out with its default, so an untouched copy
changes nothing.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from constellation.registry import settings_model
from constellation.settings.types import Group

ROOT = Path(__file__).parent.parent
ENVIRONMENT_PREFIX = "CONSTELLATION_"
MADE_BY = "Written by `make settings` from the models in constellation/settings; change it there."
SETTINGS = settings_model()
# What a value looks like where no default shows it.
EXAMPLES = {
    "node_name": "alpha",
    "data_dir": "/var/lib/constellation",
    "runtime_dir": "/run/constellation",
    "cluster_key_file": "/etc/constellation/cluster_key",
    "docker.publish_address": "100.64.0.1",
    "http.bind_address": "127.0.0.1",
}
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the reference shows it.  `default` is None where there is none."""

    group: str
    name: str
    description: str
    allowed: str
    default: Any
    is_list_of_groups: bool = False

    @property
    def path(self) -> str:
        """Its name in a file and for `--set`."""
        return f"{self.group}.{self.name}" if self.group else self.name

    @property
    def environment_name(self) -> str:
        """Its name in the environment."""
        return ENVIRONMENT_PREFIX + self.path.replace(".", "__").upper()


def all_settings(model: type[Group] = SETTINGS, group: str = "") -> Iterator[Setting]:
    """Yield the settings of a model, its own before those of its groups."""
    properties = model.model_json_schema()["properties"]
    groups: list[tuple[str, type[Group]]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Group):
            groups.append((name, inner))
            continue
        yield Setting(
            group=group,
            name=name,
            description=field.description or "",
            allowed=allowed(properties[name]),
            default=default_of(field),
            is_list_of_groups=element_group(field) is not None,
        )
    for name, inner in groups:
        yield from all_settings(inner, f"{group}.{name}" if group else name)


def element_group(field: FieldInfo) -> type[Group] | None:
    """Return the model of the elements of a list of groups, e.g. of `static_services`."""
    for inner in get_args(field.annotation):
        if isinstance(inner, type) and issubclass(inner, Group):
            return inner
    return None


def default_of(field: FieldInfo) -> Any:
    """Return the default as JSON would have it, None where the setting is unset."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    assert not isinstance(value, BaseModel | SecretStr), "such a default has no text"
    return list(value) if isinstance(value, tuple) else value


def allowed(schema: dict[str, Any]) -> str:
    """Return in words what a value may be, from its JSON schema."""
    if "anyOf" in schema:
        return ", or ".join(allowed(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return "list" + _range(schema, "minItems", "maxItems", " entries")
    if schema.get("type") == "object":
        return "table of texts"
    words = KINDS[schema["type"]] + _range(schema, "minimum", "maximum", "")
    if "exclusiveMinimum" in schema:
        words += f" above {schema['exclusiveMinimum']:g}"
        words += f", at most {schema['maximum']:g}" if "maximum" in schema else ""
    return words


def _range(schema: dict[str, Any], low: str, high: str, what: str) -> str:
    if low in schema and high in schema:
        return f" {schema[low]} to {schema[high]}{what}"
    if low in schema:
        return f" {schema[low]} or more{what}"
    if high in schema and "exclusiveMinimum" not in schema:
        return f" up to {schema[high]}{what}"
    return ""


def markdown() -> str:
    """Return docs/settings.md."""
    lines = [
        "# Settings",
        "",
        f"{MADE_BY}",
        "",
        "A setting has one name: `gossip.port` in a TOML or YAML file, `--set gossip.port=7946`",
        "on the command line, `CONSTELLATION_GOSSIP__PORT=7946` in the environment. The command",
        "line wins over the environment, that over the file, that over the defaults. Lists in the",
        "environment are written as JSON.",
    ]
    group: str | None = None
    for setting in all_settings():
        if setting.group != group:
            group = setting.group
            lines += ["", f"## {group or 'The node'}", "", *_group_docstring(group)]
            lines += ["| Setting | Default | Value | Meaning |", "|---|---|---|---|"]
        lines.append(_markdown_row(setting))
    for name, field in SETTINGS.model_fields.items():
        element = element_group(field)
        if element is not None:
            lines += ["", f"## Each of {name}", "", f"{element.__doc__}", ""]
            lines += ["| Setting | Default | Value | Meaning |", "|---|---|---|---|"]
            lines += [_markdown_row(setting, unset="required") for setting in all_settings(element)]
    return "\n".join(lines) + "\n"


def _group_docstring(group: str) -> list[str]:
    if not group:
        return []
    model = SETTINGS.model_fields[group].annotation
    assert model is not None
    return [f"{model.__doc__}", ""]


def _markdown_row(setting: Setting, unset: str = "unset") -> str:
    default = unset if setting.default is None else f"`{json.dumps(setting.default)}`"
    meaning = setting.description.replace("|", "\\|").replace("<", "\\<")
    return f"| `{setting.path}` | {default} | {setting.allowed} | {meaning} |"


def toml_example() -> str:
    """Return deploy/agent.toml.example."""
    lines = [
        f"# {MADE_BY}",
        "# Every setting, commented out, with its default; take the # away to change one.",
    ]
    group = ""
    for setting in all_settings():
        if setting.group != group:
            group = setting.group
            lines += ["", f"[{group}]"]
        lines += ["", *_comment(setting)]
        if setting.is_list_of_groups:
            lines += _toml_elements(setting)
        else:
            lines.append(f"#{setting.name} = {_example(setting)}")
    return "\n".join(lines) + "\n"


def _toml_elements(setting: Setting) -> list[str]:
    """Return an example of one element; it cannot be in place, before the other settings."""
    element = element_group(SETTINGS.model_fields[setting.name])
    assert element is not None
    names = ", ".join(one.name for one in all_settings(element))
    return [
        f"# each has: {names}",
        f'#{setting.name} = [{{ name = "web", address = "100.64.0.1:8000", check = "http" }}]',
    ]


def environment_example() -> str:
    """Return deploy/agent.env.example."""
    lines = [
        f"# {MADE_BY}",
        "# Every setting, commented out, with its default; take the # away to change one.",
        "# Lists are JSON.",
    ]
    for setting in all_settings():
        value = _example(setting)
        text = json.loads(value) if value.startswith('"') else value
        lines += ["", *_comment(setting), f"#{setting.environment_name}={text}"]
    return "\n".join(lines) + "\n"


def _comment(setting: Setting) -> list[str]:
    unset = "; unset by default" if setting.default is None else ""
    return textwrap.wrap(
        f"{setting.description} ({setting.allowed}{unset})",
        width=98,
        initial_indent="# ",
        subsequent_indent="# ",
    )


def _example(setting: Setting) -> str:
    """Return the default, or where there is none an example, as JSON, which is TOML here."""
    value = setting.default
    return json.dumps(EXAMPLES.get(setting.path, "") if value is None else value)


FILES = {
    "docs/settings.md": markdown,
    "deploy/agent.toml.example": toml_example,
    "deploy/agent.env.example": environment_example,
}


def main() -> int:
    """Write all files."""
    for name, made in FILES.items():
        (ROOT / name).write_text(made())
        sys.stdout.write(f"{name} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
