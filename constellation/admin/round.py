"""Scatter and gather: questions to several nodes, for several askers who wait for the answers.

A question has a key.  Where the answer of a node serves everyone who waits for it, the key is the
node's name: askers share the question.  Where each question is its own, the key is a number.

- An asker is answered once everything it waits for is answered, or after `timeout_s` with the
  replies there are.
- A key is asked once.  The question or its reply may be lost, so a key that has been silent for
  `ask_again_s` is asked again for the next asker.
- At most `askers_max` wait at a time; the next one is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from constellation.value import Value
from messages.base import Message

ASKERS_MAX = 64

Key = TypeVar("Key", bound=Hashable)
Subject = TypeVar("Subject")
Reply = TypeVar("Reply")


class Ask(Value, Generic[Key, Subject]):
    """Effect: put the question about `subject` to `keys`, which are not empty."""

    keys: tuple[Key, ...]
    subject: Subject


class Completed(Value, Generic[Key, Subject, Reply]):
    """Effect: answer `asker`.  `missing` are the keys without a reply, in order."""

    asker: str
    subject: Subject
    replies: Mapping[Key, Reply]
    missing: tuple[Key, ...] = ()


class TooMany(Value):
    """Effect: refuse `asker`, because `limit` askers wait already."""

    asker: str
    limit: int


class Unexpected(Value):
    """Effect: count a reply that nobody asked for, or that came too late."""


class Answer(Value):
    """Effect of the cores that use a round: send `message` to `asker`."""

    asker: str
    message: Message


Effect = Ask[Key, Subject] | Completed[Key, Subject, Reply] | TooMany | Unexpected


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Key, Subject, Reply]):
    """One asker, and the replies it has so far."""

    asker: str
    subject: Subject
    due_at_s: float
    awaited: set[Key]
    replies: dict[Key, Reply] = field(default_factory=dict)
    unreachable: set[Key] = field(default_factory=set)

    def completed(self) -> Completed[Key, Subject, Reply]:
        missing = sorted(self.awaited | self.unreachable, key=str)
        return Completed(self.asker, self.subject, self.replies, tuple(missing))


class Round(Generic[Key, Subject, Reply]):
    """The askers and what they wait for.  Askers are named by text; `now_s` is monotonic seconds.

    `follow_up` returns the further keys that an asker waits for after a reply, if any.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        ask_again_s: float = 0.0,
        askers_max: int = ASKERS_MAX,
        follow_up: Callable[[Subject, Reply], Iterable[Key]] | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self.ask_again_s = ask_again_s
        self.askers_max = askers_max
        self._follow_up = follow_up
        self._waiting: list[_Waiting[Key, Subject, Reply]] = []
        self._asked_at_s: dict[Key, float] = {}  # keys that owe a reply

    @property
    def waiting_count(self) -> int:
        """How many askers wait."""
        return len(self._waiting)

    def begin(
        self, asker: str, subject: Subject, keys: Iterable[Key], now_s: float
    ) -> list[Effect[Key, Subject, Reply]]:
        """Let `asker` wait for the replies of `keys`."""
        if len(self._waiting) >= self.askers_max:
            return [TooMany(asker, self.askers_max)]
        waiting = _Waiting[Key, Subject, Reply](asker, subject, now_s + self.timeout_s, set(keys))
        self._waiting.append(waiting)
        return [*self._ask(waiting.awaited, subject, now_s), *self.tick(now_s)]

    def _ask(self, keys: Iterable[Key], subject: Subject, now_s: float) -> list[Ask[Key, Subject]]:
        ask = [key for key in sorted(keys, key=str) if not self._was_asked_recently(key, now_s)]
        self._asked_at_s.update(dict.fromkeys(ask, now_s))
        return [Ask(tuple(ask), subject)] if ask else []

    def _was_asked_recently(self, key: Key, now_s: float) -> bool:
        asked_at_s = self._asked_at_s.get(key)
        return asked_at_s is not None and now_s < asked_at_s + self.ask_again_s

    def answered(self, key: Key, reply: Reply, now_s: float) -> list[Effect[Key, Subject, Reply]]:
        """Take the reply of `key`.  A reply that is not owed changes nothing."""
        if self._asked_at_s.pop(key, None) is None:
            return [Unexpected()]
        effects: list[Effect[Key, Subject, Reply]] = []
        for waiting in self._waiting:
            if key in waiting.awaited:
                waiting.awaited.discard(key)
                waiting.replies[key] = reply
                if self._follow_up is not None:
                    further = set(self._follow_up(waiting.subject, reply))
                    waiting.awaited |= further
                    effects += self._ask(further, waiting.subject, now_s)
        return [*effects, *self.tick(now_s)]

    def unreachable(self, key: Key, now_s: float) -> list[Effect[Key, Subject, Reply]]:
        """`key` could not be asked: nobody waits for it any longer, and everyone misses it."""
        self._asked_at_s.pop(key, None)
        for waiting in self._waiting:
            if key in waiting.awaited:
                waiting.awaited.discard(key)
                waiting.unreachable.add(key)
        return self.tick(now_s)

    def ask_anew(self, key: Key, now_s: float) -> list[Effect[Key, Subject, Reply]]:
        """Ask `key` again if someone waits for it: what it was asked before is lost."""
        self._asked_at_s.pop(key, None)
        for waiting in self._waiting:
            if key in waiting.awaited:
                return [*self._ask((key,), waiting.subject, now_s)]
        return []

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        return min((one.due_at_s for one in self._waiting), default=math.inf)

    def tick(self, now_s: float) -> list[Effect[Key, Subject, Reply]]:
        """Answer the askers that have everything, or have waited long enough."""
        done = [one for one in self._waiting if not one.awaited or now_s >= one.due_at_s]
        if done:
            self._waiting = [one for one in self._waiting if one not in done]
        awaited = {key for one in self._waiting for key in one.awaited}
        self._asked_at_s = {
            key: asked_at_s
            for key, asked_at_s in self._asked_at_s.items()
            if key in awaited or now_s < asked_at_s + self.ask_again_s
        }
        return [one.completed() for one in done]

    def awaited(self) -> list[Key]:
        """Return the keys that someone waits for, each once, in the order of the askers."""
        keys = (key for one in self._waiting for key in sorted(one.awaited, key=str))
        return list(dict.fromkeys(keys))
