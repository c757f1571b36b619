"""One term as the leader: replication, commits, changes, reads (Raft §5.3, §5.4.2, §6, §8)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import count

from constellation.raft.configuration import ChangeKind, Configuration, ConfigurationRefusedError
from constellation.raft.effects import ReadReady
from constellation.raft.policy import RaftPolicy
from constellation.raft.progress import Progress
from constellation.raft.proofs import LeaderProofs
from constellation.raft.quorum import committed_index, followed_since_s, has_quorum
from constellation.raft.replication import send_heartbeat, send_next
from constellation.raft.state import RaftState
from messages.raft import (
    RaftAppendResponse,
    RaftEntry,
    RaftSnapshotResponse,
    RaftTimeoutNow,
)


class Leadership:
    """One term as the leader.  It ends itself (`is_over`) without a quorum, or once removed."""

    def __init__(
        self,
        state: RaftState,
        policy: RaftPolicy,
        now_s: float,
        next_index: int,
        proofs: LeaderProofs,
    ) -> None:
        """Begin; followers are sent entries from `next_index` on."""
        self.followers: dict[str, Progress] = {}
        self.heartbeat_due_s = math.inf  # set with the first follower
        self.fell_back: set[str] = set()  # followers that lack what they had acknowledged
        self.transfer_to = ""  # the node that leadership is being transferred to
        self.patience = 1  # multiplies the timeout of check-quorum while this node itself is late
        self.is_over = ""  # why this leadership ended; empty: it goes on
        self._transfer_until_s = 0.0
        self._transfer_asked = False
        self._state = state
        self._policy = policy
        self._began_at_s = now_s
        self._proofs = proofs
        self._numbers = count(1)
        self._reads: list[tuple[int, float]] = []  # number, asked at
        self._round_at_s = float("-inf")  # when the last round of heartbeats for reads began
        self._round_is_open = False
        # Only an entry of its own term lets a leader commit those of earlier ones (§5.4.2, §8).
        self._first_index = state.log.last_index + 1
        self._follow_members(now_s, next_index)
        self._append([RaftEntry(index=self._first_index, term=state.term, kind="noop")], now_s)

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next; a leader without followers has nobody to tell."""
        return self.heartbeat_due_s if self.followers else math.inf

    @property
    def has_committed(self) -> bool:
        """Whether an entry of this term is committed: only then is every commit known."""
        return self._state.commit_index >= self._first_index

    @property
    def is_changing(self) -> bool:
        """Whether a change of members is not committed yet."""
        return self._state.configuration_index > self._state.commit_index

    @property
    def may_change(self) -> bool:
        """Whether members may be changed now: no change and no transfer is in progress."""
        return self.has_committed and not self.is_changing and not self.transfer_to

    def tick(self, now_s: float) -> None:
        """Send heartbeats, or step down if no majority has answered (check-quorum)."""
        since_s = now_s - self._policy.election_timeout_s * self.patience
        if self._began_at_s < since_s and not self._quorum_since(since_s):
            self._state.note("quorum_lost", level="warning", term=self._state.term)
            self._end("no majority answered for an election timeout")
            return
        if self.transfer_to and now_s >= self._transfer_until_s:
            self._state.note("transfer_given_up", level="warning", to=self.transfer_to)
            self.transfer_to = ""
        self._transfer_asked = False  # the request may have been lost
        if self.transfer_to:
            self._ask_successor()
        self.heartbeat_due_s = now_s + self._policy.heartbeat_interval_s
        for name, follower in self.followers.items():
            send_heartbeat(self._state, self._policy, name, follower, now_s)
        if self._reads:  # these heartbeats confirm reads too
            self._round_at_s, self._round_is_open = now_s, True

    def _quorum_since(self, since_s: float) -> bool:
        """Return whether a majority followed at or after `since_s`."""
        confirmed = {n for n, one in self.followers.items() if one.confirmed_at_s >= since_s}
        return has_quorum(confirmed | {self._state.node_name}, self._state.configuration.voters)

    def propose(self, data: Sequence[bytes], now_s: float) -> list[int]:
        """Append commands; return their indexes, or none if they are refused.

        They are refused during a transfer, and while too many are uncommitted.
        """
        state = self._state
        open_count = state.log.last_index - state.commit_index
        if self.transfer_to or open_count + len(data) > self._policy.proposals_max:
            return []
        first = state.log.last_index + 1
        entries = [
            RaftEntry(index=first + n, term=state.term, data=one) for n, one in enumerate(data)
        ]
        self._append(entries, now_s)
        return [entry.index for entry in entries]

    def _append(self, entries: list[RaftEntry], now_s: float) -> None:
        self._state.append(entries)
        self._replicate(now_s)
        self._advance_commit(now_s)

    # Membership (Raft §6, thesis §4).

    def change(self, kind: ChangeKind, node: str, now_s: float) -> int:
        """Change the configuration by one node; return the index of the entry.

        Raises:
            ConfigurationRefusedError: it is not allowed, or not now; the text says why.
        """
        state = self._state
        if self.transfer_to:
            raise ConfigurationRefusedError(f"leadership is going to {self.transfer_to}: ask there")
        # Two changes at once, or one before the first commit of the term, could make two majorities
        # that do not overlap (thesis §4.1, and Ongaro's correction to it of 2015).
        if not self.has_committed or self.is_changing:
            raise ConfigurationRefusedError("an earlier change is not committed yet: try again")
        if kind == "promote" and not self.is_caught_up(node, now_s):
            raise ConfigurationRefusedError(f"{node} has not caught up: try again once it has")
        configuration = state.configuration.changed(kind, node, voters_max=self._policy.voters_max)
        self._check_quorum_of(configuration, kind, node, now_s)
        index = state.log.last_index + 1
        entry = RaftEntry(
            index=index, term=state.term, kind="configuration", data=configuration.encode()
        )
        state.note("configuration_changed", change=kind, node=node, index=index)
        state.append([entry])
        self._follow_members(now_s)
        self._replicate(now_s)
        self._advance_commit(now_s)
        return index

    def _check_quorum_of(
        self, configuration: Configuration, kind: ChangeKind, node: str, now_s: float
    ) -> None:
        """Refuse a change that leaves no quorum: it could not even be reverted."""
        there = self.answering(now_s) | {self._state.node_name}
        if kind != "add_learner" and not has_quorum(there, configuration.voters):
            gone = ", ".join(sorted(configuration.voters - there))
            raise ConfigurationRefusedError(
                f"{kind} {node} would leave no quorum, because {gone} does not answer: start that "
                "first, or remove it"
            )

    def answering(self, now_s: float) -> frozenset[str]:
        """Return the followers that answered within the last election timeout."""
        since_s = now_s - self._policy.election_timeout_s
        return frozenset(n for n, one in self.followers.items() if one.confirmed_at_s >= since_s)

    def is_caught_up(self, node: str, now_s: float) -> bool:
        """Return whether a follower answers, and misses no more than one append can bring."""
        follower = self.followers.get(node)
        if follower is None:
            return False
        lag = self._state.log.last_index - follower.match_index
        return node in self.answering(now_s) and lag <= self._policy.append_entries_max

    def _follow_members(self, now_s: float, next_index: int = 0) -> None:
        """Replicate to all members, and to a removed one until its removal is committed."""
        state = self._state
        wanted = state.configuration.members | state.committed_configuration.members
        wanted -= {state.node_name}
        if not self.followers:
            self.heartbeat_due_s = now_s + self._policy.heartbeat_interval_s
        for name in sorted(wanted - set(self.followers)):
            first = next_index or state.log.last_index + 1
            self.followers[name] = Progress(first, numbers=self._numbers)
        for name in sorted(set(self.followers) - wanted):
            del self.followers[name]

    def _configuration_committed(self, now_s: float) -> None:
        state = self._state
        gone = set(self.followers) - state.configuration.members
        for name in sorted(gone):  # so that it learns of its removal
            send_heartbeat(state, self._policy, name, self.followers[name], now_s)
        self._follow_members(now_s)
        if state.node_name not in state.configuration.voters:
            successors = sorted(state.configuration.voters, key=lambda name: -self._matched(name))
            state.send(successors[0], RaftTimeoutNow(term=state.term, leader=state.node_name))
            self._end("it no longer votes")

    # Leadership transfer (thesis §3.10).

    def hand_over(self, node: str, now_s: float) -> None:
        """Transfer leadership; proposals are refused until it succeeds or is given up.

        Raises:
            ConfigurationRefusedError: that node cannot lead.
        """
        if node not in self._state.configuration.voters or node == self._state.node_name:
            raise ConfigurationRefusedError(f"{node} is not another voter")
        if self.transfer_to:
            raise ConfigurationRefusedError(f"leadership is going to {self.transfer_to}: try again")
        self.transfer_to, self._transfer_asked = node, False
        self._transfer_until_s = now_s + self._policy.election_timeout_s
        self._ask_successor()

    def _ask_successor(self) -> None:
        state = self._state
        is_complete = self._matched(self.transfer_to) == state.log.last_index
        if self.transfer_to and is_complete and not self._transfer_asked:
            self._transfer_asked = True
            request = RaftTimeoutNow(term=state.term, leader=state.node_name)
            state.send(self.transfer_to, request)

    def _matched(self, name: str) -> int:
        follower = self.followers.get(name)
        return follower.match_index if follower else 0

    # Reads (thesis §6.4).

    def read(self, number: int, now_s: float) -> None:
        """Emit `ReadReady` once the state machine holds everything committed before now."""
        self._reads.append((number, now_s))
        self._answer_reads(now_s)

    def _begin_round(self, now_s: float) -> None:
        """Send a heartbeat to all: one round of answers confirms every read until now."""
        self._round_at_s, self._round_is_open = now_s, True
        for name, follower in self.followers.items():
            send_heartbeat(self._state, self._policy, name, follower, now_s)

    def _answer_reads(self, now_s: float) -> None:
        if not self._reads:
            return
        if self._round_is_open and self._quorum_since(self._round_at_s):
            self._round_is_open = False
        if self.has_committed:
            done = [number for number, at_s in self._reads if self._quorum_since(at_s)]
            for number in done:
                self._state.emit(ReadReady(number, is_confirmed=True))
            self._reads = [one for one in self._reads if one[0] not in done]
        is_asked = all(at_s <= self._round_at_s for _, at_s in self._reads)
        if not self._round_is_open and not is_asked:
            self._begin_round(now_s)

    # Proofs of leadership.

    def prove(self, number: int, now_s: float) -> None:
        """Emit `LeaderProved` once a majority has followed at a time after now."""
        self._proofs.ask(number, now_s)
        self._answer_proofs(now_s)

    def _answer_proofs(self, now_s: float) -> None:
        if not self._proofs.is_asked or not self.has_committed:
            return
        others = self._state.possible_voters - {self._state.node_name}
        followed_at_s = {name: one.confirmed_at_s for name, one in self.followers.items()}
        followed_at_s[self._state.node_name] = now_s
        since_s = followed_since_s(followed_at_s, self._state.configuration.voters)
        for proved in self._proofs.answer(since_s, others, now_s):
            self._state.emit(proved)

    # Replication.

    def on_append_response(self, answer: RaftAppendResponse, now_s: float) -> None:
        """Continue with a follower that answered."""
        follower = self.followers.get(answer.follower)
        if follower is None:
            return
        if answer.index > self._state.log.last_index and answer.accepted:
            raise ValueError(f"{answer.follower} accepts {answer.index}, which was not sent to it")
        previous_index = follower.answered(answer.number)
        if answer.accepted:
            if follower.accepted(answer.index):
                self._advance_commit(now_s)
        elif previous_index in follower.refusable and answer.index < follower.match_index:
            # A refusal of any other request is stale: the follower has answered a newer one.
            fields = {"node": answer.follower, "held": follower.match_index, "has": answer.index}
            self._state.note("follower_lost_entries", level="error", **fields)
            self.fell_back.add(answer.follower)
            self.followers[answer.follower] = Progress(answer.index + 1, numbers=self._numbers)
        else:
            follower.refused(previous_index, answer.index, answer.index_term, self._state.log)
        self._go_on(answer.follower, now_s)

    def on_snapshot_response(self, answer: RaftSnapshotResponse, now_s: float) -> None:
        """Send the next chunk to a follower that accepted one."""
        follower = self.followers.get(answer.follower)
        if follower is None:
            return
        follower.answered(answer.number)
        follower.snapshot_offset_bytes = answer.have_bytes
        self._go_on(answer.follower, now_s)

    def _go_on(self, name: str, now_s: float) -> None:
        self._answer_reads(now_s)
        self._answer_proofs(now_s)
        if self.transfer_to:
            self._ask_successor()
        if not self.is_over and name in self.followers:
            self._replicate(now_s, [name])

    def _replicate(self, now_s: float, names: Iterable[str] | None = None) -> None:
        for name in self.followers if names is None else names:
            send_next(self._state, self._policy, name, self.followers[name], now_s)

    def _advance_commit(self, now_s: float) -> None:
        state = self._state
        held = {name: one.match_index for name, one in self.followers.items()}
        held[state.node_name] = state.log.last_index
        index = committed_index(held, state.configuration.voters)
        # An entry of an earlier term is never committed by counting (Raft §5.4.2).
        if index <= state.commit_index or state.log.term_at(index) != state.term:
            return
        was_open = state.configuration_index > state.commit_index
        state.commit(index)
        # Followers must learn of it soon: they measure leases from that moment.
        told_by_s = now_s + self._policy.commit_told_s
        self.heartbeat_due_s = min(self.heartbeat_due_s, told_by_s)
        self._answer_reads(now_s)
        self._answer_proofs(now_s)
        if was_open and state.configuration_index <= state.commit_index:
            self._configuration_committed(now_s)

    def _end(self, why: str) -> None:
        self.is_over = why

    def abandon(self) -> None:
        """Answer the reads that wait: this leadership is over."""
        for number, _ in self._reads:
            self._state.emit(ReadReady(number, is_confirmed=False))
        self._reads = []
