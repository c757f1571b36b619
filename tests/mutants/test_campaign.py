"""A campaign of planted faults is chosen by a seed, and its survivors can be found and accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.mutants import campaign
from tests.mutants.campaign import (
    ACCEPTED_FILE,
    DESELECTED,
    ROOT,
    TESTS,
    Campaign,
    Change,
    MutatedFile,
    Result,
    Survivor,
    accepted_changes,
    configuration,
)

SOURCE = '''\
"""A log."""


class Log:
    """Entries."""

    def first(self, index: int) -> bool:
        if index < self.start:
            raise ValueError("too old")
        return True


def total(values: list[int]) -> int:
    return sum(values) + 1
'''
# What mutmut writes: each function as it was, and once with each fault.
MUTATED = """\
class Log:
    def xǁLogǁfirst__mutmut_orig(self, index: int) -> bool:
        if index < self.start:
            raise ValueError("too old")
        return True
    def xǁLogǁfirst__mutmut_1(self, index: int) -> bool:
        if index <= self.start:
            raise ValueError("too old")
        return True
    def xǁLogǁfirst__mutmut_2(self, index: int) -> bool:
        if index < self.start:
            raise ValueError("XXtoo oldXX")
        return True
def x_total__mutmut_orig(values: list[int]) -> int:
    return sum(values) + 1
def x_total__mutmut_1(values: list[int]) -> int:
    return sum(values) - 1
def x_total__mutmut_2(values: list[int]) -> int:
    return sum(values) + 2
"""
PATH = "constellation/raft/log.py"
PREFIX = "constellation.raft.log."
EXAMPLE = Change(PATH, "Log.append", "the lines before", "the lines after")  # of the document
LATE = Change(PATH, "Log.first", "if index < self.start:", "if index <= self.start:")
LESS = Change(PATH, "total", "return sum(values) + 1", "return sum(values) - 1")


def spans() -> dict[str, list[int]]:
    lines = MUTATED.splitlines()
    begins = [number for number, line in enumerate(lines, 1) if "__mutmut_" in line]
    ends = [begin - 1 for begin in begins[1:]] + [len(lines)]
    names = [re.findall(r"def (\w+)\(", lines[begin - 1])[0] for begin in begins]
    return {name: [begin, end] for name, begin, end in zip(names, begins, ends, strict=True)}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign whose faults are made, and whose tests only catch the first of `total`."""
    for place, text in ((tmp_path, SOURCE), (tmp_path / "mutants", MUTATED)):
        (place / PATH).parent.mkdir(parents=True)
        (place / PATH).write_text(text)
    keys = [f"{PREFIX}{name}" for name in spans() if not name.endswith("_orig")]
    codes = dict(zip(keys, (0, None, 1, 33), strict=True))
    written = tmp_path / "mutants" / f"{PATH}.spans"
    written.write_text(json.dumps({"version": 1, "spans": spans()}))
    written.with_suffix(".meta").write_text(json.dumps({"exit_code_by_key": codes}))
    monkeypatch.setattr(Campaign, "_mutmut", lambda self, *names, workers: "")
    monkeypatch.setattr(campaign, "ACCEPTED_FILE", tmp_path / "mutants.md")
    return Campaign("raft", tmp_path)


def test_faults_are_drawn_by_the_seed_and_none_only_changes_a_text(made: Campaign) -> None:
    every = made.chosen(99, seed=1)

    assert sorted(every) == [
        f"{PREFIX}x_total__mutmut_1",
        f"{PREFIX}x_total__mutmut_2",
        f"{PREFIX}xǁLogǁfirst__mutmut_1",
    ]
    assert made.chosen(99, seed=1) == every
    assert made.chosen(2, seed=1) == every[:2]
    assert {tuple(made.chosen(99, seed=seed)) for seed in range(9)} > {tuple(every)}


def test_a_survivor_is_shown_with_its_line_and_its_change(made: Campaign) -> None:
    result = made.run(made.chosen(99, seed=1), workers=1)

    assert result.survivors[0] == Survivor(LATE, 8, has_tests=True)
    assert result.survivors[1].has_tests is False
    assert (result.total, result.caught) == (3, 1)
    printed = "\n".join(result.lines())
    assert f"{PATH}:8: survived\n{LATE}\n" in printed
    assert f"{PATH}:14: survived, which no fast test calls" in printed
    assert printed.endswith("mutants: raft: caught 1 of 3 (33 %), 0 accepted")


def test_a_survivor_as_printed_is_accepted_once_it_is_in_the_document(
    made: Campaign, tmp_path: Path
) -> None:
    (tmp_path / "mutants.md").write_text(f"# Accepted\n\n{LATE}\n  Why: it is harmless.\n{LESS}\n")

    result = made.run(made.chosen(99, seed=1), workers=1)

    assert accepted_changes() == {LATE, LESS}
    assert (result.total, result.accepted, len(result.survivors), result.caught) == (3, 1, 1, 1)


def test_a_fault_that_was_not_run_counts_as_nothing(
    made: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    result = made.run([f"{PREFIX}xǁLogǁfirst__mutmut_2"], workers=1)

    assert result == Result("raft", 0, 0, ())
    assert "1 of 1 were not run" in capsys.readouterr().out
    assert "caught 0 of 0 (0 %)" in "".join(result.lines())


def test_a_removed_line_is_a_change_to_nothing(made: Campaign, tmp_path: Path) -> None:
    file = tmp_path / "mutants" / PATH
    file.write_text(MUTATED.replace("    return sum(values) - 1\n", "    pass\n"))

    change = MutatedFile(tmp_path, PATH).change(f"{PREFIX}x_total__mutmut_1")

    assert (change.before, change.after) == ("return sum(values) + 1", "pass")


@pytest.mark.parametrize("package", sorted(TESTS))
def test_the_configuration_names_the_core_and_tests_that_exist(package: str) -> None:
    lines = [line.strip() for line in configuration(package).splitlines()]

    assert f"constellation/{package}" in lines
    assert (ROOT / f"constellation/{package}").is_dir()
    for path in TESTS[package]:
        assert path in lines
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("prefix", DESELECTED)
def test_deselected_tests_exist(prefix: str) -> None:
    file, _, name = prefix.partition("::")

    assert f"def {name}" in (ROOT / file).read_text()


def test_every_accepted_fault_is_in_a_file_that_exists() -> None:
    listed = ACCEPTED_FILE.read_text().rpartition("```")[2]

    accepted = accepted_changes()

    assert len(accepted - {EXAMPLE}) == listed.count("\n  becomes\n")
    assert [str(one) for one in accepted if not (ROOT / one.path).exists()] == []
