"""Regular expressions with the same meaning in Go (RE2), which Traefik uses, and in Python.

Deviation: some expressions that Go accepts are refused.
"""

from __future__ import annotations

import math
import re
import warnings

_TEXT = re.compile(r"[\x20-\x7e]{1,1024}")
_FLAGS = re.compile(r"^\(\?[ims]{1,3}\)")  # for the whole expression, so at its start
# Other groups that start with `?`, and escapes that differ between Go and Python.
_UNSAFE = re.compile(
    r"\(\?(?!:|P<[A-Za-z_]\w*>)|\\[^\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7edDwWsSbB]|\[\[|\[:"
    r"|\[[^\]]*\\b"
)
_COUNT = re.compile(r"\{[0-9]*,?[0-9]*\}")
_COUNT_MAX = 100
_NESTED_COUNT_MAX = 1000  # Go's limit on the product of nested counts


def is_regexp(text: str) -> bool:
    """Return whether Go compiles `text`, with the same meaning as Python."""
    if not _TEXT.fullmatch(text) or _UNSAFE.search(_FLAGS.sub("", text, count=1)):
        return False
    counts = [int(n) for part in _COUNT.findall(text) for n in re.findall(r"\d+", part)]
    if any(count > _COUNT_MAX for count in counts) or "{," in text:
        return False
    if "){" in text and math.prod(filter(None, counts)) > _NESTED_COUNT_MAX:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            re.compile(text)
    except (re.error, FutureWarning, OverflowError, RecursionError):
        return False
    # Python's possessive quantifiers, such as `a++`; Go refuses two operators in a row.
    return not re.search(r"(?<!\\)[*+?}][*+]", text)
