"""Probing one member at a time, directly, then through others and over TCP (SWIM §3.1).

Local health stretches the interval (Lifeguard §IV-A).  A helper whose target has not answered after
80 % of the probe timeout sends a nack, which arrives before the round ends.

Unlike in memberlist, a round ends early when the target's host refuses the TCP connection: no
process listens there any more.  Helpers that still reach the member have a short time to report it.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.gossip.awareness import Awareness
from constellation.gossip.fields import U32_MAX
from constellation.gossip.member import Address, Member, MemberTable, unpacked
from constellation.gossip.outbox import OpenTcpPing, Outbox, ProbeEnded
from constellation.gossip.packets import (
    TCP_PING_VERSION,
    Ack,
    IndirectPing,
    Nack,
    Ping,
    Suspect,
    encode,
)
from constellation.gossip.policy import SwimPolicy
from constellation.gossip.timers import Alarm, RelayEnds, RelayNack, Timers
from constellation.value import Value

NACK_SHARE = 0.8
REFUSED_SHARE = 0.2  # of the probe timeout: how long acks of helpers may take once TCP was refused
RELAYS_MAX = 1024
NACK_VERSION = 4


@dataclass(slots=True)
class _Round:
    target: Member
    seq_no: int
    started_at_s: float
    deadline_s: float
    helpers: int = 0  # how many of the asked helpers can send a nack
    nacks: int = 0
    refused: bool = False  # the target's host refused the connection


class Silence(Value):
    """The result of a round without an ack."""

    target: Member
    is_refused: bool  # the target's host refused the connection


class _Relay(Value):
    seq_no: int  # of the requester
    requester: Address
    nack: bool


class Prober:
    """The current probe, and the probes for other members."""

    def __init__(
        self,
        *,
        node_name: str,
        address: Address,
        policy: SwimPolicy,
        members: MemberTable,
        timers: Timers,
        outbox: Outbox,
    ) -> None:
        self._node_name = node_name
        self._address = address
        self._policy = policy
        self._members = members
        self._timers = timers
        self._outbox = outbox
        self._seq_no = 0
        self._round: _Round | None = None
        self._relays: dict[int, _Relay] = {}
        self.awareness = Awareness(multiplier_max=policy.local_health_multiplier_max)

    def start(self, target: Member, now_s: float) -> None:
        """Begin a round.  The previous one must have ended."""
        interval_s = self._policy.probe_interval_s * self.awareness.local_health_multiplier
        self._round = _Round(target, self._next_seq_no(), now_s, now_s + interval_s)
        parts = [encode(self._ping(self._round.seq_no, target.name))]
        if target.state == "suspect":
            # The buddy system: a suspect learns of it at once, and can refute (Lifeguard).
            parts.append(encode(Suspect(target.incarnation, target.name, self._node_name)))
        self._outbox.send(target.address, *parts)
        self._timers.set(Alarm.PROBE_TIMEOUT, now_s + self._policy.probe_timeout_s)
        self._timers.set(Alarm.PROBE_DEADLINE, self._round.deadline_s)

    def new_ping(self, node: str) -> Ping:
        """Return a ping outside of the rounds; the caller takes its ack."""
        return self._ping(self._next_seq_no(), node)

    def on_timeout(self) -> None:
        """No direct ack came: ask helpers, and try TCP."""
        probe = self._round
        if probe is not None:
            probe.helpers = self._ask_helpers(probe.target, probe.seq_no)
            self.connect(probe.target, probe.seq_no, probe.deadline_s)

    def ask_at_once(self, target: Member) -> int:
        """Ping a member outside of the rounds, directly and through helpers at the same time.

        Returns the number of the acks, which the caller takes.
        """
        seq_no = self._next_seq_no()
        self._outbox.send_bare(target.address, encode(self._ping(seq_no, target.name)))
        self._ask_helpers(target, seq_no)
        return seq_no

    def connect(self, target: Member, seq_no: int, deadline_s: float) -> None:
        """Ping a member over TCP, if it can answer that."""
        if target.claim.versions[1] >= TCP_PING_VERSION:
            ask = OpenTcpPing(target.address, target.name, seq_no, deadline_s)
            self._outbox.add_effect(ask)

    def _ask_helpers(self, target: Member, seq_no: int) -> int:
        """Ask helpers to ping a member; return how many of them can send a nack."""
        nacks = 0
        helpers = self._members.choose(
            self._policy.indirect_probes,
            lambda member: (
                member.state == "alive" and member.name not in (self._node_name, target.name)
            ),
        )
        for helper in helpers:
            nack = helper.claim.versions[1] >= NACK_VERSION
            nacks += nack
            request = IndirectPing(
                seq_no,
                target.claim.addr,
                target.claim.port,
                target.name,
                nack,
                self._address.packed,
                self._address.port,
                self._node_name,
            )
            self._outbox.send(helper.address, encode(request))
        return nacks

    def on_deadline(self) -> Silence | None:
        """End the round; return who did not answer."""
        probe, self._round = self._round, None
        if probe is None:
            return None
        if not probe.refused:  # otherwise nacks were not due yet, and this node is healthy
            missed = probe.helpers - min(probe.nacks, probe.helpers) if probe.helpers else 1
            self.awareness = self.awareness.adjusted_by(missed)
        self._outbox.add_effect(ProbeEnded(probe.target.name, None))
        return Silence(probe.target, probe.refused)

    def on_refused(self, seq_no: int, now_s: float) -> None:
        """The target's host refused the connection: end the round soon."""
        probe = self._round
        if probe is not None and seq_no == probe.seq_no and not probe.refused:
            probe.refused = True
            wait_s = REFUSED_SHARE * self._policy.probe_timeout_s
            self._timers.set(Alarm.PROBE_DEADLINE, min(probe.deadline_s, now_s + wait_s))

    def target_of(self, seq_no: int) -> Member | None:
        """Return the member that the current probe is for, if it has that number."""
        probe = self._round
        return probe.target if probe is not None and probe.seq_no == seq_no else None

    def on_ack(self, ack: Ack, now_s: float) -> None:
        """Take the ack of the current probe, or relay the ack of a probe for another member."""
        if self._round is not None and ack.seq_no == self._round.seq_no:
            self._outbox.add_effect(
                ProbeEnded(self._round.target.name, now_s - self._round.started_at_s)
            )
            self.abandon()
            self.awareness = self.awareness.adjusted_by(-1)
            return
        relay = self._relays.pop(ack.seq_no, None)
        if relay is not None:
            self._timers.cancel(RelayNack(ack.seq_no))
            self._outbox.send(relay.requester, encode(Ack(relay.seq_no)))

    def on_nack(self, nack: Nack) -> None:
        """Count a helper's answer: the target is silent, but this node is not cut off."""
        if self._round is not None and nack.seq_no == self._round.seq_no:
            self._round.nacks += 1

    def on_ping(self, ping: Ping, source: Address) -> None:
        """Answer a ping."""
        if ping.node in ("", self._node_name):
            self._outbox.send(_requester(ping, source), encode(Ack(ping.seq_no)))

    def on_indirect_ping(self, request: IndirectPing, source: Address, now_s: float) -> None:
        """Probe a target for another member."""
        if len(self._relays) >= RELAYS_MAX:
            self._outbox.complain("indirect_probe_refused", "limit", running=len(self._relays))
            return
        seq_no = self._next_seq_no()
        self._relays[seq_no] = _Relay(request.seq_no, _requester(request, source), request.nack)
        port = request.port or self._address.port
        self._outbox.send(unpacked(request.target, port), encode(self._ping(seq_no, request.node)))
        self._timers.set(RelayNack(seq_no), now_s + NACK_SHARE * self._policy.probe_timeout_s)
        self._timers.set(RelayEnds(seq_no), now_s + 2 * self._policy.probe_timeout_s)

    def on_relay_timeout(self, seq_no: int) -> None:
        """Send a nack for a target that has not answered; a late ack is still relayed."""
        relay = self._relays.get(seq_no)
        if relay is not None and relay.nack:
            self._outbox.send(relay.requester, encode(Nack(relay.seq_no)))

    def on_relay_end(self, seq_no: int) -> None:
        """Forget a probe for another member, which does not wait any more."""
        self._relays.pop(seq_no, None)

    def abandon(self) -> None:
        """End the round without a result."""
        self._round = None
        self._timers.cancel(Alarm.PROBE_TIMEOUT)
        self._timers.cancel(Alarm.PROBE_DEADLINE)

    def _next_seq_no(self) -> int:
        self._seq_no = self._seq_no % U32_MAX + 1
        return self._seq_no

    def _ping(self, seq_no: int, node: str) -> Ping:
        return Ping(seq_no, node, self._address.packed, self._address.port, self._node_name)


def _requester(request: Ping | IndirectPing, source: Address) -> Address:
    if request.source_addr and request.source_port:
        return unpacked(request.source_addr, request.source_port)
    return source
