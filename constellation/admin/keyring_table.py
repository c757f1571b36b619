"""The gossip keys of all nodes, as a person reads them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from constellation.admin.tables import bullets, cell, table
from messages.keyring import KeyringReport


def keys_text(report: KeyringReport) -> RenderableType:
    """Return what is wrong, and a row for each key, those in use first."""
    found: dict[str, None] = {}
    for state in report.nodes:
        found.update(dict.fromkeys(state.key_ids[:1]))
    for state in report.nodes:
        found.update(dict.fromkeys(state.key_ids))
    rows = table("Key", "Encrypts on", "Decrypts on")
    for key in found:
        in_use = [state.node for state in report.nodes if state.key_ids[:1] == (key,)]
        known = [state.node for state in report.nodes if key in state.key_ids]
        rows.add_row(cell(key), cell(", ".join(in_use) or "-", "green"), cell(", ".join(known)))
    parts: list[RenderableType] = []
    if report.degraded:
        parts += [bullets(report.degraded, mark="!", style="yellow"), ""]
    parts.append(rows)
    if report.unanswered:
        parts.append(Text(f"No answer: {', '.join(report.unanswered)}", style="yellow"))
    return Group(*parts)
