"""Suspects whose host refuses connections: a shorter suspicion than for silence.

A host that refuses a connection is up, and no process listens there.  Nobody off the path can forge
that, because a refusal quotes the sequence number of the request.  But an agent that is being
restarted is refused too, and so is every node that a firewall rejects.  Therefore a suspect is
declared dead before the time of its suspicion only if all of this holds for this node itself:

- A whole probe round found nobody: no ack directly, over TCP or through helpers, and the
  connection was refused.
- As many other members as an ordinary suspicion needs accuse the suspect too.
- `refused_grace_s` later the connection is refused again, and before that a ping, also through
  helpers, had no answer within `probe_timeout_s`.
- Nothing came from the suspect's address in between, and it has not refuted.
- The host has not refused this node while others reached the member (`paths`).

Otherwise nothing changes: the suspicion takes its ordinary time.  What others claim to have seen
is never taken for a refusal, so this needs no message that memberlist does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from constellation.gossip.member import Address, Member
from constellation.gossip.membership import Membership
from constellation.gossip.outbox import Outbox
from constellation.gossip.paths import Paths
from constellation.gossip.policy import SwimPolicy
from constellation.gossip.prober import Prober
from constellation.gossip.timers import RecheckRefused, Timers


@dataclass(slots=True)
class _Refused:
    address: Address
    suspected_at_s: float  # which suspicion this is about
    step: Literal["waits", "asks", "connects"] = "waits"
    seq_no: int = 0  # of the second round


class Refusals:
    """The suspects that refused a connection of this node, by name."""

    def __init__(
        self,
        membership: Membership,
        policy: SwimPolicy,
        *,
        prober: Prober,
        paths: Paths,
        timers: Timers,
        outbox: Outbox,
    ) -> None:
        self._membership = membership
        self._policy = policy
        self._prober = prober
        self._paths = paths
        self._timers = timers
        self._outbox = outbox
        self._refused: dict[str, _Refused] = {}

    def __len__(self) -> int:
        return len(self._refused)

    def begin(self, member: Member, now_s: float) -> None:
        """Note that a whole round found nobody, and that the host refused the connection."""
        if member.state != "suspect" or self._paths.only_others_reach(member.address):
            return
        if self._suspect(member.name) is None:
            self._refused[member.name] = _Refused(member.address, member.state_changed_at_s)
            wait_s = max(0.0, self._policy.refused_grace_s - self._policy.probe_timeout_s)
            self._timers.set(RecheckRefused(member.name), now_s + wait_s)

    def on_recheck(self, name: str, now_s: float) -> None:
        """Do the next step of the second round."""
        member = self._suspect(name)
        if member is None:
            self._drop(name)
            return
        refused, due_s = self._refused[name], now_s + self._policy.probe_timeout_s
        if refused.step == "connects":  # and has not been refused
            self._drop(name)
            return
        self._timers.set(RecheckRefused(name), due_s)
        if refused.step == "asks":
            refused.step = "connects"
            self._prober.connect(member, refused.seq_no, due_s)
        elif self._membership.is_confirmed(name):
            refused.step, refused.seq_no = "asks", self._prober.ask_at_once(member)

    def on_refused(self, seq_no: int, now_s: float) -> None:
        """Declare a suspect dead whose second round ends with a refusal."""
        for name, refused in list(self._refused.items()):
            if refused.seq_no == seq_no:
                is_suspect = self._suspect(name) is not None
                self._drop(name)
                if is_suspect:
                    self._outbox.note("member_refuses", member=name, address=str(refused.address))
                    self._membership.on_suspicion_end(name, now_s)

    def on_ack(self, seq_no: int) -> None:
        """Note an ack: in a second round it says that the suspect lives."""
        if self._refused:
            self._drop_those(lambda refused: bool(refused.seq_no) and refused.seq_no == seq_no)

    def on_heard(self, address: Address) -> None:
        """Note that the process at `address` gave a sign."""
        if self._refused:
            self._drop_those(lambda refused: refused.address == address)

    def _suspect(self, name: str) -> Member | None:
        """Return the member, if it is still suspect, without a break since its first refusal."""
        member, refused = self._membership.table.get(name), self._refused.get(name)
        if member is None or refused is None or member.state != "suspect":
            return None
        is_same = member.state_changed_at_s == refused.suspected_at_s
        return member if is_same and member.address == refused.address else None

    def _drop_those(self, fits: Callable[[_Refused], bool]) -> None:
        for name in [name for name, refused in self._refused.items() if fits(refused)]:
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._refused.pop(name, None)
        self._timers.cancel(RecheckRefused(name))
