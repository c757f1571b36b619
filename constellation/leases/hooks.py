"""Programs that run when this node acquires a lease, and when it loses one.

As keepalived's notify scripts and Patroni's callbacks: `PROGRAM acquired|lost LEASE TOKEN NODE`.
For one lease the events never overlap and never change their order: the actor runs the next one
when the last has ended.  `acquired` is not run for a grant that is over already, and is ended if
the lease is lost meanwhile; `lost` always runs, also without an `acquired` before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from constellation.leases.policy import DNS_WRITER, LB_LEADER
from constellation.value import Value
from messages.wellness import TROUBLES_MAX, Trouble

HookEvent = Literal["acquired", "lost"]

OWNED = frozenset({LB_LEADER, DNS_WRITER})  # others decide whether this node holds them
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")  # all that a program gets of the agent's
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_SHOWN_CHARACTERS = 200
_FIX = "run it by hand with these arguments; it must be idempotent and end in time"


class Hook(Value):
    """One program of one lease."""

    lease: str
    program: str
    timeout_s: float


class HookRun(Value):
    """One run of a program."""

    hook: Hook
    event: HookEvent
    fencing_token: int
    node: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return (
            self.hook.program, self.event, self.hook.lease, str(self.fencing_token), self.node,
        )  # fmt: skip

    def __str__(self) -> str:
        """Return the command line."""
        return " ".join(self.arguments)


class LeaseHooks:
    """The hooks of one node, and which of them failed last."""

    def __init__(self, hooks: Iterable[Hook], node: str) -> None:
        self._hooks = tuple(hooks)
        self._node = node
        self._closed: dict[str, int] = {}  # by lease: token of the latest grant that is over
        self._failures: dict[Hook, Trouble] = {}

    @property
    def leases(self) -> tuple[str, ...]:
        """The leases with hooks, by name."""
        return tuple(sorted({hook.lease for hook in self._hooks}))

    @property
    def failing(self) -> dict[str, int]:
        """How many hooks of each lease failed in their last run."""
        failed = [hook.lease for hook in self._failures]
        return {lease: failed.count(lease) for lease in self.leases}

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What the last runs failed of."""
        return tuple(self._failures.values())[:TROUBLES_MAX]

    def close(self, lease: str, fencing_token: int) -> None:
        """Note that a grant is over: no `acquired` begins under it any more."""
        self._closed[lease] = max(fencing_token, self._closed.get(lease, 0))

    def runs(self, event: HookEvent, lease: str, fencing_token: int) -> list[HookRun]:
        """Return the programs to run now, side by side; the grant must not be over for acquired."""
        if event == "acquired" and fencing_token <= self._closed.get(lease, 0):
            return []
        hooks = (hook for hook in self._hooks if hook.lease == lease)
        return [HookRun(hook, event, fencing_token, self._node) for hook in hooks]

    def ended(self, run: HookRun, failure: str) -> bool:
        """Note how a run ended; empty: it succeeded.  Return whether the troubles have changed."""
        before = self._failures.pop(run.hook, None)
        if failure:
            self._failures[run.hook] = _trouble(run, failure)
        return self._failures.get(run.hook) != before


def is_passive(lease: str) -> bool:
    """Return whether a hook only follows a lease, because something else decides who holds it."""
    return lease in OWNED


def failure_of(code: int, output: str) -> str:
    """Return why a program with this exit code failed; empty: it did not.

    Args:
        code: exit code; the number of a signal as a negative one.
        output: the end of what it wrote.
    """
    if code == 0:
        return ""
    why = f"it ended with exit code {code}" if code > 0 else f"signal {-code} ended it"
    return why + said(output)


def said(output: str) -> str:
    """Return the last line that a program wrote, to be added to a reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return ""
    shown = "".join(one if one.isprintable() else "?" for one in lines[-1])
    return f"; it wrote last: {shown[-OUTPUT_SHOWN_CHARACTERS:]}"


def not_started(error: OSError) -> str:
    """Return why a program could not be started."""
    if isinstance(error, FileNotFoundError):
        return "it does not exist, or its interpreter does not"
    if isinstance(error, PermissionError):
        return "it is not executable for the agent"
    return f"it cannot be started: {error.strerror or error}"


def environment(own: dict[str, str]) -> dict[str, str]:
    """Return what a program gets of the agent's environment, which may hold secrets."""
    return {"PATH": PATH, **{name: own[name] for name in ENVIRONMENT if name in own}}


def check_unique(hooks: Sequence[Hook]) -> None:
    """Refuse two equal hooks.

    Raises:
        ValueError: a program is listed twice for one lease.
    """
    seen: set[tuple[str, str]] = set()
    for hook in hooks:
        key = (hook.lease, hook.program)
        if key in seen:
            raise ValueError(f"hooks: {hook.program} is listed twice for the lease {hook.lease}")
        seen.add(key)


def _trouble(run: HookRun, failure: str) -> Trouble:
    return Trouble(
        kind="hook",
        subject=run.hook.lease,
        what=f"the hook {run.hook.program} of the lease {run.hook.lease} failed"[:256],
        why=f"{run}: {failure}"[:512],
        fix=_FIX,
    )
