"""The base of small immutable things: packets, effects, policies, facts.

    class Ping(Value):
        seq_no: int
        payload: bytes = b""

It does what `@dataclass(frozen=True, slots=True)` does, by msgspec, whose `Struct` has these
methods in C.  A dataclass writes the source of six methods and compiles it at every start: for the
200 classes of the cores this took a third of the time of loading an agent.  A `Value` is also made
and compared in a fraction of the time.

- `msgspec.field(default_factory=...)` and `msgspec.structs.replace` take the place of those of
  `dataclasses`, which refuse a Value.
- A class with a field that takes no part in comparison, or is not shown, remains a dataclass:
  msgspec has no such fields.
- One that changes remains a dataclass too, so that nobody takes it for a Value.
- So does one that a command needs for its help: to load msgspec takes longer than a few classes.
"""

from __future__ import annotations

from typing import dataclass_transform

from msgspec import Struct, field


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(Struct, frozen=True):
    """One thing that never changes; two with equal fields are equal."""
