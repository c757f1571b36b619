"""Values of labels in the form that Prometheus uses: words in lower case, joined by '_'."""

from __future__ import annotations

import re

_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def label_value(kind: type) -> str:
    """Return the name of a class of requests as the value of a label."""
    return _WORD_BEGINS.sub("_", kind.__name__).lower().removesuffix("_request")
