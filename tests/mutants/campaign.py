"""Plant small faults in a core, and list those that its fast tests do not catch.

    python -m tests.mutants.campaign raft --count 60 --seed 1     # `make mutants PACKAGE=raft`

mutmut makes the faults, each in a copy of one function, and runs the tests that call the function.
It works in a copy of the checkout.  Faults that change only a text are left out, and those that
docs/mutants.md accepts are counted apart.  Functions with a decorator, e.g. properties, and the
constants of a module get no faults, because mutmut cannot switch them.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent.parent
ACCEPTED_FILE = ROOT / "docs" / "mutants.md"
LOG_DIRECTORY = ROOT / "build" / "log"
# The fast tests of each core.
SIMULATIONS = "tests/simulation/test_"
TESTS = {
    "gossip": (
        "tests/gossip",
        *(f"{SIMULATIONS}{name}.py" for name in ("gossip_cluster", "catch_up", "identities")),
        *(f"{SIMULATIONS}{name}.py" for name in ("chaos", "refused", "sameness")),
        *(f"{SIMULATIONS}{name}.py" for name in ("followers", "second_time")),
    ),
    "leases": (
        "tests/leases",
        *(f"{SIMULATIONS}{name}.py" for name in ("leases", "raft", "raft_planted_faults")),
    ),
    "raft": (
        "tests/raft",
        *(f"{SIMULATIONS}{name}.py" for name in ("raft", "members", "preference")),
    ),
    "traefik": ("tests/traefik",),
    "transport": ("tests/transport", "tests/wire"),
}
COPIED = (
    *("messages", "constellation", "actors", "rigs", "tests"),
    *("scripts", "bench", "demo", "deploy", "docs"),
)
# They read the source, or limit the processor time, and so fail in mutmut's copy without a fault.
DESELECTED = (
    "tests/raft/test_roles.py::test_role_is_changed_in_one_place",
    "tests/gossip/test_hostile_input.py",
)
PYTEST_ARGUMENTS = (
    *("-m", "not integration and not slow", "--sim-runs", "2"),
    *(f"--deselect={prefix}" for prefix in DESELECTED),
)
TIMEOUT_FACTOR = 5.0  # of what the tests of a function take without a fault
SURVIVED, NO_TESTS = 0, (5, 33)  # exit codes that mutmut keeps of each fault
NOT_RUN = (None, 2)
CLASS_MARK = "ǁ"  # mutmut joins the names of a class and its method with it
ACCEPTED = re.compile(r"^- `(\S+)` `(\S+)`:\n  `(.*)`\n  becomes\n  `(.*)`$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Change:
    """What a fault changes, in a form that survives edits elsewhere in the file."""

    path: str
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return the lines that docs/mutants.md has for an accepted fault."""
        where = f"- `{self.path}` `{self.function}`:"
        return f"{where}\n  `{self.before}`\n  becomes\n  `{self.after}`"


class MutatedFile:
    """One module as mutmut wrote it: each function once as it was, and once with each fault."""

    def __init__(self, copy: Path, path: str) -> None:
        self.path = path
        written = copy / "mutants" / path
        self._lines = written.read_text().splitlines()
        self._spans = json.loads(written.with_name(f"{written.name}.spans").read_text())["spans"]
        self._source = ast.parse((copy / path).read_text())
        meta = json.loads(written.with_name(f"{written.name}.meta").read_text())
        self.exit_codes: dict[str, int | None] = meta["exit_code_by_key"]

    def text(self, name: str) -> str:
        """Return the text of one function, e.g. of 'xǁLogǁappend__mutmut_7'."""
        first, last = self._spans[name]
        return textwrap.dedent("\n".join(self._lines[first - 1 : last]))

    def change(self, key: str) -> Change:
        """Return what one fault changes."""
        before, after = self._both_texts(key)
        removed, added, _ = _difference(before, after)
        return Change(self.path, _function_of(key), removed, added)

    def line(self, key: str) -> int:
        """Return the line of the source at which one fault begins."""
        *class_name, function = _function_of(key).split(".")
        _, _, offset = _difference(*self._both_texts(key))
        return _definition_line(self._source, class_name, function) + offset

    def is_text_only(self, key: str) -> bool:
        """Whether one fault changes nothing but texts."""
        before, after = self._both_texts(key)
        return _without_texts(before) == _without_texts(after)

    def _both_texts(self, key: str) -> tuple[str, str]:
        name = key.rpartition(".")[2]
        original = f"{name.rpartition('_')[0]}_orig"
        return (
            self.text(original).replace(original, "f", 1),
            self.text(name).replace(name, "f", 1),
        )


@dataclass(frozen=True, slots=True)
class Survivor:
    """A fault that no test caught."""

    change: Change
    line: int
    has_tests: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the faults of one package."""

    package: str
    total: int
    accepted: int
    survivors: tuple[Survivor, ...]

    @property
    def caught(self) -> int:
        """How many were caught."""
        return self.total - self.accepted - len(self.survivors)

    def lines(self) -> Iterator[str]:
        """Yield what is printed."""
        for one in self.survivors:
            why = "" if one.has_tests else ", which no fast test calls"
            yield f"{one.change.path}:{one.line}: survived{why}\n{one.change}\n"
        share = 100 * self.caught / max(1, self.total - self.accepted)
        yield (
            f"mutants: {self.package}: caught {self.caught} of {self.total - self.accepted}"
            f" ({share:.0f} %), {self.accepted} accepted"
        )


class Campaign:
    """The faults of one package, in a copy of the checkout that mutmut may change."""

    def __init__(self, package: str, copy: Path) -> None:
        self.package = package
        self.copy = copy
        self.log = LOG_DIRECTORY / f"mutants-{package}.log"

    def files(self) -> list[MutatedFile]:
        """Return the modules that have faults, with the results so far."""
        found = sorted((self.copy / "mutants/constellation" / self.package).rglob("*.py.spans"))
        paths = [str(path.relative_to(self.copy / "mutants").with_suffix("")) for path in found]
        return [MutatedFile(self.copy, path) for path in paths]

    def prepare(self) -> None:
        """Copy the checkout, make all faults, and run the tests once without any.

        Raises:
            SystemExit: the tests fail, or mutmut does.
        """
        copy_checkout(self.copy)
        with (self.copy / "setup.cfg").open("a") as config:
            config.write(configuration(self.package))
        # mutmut makes faults only when it runs some, so it is asked for one that does not exist.
        output = self._mutmut("no such mutant", workers=1)
        if "nothing matches" not in output:
            sys.stderr.write(output[-3000:])
            raise SystemExit(f"mutants: the faults of {self.package} cannot be made: {self.log}")

    def chosen(self, count: int, seed: int) -> list[str]:
        """Return the names of `count` faults that are not in texts, the same for the same seed."""
        candidates = sorted((key, file) for file in self.files() for key in file.exit_codes)
        Random(seed).shuffle(candidates)
        wanted = (key for key, file in candidates if not file.is_text_only(key))
        return [key for key, _ in zip(wanted, range(count), strict=False)]

    def run(self, keys: list[str], *, workers: int) -> Result:
        """Run the tests of each fault."""
        self._mutmut(*keys, workers=workers)
        accepted = accepted_changes()
        by_key = {key: file for file in self.files() for key in file.exit_codes}
        survivors, accepted_count, total = [], 0, 0
        for key in keys:
            file, code = by_key[key], by_key[key].exit_codes[key]
            if code in NOT_RUN:
                continue
            total += 1
            if code != SURVIVED and code not in NO_TESTS:
                continue
            change = file.change(key)
            if change in accepted:
                accepted_count += 1
            else:
                survivors.append(Survivor(change, file.line(key), code == SURVIVED))
        if total < len(keys):
            sys.stdout.write(f"mutants: {len(keys) - total} of {len(keys)} were not run\n")
        ordered = sorted(survivors, key=lambda one: (one.change.path, one.line))
        return Result(self.package, total, accepted_count, tuple(ordered))

    def _mutmut(self, *names: str, workers: int) -> str:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            subprocess.run(
                [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers), *names],
                cwd=self.copy,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return self.log.read_text()


def copy_checkout(directory: Path) -> None:
    """Copy all files that git tracks, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def configuration(package: str) -> str:
    """Return the section of setup.cfg that mutmut reads."""
    lists = {
        "source_paths": [f"constellation/{package}"],
        "also_copy": list(COPIED),
        "pytest_add_cli_args": list(PYTEST_ARGUMENTS),
        "pytest_add_cli_args_test_selection": list(TESTS[package]),
    }
    lines = ["", "[mutmut]", f"timeout_multiplier = {TIMEOUT_FACTOR}"]
    for name, values in lists.items():
        lines += [f"{name} =", *(f"    {value}" for value in values)]
    return "\n".join(lines) + "\n"


def accepted_changes() -> frozenset[Change]:
    """Return the faults that docs/mutants.md accepts."""
    text = ACCEPTED_FILE.read_text() if ACCEPTED_FILE.exists() else ""
    return frozenset(Change(*found) for found in ACCEPTED.findall(text))


def _function_of(key: str) -> str:
    """Return 'Log.append' of 'constellation.raft.log.xǁLogǁappend__mutmut_7'."""
    mangled = key.rpartition(".")[2].rpartition("__mutmut_")[0]
    if CLASS_MARK in mangled:
        return mangled.removeprefix(f"x{CLASS_MARK}").replace(CLASS_MARK, ".")
    return mangled.removeprefix("x_")


def _definition_line(module: ast.Module, class_names: list[str], function: str) -> int:
    body: list[ast.stmt] = module.body
    for name in class_names:
        body = next(
            node.body for node in body if isinstance(node, ast.ClassDef) and node.name == name
        )
    return next(
        node.lineno
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    )


def _difference(before: str, after: str) -> tuple[str, str, int]:
    """Return the lines that were removed and added, each joined, and where they begin."""
    old, new = before.splitlines(), after.splitlines()
    removed, added, first = [], [], len(old)
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, from_old, to_old, from_new, to_new in matcher.get_opcodes():
        if tag != "equal":
            first = min(first, from_old)
            removed += [line.strip() for line in old[from_old:to_old]]
            added += [line.strip() for line in new[from_new:to_new]]
    return " ".join(removed), " ".join(added), first


def _without_texts(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def main() -> int:
    """Run one campaign; return 0 whatever survives, because a survivor is a question."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.campaign", description=__doc__)
    parser.add_argument("package", choices=sorted(TESTS))
    parser.add_argument("--count", type=int, default=60, help="how many faults")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time")
    options = parser.parse_args()
    made = ROOT / "build"
    made.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants-", dir=made) as directory:
        campaign = Campaign(options.package, Path(directory))
        campaign.prepare()
        keys = campaign.chosen(options.count, options.seed)
        result = campaign.run(keys, workers=options.workers)
    sys.stdout.write("\n".join(result.lines()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
