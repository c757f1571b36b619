"""Hides what may be a secret in what people see of the configuration.

Labels carry hashes of passwords, tokens in headers, and credentials in addresses.  Traefik gets
them; views, reports and tables show `(hidden)` instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"

_SECRET_NAME = re.compile(
    r"(?i)secret|passw|token|api[-_]?key|private[-_]?key|^key$|credential|authori[sz]ation"
    r"|^(proxy-)?auth$|^(set-)?cookie$|^users$|session"
)
# Objects whose names say nothing about secrets, such as the cookie of sticky sessions.
_HARMLESS = frozenset({"sticky", "sessionStorage"})

_USER_INFO = re.compile(r"(?<=://)[^/@\s`\"]+(?=@)")
_QUERY_VALUE = re.compile(r"(?i)([?&`\"'][\w-]*(?:secret|passw\w*|token|key|auth)=)[^&\s`\"]+")
_HEADER_MATCHER = re.compile(
    r"(?i)(\bHeaders?(?:Regexp)?\s*\(\s*[`\"]([^`\"]+)[`\"]\s*,\s*[`\"])([^`\"]*)"
)
_QUERY_MATCHER = re.compile(
    r"(?i)(\bQuery(?:Regexp)?\s*\(\s*[`\"]([^`\"]+)[`\"]\s*,\s*[`\"])([^`\"]*)"
)


def without_secrets(config: Any) -> Any:
    """Return a part of the configuration with every value hidden that may be a secret."""
    if isinstance(config, Mapping):
        return {name: _value(name, value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return [without_secrets(value) for value in config]
    return text_without_secrets(config) if isinstance(config, str) else config


def text_without_secrets(text: str) -> str:
    """Return a rule, an address or a sentence with credentials hidden."""
    text = _QUERY_VALUE.sub(rf"\g<1>{HIDDEN}", _USER_INFO.sub(HIDDEN, text))
    for matcher in (_HEADER_MATCHER, _QUERY_MATCHER):
        text = matcher.sub(_hidden_argument, text)
    return text


def _hidden_argument(found: re.Match[str]) -> str:
    head, name, _ = found.groups()
    return head + HIDDEN if _SECRET_NAME.search(name) else found[0]


def _value(name: str, value: Any) -> Any:
    if name in _HARMLESS or not _SECRET_NAME.search(name):
        return without_secrets(value)
    return _all_hidden(value) if not isinstance(value, Mapping) else without_secrets(value)


def _all_hidden(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_hidden_user(one) for one in value]
    return HIDDEN if isinstance(value, str) and value else value


def _hidden_user(value: Any) -> Any:
    """Return the name of a user without the hash of the password; anything else is hidden."""
    name, separator, _ = str(value).partition(":")
    return f"{name}:{HIDDEN}" if separator else HIDDEN
