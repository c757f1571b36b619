"""Whether a core tells when it must be called: calls in between would have no effect.

A core is run twice with the same inputs: once it is called at every step, once only at the first
step after the deadline that it names.  Both runs must have the same effects at the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Core = TypeVar("Core")
Input = TypeVar("Input")


@dataclass(frozen=True)
class Driver(Generic[Core, Input]):
    """How a core is made, given an input, and called; `due_s` is the deadline that it names."""

    make: Callable[[], Core]
    act: Callable[[Core, Input, float], Sequence[Any]]
    tick: Callable[[Core, float], Sequence[Any]]
    due_s: Callable[[Core, float], float]
    step_s: float = 0.25

    def run(
        self, inputs: Mapping[int, Sequence[Input]], steps: int, *, at_each_step: bool
    ) -> tuple[list[tuple[int, Any]], int]:
        """Return each effect with its step, and how often the core was called."""
        core, effects, calls = self.make(), list[tuple[int, Any]](), 0
        for step in range(steps):
            now_s = step * self.step_s
            for one in inputs.get(step, ()):
                effects += [(step, effect) for effect in self.act(core, one, now_s)]
            if at_each_step or self.due_s(core, now_s) <= now_s:
                calls += 1
                effects += [(step, effect) for effect in self.tick(core, now_s)]
        return effects, calls

    def check(self, inputs: Mapping[int, Sequence[Input]], steps: int) -> int:
        """Compare both runs; return how often the core was called at its deadlines."""
        expected, _ = self.run(inputs, steps, at_each_step=True)
        effects, calls = self.run(inputs, steps, at_each_step=False)
        assert effects == expected
        return calls
