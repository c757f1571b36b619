"""A cluster that does one thing at a time, written as lines: `<verb> <arguments> -> <result>`.

begin a b c            a cluster of these voters, begun at the first of them
spare d                a node that is no member yet
elect a                a's election timer expires, long after the last message of a leader; votes
                       and requests for them arrive at once, even while messages are held
beat a                 a heartbeat interval passes, and the leader a sends heartbeats
wait 10                ten seconds pass, and the timers of all nodes with them
propose a x y          a is asked to append these commands
read a                 a is asked to confirm a read
change a promote d     a is asked to change the members
transfer a b           a is asked to transfer leadership to b
snapshot a             a replaces what it has applied by a snapshot
crash a                a dies; messages to it are lost
crash-after-save a     a dies right after its next write to disk, before it sends anything
restart a              a starts again from its disk
cut a b | c d          messages between these two sides are lost
cut a > b              messages from a to b are lost
heal                   no messages are lost any more
hold                   messages are held from now on
deliver a b            the first held message from a to b arrives
drop                   all held messages are lost
flow                   all held messages arrive, and messages are no longer held
logs                   the terms of all entries, by node; [5] stands for a snapshot up to 5
roles                  the role and term of each node
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from constellation.raft.batch import in_safe_order
from constellation.raft.configuration import ConfigurationRefusedError
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import (
    Apply,
    Effect,
    ReadReady,
    Restore,
    RoleChanged,
    SaveEntries,
    SaveHardState,
    SaveSnapshot,
    SendTo,
)
from constellation.raft.node import FirstState, RaftNode
from constellation.raft.policy import RaftPolicy
from messages.base import Message
from messages.raft import RaftHeard, RaftVoteRequest, RaftVoteResponse
from tests.simulation.raft_checks import Checks
from tests.simulation.raft_disk import saved

# One entry in a request, and a few bytes in a chunk: so that a story can stop between them.
POLICY = RaftPolicy(append_entries_max=1, snapshot_chunk_bytes=4)
VOTES = (RaftHeard, RaftVoteRequest, RaftVoteResponse)
LONG_S = 2.5  # after which nobody hears of a leader


class Story:
    """The nodes, their disks, and messages in flight."""

    def __init__(self) -> None:
        self.checks = Checks()
        self._now_s = 0.0
        self._random = Random(1)
        self._nodes: dict[str, RaftNode] = {}
        self._machines: dict[str, list[bytes]] = {}
        self._disks: dict[str, RaftDisk] = {}
        self._cuts: set[tuple[str, str]] = set()
        self._waiting: list[tuple[str, str, Message]] = []
        self._is_held = False
        self._dies_after_save: set[str] = set()
        self._happened: list[str] = []
        self._applied: dict[str, int] = {}

    def tell(self, line: str) -> str:
        """Perform a line; return the result."""
        verb, *arguments = line.split()
        self._happened, self._applied = [], {}
        do: Callable[..., None] = getattr(self, "_" + verb.replace("-", "_"))
        do(*arguments)
        if not self._is_held:
            self._settle()
        if self._applied:
            all_applied = " ".join(f"{name}={at}" for name, at in sorted(self._applied.items()))
            self._happened.append(f"applied {all_applied}")
        return ", ".join(self._happened)

    # Verbs.

    def _spare(self, *names: str) -> None:
        for name in names:
            self._disks[name] = RaftDisk()
            self._start(name)

    def _begin(self, *voters: str) -> None:
        self._spare(*voters)
        self._perform(
            voters[0],
            self._nodes[voters[0]].bootstrap(voters, self._now_s, first_state=FirstState()),
        )

    def _elect(self, name: str) -> None:
        node = self._nodes[name]
        self._now_s = max(self._now_s + LONG_S, node.next_due_s)
        self._perform(name, node.tick(self._now_s))
        while votes := [one for one in self._waiting if isinstance(one[2], VOTES)]:
            self._waiting.remove(votes[0])
            self._arrive(*votes[0])

    def _beat(self, name: str) -> None:
        self._now_s += POLICY.heartbeat_interval_s
        self._perform(name, self._nodes[name].tick(self._now_s))

    def _wait(self, seconds: str) -> None:
        end_s = self._now_s + float(seconds)
        while True:
            name = min(self._nodes, key=lambda one: self._nodes[one].next_due_s)
            due_s = max(self._now_s, self._nodes[name].next_due_s)
            if due_s > end_s:
                break
            self._now_s = due_s
            self._perform(name, self._nodes[name].tick(due_s))
            self._settle()
        self._now_s = end_s

    def _propose(self, name: str, *commands: str) -> None:
        data = [command.encode() for command in commands]
        indexes, effects = self._nodes[name].propose(data, self._now_s)
        self._happened.append(f"index {indexes[-1]}" if indexes else "refused")
        self._perform(name, effects)

    def _read(self, name: str) -> None:
        self._perform(name, self._nodes[name].read(1, self._now_s))

    def _change(self, name: str, kind: str, node: str) -> None:
        self._ask(name, lambda: self._nodes[name].change(kind, node, self._now_s))  # type: ignore[arg-type]

    def _transfer(self, name: str, to: str) -> None:
        self._ask(name, lambda: self._nodes[name].transfer(to, self._now_s))

    def _ask(self, name: str, work: Callable[[], list[Effect]]) -> None:
        try:
            self._perform(name, work())
        except ConfigurationRefusedError as refused:
            self._happened.append(f"refused: {refused}")

    def _snapshot(self, name: str) -> None:
        data = b" ".join(self._machines[name])
        self._perform(name, self._nodes[name].take_snapshot(data))

    def _crash(self, *names: str) -> None:
        for name in names:
            del self._nodes[name]
            self._happened.append(f"{name} dies")
        self._waiting = [one for one in self._waiting if one[1] not in names]

    def _crash_after_save(self, name: str) -> None:
        self._dies_after_save.add(name)

    def _restart(self, *names: str) -> None:
        for name in names:
            self._start(name)

    def _cut(self, *words: str) -> None:
        if ">" in words:
            self._cuts.add((words[0], words[2]))
            return
        at = words.index("|")
        here, there = words[:at], words[at + 1 :]
        self._cuts |= {pair for a in here for b in there for pair in ((a, b), (b, a))}

    def _heal(self) -> None:
        self._cuts.clear()

    def _hold(self) -> None:
        self._is_held = True

    def _flow(self) -> None:
        self._is_held = False

    def _drop(self) -> None:
        self._waiting.clear()

    def _deliver(self, source: str, to: str) -> None:
        at = [(one[0], one[1]) for one in self._waiting].index((source, to))
        self._arrive(*self._waiting.pop(at))

    def _logs(self) -> None:
        for name, disk in sorted(self._disks.items()):
            snapshot = f"[{disk.snapshot.last_index}]" if disk.snapshot else ""
            terms = " ".join(filter(None, [snapshot, *(str(one.term) for one in disk.entries)]))
            self._happened.append(f"{name}: {terms or '-'}")

    def _roles(self) -> None:
        for name, node in sorted(self._nodes.items()):
            self._happened.append(f"{name} {node.state.role} {node.state.term}")

    # How it happens.

    def _start(self, name: str) -> None:
        disk = self._disks[name]
        self._machines[name] = disk.snapshot.data.split() if disk.snapshot else []
        self._nodes[name] = RaftNode(
            node_name=name, policy=POLICY, random=self._random, disk=disk, now_s=self._now_s
        )

    def _settle(self) -> None:
        while self._waiting:
            self._arrive(*self._waiting.pop(0))

    def _arrive(self, source: str, to: str, message: Message) -> None:
        if to in self._nodes and (source, to) not in self._cuts:
            self._perform(to, self._nodes[to].step(message, self._now_s))

    def _perform(self, name: str, effects: Sequence[Effect]) -> None:
        early, saves, late = in_safe_order(effects)
        before: list[Effect] = [*early, *saves]
        for effect in before:
            self._do(name, effect)
        if saves and name in self._dies_after_save:
            self._dies_after_save.discard(name)
            self._crash(name)
            return
        for effect in late:
            self._do(name, effect)

    def _do(self, name: str, effect: Effect) -> None:
        disk = self._disks[name]
        match effect:
            case SaveHardState() | SaveEntries() | SaveSnapshot():
                self.checks.saves(effect, disk)
                self._disks[name] = saved(disk, effect)
            case SendTo(to, message):
                self.checks.says(name, to, message, disk)
                self._waiting.append((name, to, message))
            case Apply(entries):
                self.checks.applies(entries, self._nodes[name].state.term)
                self._machines[name] += [one.data for one in entries if one.kind == "command"]
                self._applied[name] = entries[-1].index
            case Restore(snapshot):
                self._machines[name] = snapshot.data.split()
                self._happened.append(f"{name} installs [{snapshot.last_index}]")
            case ReadReady(_, is_confirmed):
                self._happened.append("confirmed" if is_confirmed else "not confirmed")
            case RoleChanged("leader", term):
                self.checks.leads(name, term, self._nodes[name].state.log)
                self._happened.append(f"{name} leads in term {term}")
            case _:
                return


def replayed(text: str) -> str:
    """Return the story with the result of each line; comments are kept."""
    story, told = Story(), []
    for line in text.splitlines():
        event = line.partition("->")[0].strip()
        if not event or event.startswith("#"):
            told.append(line)
            continue
        told.append(f"{event:<28} -> {story.tell(event)}".rstrip())
    return "\n".join(told) + "\n"
