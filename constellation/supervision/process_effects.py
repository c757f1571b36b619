"""What a core may ask of the actor that is the parent of processes, each known by a name."""

from __future__ import annotations

from dataclasses import dataclass

from messages.base import Message


@dataclass(frozen=True, slots=True)
class Create:
    """Effect: create the process of `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Effect: send `message` to `name`."""

    name: str
    message: Message


@dataclass(frozen=True, slots=True)
class End:
    """Effect: tell the process of `name` to end; or kill it, if it does not listen any more."""

    name: str
    by_force: bool = False
