"""Parse the text of a settings file, TOML or YAML.

A parser's own message is repeated only if it cannot contain a value: any value may be the key.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from constellation.errors import ConfigError
from constellation.settings.agent import CLUSTER_KEY_CHARACTERS_MIN

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
TABLE_OF_TEXTS = "labels"
_TEXT_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp")}
_QUOTED_BY_YAML = re.compile(r"\b(alias|anchor|tag|tag handle) ['\"].*", re.DOTALL)


def parse_settings_file(text: str, file: str) -> dict[str, Any]:
    """Return the content of the settings file named `file`; {} if it has only comments.

    Raises:
        ConfigError: `text` is not in the format that the file name implies, or is not a table.
    """
    form = "TOML" if file.endswith(".toml") else "YAML"
    try:
        return tomllib.loads(text) if form == "TOML" else _table(_parse_yaml(text), file)
    except tomllib.TOMLDecodeError as error:
        why = _with_hint(str(error))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        why = f"{_problem(error)} (at line {line})"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        why = f"a character is not allowed (at line {line})"
    except RecursionError:
        why = "it is nested too deeply"
    except ValueError:
        why = "a number in it is too long"  # Python's limit of digits
    raise ConfigError(f"settings file {file} is not {form}: {why}") from None


def _with_hint(problem: str) -> str:
    """Return the problem, and what a text in the wrong place usually lacks."""
    hint = next((hint for start, hint in _TOML_HINTS.items() if problem.startswith(start)), "")
    return f"{problem}{hint}"


def _parse_yaml(text: str) -> Any:
    return yaml.load(text, _StrictLoader)  # noqa: S506 - a subclass of the safe loader


def _table(content: Any, file: str) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"settings file {file} must map names to values, e.g. node_name: alpha")
    return content


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return the problem without the value: in YAML, `cluster_key: *abc` is an alias."""
    problem = error.problem or "it cannot be read"
    without = _QUOTED_BY_YAML.sub(r"\1", problem)
    return problem if without == problem else f"{without}; put the value in quotes"


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, except that it refuses a table with the same key twice.

    Values of labels are texts as written: `yes`, `1.10` and `12:30` are no boolean and no numbers.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - yaml's signature
        """Refuse a key that occurs twice in one table."""
        if isinstance(node, yaml.MappingNode):  # `!!map` may precede any node
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        is_name = len(key.value) < CLUSTER_KEY_CHARACTERS_MIN
                        raise _wrong(key, f"{key.value if is_name else 'a name'} is set twice")
                    seen.add(key.value)
                    if key.value == TABLE_OF_TEXTS:
                        _keep_texts(value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - yaml's signature
        """Name the line of a value that is not valid for its type, such as `2026-02-31`."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, OverflowError, TypeError):
            # SafeLoader raises one of these for such a value, depending on the type.
            raise _wrong(node, "a value is not a valid number or date; put it in quotes") from None


def _keep_texts(node: yaml.Node) -> None:
    """Let every scalar in the tables and lists of `node` be the text that is written."""
    left, seen = [node], {id(node)}
    while left:
        one = left.pop()
        inner: list[yaml.Node] = []
        if isinstance(one, yaml.ScalarNode):
            if one.tag in _PLAIN_TAGS:
                one.tag = _TEXT_TAG
        elif isinstance(one, yaml.MappingNode):
            inner = [value for _, value in one.value]
        elif isinstance(one, yaml.SequenceNode):
            inner = one.value
        left += [value for value in inner if id(value) not in seen]
        seen.update(map(id, inner))  # an anchor may hold an alias of itself


def _wrong(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
