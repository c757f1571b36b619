"""Parse YAML strictly: no key twice, and the values of labels are texts as written."""

from __future__ import annotations

import re
from typing import Any

import yaml

from constellation.settings.types import CLUSTER_KEY_CHARACTERS_MIN

TABLE_OF_TEXTS = "labels"
_TEXT_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp")}
_QUOTED_BY_YAML = re.compile(r"\b(alias|anchor|tag|tag handle) ['\"].*", re.DOTALL)


def parse_yaml(text: str) -> tuple[Any, str]:
    """Return the content, or why it is not YAML, and the line."""
    try:
        return yaml.load(text, _StrictLoader), ""  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        return None, f"{_problem(error)} (at line {line})"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, f"a character is not allowed (at line {line})"


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
