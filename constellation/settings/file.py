"""Parse the text of a settings file, TOML or YAML.

A parser's own message is repeated only if it cannot contain a value: any value may be the key.
"""

from __future__ import annotations

import tomllib
from typing import Any

from constellation.errors import ConfigError

SUFFIXES = (".toml", ".yaml", ".yml")
_QUOTE_NAME = "; put a name with other characters than letters, digits, _, - and dots in quotes"
_QUOTE_TEXT = "; put a text in quotes, and one that holds quotes in those of the other kind"
_QUOTE_LABEL = "; if it is a label, put its whole name in quotes: a dot makes a table"
_TOML_HINTS = {  # by the beginning of the parser's message
    "Expected '=' after a key": _QUOTE_NAME,
    "Invalid initial character for a key": _QUOTE_NAME,
    "Invalid statement": _QUOTE_NAME,
    "Invalid value": _QUOTE_TEXT,
    "Expected newline or end of document": _QUOTE_TEXT,
    "Unclosed": _QUOTE_TEXT,
    "Cannot overwrite a value": _QUOTE_LABEL,
    "Cannot mutate": _QUOTE_LABEL,
    "Cannot declare": _QUOTE_LABEL,
}


def parse_settings_file(text: str, file: str) -> dict[str, Any]:
    """Return the content of the settings file named `file`; {} if it has only comments.

    Raises:
        ConfigError: `text` is not in the format that the file name implies, or is not a table.
    """
    form = "TOML" if file.endswith(".toml") else "YAML"
    try:
        content, why = _parse_toml(text) if form == "TOML" else _parse_yaml(text)
    except RecursionError:
        content, why = None, "it is nested too deeply"
    except ValueError:
        content, why = None, "a number in it is too long"  # Python's limit of digits
    if why:
        raise ConfigError(f"settings file {file} is not {form}: {why}")
    return _table(content, file)


def _parse_toml(text: str) -> tuple[Any, str]:
    """Return the content, or why it is not TOML, with what a text in the wrong place lacks."""
    try:
        return tomllib.loads(text), ""
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    hint = next((hint for start, hint in _TOML_HINTS.items() if problem.startswith(start)), "")
    return None, f"{problem}{hint}"


def _parse_yaml(text: str) -> tuple[Any, str]:
    from constellation.settings.yaml_form import parse_yaml  # noqa: PLC0415 - loads slowly

    return parse_yaml(text)


def _table(content: Any, file: str) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"settings file {file} must map names to values, e.g. node_name: alpha")
    return content
