"""The style that no linter checks.  Each rule names the file and says how to comply."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

import messages
from messages.base import REGISTRY, Message

ROOT = Path(__file__).parent.parent
PACKAGES = ("messages", "constellation", "actors")
BESIDES = ("rigs", "tests", "bench", "scripts", "demo")
SHIPPED = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
OURS = sorted(
    [
        *SHIPPED,
        *(
            p
            for name in ("rigs", "tests", "bench", "scripts", "demo")
            for p in (ROOT / name).rglob("*.py")
        ),
    ]
)
DOORS = {"constellation.start", "constellation.cli.__main__"}  # run, not imported
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
SCALARS = {str, int, float, bool, bytes, type(None)}
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a module imports, and every name it imports from one."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_module_fits_in_one_sitting(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MODULE_LINES_MAX, f"{relative(path)}: {lines} lines; split it by responsibility"


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_function_fits_on_one_screen(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            where = f"{relative(path)}:{node.lineno} {node.name}"
            assert lines <= FUNCTION_LINES_MAX, f"{where}: {lines} lines; name a part of it"


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_nothing_is_pickled(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports_of(path)}
    assert not roots & PICKLERS, f"{relative(path)}: what unpickles runs what it is sent"


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.name == "__init__.py"], ids=relative)
def test_package_says_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(tree(path)), f"{relative(path)}: begin it with a docstring"


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.name != "__init__.py"], ids=relative)
def test_module_is_used_by_the_agent(path: Path) -> None:
    name = module_name(path)
    users = [relative(p) for p in SHIPPED if p != path and name in imports_of(p)]
    assert users or name in DOORS, f"{relative(path)}: nothing imports it; wire it in or drop it"


def test_every_file_is_finished() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.sh", "*.toml", "*.yaml", "*.yml", "Makefile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    unfinished = [
        f"{name}:{number}"
        for name in listed.stdout.split()
        if (ROOT / name).exists()
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert unfinished == [], "finish them, or take them out"


def all_messages() -> list[type[Message]]:
    for module in pkgutil.iter_modules(messages.__path__, "messages."):
        importlib.import_module(module.name)
    return sorted(
        (kind for kind in REGISTRY.values() if kind.__module__.startswith("messages.")),
        key=lambda kind: kind.__name__,
    )


@pytest.mark.parametrize("kind", all_messages(), ids=lambda kind: kind.__name__)
def test_message_is_immutable_all_the_way_down(kind: type[Message]) -> None:
    # A frozen model still lets `message.tags["x"] = 1` through: freeze the container too.
    assert kind.model_config.get("frozen")
    for name, field in kind.model_fields.items():
        mutable = mutable_part(field.annotation)
        assert mutable is None, f"{kind.__name__}.{name} holds {mutable}: use tuple or frozenset"


def mutable_part(annotation: Any) -> Any:
    """Return what in a type can be changed after it was made; None when nothing can."""
    origin = typing.get_origin(annotation)
    if annotation in SCALARS or annotation is Ellipsis or origin is Literal:
        return None
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return None  # It is tested itself.
    if origin is typing.Annotated:
        return mutable_part(typing.get_args(annotation)[0])
    if origin in {tuple, frozenset, typing.Union, types.UnionType}:
        parts = (mutable_part(part) for part in typing.get_args(annotation))
        return next((part for part in parts if part is not None), None)
    return annotation


@pytest.mark.parametrize(
    ("annotation", "mutable"),
    [
        (tuple[int, ...], None),
        (frozenset[str] | None, None),
        (tuple[tuple[str, bytes], ...], None),
        (Literal["a", "b"], None),
        (tuple[list[int], ...], list[int]),
        (dict[str, str] | None, dict[str, str]),
        (bytearray, bytearray),
        (Any, Any),
    ],
    ids=str,
)
def test_the_search_for_mutable_parts_finds_them(annotation: Any, mutable: Any) -> None:
    assert mutable_part(annotation) == mutable
