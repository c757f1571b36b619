"""A program of a benchmark answers with numbers, or is reported as absent with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.programs import go_program_missing, numbers
from rigs import go_programs


def test_an_answer_is_a_line_of_numbers() -> None:
    assert numbers("143.2 0.0021\n") == [143.2, 0.0021]


@pytest.mark.parametrize("line", ["\n", "not all members joined\n"])
def test_an_answer_without_numbers_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"number|convert"):
        numbers(line)


def test_without_go_the_reason_is_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(go_programs, "GO_PATH", "/nowhere")

    assert "no Go" in go_program_missing(tmp_path, tmp_path / "program")
