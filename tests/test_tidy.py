"""Rules of style that no linter checks.  A failure lists every offender and how to comply."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import types
import typing
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import messages
from constellation.registry import ACTORS, settings_model
from messages.base import REGISTRY, Message

ROOT = Path(__file__).parent.parent
SHIPPED_PACKAGES = ("messages", "constellation", "actors")
MAPPED_PACKAGES = (*SHIPPED_PACKAGES, "rigs", "demo")
OUR_PACKAGES = (*MAPPED_PACKAGES, "tests", "bench", "scripts")
# They are run, not imported.
DOORS = {"constellation.start", "constellation.cli.__main__", "actors.adapters.dns_worker"}
# It names actors and commands by their path, so that it need not import them.
REGISTRY_FILE = ROOT / "constellation/registry.py"
MANUAL_FILE = ROOT / "constellation/cli/manual.py"
MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
SCALARS = {str, int, float, bool, bytes, type(None)}
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")))
MAP_LINE = re.compile(r"(\w+)/?  +\S")
OBJECT_PATH = re.compile(r"(\w+(?:\.\w+)+):\w+")


def files_of(packages: Iterable[str]) -> list[Path]:
    return sorted(path for name in packages for path in (ROOT / name).rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(module: ast.Module) -> set[str]:
    """Return every module that a module imports, and every name it imports from one."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def modules_in_object_paths(module: ast.Module) -> set[str]:
    """Return the modules in strings such as "actors.gossip:GossipActor"."""
    strings = (node.value for node in ast.walk(module) if isinstance(node, ast.Constant))
    paths = (OBJECT_PATH.fullmatch(text) for text in strings if isinstance(text, str))
    return {path[1] for path in paths if path}


def mapped_names(docstring: str) -> list[str]:
    """Return the first word of each line `name  what it does` of a package's docstring."""
    return [found[1] for line in docstring.splitlines() if (found := MAP_LINE.match(line))]


def wrong_names(docstring: str, package: Path) -> Iterator[str]:
    """Yield how the names in a package's docstring differ from its modules and subpackages.

    Private modules and `__main__` need not be named, nor modules and packages of the features that
    `constellation.registry` lists, so that adding an actor edits no other list.
    """
    named = Counter(mapped_names(docstring))
    held = {path.stem for path in package.glob("*.py")}
    held |= {path.parent.name for path in package.glob("*/__init__.py")}
    held.remove("__init__")
    features = {spec.name for spec in ACTORS}
    yield from sorted(
        f"{name} is missing" for name in held - features - set(named) if not name.startswith("_")
    )
    yield from sorted(f"{name} does not exist" for name in set(named) - held)
    yield from sorted(f"{name} is named twice" for name, count in named.items() if count > 1)


def no_offenders(offenders: Iterable[str], how_to_comply: str) -> None:
    if found := list(offenders):
        pytest.fail("\n  ".join([f"{how_to_comply}:", *found]), pytrace=False)


def test_every_module_fits_in_one_sitting() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in files_of(OUR_PACKAGES)}
    no_offenders(
        (f"{relative(path)}: {count}" for path, count in lines.items() if count > MODULE_LINES_MAX),
        f"split modules of more than {MODULE_LINES_MAX} lines by responsibility",
    )


def test_every_function_fits_on_two_screens() -> None:
    no_offenders(
        (
            f"{relative(path)}:{node.lineno} {node.name}: {lines}"
            for path in files_of(OUR_PACKAGES)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
        ),
        f"name a part of functions of more than {FUNCTION_LINES_MAX} lines",
    )


def test_nothing_is_pickled() -> None:
    no_offenders(
        (
            f"{relative(path)}: {', '.join(sorted(used))}"
            for path in files_of(OUR_PACKAGES)
            if (used := {name.partition(".")[0] for name in imported_names(tree(path))} & PICKLERS)
        ),
        "use `constellation.wire`: unpickling runs code of the sender",
    )


def test_every_package_begins_with_a_docstring() -> None:
    no_offenders(
        (
            relative(path)
            for path in files_of(MAPPED_PACKAGES)
            if path.name == "__init__.py" and not ast.get_docstring(tree(path))
        ),
        "say in a docstring what the package holds",
    )


def test_the_docstring_of_every_package_names_exactly_its_modules() -> None:
    packages = [path for path in files_of(MAPPED_PACKAGES) if path.name == "__init__.py"]
    no_offenders(
        (
            f"{relative(path)}: {', '.join(wrong)}"
            for path in packages
            if (wrong := list(wrong_names(ast.get_docstring(tree(path)) or "", path.parent)))
        ),
        "give each module a line `name  what it does`, with the names at the left margin",
    )


def test_every_shipped_module_is_used_by_the_agent() -> None:
    shipped = files_of(SHIPPED_PACKAGES)
    used = {path: imported_names(tree(path)) for path in shipped}
    for path in {REGISTRY_FILE, MANUAL_FILE} & used.keys():
        used[path] |= modules_in_object_paths(tree(path))
    no_offenders(
        (
            relative(path)
            for path in shipped
            if path.name != "__init__.py"
            and (name := module_name(path)) not in DOORS
            and not any(name in names for user, names in used.items() if user != path)
        ),
        "import the module where it belongs, or delete it",
    )


def test_every_file_is_finished() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.sh", "*.toml", "*.yaml", "*.yml", "Makefile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    no_offenders(
        (
            f"{name}:{number}"
            for name in listed.stdout.split()
            if (ROOT / name).exists()
            for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
            if UNFINISHED.search(line)
        ),
        "finish these, or delete them",
    )


def all_messages() -> list[type[Message]]:
    messages.register_all()
    return sorted(
        (kind for kind in REGISTRY.values() if kind.__module__.startswith("messages.")),
        key=lambda kind: kind.__name__,
    )


def test_every_message_is_immutable_to_the_last_field() -> None:
    # A frozen model does not prevent `message.tags["x"] = 1`: the container must be frozen too.
    kinds = all_messages()
    no_offenders(
        (kind.__name__ for kind in kinds if not kind.model_config.get("frozen")),
        "derive these from `messages.base.Message`, which is frozen",
    )
    no_offenders(
        (
            f"{kind.__name__}.{name}: {mutable}"
            for kind in kinds
            for name, field in kind.model_fields.items()
            if (mutable := mutable_part(field.annotation)) is not None
        ),
        "use tuple or frozenset for these fields",
    )


def test_annotations_of_models_are_not_texts() -> None:
    # With `from __future__ import annotations` pydantic compiles each of them at every start.
    settings_model()
    kinds = {*all_messages(), *subclasses(BaseModel)}
    no_offenders(
        sorted(
            f"{kind.__module__}.{kind.__name__}.{name}"
            for kind in kinds
            if kind.__module__.startswith(tuple(f"{one}." for one in SHIPPED_PACKAGES))
            for name, annotation in inspect.get_annotations(kind).items()
            if isinstance(annotation, str)
        ),
        "remove `from __future__ import annotations` from modules that define models",
    )


def subclasses(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def mutable_part(annotation: Any) -> Any:
    """Return the part of a type that can be changed after creation; None if there is none."""
    origin = typing.get_origin(annotation)
    if annotation in SCALARS or annotation is Ellipsis or origin is Literal:
        return None
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return None  # It is checked itself.
    if origin is typing.Annotated:
        return mutable_part(typing.get_args(annotation)[0])
    is_named_tuple = hasattr(annotation, "_fields")
    if is_named_tuple or origin in {tuple, frozenset, typing.Union, types.UnionType}:
        named = typing.get_type_hints(annotation).values() if is_named_tuple else ()
        parts = (mutable_part(part) for part in (*named, *typing.get_args(annotation)))
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
def test_mutable_parts_of_types_are_found(annotation: Any, mutable: Any) -> None:
    assert mutable_part(annotation) == mutable


def test_imports_of_every_form_and_object_paths_are_found() -> None:
    source = ast.parse(
        "import a.b\n"
        "from c.d import e\n"
        "GOSSIP = ActorSpec('gossip', 'actors.gossip:GossipActor', about='see actors.raft: it')\n"
    )

    assert imported_names(source) == {"a.b", "c.d", "c.d.e"}
    assert modules_in_object_paths(source) == {"actors.gossip"}


def test_first_words_of_a_package_map_are_found() -> None:
    docstring = (
        "Summary of the package.  It has two sentences.\n\n"
        "one       the first module, described\n"
        "          in two lines\n"
        "two_long  the second\n"
        "three/    a subpackage\n\n"
        "one word is not enough.\n"
    )

    assert mapped_names(docstring) == ["one", "two_long", "three"]


def test_names_that_differ_from_the_modules_of_a_package_are_found(tmp_path: Path) -> None:
    for name in ("__init__", "__main__", "_private", "gossip", "one", "two"):
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "three").mkdir()
    (tmp_path / "three/__init__.py").touch()

    right = "one  first\ntwo  second\nthree/  third\n"
    wrong = "one  first\none  again\nfour  gone\n"

    assert list(wrong_names(right, tmp_path)) == []
    assert list(wrong_names(f"{right}__main__  the door", tmp_path)) == []
    assert list(wrong_names(wrong, tmp_path)) == [
        "three is missing",
        "two is missing",
        "four does not exist",
        "one is named twice",
    ]


def test_a_list_of_offenders_names_all_of_them() -> None:
    no_offenders([], "do it right")
    with pytest.raises(pytest.fail.Exception, match=r"do it right:\n  a\.py\n  b\.py"):
        no_offenders(["a.py", "b.py"], "do it right")
