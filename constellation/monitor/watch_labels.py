"""Whether the labels of a container ask that it is watched, and labels that nearly do.

As in Traefik, the values are those of Go's `strconv.ParseBool`, and names are case-insensitive
after their first word: Traefik skips a container with `Traefik.enable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from constellation.monitor.service_name import ONE_OFF_LABEL
from constellation.near_names import nearest
from constellation.traefik.rule import RULE_CHARACTERS_MAX
from constellation.traefik.rule_match import named_hosts
from constellation.value import Value

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
TRAEFIK_ENABLE, ENABLE = "traefik.enable", "constellation.enable"
ENABLE_LABELS = (TRAEFIK_ENABLE, ENABLE)
SHOWN_CHARACTERS_MAX = 64
HOSTS_MAX = 8

_ROUTING = re.compile(r"(?:traefik\.(?:http|tcp|udp)|constellation)\.", re.IGNORECASE)
_RULE = re.compile(r"traefik\.(?:http|tcp)\.routers\.[^.]+\.rule", re.IGNORECASE)
# `- "traefik.enable: true"` in a list of YAML is a label with that name, and no value.
_VALUE_IN_NAME = re.compile(r"\s*[:= ]\s*")
_NAME_CHARACTERS_MAX = 32  # longer ones are near none of these
# A letter or two.  Less would take constellation.name for constellation.enable.
_LIKENESS_MIN = {TRAEFIK_ENABLE: 0.84, ENABLE: 0.9}


class NotWatched(Value):
    """Why a container that seems to ask for routes is not watched.

    Attributes:
        label: the one to correct or to add.
        value: of that label; empty: it has none.
        is_mistake: a label tries to enable it; otherwise none does, which may be intended.
        hosts: the host names that its rules ask for.
        service: of which it would be an instance; empty: not known.
    """

    label: str
    value: str
    why: str
    fix: str
    is_mistake: bool
    hosts: tuple[str, ...] = ()
    service: str = ""


def is_watched(labels: Mapping[str, str], watch: str) -> bool:
    """Return whether a container with `labels` is watched; `watch` is `settings.docker.watch`.

    A job (`docker compose run`) has the labels of its service, but serves no requests; only the
    label `constellation.enable` makes it an instance.
    """
    said = {_known_name(name): value for name, value in labels.items()}
    if said.get(ONE_OFF_LABEL) in TRUE:
        return said.get(ENABLE) in TRUE
    return watch == "all" or any(said.get(name) in TRUE for name in ENABLE_LABELS)


def why_not_watched(labels: Mapping[str, str], watch: str) -> NotWatched | None:
    """Return why a container is not watched; None: it is, or nothing suggests that it should be.

    `traefik.enable=false` is an answer, and a job has the labels of its service.
    """
    if is_watched(labels, watch) or labels.get(ONE_OFF_LABEL) in TRUE:
        return None
    mistake = next(_mistakes(labels), None)
    if mistake is not None:
        return mistake
    if any(_says_no(name, value) for name, value in labels.items()):
        return None
    routing = min(filter(_ROUTING.match, labels), default=None)
    if routing is None:
        return None
    why = f"it has the label {_shown(routing)}, but neither {TRAEFIK_ENABLE} nor {ENABLE}"
    fix = f"add the label {TRAEFIK_ENABLE}=true, or =false if this is intended"
    return NotWatched(TRAEFIK_ENABLE, "", why, fix, is_mistake=False, hosts=_hosts(labels))


def _known_name(name: str) -> str:
    """Return the name of a label as this module compares it."""
    first, dot, rest = name.partition(".")
    return f"{first}{dot}{rest.lower()}" if first.lower() == "traefik" else name.lower()


def _says_no(name: str, value: str) -> bool:
    meant, in_name = _meant(name)
    return bool(meant) and (value in FALSE or in_name in FALSE)


def _mistakes(labels: Mapping[str, str]) -> Iterator[NotWatched]:
    for name in sorted(labels):
        value = labels[name]
        meant, in_name = _meant(name)
        if not meant or _says_no(name, value):
            continue
        if _known_name(name) == meant:
            why = f"its label {_shown(name)} is {_shown(value)!r}, which is neither true nor false"
        elif in_name:
            why = f"the name of its label {_shown(name)!r} contains the value"
        else:
            why = f"its label {_shown(name)}={_shown(value)} is not {meant}"
        fix = f"write {meant}=true, or =false"
        yield NotWatched(
            _shown(name), _shown(value), why, fix, is_mistake=True, hosts=_hosts(labels)
        )


def _meant(name: str) -> tuple[str, str]:
    """Return which label is meant by `name`, and a value that is in the name; both may be empty."""
    if len(name) > _NAME_CHARACTERS_MAX:
        return "", ""
    bare, *value = _VALUE_IN_NAME.split(name.strip(), maxsplit=1)
    near = next((label for label in ENABLE_LABELS if _is_near(bare, label)), "")
    return near, value[0] if near and value else ""


def _is_near(name: str, label: str) -> bool:
    return bool(nearest(name, (label,), _LIKENESS_MIN[label]))


def _hosts(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the host names in the rules of routers."""
    found = {
        host
        for name, rule in labels.items()
        if _RULE.fullmatch(name)
        for host in named_hosts(rule[:RULE_CHARACTERS_MAX]).hosts
    }
    return tuple(sorted(found)[:HOSTS_MAX])


def _shown(text: str) -> str:
    return text[:SHOWN_CHARACTERS_MAX]
