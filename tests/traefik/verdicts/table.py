"""The table of verdicts: for each option, its values by what Traefik makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.traefik.verdicts.values import Question

FILE = Path(__file__).with_name("verdicts.json")
VERSION = "3.7"

Table = dict[str, dict[str, list[str]]]  # values by verdict, by option


def read() -> dict[tuple[str, str], str]:
    """Return the verdict on each value of each option."""
    table: Table = json.loads(FILE.read_text())
    return {
        (about, value): verdict
        for about, verdicts in table.items()
        for verdict, values in verdicts.items()
        for value in values
    }


def write(found: Iterable[tuple[Question, str]]) -> None:
    """Replace the table, with one line for each option."""
    table: Table = {}
    for question, verdict in found:
        values = table.setdefault(question.about, {}).setdefault(verdict, [])
        if question.value not in values:
            values.append(question.value)
    lines = [
        f"{json.dumps(about)}: {json.dumps(verdicts, ensure_ascii=False)}"
        for about, verdicts in table.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
