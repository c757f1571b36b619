"""The times of leases, and the rules that make them safe.

A holder counts its time from BEFORE it sent the command that granted or renewed the lease.  Every
other node counts from when it LEARNED of that, which is later, and waits longer by `clock_drift`.
While clock rates differ by less than that, a lease becomes free only after its holder's time is
over.  The holder stops beginning new work `margin_s` before that; work in progress must end within
the margin.  No wall clock is read.

What the leader's node holds is renewed by proofs of leadership (`constellation.raft.proofs`), each
for `PROVED_SHARE` of the lease's time.  The holder counts from before it asked for the proof.  A
later leader counts from the time after which no earlier leader was proved.

What a node acquires as the leader lasts as long as a proof, from before it sent the command, and so
does what it renews by the log while proofs cannot.  A later leader has the command in its log only
if it has followed since: so it counts from the same time as for proofs, not from when it learned of
the command.
"""

from __future__ import annotations

from constellation.value import Value
from messages.leases import TTL_S_MIN

CLOCK_DRIFT_MAX = 0.2
# The same on all nodes, so it is no setting.  A longer one needs a release in which nodes wait for
# it before one in which they use it.  With the default `ttl_s` it is a little longer than most
# elections take: a shorter one would gain little, and be lost more easily.
PROVED_SHARE = 0.7
LB_LEADER = "lb-leader"  # the node that load balancing from outside should point to
DNS_WRITER = "dns-writer"  # the node that writes DNS records


class LeasePolicy(Value):
    """Times of one node's leases."""

    ttl_s: float = 4.0
    renew_interval_s: float = 1.0
    margin_s: float = 0.5
    clock_drift: float = 0.01  # how much faster one clock may run than another, as a fraction
    takeover_after_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.clock_drift <= CLOCK_DRIFT_MAX:
            raise ValueError(f"clock_drift ({self.clock_drift}) must be 0 to {CLOCK_DRIFT_MAX}")
        if self.margin_s <= 0 or self.renew_interval_s <= 0:
            raise ValueError("margin_s and renew_interval_s must be above 0")
        if self.ttl_s < TTL_S_MIN:
            raise ValueError(f"ttl_s ({self.ttl_s}) must be at least {TTL_S_MIN}")
        # One renewal may be lost, and the next still arrives before the holder has to stop.
        needed_s = 2 * self.renew_interval_s + self.margin_s
        if self.ttl_s < needed_s:
            raise ValueError(
                f"ttl_s ({self.ttl_s}) must be at least {needed_s}: two times renew_interval_s "
                f"({self.renew_interval_s}) and margin_s ({self.margin_s})"
            )

    @property
    def patience_s(self) -> float:
        """How long other nodes leave a free lease to the leader: it has asked twice by then."""
        return 2 * self.renew_interval_s

    def valid_until_s(self, sent_at_s: float, ttl_s: float) -> float:
        """Return until when a holder may act that sent its command at `sent_at_s`."""
        return sent_at_s + ttl_s - self.margin_s

    def free_at_s(self, seen_at_s: float, ttl_s: float) -> float:
        """Return when a lease may be expired whose last renewal was seen at `seen_at_s`."""
        return seen_at_s + ttl_s * (1 + self.clock_drift)

    def proved_until_s(self, asked_at_s: float, ttl_s: float) -> float:
        """Return until when a holder may act that leads, and asked or acquired it at that time."""
        return self.valid_until_s(asked_at_s, PROVED_SHARE * ttl_s)

    def free_of_earlier_at_s(self, earlier_until_s: float, ttl_s: float) -> float:
        """Return when a lease may be expired that an earlier leader may have proved or acquired.

        Args:
            earlier_until_s: no earlier leader was proved, and had sent this node a grant, after it.
            ttl_s: of the lease.
        """
        return self.free_at_s(earlier_until_s, PROVED_SHARE * ttl_s)

    def as_leader_from_s(self, whole_sent_s: float, ttl_s: float) -> float:
        """Return from when a command may be sent that has a lease last only as long as a proof.

        What it says must not end before what an earlier command has let the holder do.

        Args:
            whole_sent_s: when the last command was sent that has it last for the whole time.
            ttl_s: of the lease.
        """
        return whole_sent_s + (1 - PROVED_SHARE) * ttl_s

    def prove_due_s(self, asked_at_s: float, until_s: float) -> float:
        """Return when to ask for the next proof, if the one asked for then lasts until `until_s`.

        A proof may fail to come, and the next still arrives before the holder has to stop.
        """
        return asked_at_s + min(self.renew_interval_s, 0.45 * max(0.0, until_s - asked_at_s))

    def log_due_s(self, asked_at_s: float, until_s: float) -> float:
        """Return when to renew by the log instead, unless the next proof has come by then."""
        return asked_at_s + 0.67 * (until_s - asked_at_s)
