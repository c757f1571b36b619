"""What a subscriber asks before each act: may it, and with which fencing token."""

from __future__ import annotations

from messages.leases import LeaseAcquired, LeaseLost


class LeaseGuard:
    """One lease, as the one who acts on it knows it.  Feed it what the lease manager says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._held: LeaseAcquired | None = None

    def hear(self, message: LeaseAcquired | LeaseLost) -> None:
        """Take what the lease manager says; of other leases, or of an older grant, it is let be."""
        if message.name != self.name:
            return
        token = self._held.fencing_token if self._held else 0
        if isinstance(message, LeaseAcquired):
            if message.fencing_token >= token:
                self._held = message
        elif message.fencing_token >= token:
            self._held = None

    def fencing_token(self, now_s: float) -> int | None:
        """Return the token to act with; None: it must not act.

        Args:
            now_s: of CLOCK_BOOTTIME, read after all that could have stopped this process.
        """
        if self._held is None or now_s >= self._held.valid_until_s:
            return None
        return self._held.fencing_token
