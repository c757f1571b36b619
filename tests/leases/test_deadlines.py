"""The lease manager says when it must be called, whatever happens to its leases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.leases.clock import BootSeconds
from constellation.leases.effects import (
    ManagerEffect,
    Propose,
    ProposeAsLeader,
    Prove,
    SendToReader,
)
from constellation.leases.keeper import Leading
from constellation.leases.manager import LeaseManager
from constellation.leases.policy import LeasePolicy
from constellation.leases.table import LeaseTable
from constellation.wire import encode
from messages.leases import (
    LeaseAcquire,
    LeaseLetGo,
    LeaseLost,
    LeaseRelease,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.raft_member import LeadershipProve, LeadershipProved
from tests.deadlines import Driver

STEPS, STEP_S = 400, 0.1
NAMES = ("lb-leader", "records")
READERS = ("http", "dns")
LEADINGS = {
    "leads": Leading("alpha", is_leader=True, term=1),
    "follows": Leading("beta", term=1),
    "leaderless": Leading(term=1),
    "yields": Leading("alpha", is_leader=True, term=1, yields=True),
}

Input = tuple[str, str, str]  # what happens, to which lease, by which reader


class Lab:
    """A manager, and the log that carries out what it proposes one step later."""

    def __init__(self) -> None:
        policy = LeasePolicy(takeover_after_s=3.0)
        self.manager = LeaseManager(node_name="alpha", session="s1", policy=policy)
        self.table = LeaseTable()
        self.due_s = 0.0
        self.is_cut = False
        self._index = 0
        self._number = 0
        self._proposed: list[bytes] = []
        self._questions: list[LeadershipProve] = []
        self._lost: list[tuple[str, LeaseLost]] = []

    def act(self, happens: Input, now_s: float) -> Sequence[ManagerEffect]:
        kind, name, reader = happens
        at_s = BootSeconds(now_s)
        if kind == "step":
            return [*self._commit(at_s), *self._prove(at_s)]
        if kind == "cut":
            self.is_cut = not self.is_cut
        elif kind.startswith("other"):
            self._other(kind, name)
        elif kind in LEADINGS:
            return self._took(self.manager.set_leading(LEADINGS[kind], at_s), at_s)
        else:
            return self._took(self._of_reader(kind, name, reader, at_s), at_s)
        return ()

    def _of_reader(
        self, kind: str, name: str, reader: str, at_s: BootSeconds
    ) -> list[ManagerEffect]:
        manager = self.manager
        self._number += 1
        match kind:
            case "want":
                follows = name == NAMES[0]
                wanted = LeaseWanted(name=name, number=self._number, follows_leader=follows)
                return manager.wanted(wanted, reader, at_s)
            case "unwant":
                return manager.unwanted(LeaseUnwanted(name=name, has_let_go=True), reader, at_s)
            case "let go" if self._lost:
                reader, lost = self._lost.pop(0)
                done = LeaseLetGo(name=lost.name, fencing_token=lost.fencing_token)
                return manager.let_go(done, reader, at_s)
            case "died":
                return manager.reader_died(reader, at_s)
            case "refused":
                return manager.refused(at_s)
            case _:
                return []

    def _other(self, kind: str, name: str) -> None:
        """Let another node take a lease, or release what it holds."""
        held = next((one for one in self.table.state.leases if one.session == "s2"), None)
        command: LeaseAcquire | LeaseRelease
        if kind == "other takes":
            command = LeaseAcquire(name=name, holder="beta", session="s2", ttl_s=4.0, number=1)
        elif held is not None:
            token = held.fencing_token
            command = LeaseRelease(name=held.name, session="s2", fencing_token=token)
        else:
            return
        self._proposed.append(encode(command))

    def tick(self, now_s: float) -> Sequence[ManagerEffect]:
        at_s = BootSeconds(now_s)
        return self._took(self.manager.tick(at_s), at_s)

    def _commit(self, at_s: BootSeconds) -> Sequence[ManagerEffect]:
        proposed, self._proposed = self._proposed, []
        if self.is_cut or not proposed:
            return ()
        entries = [(self._index + n, data) for n, data in enumerate(proposed, 1)]
        self._index += len(proposed)
        changed = self.table.apply(entries)
        return self._took(self.manager.change(changed, at_s), at_s)

    def _prove(self, at_s: BootSeconds) -> Sequence[ManagerEffect]:
        questions, self._questions = self._questions, []
        effects: list[ManagerEffect] = []
        for question in [] if self.is_cut else questions:
            tokens = self.table.tokens_of(question.session)
            proof = LeadershipProved(
                number=question.number, term=1, tokens=tokens, earlier_ago_s=1.0
            )
            effects += self._took(self.manager.proved(proof, at_s), at_s)
        return effects

    def _took(self, effects: list[ManagerEffect], at_s: BootSeconds) -> list[ManagerEffect]:
        for effect in effects:
            match effect:
                case Propose(commands) | ProposeAsLeader(commands):
                    self._proposed += map(encode, commands)
                case Prove(question):
                    self._questions.append(question)
                case SendToReader(reader, LeaseLost() as lost):
                    self._lost.append((reader, lost))
                case _:
                    continue
        self.due_s = self.manager.keeper.next_due_s(at_s)  # as the shell does
        return effects


MANAGER = Driver[Lab, Input](
    make=Lab,
    act=lambda lab, happens, now_s: lab.act(happens, now_s),
    tick=lambda lab, now_s: lab.tick(now_s),
    due_s=lambda lab, _: lab.due_s,
    step_s=STEP_S,
)

KINDS = (
    *("want", "want", "unwant", "let go", "died"),
    *("other takes", "other releases", "cut", "refused"),
    *LEADINGS,
)
EVENTS = st.dictionaries(
    st.integers(0, STEPS - 1),
    st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES), st.sampled_from(READERS)),
    max_size=30,
)


def each_step(events: dict[int, Any]) -> dict[int, list[Input]]:
    """Return the inputs of all steps: what was proposed is carried out at the next one."""
    return {
        step: [("step", "", ""), *([events[step]] if step in events else [])]
        for step in range(STEPS)
    }


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_manager_does_nothing_between_its_deadlines(events: dict[int, Input]) -> None:
    MANAGER.check(each_step(events), STEPS)


def test_manager_that_holds_a_lease_is_called_once_for_each_renewal() -> None:
    events = {0: ("leads", "", ""), 1: ("want", "lb-leader", "http")}

    calls = MANAGER.check(each_step(events), STEPS)

    assert 0.5 < calls / (STEPS * STEP_S / LeasePolicy().renew_interval_s) < 1.5
