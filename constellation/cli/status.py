"""`constellation status`: whether the cluster is well, what is wrong, and how to fix it."""

from __future__ import annotations

from functools import partial

from constellation.cli.session import ask, show
from messages.admin import StatusReport, StatusRequest


def status(*, as_json: bool = False, verbose: bool = False) -> None:
    """Show whether the cluster is well, what is wrong with it, and how to fix that."""
    from constellation.admin.tables import status_text  # noqa: PLC0415 - rich loads slowly

    text = partial(status_text, is_verbose=verbose)
    show(ask(StatusRequest(), StatusReport), text, as_json=as_json)
